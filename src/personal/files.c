/* SPDX-License-Identifier: MIT
 *
 * The files of an account's database: a whole one, new or rescued, is made under another name and
 * takes its own in one step. A damaged one gets a second name before that: a crash anywhere leaves
 * it where it was, and the next open does all of it again.
 */
#include "personal_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/clock.h"

#define FOLDER_MAX (PATH_MAX - 128) /* room for the names of files */

struct files {
    char main[PATH_MAX], wal[PATH_MAX];
    char next[PATH_MAX], next_wal[PATH_MAX]; /* that will be called `main` */
};

static bool
print_files(const char *folder, struct files *f, struct outcome *why)
{
    if (strlen(folder) > FOLDER_MAX)
        return outcome_errno(why, ENAMETOOLONG, "open", folder);
    snprintf(f->main, sizeof f->main, "%s/" PERSONAL_NAME, folder);
    snprintf(f->wal, sizeof f->wal, "%s/" PERSONAL_NAME "-wal", folder);
    snprintf(f->next, sizeof f->next, "%s/" PERSONAL_NAME ".new", folder);
    snprintf(f->next_wal, sizeof f->next_wal, "%s/" PERSONAL_NAME ".new-wal", folder);
    return true;
}

static bool
remove_one(const char *path, struct outcome *why)
{
    return unlink(path) == 0 || errno == ENOENT || outcome_errno(why, errno, "unlink", path);
}

/* ---- a whole one under the other name ---- */

static bool
fill(struct personal *p, struct personal *from, struct personal_rescued *out, struct outcome *why)
{
    if (!personal_begin(p, why))
        return false;
    if ((from == NULL || personal_rescue_rows(from, p, out, why)) && personal_commit(p, why))
        return true;
    personal_rollback(p);
    return false;
}

/* Its commit has carried the WAL over, which has no octets then. */
static bool
make_next(const struct files *f, struct personal *from, struct personal_rescued *out,
          struct outcome *why)
{
    if (!remove_one(f->next_wal, why) || !remove_one(f->next, why))
        return false;
    struct personal *p = personal_open_file(f->next, true, why);
    bool ok = p != NULL && fill(p, from, out, why);
    ok = ok && personal_carry_over(p, why);
    personal_close(p);
    return ok && remove_one(f->next_wal, why);
}

static bool
take_name(const char *folder, const struct files *f, struct outcome *why)
{
    if (rename(f->next, f->main) != 0)
        return outcome_errno(why, errno, "rename", f->next);
    return db_sync_folder(folder, why);
}

/* ---- what the folder sees ---- */

bool
personal_make(const char *folder, struct outcome *why)
{
    struct files f;

    return print_files(folder, &f, why) && make_next(&f, NULL, NULL, why) &&
           remove_one(f.wal, why) && take_name(folder, &f, why);
}

/* The WAL of the damaged one goes first: it must not meet the new one. */
static bool
set_aside(const char *folder, const struct files *f, struct personal_rescued *out,
          struct outcome *why)
{
    const struct timespec now = clock_wall();
    char aside[PATH_MAX], aside_wal[PATH_MAX];

    snprintf(out->aside, sizeof out->aside, PERSONAL_NAME ".damaged-%lld.%09ld",
             (long long)now.tv_sec, now.tv_nsec);
    snprintf(aside, sizeof aside, "%.*s/%s", FOLDER_MAX, folder, out->aside);
    snprintf(aside_wal, sizeof aside_wal, "%.*s/%s-wal", FOLDER_MAX, folder, out->aside);
    if (linkat(AT_FDCWD, f->main, AT_FDCWD, aside, 0) != 0)
        return outcome_errno(why, errno, "link", aside);
    return rename(f->wal, aside_wal) == 0 || errno == ENOENT ||
           outcome_errno(why, errno, "rename", f->wal);
}

bool
personal_rescue(const char *folder, struct personal_rescued *out, struct outcome *why)
{
    struct outcome damage;
    struct files f;

    if (!print_files(folder, &f, why))
        return false;
    struct personal *from = personal_open_damaged(f.main, &damage);
    bool ok = make_next(&f, from, out, why);
    personal_close(from);
    out->is_damaged = ok && set_aside(folder, &f, out, why) && take_name(folder, &f, why);
    return out->is_damaged;
}

bool
personal_exists(const char *folder)
{
    struct outcome ignored;
    struct files f;
    struct stat st;

    return print_files(folder, &f, &ignored) && stat(f.main, &st) == 0;
}

bool
personal_remove(const char *folder, struct outcome *why)
{
    struct files f;

    return print_files(folder, &f, why) && remove_one(f.wal, why) && remove_one(f.next_wal, why) &&
           remove_one(f.next, why) && remove_one(f.main, why);
}
