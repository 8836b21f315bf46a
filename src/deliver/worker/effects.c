/* SPDX-License-Identifier: MIT
 *
 * Effects of scripts: see effects_priv.h.
 */
#include "effects_priv.h"

#include <errno.h>
#include <string.h>

#include "doorstep/arena.h"
#include "doorstep/deliver_by.h"
#include "doorstep/log.h"

#include "spool_priv.h"

#define PIECE 65536
#define ARENA_MAX (8 * 1024 * 1024) /* several times a record's effects */

/* ---- packed ---- */

bool
effects_pack(const struct effect *e, struct buf *out)
{
    struct pack p;

    pack_init(&p, out);
    pack_u8(&p, (uint8_t)e->kind);
    pack_str(&p, e->key);
    pack_u64(&p, e->until);
    pack_str(&p, e->text);
    if (e->kind == EFFECT_SEND)
        queue_item_pack(&e->item, &p);
    return !p.full;
}

static const char *
unpack_text(struct unpack *u, struct arena *arena)
{
    struct span s = unpack_span(u, EFFECT_TEXT_MAX);
    const char *text = u->broken ? NULL : arena_copy(arena, s);

    if (text == NULL || strlen(text) != s.n)
        u->broken = true;
    return u->broken ? "" : text;
}

bool
effect_unpack(struct effect *e, struct arena *arena, struct unpack *u)
{
    uint8_t kind = unpack_u8(u);

    *e = (struct effect){.kind = (enum effect_kind)kind};
    if (kind != EFFECT_MARK && kind != EFFECT_LOG && kind != EFFECT_SEND)
        u->broken = true;
    e->key = unpack_text(u, arena);
    e->until = unpack_u64(u);
    e->text = unpack_text(u, arena);
    if (!u->broken && kind == EFFECT_SEND)
        queue_item_unpack(&e->item, arena, u);
    return !u->broken;
}

/* ---- applied ---- */

struct applying {
    struct worker *w;
    struct index *ix;
    const char *account, *delivery_id;
    time_t when;
    struct queue_item items[EFFECTS_SENT_MAX];
    size_t count;
    bool has_key;
};

/* A vacation's key says whether its sender has had a reply lately (RFC 5230 4.2). One that this
 * very reply has set may have outlived the queue's row in a power cut: then it is queued again. */
static bool
may_send(struct applying *a, const struct effect *e, bool *may, struct outcome *why)
{
    char once[INDEX_ONCE_SIZE];

    *may = true;
    if (e->key[0] == '\0')
        return true;
    if (index_seen_by(a->ix, e->key, a->when, once, why)) {
        *may = strcmp(once, e->item.once) == 0;
        return true;
    }
    return why->kind == OUTCOME_NOT_FOUND &&
           index_seen_add(a->ix, e->key, (time_t)e->until, e->item.once, why);
}

/* Nobody waits for what nobody can answer; who wants it back in time gets it then (RFC 2852
 * 4.1.3). */
static time_t
lifetime(const struct settings_relay *relay, const struct queue_item *item)
{
    bool is_bounce = item->reverse_path[0] == '\0';
    time_t seconds = (time_t)((is_bounce ? relay->expire_bounce : relay->expire) / 1000);
    struct deliver_by by;

    if (deliver_by_parse(item->by, &by) && by.is_return && by.seconds < seconds)
        seconds = (time_t)by.seconds;
    return seconds;
}

static bool
gather(struct applying *a, const struct effect *e, struct outcome *why)
{
    bool may;

    if (!may_send(a, e, &may, why))
        return false;
    if (!may || a->count == EFFECTS_SENT_MAX)
        return true;
    struct queue_item *item = &a->items[a->count++];
    *item = e->item;
    item->account = a->account;
    item->delivery_id = a->delivery_id;
    item->queued = a->when;
    item->expires = a->when + lifetime(&a->w->with.settings->relay, item);
    return true;
}

