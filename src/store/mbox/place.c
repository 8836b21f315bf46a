/* SPDX-License-Identifier: MIT
 *
 * Which file a mailbox is. INBOX is the configured path; the children of a mailbox file X lie in
 * the folder X.d. In file names every dot is %2E and every percent sign %25, so that no mailbox
 * name can end in .d or .lock, begin with a dot, or be "..", and any two names are two files.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEVEL_MAX 240 /* leaves room for ".NAME.doorstep" */

bool
mbox_errno(const struct mbox *mb, struct outcome *why, const char *call, const char *name)
{
    char full[256];
    int error = errno;
    size_t folder = strlen(mb->base.path) - strlen(mb->name);

    snprintf(full, sizeof(full), "%.*s%s", (int)folder, mb->base.path, name);
    if (error == ENOENT)
        return outcome_set(why, OUTCOME_NOT_FOUND, "%s %s: not there", call, full);
    return outcome_errno(why, error, call, full);
}

bool
mbox_level_encode(struct span level, struct buf *out)
{
    for (size_t i = 0; i < level.n; i++) {
        char c = level.p[i];
        bool ok = c == '.'   ? buf_append_str(out, "%2E")
                  : c == '%' ? buf_append_str(out, "%25")
                             : buf_append_char(out, c);
        if (!ok)
            return false;
    }
    return true;
}

bool
mbox_level_decode(struct span file, struct buf *out)
{
    while (file.n > 0) {
        bool is_dot = file.n >= 3 && memcmp(file.p, "%2E", 3) == 0;
        bool is_percent = file.n >= 3 && memcmp(file.p, "%25", 3) == 0;
        char c = is_dot ? '.' : file.p[0];
        if (file.p[0] == '.' || (file.p[0] == '%' && !is_dot && !is_percent))
            return false;
        if (!buf_append_char(out, c))
            return false;
        file = span_skip(file, is_dot || is_percent ? 3 : 1);
    }
    return true;
}

static bool
path_append(const struct mbox *mb, const char *mailbox, struct buf *out)
{
    struct span rest = span_of(mailbox);

    if (!buf_append_str(out, mb->name))
        return false;
    if (strcmp(mailbox, "INBOX") == 0)
        return true;
    for (;;) {
        struct span level = {rest.p, span_find(rest, '/')};
        size_t before = out->len + strlen(".d/");
        if (!buf_append_str(out, ".d/") || !mbox_level_encode(level, out) ||
            out->len - before > LEVEL_MAX)
            return false;
        if (level.n == rest.n)
            return true;
        rest = span_skip(rest, level.n + 1);
    }
}

bool
mbox_path(const struct mbox *mb, const char *mailbox, char path[PATH_MAX], struct outcome *why)
{
    struct buf out;

    buf_init(&out, PATH_MAX - 1);
    bool ok = path_append(mb, mailbox, &out);
    if (ok)
        memcpy(path, out.data, out.len + 1);
    else
        outcome_set(why, OUTCOME_BAD_REQUEST, "mailbox name too long for a file");
    buf_release(&out);
    return ok;
}

bool
mbox_exists(struct mbox *mb, bool make, struct outcome *why)
{
    char parent[PATH_MAX] = ".";
    const char *slash = strrchr(mb->base.below, '/');
    struct stat st;

    if (mb->dir >= 0 && fstat(mb->dir, &st) == 0 && st.st_nlink > 0)
        return true;
    if (mb->dir >= 0) /* removed while the store was open */
        close(mb->dir);
    if (slash != NULL)
        snprintf(parent, sizeof(parent), "%.*s", (int)(slash - mb->base.below), mb->base.below);
    int root = beneath_root(mb->base.root);
    if (root < 0)
        return outcome_errno(why, errno, "open", mb->base.root);
    if (!make)
        mb->dir = beneath_open(root, parent, O_RDONLY | O_DIRECTORY, 0);
    else if (mb->base.is_journaled)
        mb->dir = beneath_make_folder_unsynced(root, parent);
    else
        mb->dir = beneath_make_folder(root, parent);
    int error = errno;
    close(root);
    errno = error;
    return mb->dir >= 0 || mbox_errno(mb, why, "open folder of", mb->name);
}

int
mbox_folder(struct mbox *mb, const char *mailbox, bool make, char name[NAME_MAX + 1],
            struct outcome *why)
{
    char path[PATH_MAX];

    if (!mbox_exists(mb, make, why) || !mbox_path(mb, mailbox, path, why))
        return -1;
    char *slash = strrchr(path, '/');
    strcpy(name, slash != NULL ? slash + 1 : path);
    if (slash != NULL)
        *slash = '\0';
    const char *folder = slash != NULL ? path : ".";
    int fd = make && slash != NULL ? beneath_make_folder(mb->dir, folder)
                                   : beneath_open(mb->dir, folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        mbox_errno(mb, why, "open", folder);
    return fd;
}
