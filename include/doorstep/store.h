/* SPDX-License-Identifier: MIT
 *
 * For those who use mailboxes: an account's mail, whatever format keeps it. The index is not
 * here; a store knows bytes, names, mailboxes and the flags that its format can carry.
 * An account's store is used by one thread at a time (its worker). Delivery is in steps, so that
 * nothing half-written is ever visible and many deliveries share their syncs:
 *
 *     stage (written where nobody looks) -> sync -> publish (visible) -> commit (folders durable)
 *
 * Mailbox names are UTF-8, hierarchy separator '/', "INBOX" in any case is the inbox.
 */
#ifndef DOORSTEP_STORE_H
#define DOORSTEP_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/message.h"
#include "doorstep/outcome.h"
#include "doorstep/settings.h"

struct store;
struct store_staged; /* one delivery between stage and publish or discard */

#define STORE_REF_SIZE 256     /* with the terminating NUL */
#define STORE_MAILBOX_SIZE 512 /* UTF-8 name with the terminating NUL */

enum store_can {
    STORE_CAN_FLAGS = 1,    /* keeps flags itself */
    STORE_CAN_FOLDERS = 2,  /* mailboxes besides INBOX */
    STORE_CAN_DURABLE = 4,  /* publish is durable on its own */
    STORE_CAN_HARDLINK = 8, /* the same bytes for several accounts may share a file */
    STORE_CAN_DELETE = 16,  /* single messages can be removed and flagged in place */
    STORE_CAN_RESTORE = 32  /* a journal may hold the bytes: store_restore(), store_sync_fd() */
};

enum store_flags { /* IMAP system flags (RFC 9051 2.3.2) */
                   STORE_SEEN = 1,
                   STORE_ANSWERED = 2,
                   STORE_FLAGGED = 4,
                   STORE_DELETED = 8,
                   STORE_DRAFT = 16,
                   STORE_FORWARDED = 32 /* $Forwarded; Maildir P */
};

struct store_account { /* whose mail; borrowed strings, checked by account_name_check() */
    const char *user;
    const char *domain;
    const char *home; /* "" when the path template does not use it */
};

struct store_mail {           /* one delivery; all borrowed until stage returns */
    struct message *msg;      /* the bytes as received */
    const char *mailbox;      /* must exist, or be INBOX */
    struct span trace;        /* our fields, CRLF line ends, written before the bytes */
    bool keep_bytes;          /* BINARYMIME: no line-end conversion whatever the setting */
    const char *return_path;  /* printed reverse-path, "" for <>: the mbox From_ line */
    const char *id;           /* our delivery id, as in the Received field */
    struct timespec received; /* wall clock */
    unsigned flags;           /* STORE_SEEN ... */
};

struct store_ref {             /* how the index names a message in this store */
    char name[STORE_REF_SIZE]; /* Maildir: base name without :2,flags. mbox: driver's own. Unique in
                                * a mailbox, stable when other programs change flags */
    uint64_t stored_octets;    /* as it lies there: what store_read() gives (mbox: unquoted) */
    uint64_t wire_octets;      /* counted as CRLF, trace included (Maildir W=) */
    uint32_t trace_octets;     /* of our trace prefix, counted as CRLF */
    bool is_crlf;              /* stored with CRLF */
};

enum store_result {
    STORE_DONE,
    STORE_FAILED, /* `why` says */
    STORE_LATER   /* busy (a lock, a slow hand): nothing was done, try again after wait */
};

struct store_wait { /* what STORE_LATER waits for */
    int fd;         /* readable when it is time, or -1 */
    unsigned ms;    /* or this long */
};

/* store_load_driver() - the code of a driver, before a sandbox closes: afterwards no plugin can be
 * loaded any more. false: why says what it lacks. */
bool store_load_driver(const char *name, const char *plugin_dir, struct outcome *why);

/* store_open() - the account's store after settings->path (borrowed until store_close()); who is
 * copied. The literal part of the path (before its first %) must exist; what is missing below it is
 * made by the first store_stage() or store_mailbox_create(), and reads as an empty INBOX until
 * then. NULL: `why`. */
struct store *store_open(const struct settings_store *settings, const char *plugin_dir,
                         const struct store_account *who, struct outcome *why);
void store_close(struct store *st); /* NULL is allowed; discards what is staged */

unsigned store_can(const struct store *st);

/* store_stage() - everything that can fail: folders, space, locks. With DONE *staged is owned by
 * the caller until publish or discard, and *ref is filled. */
enum store_result store_stage(struct store *st, const struct store_mail *mail,
                              struct store_staged **staged, struct store_ref *ref,
                              struct store_wait *wait, struct outcome *why);

/* store_stage_link() - like stage, sharing the bytes of another account's staged or published
 * delivery by a hard link; same trace, same flags. Only with STORE_CAN_HARDLINK in both. Falls back
 * to LATER=never: DONE or FAILED (EXDEV: caller stages anew). */
enum store_result store_stage_link(struct store *st, const struct store_mail *mail,
                                   const struct store_staged *other, struct store_staged **staged,
                                   struct store_ref *ref, struct outcome *why);

/* With STORE_CAN_RESTORE a caller may keep the bytes durable elsewhere (a journal), and then
 * leaves out store_sync() and store_commit(): stage -> (journal) -> publish -> forget. What was
 * published so reaches stable storage with syncfs(2) on store_sync_fd(). After a crash before that
 * it is brought back by store_restore(). */

/* store_use_journal() - said once, after open: from now on deliveries go that way, and flags,
 * removals and moves are in the journal too. Then none of them waits for a sync (nor do folders
 * that stage makes), and nothing is kept for a commit that never comes. store_commit() is still
 * needed after store_mailbox_create(), rename and delete. Only with STORE_CAN_RESTORE. */
