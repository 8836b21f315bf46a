/* SPDX-License-Identifier: MIT
 *
 * One message out of an mbox: found by its name, unquoted into a message of its own, so that no
 * lock is held while somebody reads it.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_MEMORY 262144 /* octets of a message before it goes to an unnamed file */

struct lookup {
    const char *name;
    bool found;
    struct mbox_message at;
};

static bool
lookup_entry(void *arg, const struct store_entry *e, uint64_t start, uint64_t after)
{
    struct lookup *l = arg;

    if (strcmp(e->name, l->name) != 0)
        return true;
    l->found = true;
    l->at = (struct mbox_message){start, after};
    return false;
}

struct copy {
    struct message *msg;
    int dir;
    bool ok;
    struct outcome *why;
};

static int
copy_spill(void *arg)
{
    struct copy *c = arg;

    return openat(c->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static bool
copy_content(void *arg, const char *p, size_t n)
{
    struct copy *c = arg;

    c->ok = message_append(c->msg, p, n, c->why);
    return c->ok;
}

bool
mbox_unquote(const struct mbox_file *f, const struct mbox_message *m,
             bool (*content)(void *arg, const char *p, size_t n), void *arg)
{
    char window[MBOX_WINDOW];
    struct mbox_scanner scanner;
    uint64_t at = m->start;

    mbox_scanner_init(&scanner, arg);
    mbox_scanner_inside(&scanner, at);
    scanner.content = content;
    errno = 0;
    while (at < m->after) {
        size_t want = m->after - at < sizeof(window) ? (size_t)(m->after - at) : sizeof(window);
        ssize_t got = pread(f->fd, window, want, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO;
        if (got <= 0 || !mbox_scanner_feed(&scanner, window, (size_t)got))
            return false;
        at += (uint64_t)got;
    }
    mbox_scanner_end(&scanner, true);
    return !scanner.is_stopped;
}

static struct message *
read_found(const struct mbox *mb, const struct mbox_file *f, const struct lookup *l,
           struct outcome *why)
{
    struct copy c = {.dir = f->dir, .ok = true, .why = why};

    c.msg = message_new(READ_MEMORY, copy_spill, &c);
    if (c.msg == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to read a message");
        return NULL;
    }
    bool ok = mbox_unquote(f, &l->at, copy_content, &c);
    if (!ok) {
        if (c.ok)
            mbox_errno(mb, why, "read", f->name);
        message_unref(c.msg);
        return NULL;
    }
    message_seal(c.msg);
    return c.msg;
}

struct message *
mbox_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    struct lookup l = {.name = name};
    struct message *msg = NULL;
    struct mbox_file *f = mbox_file_wait(mb, mailbox, why);

    if (f == NULL)
        return NULL;
    if (mbox_walk(mb, f, lookup_entry, &l, why)) {
        if (l.found)
            msg = read_found(mb, f, &l, why);
        else
            outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", name);
    }
    mbox_file_put(mb, f);
    return msg;
}
