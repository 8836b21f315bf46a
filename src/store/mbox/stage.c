/* SPDX-License-Identifier: MIT
 *
 * First half of a delivery to an mbox: the mailbox is locked, the delivery's exact length is known
 * and so many octets are set aside on disk behind the end of the file, where nobody looks. Then,
 * with sync, the record that a crash is repaired from; a journal needs none and is told where the
 * delivery will lie.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 50 /* try again after */

void
mbox_staged_free(struct mbox_staged *s)
{
    message_unref(s->msg);
    free(s->trace);
    free(s);
}

struct mbox_staged *
mbox_staged_new(const struct store_mail *mail)
{
    struct mbox_staged *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->msg = message_ref(mail->msg);
    s->trace = malloc(mail->trace.n + 1);
    if (s->trace == NULL) {
        mbox_staged_free(s);
        return NULL;
    }
    if (mail->trace.n > 0)
        memcpy(s->trace, mail->trace.p, mail->trace.n);
    s->trace_length = mail->trace.n;
    s->is_crlf = store_keeps_bytes(mail);
    mbox_from_line(mail->return_path, mail->received.tv_sec, s->from);
    return s;
}

/* Room for it, without a change that anybody sees. Where the file system cannot set octets aside,
 * the append itself will tell. */
static bool
staged_reserve(struct mbox *mb, struct mbox_staged *s, struct outcome *why)
{
    struct mbox_file *f = s->file;
    off_t at = (off_t)(f->size + f->reserved);
    off_t length = (off_t)s->quoted + 2; /* and a blank line in front */

    if (fallocate(f->fd, FALLOC_FL_KEEP_SIZE, at, length) < 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS) {
        mbox_errno(mb, why, "reserve room in", f->name);
        f->reserved += (uint64_t)length; /* some of it may have been set aside */
        return false;
    }
    s->reserved = (uint64_t)length;
    f->reserved += s->reserved;
    return true;
}

/* Two deliveries of the same content need two names. Ours differ by the delivery id; for the others
 * the file has to be asked. */
struct twins {
    const char *name;
    unsigned count;
};

static bool
twins_count(void *arg, const struct store_entry *e, uint64_t start, uint64_t after)
{
    struct twins *t = arg;
    size_t n = strcspn(e->name, "#");

    (void)start, (void)after;
    t->count += strlen(t->name) == n && strncmp(t->name, e->name, n) == 0;
    return true;
}

static bool
staged_name(struct mbox *mb, struct mbox_staged *s, struct outcome *why)
{
    struct twins twins = {s->name, 0};

    if (s->name[0] == 'h' && !mbox_walk(mb, s->file, twins_count, &twins, why))
        return false;
    for (const struct store_staged *o = mb->base.staged; o != NULL; o = o->next) {
        const struct mbox_staged *other = (const struct mbox_staged *)o;
        bool is_counted = s->name[0] == 'h' && o->state != STAGED_WRITTEN; /* by the walk */
        size_t n = strcspn(other->name, "#");
        if (other->file == s->file && !is_counted && strlen(twins.name) == n &&
            strncmp(twins.name, other->name, n) == 0)
            twins.count++;
    }
    if (twins.count > 0)
        sprintf(s->name + strlen(s->name), "#%u", twins.count + 1);
    return true;
}

/* Behind those that are staged already, each of which ends with a blank line. */
static bool
staged_plan(struct mbox *mb, struct mbox_staged *s, struct outcome *why)
{
    struct mbox_file *f = s->file;
    unsigned gap = 0;

    if (f->planned < f->size)
        f->planned = f->size;
    if (f->planned == f->size && !mbox_gap(f, &gap))
        return mbox_errno(mb, why, "read the end of", f->name);
    s->plan = (struct mbox_plan){
        .inode = f->inode,
        .size = f->planned,
        .gap = gap,
        .quoted = s->quoted,
    };
    f->planned += s->plan.gap + s->quoted;
    return true;
}

bool
mbox_place(struct store *st, const struct store_staged *staged, struct buf *out)
{
    const struct mbox_plan *plan = &((const struct mbox_staged *)staged)->plan;
    struct pack p;

    (void)st;
    pack_init(&p, out);
    pack_u64(&p, plan->inode);
    pack_u64(&p, plan->size);
    pack_u64(&p, plan->gap);
    pack_u64(&p, plan->quoted);
    return !p.full;
}

static bool
staged_fill(struct mbox *mb, struct mbox_staged *s, const struct store_mail *mail,
            struct store_ref *ref, struct outcome *why)
{
    struct mbox_quoted q;

    if (!mbox_quote_measure(s, !mb->base.is_journaled, &q))
        return mbox_errno(mb, why, "read message for", s->file->name);
    if (!staged_name(mb, s, why) || !staged_reserve(mb, s, why) || !staged_plan(mb, s, why))
        return false;
    strcpy(ref->name, s->name);
    ref->stored_octets = q.stored;
    ref->wire_octets = store_wire_octets(mail) + (q.added_end ? 2 : 0);
    ref->trace_octets = (uint32_t)mail->trace.n;
    ref->is_crlf = s->is_crlf;
    return true;
}

/* INBOX exists by definition; not finding its folder is our trouble, not the sender's. */
static enum store_result
stage_failed(const struct store_mail *mail, struct outcome *why)
{
    if (why->kind == OUTCOME_NOT_FOUND && strcmp(mail->mailbox, "INBOX") == 0)
        why->kind = OUTCOME_SYSTEM;
    return STORE_FAILED;
}

enum store_result
mbox_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
           struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    struct mbox_staged *s = mbox_staged_new(mail);
    bool busy;

    if (s == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to stage a delivery");
        return STORE_FAILED;
    }
    s->file = mbox_file_get(mb, mail->mailbox, true, &busy, why);
    if (s->file == NULL) {
        mbox_staged_free(s);
        *wait = (struct store_wait){.fd = -1, .ms = BUSY_MS};
        return busy ? STORE_LATER : stage_failed(mail, why);
    }
    if (!staged_fill(mb, s, mail, ref, why)) {
        mbox_file_put(mb, s->file);
        mbox_staged_free(s);
        return stage_failed(mail, why);
    }
    s->file->is_recorded = false;
    *staged = &s->base;
    return STORE_DONE;
}

/* One record for all that is staged in the file: the first of a batch pays for it. */
bool
mbox_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    struct mbox_staged *s = (struct mbox_staged *)staged;

    return s->file->is_recorded || mbox_record_write(mbox_of(st), s->file, why);
}

void
mbox_forget(struct store *st, struct store_staged *staged)
{
    struct mbox_staged *s = (struct mbox_staged *)staged;

    mbox_file_put(mbox_of(st), s->file);
    mbox_staged_free(s);
}
