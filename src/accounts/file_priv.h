/* SPDX-License-Identifier: MIT
 *
 * The text of an accounts file and what it says: file_parse.c reads it, driver_file.c keeps it
 * fresh.
 */
#ifndef DOORSTEP_ACCOUNTS_FILE_PRIV_H
#define DOORSTEP_ACCOUNTS_FILE_PRIV_H

#include "doorstep/accounts.h"
#include "doorstep/arena.h"
#include "doorstep/table.h"

#define ACCOUNTS_FILE_MAX (64 * 1024 * 1024) /* octets of a file */
#define ACCOUNTS_FILE_LINE_MAX 4096

struct file_entry {
    const char *user;    /* the arena's; key, folded */
    const char *hash;    /* the arena's; "": none */
    const char *forward; /* the arena's; route, "": the domain's */
    uint64_t quota, quota_messages;
    bool enabled;
    UT_hash_handle hh;
};

struct file_table {
    struct arena arena;
    struct file_entry *entries; /* uthash by user, in the file's order */
};

/* A bad line: its number and what is wrong. It is skipped, the others count. */
typedef void (*file_complaint_fn)(void *arg, unsigned line, const char *what);

/* file_table_parse() - false only without memory. The table is the caller's to release, always. */
bool file_table_parse(struct file_table *t, struct span text, const struct settings_domain *domain,
                      file_complaint_fn complain, void *arg);
void file_table_release(struct file_table *t);
struct file_entry *file_table_find(const struct file_table *t, const char *user);

#endif