static bool
apply(struct applying *a, const struct effect *e, struct outcome *why)
{
    a->has_key = a->has_key || e->key[0] != '\0';
    switch (e->kind) {
    case EFFECT_MARK:
        return index_seen_add(a->ix, e->key, (time_t)e->until, "", why);
    case EFFECT_LOG:
        return index_sieve_log_add(a->ix, a->when, a->delivery_id, e->text, why);
    case EFFECT_SEND:
        return gather(a, e, why);
    }
    return true;
}

/* What is wrong with the queue says nothing of the account's index, which would be renewed. */
static bool
send_all(struct applying *a, struct outcome *why)
{
    if (a->count == 0 || queue_add(a->w->with.queue, a->items, a->count, why))
        return true;
    if (why->kind == OUTCOME_CORRUPT || why->kind == OUTCOME_UNREADABLE)
        why->kind = OUTCOME_SYSTEM;
    return false;
}

bool
effects_apply(struct worker *w, struct open_account *oa, struct span packed,
              const char *delivery_id, time_t when, struct outcome *why)
{
    struct applying a = {
        .w = w, .ix = oa->index, .account = oa->key, .delivery_id = delivery_id, .when = when};
    struct arena arena;
    struct unpack u;
    struct effect e;
    bool ok = true;

    if (packed.n == 0)
        return true;
    arena_init(&arena, ARENA_MAX);
    unpack_init(&u, packed);
    while (ok && u.rest.n > 0 && effect_unpack(&e, &arena, &u))
        ok = apply(&a, &e, why);
    if (u.broken)
        log_event(LOG_LEVEL_ERROR, "effects_broken", "id", delivery_id, "account", oa->key, NULL);
    ok = ok && send_all(&a, why);
    arena_release(&arena);
    return ok && (!a.has_key || index_seen_prune(oa->index, when, why));
}

/* ---- messages that are to be sent ---- */

static bool
write_message(struct queue_message *m, const struct message *msg, struct outcome *why)
{
    char piece[PIECE];
    uint64_t offset = 0;
    ssize_t n;

    while ((n = message_read(msg, offset, piece, sizeof piece)) > 0) {
        if (!queue_message_write(m, (struct span){piece, (size_t)n}, why))
            return false;
        offset += (uint64_t)n;
    }
    return n == 0 || outcome_errno(why, errno, "read", "a message");
}

static bool
keep_copy(struct queue *q, const struct sent_message *s, struct outcome *why)
{
    char name[QUEUE_NAME_SIZE];
    struct queue_message *m = queue_message_begin_as(q, s->name, why);

    if (m == NULL)
        return false;
    if (write_message(m, s->msg, why))
        return queue_message_commit(m, name, why);
    queue_message_abandon(m);
    return false;
}

/* A message that outgrew memory lies in a file of state_dir already: that one gets another name.
 * Its name in spool/ comes first: an unnamed file whose only name is taken away again (it was sent,
 * or came to nothing) can never have another, and other accounts need it. */
static bool
keep(struct queue *q, const struct delivery *d, const struct sent_message *s, struct outcome *why)
{
    bool is_spooled = s->msg == d->source->msg && d->source->spool != NULL;
    int fd = message_fd(s->msg);

    if (is_spooled && !spool_file_keep(d->source->spool, s->msg, why))
        return false;
    return (fd >= 0 && queue_message_link(q, fd, s->name, why)) || keep_copy(q, s, why);
}

bool
effects_keep_messages(struct worker *w, struct delivery *d)
{
    for (uint32_t i = 0; i < d->sent_count; i++) {
        if (!keep(w->with.queue, d, &d->sent[i], &d->why))
            return false;
        d->sent_kept++;
    }
    return true;
}

void
effects_drop_messages(struct worker *w, struct delivery *d)
{
    while (d->sent_kept > 0)
        queue_message_remove(w->with.queue, d->sent[--d->sent_kept].name);
}
