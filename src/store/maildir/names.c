/* SPDX-License-Identifier: MIT
 *
 * Which mailbox holds a base name? For a replay, which asks for many: all folders of the account
 * are read once, and of each file name eight octets of hash are kept (sixteen with its mailbox), so
 * that a million messages cost 16 MB. A hash only says where to look.
 */
#include "maildir_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/buf.h"
#include "doorstep/clock.h"

#define NAMES_OLD_MS 10000
#define NAMES_MAX (1u << 28)     /* octets: 16 million messages in an account */
#define MAILBOXES_MAX (1u << 24) /* octets of their names */

struct names_item {
    uint64_t hash;
    size_t mailbox; /* where its name begins in mailboxes */
};

struct maildir_names {
    uint64_t listed_ms;
    struct buf items; /* struct names_item, by hash */
    struct buf mailboxes;
    size_t current; /* the mailbox being read */
    struct maildir *md;
    int error;
};

/* FNV-1a. Names that collide cost a look each. */
static uint64_t
names_hash(const char *name, size_t n)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)name[i]) * 1099511628211u;
    return h;
}

static bool
names_add(struct maildir_names *names, const char *file)
{
    struct names_item item = {names_hash(file, strcspn(file, ":")), names->current};

    if (buf_append(&names->items, &item, sizeof(item)))
        return true;
    names->error = ENOMEM;
    return false;
}

static bool
names_read(struct maildir_names *names, DIR *d)
{
    const struct dirent *e;
    bool ok = true;

    errno = 0;
    while (ok && (e = readdir(d)) != NULL)
        ok = e->d_name[0] == '.' || names_add(names, e->d_name);
    if (ok)
        names->error = errno;
    return names->error == 0;
}

/* A folder that we may not open holds none of our deliveries; one that cannot be opened just now
 * might. */
static bool
names_add_dir(struct maildir_names *names, const char *path)
{
    int fd = beneath_folder(names->md->fd, path);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (d == NULL) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO)
            names->error = errno;
        if (fd >= 0)
            close(fd);
        return names->error == 0;
    }
    bool ok = names_read(names, d);
    closedir(d);
    return ok;
}

/* new/ before cur/, where messages move to. */
static bool
names_add_mailbox(void *arg, const char *mailbox)
{
    static const char *const subs[] = {"new", "cur"};
    struct maildir_names *names = arg;
    char path[NAME_MAX + 8];
    struct outcome why;

    names->current = names->mailboxes.len;
    if (!buf_append(&names->mailboxes, mailbox, strlen(mailbox) + 1))
        names->error = ENOMEM;
    for (size_t i = 0; names->error == 0 && i < sizeof(subs) / sizeof(subs[0]); i++) {
        if (maildir_dir_path(mailbox, subs[i], path, &why))
            names_add_dir(names, path);
    }
    return names->error == 0;
}

static int
names_compare(const void *a, const void *b)
{
    const struct names_item *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

struct maildir_names *
maildir_names_new(struct maildir *md, struct outcome *why)
{
    struct maildir_names *names = calloc(1, sizeof(*names));

    if (names == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to list a Maildir");
        return NULL;
    }
    names->md = md;
    names->listed_ms = clock_ms();
    buf_init(&names->items, NAMES_MAX);
    buf_init(&names->mailboxes, MAILBOXES_MAX);
    bool ok = maildir_mailbox_list(&md->base, names_add_mailbox, names, why);
    if (ok && names->error != 0) {
        errno = names->error;
        ok = maildir_errno(md, why, "list", "");
    }
    if (!ok) {
        maildir_names_free(names);
        return NULL;
    }
    if (names->items.len > 0)
        qsort(names->items.data, names->items.len / sizeof(struct names_item),
              sizeof(struct names_item), names_compare);
    return names;
}

void
maildir_names_free(struct maildir_names *names)
{
    if (names == NULL)
        return;
    buf_release(&names->items);
    buf_release(&names->mailboxes);
    free(names);
}

bool
maildir_names_are_old(const struct maildir_names *names)
{
    return clock_ms() - names->listed_ms >= NAMES_OLD_MS;
}

const char *
maildir_names_find(const struct maildir_names *names, const char *base, struct maildir_place *out,
                   bool *was_there)
{
    const struct names_item *items = (const struct names_item *)(const void *)names->items.data;
    size_t count = names->items.len / sizeof(*items), low = 0, high = count;
    uint64_t hash = names_hash(base, strlen(base));
    struct outcome unused;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    *was_there = low < count && items[low].hash == hash;
    for (; low < count && items[low].hash == hash; low++) {
        const char *mailbox = names->mailboxes.data + items[low].mailbox;
        if (maildir_find(names->md, mailbox, base, out, &unused))
            return mailbox;
    }
    return NULL;
}
