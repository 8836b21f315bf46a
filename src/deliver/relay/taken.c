/* SPDX-License-Identifier: MIT
 *
 * Items that are being sent: see taken_priv.h.
 */
#include "taken_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_MAX (16u << 20)
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* false: no memory; *s stays, and must not be used. */
static bool
copy_text(struct arena *a, const char **s)
{
    const char *copy = arena_copy(a, span_of(*s));

    if (copy != NULL)
        *s = copy;
    return copy != NULL;
}

static bool
copy_octets(struct arena *a, struct span *s)
{
    const char *copy = arena_copy(a, *s);

    if (copy != NULL)
        s->p = copy;
    return copy != NULL;
}

static bool
copy_recipients(struct arena *a, struct queue_item *item)
{
    struct queue_recipient *list = arena_alloc(a, item->recipient_count * sizeof *list);
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < item->recipient_count; i++) {
        struct queue_recipient *r = &list[i];

        *r = item->recipients[i];
        ok = copy_text(a, &r->address) && copy_text(a, &r->orcpt) && copy_text(a, &r->last_reply) &&
             copy_text(a, &r->last_host);
    }
    item->recipients = list;
    return ok;
}

static bool
copy_all(struct taken *t)
{
    struct queue_item *i = &t->item;
    struct arena *a = &t->arena;

    return copy_text(a, &i->once) && copy_text(a, &i->kind) && copy_text(a, &i->account) &&
           copy_text(a, &i->delivery_id) && copy_text(a, &i->reverse_path) &&
           copy_text(a, &i->envid) && copy_text(a, &i->by) && copy_text(a, &i->file) &&
           copy_octets(a, &i->head) && copy_octets(a, &i->text) && copy_recipients(a, i);
}

struct taken *
taken_new(const struct queue_item *item)
{
    struct taken *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->item = *item;
    t->references = 1;
    arena_init(&t->arena, ARENA_MAX);
    if (copy_all(t))
        return t;
    taken_unref(t);
    return NULL;
}

struct taken *
taken_ref(struct taken *t)
{
    t->references++;
    return t;
}

void
taken_unref(struct taken *t)
{
    if (--t->references > 0)
        return;
    arena_release(&t->arena);
    free(t);
}

static bool
write_all(int fd, struct span octets)
{
    while (octets.n > 0) {
        ssize_t n = write(fd, octets.p, octets.n);

        if (n < 0)
            return false;
        octets = span_skip(octets, (size_t)n);
    }
    return true;
}

/* What nobody can change afterwards, neither here nor behind a door. */
static int
open_text(struct span text, struct outcome *why)
{
    int fd = memfd_create("doorstep-relay", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && write_all(fd, text) && fcntl(fd, F_ADD_SEALS, SEALS) == 0 &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    outcome_errno(why, errno, "write", "a memfd");
    if (fd >= 0)
        close(fd);
    return -1;
}

int
taken_open(const struct taken *t, struct queue *q, struct outcome *why)
{
    if (t->item.file[0] == '\0')
        return open_text(t->item.text, why);
    return queue_message_open(q, t->item.file, why);
}

int
taken_open_message(const struct message *m, struct outcome *why)
{
    bool spilled;
    struct span text = message_inline(m, &spilled);
    char path[32];

    if (!spilled)
        return open_text(text, why);
    snprintf(path, sizeof path, "/proc/self/fd/%d", message_fd(m));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        outcome_errno(why, errno, "open", path);
    return fd;
}
