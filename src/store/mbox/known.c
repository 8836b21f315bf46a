/* SPDX-License-Identifier: MIT
 *
 * Which messages a mailbox file holds and where, kept while deliveries are restored: a replay asks
 * for many of one file, and each would read all of it. What is known holds as long as nobody but us
 * changed the file. Of each name eight octets of hash are kept; who finds one looks at the message.
 */
#include "mbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/buf.h"

#define HOLD_MS 10000        /* a caller who gave up one for good shall not lose the others */
#define KNOWN_MAX (1u << 28) /* octets: eleven million messages in a file */

struct known_item {
    uint64_t hash;
    struct mbox_message at;
};

struct mbox_known {
    struct mbox_known *next;
    struct stat stamp;
    struct buf items;              /* struct known_item, in file order */
    bool is_full;                  /* not all of them */
    char held_for[STORE_REF_SIZE]; /* name of a delivery, or "" */
    uint64_t held_ms;              /* since */
    char mailbox[STORE_MAILBOX_SIZE];
};

/* FNV-1a */
static uint64_t
known_hash(const char *name)
{
    uint64_t h = 14695981039346656037u;

    while (*name != '\0')
        h = (h ^ (unsigned char)*name++) * 1099511628211u;
    return h;
}

static bool
known_add(struct mbox_known *k, const char *name, const struct mbox_message *at)
{
    struct known_item item = {known_hash(name), *at};

    return buf_append(&k->items, &item, sizeof(item));
}

static bool
known_entry(void *arg, const struct store_entry *e, uint64_t start, uint64_t after)
{
    struct mbox_known *k = arg;
    struct mbox_message at = {start, after};

    k->is_full = !known_add(k, e->name, &at);
    return !k->is_full;
}

static bool
known_is_current(const struct mbox_known *k, const struct mbox_file *f)
{
    const struct stat *a = &k->stamp;
    struct stat b;

    return fstat(f->fd, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino &&
           a->st_size == b.st_size && a->st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b.st_mtim.tv_nsec && a->st_ctim.tv_sec == b.st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

static struct mbox_known *
known_get(struct mbox *mb, const char *mailbox)
{
    struct mbox_known *k;

    for (k = mb->known; k != NULL; k = k->next) {
        if (strcmp(k->mailbox, mailbox) == 0)
            return k;
    }
    k = calloc(1, sizeof(*k));
    if (k == NULL)
        return NULL;
    strcpy(k->mailbox, mailbox);
    buf_init(&k->items, KNOWN_MAX);
    k->next = mb->known;
    mb->known = k;
    return k;
}

static bool
known_read(struct mbox *mb, struct mbox_known *k, struct mbox_file *f, struct outcome *why)
{
    buf_reset(&k->items);
    k->is_full = false;
    memset(&k->stamp, 0, sizeof(k->stamp)); /* until it is read to its end */
    if (!mbox_walk(mb, f, known_entry, k, why))
        return false;
    if (k->is_full)
        return outcome_set(why, OUTCOME_OVERLOAD, "%s: no memory for its names", f->name);
    return fstat(f->fd, &k->stamp) == 0 || mbox_errno(mb, why, "fstat", f->name);
}

bool
mbox_known_find(struct mbox *mb, struct mbox_file *f, const char *name, struct mbox_finding *out,
                struct outcome *why)
{
    struct mbox_known *k = known_get(mb, f->mailbox);
    uint64_t hash = known_hash(name);

    *out = (struct mbox_finding){.is_there = false};
    if (k == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory to list a mailbox");
    if (!known_is_current(k, f) && !known_read(mb, k, f, why))
        return false;
    const struct known_item *items = (const struct known_item *)(const void *)k->items.data;
    size_t count = k->items.len / sizeof(*items);
    for (size_t i = 0; i < count && !out->is_there; i++) {
        out->is_there = items[i].hash == hash;
        out->at = items[i].at;
    }
    if (count > 0)
        out->last = items[count - 1].at;
    return true;
}

void
mbox_known_add(struct mbox *mb, const struct mbox_file *f, const char *name,
               const struct mbox_message *at)
{
    struct mbox_known *k = known_get(mb, f->mailbox);

    if (k == NULL || k->stamp.st_ino == 0)
        return; /* the file is to be read anyhow */
    if (!known_add(k, name, at) || fstat(f->fd, &k->stamp) < 0)
        memset(&k->stamp, 0, sizeof(k->stamp));
}

void
mbox_known_forget(struct mbox *mb, const struct mbox_file *f)
{
    struct mbox_known *k = known_get(mb, f->mailbox);

    if (k != NULL)
        memset(&k->stamp, 0, sizeof(k->stamp));
}

void
mbox_known_hold(struct mbox *mb, const char *mailbox, const char *name)
{
    struct mbox_known *k = known_get(mb, mailbox);

    if (k == NULL)
        return;
    snprintf(k->held_for, sizeof(k->held_for), "%s", name);
    k->held_ms = clock_ms();
}

bool
mbox_known_is_held(struct mbox *mb, const char *mailbox, const char *name)
{
    const struct mbox_known *k = known_get(mb, mailbox);

    return k != NULL && k->held_for[0] != '\0' && strcmp(k->held_for, name) != 0 &&
           clock_ms() - k->held_ms < HOLD_MS;
}

void
mbox_known_release(struct mbox *mb)
{
    while (mb->known != NULL) {
        struct mbox_known *k = mb->known;
        mb->known = k->next;
        buf_release(&k->items);
        free(k);
    }
}
