/* SPDX-License-Identifier: MIT
 *
 * Messages that wait to be sent: see outgoing_priv.h.
 */
#include "outgoing_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows_priv.h"

struct looking {
    struct outgoing_usage *usage;
    json_t *named; /* files that rows name */
    bool failed;
};

static bool
on_row(void *arg, const struct index_outgoing *o)
{
    struct looking *l = arg;

    l->usage->rows++;
    l->usage->octets += strlen(o->details);
    if (o->file[0] != '\0' && json_object_set_new(l->named, o->file, json_true()) != 0)
        l->failed = true;
    return !l->failed;
}

/* Nothing is on its way into the account, so that what no row names will never be named. */
static bool
is_quiet(const struct worker *w, const struct open_account *oa)
{
    return !oa->in_batch && oa->aside == 0 && oa->rows == NULL && w->kept == NULL && !w->lost_kept;
}

/* NULL: there is none, or `why`. */
static DIR *
open_folder(const char *account_folder, struct outcome *why)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/outgoing", account_folder) >= (int)sizeof path) {
        outcome_errno(why, ENAMETOOLONG, "open", account_folder);
        return NULL;
    }
    DIR *folder = opendir(path);
    if (folder == NULL && errno != ENOENT)
        outcome_errno(why, errno, "open", path);
    return folder;
}

static void
look_at(struct looking *l, DIR *folder, const char *name, bool may_remove)
{
    struct stat st;

    if (fstatat(dirfd(folder), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return;
    if (may_remove && json_object_get(l->named, name) == NULL &&
        unlinkat(dirfd(folder), name, 0) == 0)
        return;
    l->usage->octets += (uint64_t)st.st_size;
}

bool
outgoing_look(struct worker *w, struct open_account *oa, struct outgoing_usage *out,
              struct outcome *why)
{
    struct looking l = {.usage = out, .named = json_object()};

    *out = (struct outgoing_usage){0};
    *why = (struct outcome){0};
    bool ok = l.named != NULL && rows_flush(w, oa, why) &&
              index_outgoing_list(oa->index, on_row, &l, why) && !l.failed;
    DIR *folder = ok ? open_folder(oa->folder, why) : NULL;
    for (struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL;)
        look_at(&l, folder, e->d_name, is_quiet(w, oa));
    if (folder != NULL)
        closedir(folder);
    json_decref(l.named);
    return ok && why->kind == OUTCOME_OK;
}

bool
outgoing_remove(const char *account_folder, struct outcome *why)
{
    DIR *folder;
    bool ok = true;

    *why = (struct outcome){0};
    folder = open_folder(account_folder, why);
    if (folder == NULL)
        return why->kind == OUTCOME_OK;
    for (struct dirent *e; ok && (e = readdir(folder)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ok = unlinkat(dirfd(folder), e->d_name, 0) == 0 || errno == ENOENT ||
                 outcome_errno(why, errno, "unlink", e->d_name);
    closedir(folder);
    int account = open(account_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (account >= 0) {
        unlinkat(account, "outgoing", AT_REMOVEDIR);
        close(account);
    }
    return ok;
}
