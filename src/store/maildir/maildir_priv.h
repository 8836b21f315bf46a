/* SPDX-License-Identifier: MIT
 *
 * The Maildir driver's own: one struct for an account's Maildir (maildir(5), Maildir++), its open
 * folders, and the handle of a delivery.
 *
 * An open store holds two descriptors (the Maildir itself and INBOX's new/), more only while a
 * batch runs.
 */
#ifndef MAILDIR_PRIV_H
#define MAILDIR_PRIV_H

#include <limits.h>
#include <sys/stat.h>

#include "doorstep/beneath.h"
#include "doorstep/store_driver.h"

#define MAILDIR_HOST_SIZE 128             /* escaped host name in file names */
#define MAILDIR_DIRS_IDLE 4               /* clean directories that stay open between commits */
#define MAILDIR_LOOK_MS 1000              /* with a journal: how often its path is looked at */
#define MAILDIR_TRASH "..doorstep-trash." /* a folder that is being emptied */

/* A directory that holds messages: new/ or cur/ of one mailbox. */
struct maildir_dir {
    struct maildir_dir *next;
    char path[NAME_MAX + 8]; /* below the Maildir: "new", ".Sub/cur" */
    int fd;
    dev_t device;
    unsigned users; /* staged deliveries that will go here */
    bool is_dirty;  /* has names that are not on stable storage yet */
};

struct maildir {
    struct store base;
    int fd;                   /* the Maildir, or -1 until it exists */
    struct maildir_dir *dirs; /* open ones, latest used first */
    unsigned dir_count;
    bool is_dirty;      /* folders were made, renamed or removed */
    bool no_tmpfile;    /* O_TMPFILE is refused here: deliveries start in tmp/ */
    bool no_empty_path; /* linkat(AT_EMPTY_PATH) is refused: by way of /proc/self/fd */
    pid_t pid;
    uint64_t random; /* of this opening: names stay unique whatever clock and pid do */
    unsigned long long sequence;
    char host[MAILDIR_HOST_SIZE];
    long long size_change; /* since the last commit, for maildirsize */
    long long count_change;
    uint64_t looked_ms;          /* when its path was last seen to lead to it */
    bool has_size;               /* there was a maildirsize then */
    struct maildir_names *names; /* owned: while deliveries are restored */
    bool is_grown;               /* by restored deliveries, which maildirsize may know or not */
};

struct maildir_file { /* shared by the deliveries that give it a name */
    int fd;           /* open until the last of them ends, so that it can be linked */
    dev_t device;
    unsigned users;
    unsigned links; /* names that it has or is to get */
    bool is_synced;
    bool is_lost; /* a sync failed: the kernel says so once, and nobody may ask again */
};

struct maildir_staged {
    struct store_staged base;
    struct maildir_file *file;
    struct maildir_dir *dir; /* where it goes */
    char tmp[NAME_MAX + 1];  /* its name in tmp/, or "" for an unnamed file */
    char name[NAME_MAX + 1]; /* its name in dir */
    size_t base_length;      /* of name, without flags */
    uint64_t stored_octets;
    uint64_t wire_octets; /* UINT64_MAX: not told in the name */
    bool is_crlf;
};

struct maildir_name { /* a file name taken apart */
    size_t base_length;
    unsigned flags;
    uint64_t stored_octets; /* ,S= or UINT64_MAX */
    uint64_t wire_octets;   /* ,W= or UINT64_MAX */
    time_t arrived;         /* leading seconds, or -1 */
};

static inline struct maildir *
maildir_of(struct store *st)
{
    return (struct maildir *)st;
}

/* name.c */
bool maildir_name_parse(const char *file, struct maildir_name *out); /* false: no message's name */
void maildir_host(char out[MAILDIR_HOST_SIZE]);
/* maildir_flags_print() - ":2,FRS", keeping the letters of `old` (a file name) that are not ours.
 */
void maildir_flags_print(unsigned flags, const char *old, char out[64]);

/* folder_name.c */
bool maildir_folder_encode(const char *mailbox, char folder[NAME_MAX + 1], struct outcome *why);
bool maildir_folder_decode(const char *folder, char mailbox[STORE_MAILBOX_SIZE]);
/* maildir_dir_path() - "new" or "cur" of a mailbox, below the Maildir. */
bool maildir_dir_path(const char *mailbox, const char *sub, char path[NAME_MAX + 8],
                      struct outcome *why);

/* open.c */
bool maildir_open(struct store *st, struct outcome *why);
void maildir_close(struct store *st);
bool maildir_exists(struct maildir *md, struct outcome *why); /* opened; NOT_FOUND: not made yet */
bool maildir_make(struct maildir *md, struct outcome *why);   /* opened, made when missing */
/* maildir_make_subs() - cur/, new/ and tmp/ below a folder that is open; with sync they are on
 * stable storage then. */