void store_use_journal(struct store *st);

/* store_place() - appends what store_restore() needs besides the name (mbox: where the message will
 * lie; a Maildir: nothing) to out. After stage, before publish. false: out is full. */
bool store_place(struct store *st, const struct store_staged *staged, struct buf *out);

/* store_sync_fd() - a descriptor (the caller's to close) of a folder on the file system that holds
 * this account's mail. -1: `why`. */
int store_sync_fd(struct store *st, struct outcome *why);

/* store_restore() - after a crash: the message that was staged with this mail, got this ref and
 * place, and may or may not have been published. It is visible, whole, once, when the result is
 * DONE: what lies there whole (in any mailbox, whatever its flags; compared byte for byte) is left,
 * what is torn is replaced under the same name, what is absent is published. `mailbox` is filled
 * with where it lies (mail->mailbox, unless another program moved it; STORE_MAILBOX_SIZE octets).
 * Idempotent; call in the journal's order. Until store_restore_end() (or for some seconds) it
 * remembers names that it has listed, and in an mbox where one had to wait or failed: those behind
 * it fail with BUSY then. */
enum store_result store_restore(struct store *st, const struct store_mail *mail,
                                const struct store_ref *ref, struct span place, char *mailbox,
                                struct store_wait *wait, struct outcome *why);
void store_restore_end(struct store *st);

/* store_sync() - the staged bytes are on stable storage. */
bool store_sync(struct store *st, struct store_staged *staged, struct outcome *why);

/* store_publish() - visible to everybody, whole. The handle stays until store_forget(). On failure
 * nothing is visible and the handle is discarded by store_discard(). */
bool store_publish(struct store *st, struct store_staged *staged, struct outcome *why);

/* store_commit() - names of all that was published, removed or renamed since the last commit are on
 * stable storage (directory syncs, once each). */
bool store_commit(struct store *st, struct outcome *why);

/* store_discard() - undo a stage, a publish, or a delivery that was committed and not forgotten
 * (its index row failed); cannot fail. The undoing is durable with the next commit. Frees the
 * handle. */
void store_discard(struct store *st, struct store_staged *staged);

/* store_forget() - free the handle of a committed delivery; soon, because an mbox stays locked
 * until then. */
void store_forget(struct store *st, struct store_staged *staged);

struct store_entry {  /* one message found by store_scan() */
    const char *name; /* as in store_ref.name; borrowed for the call */
    unsigned flags;
    uint64_t stored_octets; /* UINT64_MAX when the driver would have to open it */
    uint64_t wire_octets;   /* from ,W=, or UINT64_MAX */
    time_t arrived;         /* INTERNALDATE for a message that we did not deliver */
    bool is_new;            /* \Recent: Maildir new/ */
};

/* Return false to stop. */
typedef bool (*store_entry_fn)(void *arg, const struct store_entry *e);
typedef bool (*store_mailbox_fn)(void *arg, const char *mailbox);

/* store_scan() - every message of a mailbox, names only: nothing is opened or parsed (mbox: From_
 * lines). */
bool store_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
                struct outcome *why);

/* store_stamp() - a value that changes when the mailbox was changed by anybody (directory or file
 * times, sizes), cheap: reconcile scans only when it differs. false: cannot tell. */
bool store_stamp(struct store *st, const char *mailbox, uint64_t *stamp);

/* store_read() - the bytes of one message as stored (mbox: unquoted); a sealed message, one
 * reference for the caller, or NULL (NOT_FOUND when it is gone). */
struct message *store_read(struct store *st, const char *mailbox, const char *name,
                           struct outcome *why);

/* store_where() - for people: the path where the message lies now, or of the store when the driver
 * cannot say. false: out is full. */
bool store_where(struct store *st, const char *mailbox, const char *name, struct buf *out);

bool store_set_flags(struct store *st, const char *mailbox, const char *name, unsigned flags,
                     struct outcome *why);
bool store_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why);

/* store_move() - to another mailbox, flags kept; `moved` is its ref there: only the name is
 * filled in (for a Maildir it stays), for the octets are the same. Visible in one of the two at
 * every moment; a crash may leave it in both. Done again after it was done it changes nothing.
 * NOT_FOUND when it is in neither. */
bool store_move(struct store *st, const char *from, const char *name, const char *to,
                struct store_ref *moved, struct outcome *why);

bool store_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why);
bool store_mailbox_create(struct store *st, const char *mailbox, struct outcome *why);
bool store_mailbox_rename(struct store *st, const char *from, const char *to, struct outcome *why);
bool store_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why);

/* store_mailbox_name_check() - a name that any driver may be asked for: UTF-8, no control octets,
 * no empty level, no level "." or "..", 511 octets at most, depth 32. */
bool store_mailbox_name_check(const char *mailbox);

/* store_tidy() - housekeeping now and then: old files in tmp/ (36 h). */
void store_tidy(struct store *st, time_t now);

/* store_open_by_hand() - the same store, its driver's calls carried out by a hand (store/hand/)
 * behind the door `door_fd` (taken), with the account's uid. */
struct store *store_open_by_hand(int door_fd, const struct settings_store *settings,
                                 const char *plugin_dir, const struct store_account *who,
                                 struct outcome *why);

/* store_hand_is_gone() - it is a store by hand, and the hand has ended (of itself, when nobody
 * asked for a while) or was given up: every call would fail. */
bool store_hand_is_gone(const struct store *st);

/* store_hand_run() - the hand's role: serve driver calls on the door (taken) until it closes or
 * idle_ms passed without one; the exit status. Runs with the account's uid already set. */
int store_hand_run(int door_fd, unsigned idle_ms);

#endif
