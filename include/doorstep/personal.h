/* SPDX-License-Identifier: MIT
 *
 * What an account's owner wrote: Sieve scripts with the active mark (RFC 5804), special uses (RFC
 * 6154) and annotations (RFC 5464) of mailboxes. A database beside the index,
 * folder/personal.sqlite, that exists only where something was written. Mailboxes are called by
 * name, '' is the account as a whole. One connection, used by one thread (the account's worker). A
 * change is on stable storage when personal_commit() returns.
 *
 * Nothing here fails with CORRUPT, which means elsewhere that the index is to be made anew: damage
 * that is met later than personal_open() is SYSTEM, and personal_is_damaged() tells it.
 */
#ifndef DOORSTEP_PERSONAL_H
#define DOORSTEP_PERSONAL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/outcome.h"

struct personal;

struct personal_rescued { /* from a damaged file; all 0: there was no damage */
    bool is_damaged;
    uint64_t scripts, facts; /* that are there again; facts: uses and annotations */
    bool has_active;         /* one of those scripts is the active one */
    char cause[256];
    char aside[64]; /* what the damaged file is called now, in the same folder */
};

/* personal_open() - NULL: NOT_FOUND (missing and not create), or what errno says. A damaged file is
 * set aside and what can be read of it goes into a new one, which `out` tells: a
 * script whose text is not what was stored is kept, but is not active. */
struct personal *personal_open(const char *folder, bool create, struct personal_rescued *out,
                               struct outcome *why);
void personal_close(struct personal *p); /* NULL is allowed; rolls back what is open */

/* personal_exists() - the account has one. One stat(2). */
bool personal_exists(const char *folder);

/* personal_remove() - of an account that is no more; call with it closed. */
bool personal_remove(const char *folder, struct outcome *why);

/* personal_was_removed() - somebody took the file away while it was open. personal_is_damaged() - a
 * look failed by damage. Either way: close it; opening it again tells what there is. */
bool personal_was_removed(struct personal *p);
bool personal_is_damaged(const struct personal *p);

/* Changes stand between these. When it is only the sync of a commit that fails, the change stands
 * all the same, though a crash may take it. */
bool personal_begin(struct personal *p, struct outcome *why);
bool personal_commit(struct personal *p, struct outcome *why);
void personal_rollback(struct personal *p); /* may be called without a transaction */

/* personal_backup() - a copy of this moment in a new file at path: db_backup(). */
bool personal_backup(struct personal *p, const char *path, struct outcome *why);

/* ---- scripts */

#define PERSONAL_SCRIPT_NAME_SIZE 513 /* RFC 5804 1.6: 512 octets */
#define PERSONAL_SCRIPT_HASH_SIZE 65  /* BLAKE2b-256 of the text, in hex */

struct personal_script {
    char name[PERSONAL_SCRIPT_NAME_SIZE];
    char hash[PERSONAL_SCRIPT_HASH_SIZE];
    uint64_t octets;
    time_t changed;
    bool is_active; /* one of them at most */
};

typedef bool (*personal_script_fn)(void *arg, const struct personal_script *s);

/* personal_script_name_check() - RFC 5804 1.6: Net-Unicode, no control characters, no line or
 * paragraph separators, 1 to 512 octets. Names that are canonically equivalent are one: it is kept,
 * and listed, in normalization form C. */
bool personal_script_name_check(const char *name);

/* personal_script_list() - by name; s is borrowed for the call. */
bool personal_script_list(struct personal *p, personal_script_fn fn, void *arg,
                          struct outcome *why);

/* personal_script_find() - name NULL: the active one. Its text is appended to `text`, which may be
 * NULL. NOT_FOUND when there is none. */
bool personal_script_find(struct personal *p, const char *name, struct personal_script *out,
                          struct buf *text, struct outcome *why);

/* personal_script_put() - name and changed of s with this text, in place of one of that name, which
 * stays active when it was. */
bool personal_script_put(struct personal *p, const struct personal_script *s, struct span text,
                         struct outcome *why);

/* personal_script_delete() - NOT_FOUND; BUSY for the active one, which stays (RFC 5804 2.10). */
bool personal_script_delete(struct personal *p, const char *name, struct outcome *why);

/* personal_script_rename() - NOT_FOUND; EXISTS. An active one stays active. */
bool personal_script_rename(struct personal *p, const char *from, const char *to,
                            struct outcome *why);

/* personal_script_activate() - this one and no other; NULL: none. NOT_FOUND changes nothing. */
bool personal_script_activate(struct personal *p, const char *name, struct outcome *why);

/* ---- mailboxes */

#define PERSONAL_USE_SIZE 32
#define PERSONAL_ANNOTATIONS_MAX 100        /* of one mailbox */
#define PERSONAL_ANNOTATION_MAX (64 * 1024) /* octets of a value */

/* personal_use_check() - RFC 6154 6: a backslash and an atom, and not too long. */
bool personal_use_check(const char *special_use);

/* personal_use_find() - "" where the mailbox has none. */
bool personal_use_find(struct personal *p, const char *mailbox, char out[PERSONAL_USE_SIZE],
                       struct outcome *why);

/* personal_use_set() - "" takes it away. BAD_REQUEST. Inside a transaction. */
bool personal_use_set(struct personal *p, const char *mailbox, const char *special_use,
                      struct outcome *why);

/* personal_use_list() - mailboxes with that use, in any case, by name; whether there are such
 * mailboxes now is not known here. fn may look at p, not change it. */
typedef bool (*personal_mailbox_fn)(void *arg, const char *mailbox);
bool personal_use_list(struct personal *p, const char *special_use, personal_mailbox_fn fn,
                       void *arg, struct outcome *why);

/* personal_annotation_find() - the value is appended to out; names are the same in any case.
 * NOT_FOUND. */
bool personal_annotation_find(struct personal *p, const char *mailbox, const char *name,
                              struct buf *out, struct outcome *why);

/* personal_annotation_set() - value NULL: none. OVER_QUOTA_HARD: more or longer than allowed.
 * Inside a transaction. */
bool personal_annotation_set(struct personal *p, const char *mailbox, const char *name,
                             const struct span *value, struct outcome *why);

typedef bool (*personal_annotation_fn)(void *arg, const char *name, struct span value);
bool personal_annotation_list(struct personal *p, const char *mailbox, personal_annotation_fn fn,
                              void *arg, struct outcome *why);

/* personal_mailbox_copy() - what is said about a mailbox, and those below it, is said about `to` as
 * well. personal_mailbox_forget() - nothing is said about it any more; with_below: nor about those
 * below it. Inside a transaction; *changed: there was something. */
bool personal_mailbox_copy(struct personal *p, const char *from, const char *to, bool *changed,
                           struct outcome *why);
bool personal_mailbox_forget(struct personal *p, const char *mailbox, bool with_below,
                             bool *changed, struct outcome *why);

#endif