bool maildir_make_subs(struct maildir *md, int folder, bool sync, struct outcome *why);
/* maildir_errno() - outcome_errno() with a path below the Maildir; ENOENT is NOT_FOUND. */
bool maildir_errno(const struct maildir *md, struct outcome *why, const char *call,
                   const char *path);

/* dirs.c */
struct maildir_dir *maildir_dir_get(struct maildir *md, const char *mailbox, const char *sub,
                                    struct outcome *why);
void maildir_dirs_close(struct maildir *md);
/* maildir_dir_changed() - names in it are for the next commit, unless a journal has them. */
void maildir_dir_changed(const struct maildir *md, struct maildir_dir *dir);
/* maildir_dirs_moved() - a folder has a new name, or none more (""). */
void maildir_dirs_moved(struct maildir *md, const char *from, const char *to);
/* maildir_dirs_busy() - a delivery is under way in one, or names in it are not synced yet. */
bool maildir_dirs_busy(const struct maildir *md);
/* maildir_dirs_forget() - the Maildir is gone: close what is idle, open it anew when next asked. */
void maildir_dirs_forget(struct maildir *md);
bool maildir_commit(struct store *st, struct outcome *why);

/* stage.c */
enum store_result maildir_stage(struct store *st, const struct store_mail *mail,
                                struct store_staged **staged, struct store_ref *ref,
                                struct store_wait *wait, struct outcome *why);
enum store_result maildir_stage_link(struct store *st, const struct store_mail *mail,
                                     const struct store_staged *other, struct store_staged **staged,
                                     struct store_ref *ref, struct outcome *why);
bool maildir_sync(struct store *st, struct store_staged *staged, struct outcome *why);

/* publish.c */
bool maildir_publish(struct store *st, struct store_staged *staged, struct outcome *why);
void maildir_discard(struct store *st, struct store_staged *staged);
void maildir_forget(struct store *st, struct store_staged *staged);

/* find.c */
struct maildir_place {       /* where a message lies at the moment */
    struct maildir_dir *dir; /* borrowed until the next maildir_dir_get() */
    char name[NAME_MAX + 1];
};
/* maildir_place_is() - is there a file of that base name and these flags (":2,S")? */
bool maildir_place_is(struct maildir_dir *dir, const char *base, const char *flags,
                      struct maildir_place *out);
bool maildir_find(struct maildir *md, const char *mailbox, const char *base,
                  struct maildir_place *out, struct outcome *why);

/* names.c: which mailboxes hold which base names, as of one moment */
struct maildir_names;
struct maildir_names *maildir_names_new(struct maildir *md, struct outcome *why);
void maildir_names_free(struct maildir_names *names); /* NULL is allowed */
/* maildir_names_are_old() - too much may have changed since. */
bool maildir_names_are_old(const struct maildir_names *names);
/* maildir_names_find() - the mailbox (borrowed) and where in it. NULL with was_there: not any more.
 */
const char *maildir_names_find(const struct maildir_names *names, const char *base,
                               struct maildir_place *out, bool *was_there);

/* restore.c */
int maildir_sync_fd(struct store *st, struct outcome *why);
enum store_result maildir_restore(struct store *st, const struct store_mail *mail,
                                  const struct store_ref *ref, struct span place, char *mailbox,
                                  struct store_wait *wait, struct outcome *why);
void maildir_restore_end(struct store *st);

/* scan.c */
bool maildir_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
                  struct outcome *why);
bool maildir_stamp(struct store *st, const char *mailbox, uint64_t *stamp);

/* message.c */
struct message *maildir_read(struct store *st, const char *mailbox, const char *name,
                             struct outcome *why);
bool maildir_where(struct store *st, const char *mailbox, const char *name, struct buf *out);
bool maildir_set_flags(struct store *st, const char *mailbox, const char *name, unsigned flags,
                       struct outcome *why);
bool maildir_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why);
bool maildir_move(struct store *st, const char *from, const char *name, const char *to,
                  struct store_ref *moved, struct outcome *why);

/* folders.c */
bool maildir_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why);
bool maildir_mailbox_create(struct store *st, const char *mailbox, struct outcome *why);
bool maildir_mailbox_rename(struct store *st, const char *from, const char *to,
                            struct outcome *why);
bool maildir_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why);

/* tidy.c */
void maildir_tidy(struct store *st, time_t now);
void maildir_empty(int parent, const char *folder); /* remove a folder and its messages */

/* maildirsize.c */
void maildirsize_note(struct maildir *md, const char *path, long long size, long long count);
void maildirsize_write(struct maildir *md);
void maildirsize_changed(struct maildir *md); /* with a journal no commit comes: written now */
void maildirsize_look(struct maildir *md);    /* md->has_size */
void maildirsize_recount(struct maildir *md); /* from the file names, when there is one */

#endif
