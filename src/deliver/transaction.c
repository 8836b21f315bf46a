/* SPDX-License-Identifier: MIT
 *
 * Receiving a message from an edge and having it sorted: see transaction_priv.h. The store holds
 * the bytes from the first one on; an edge keeps none.
 */
#include "filing_priv.h"

#include <fcntl.h>
#include <stdlib.h>

#include "doorstep/door_frames.h"
#include "doorstep/limit.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define ARENA_MAX (64 * 1024 * 1024)
#define ENVELOPE_MAX (16 * 1024 * 1024) /* packed; ENVELOPE_RECIPIENTS_MAX of 300 octets */

/* A message that outgrew memory lies in an unnamed file: a crash leaves nothing behind. */
static int
open_spill(void *arg)
{
    const struct deliver *d = arg;
    char path[4096];

    snprintf(path, sizeof path, "%s/spool", d->settings->state_dir);
    return open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static struct transaction *
find_receiving(struct edge *e, uint64_t id)
{
    struct transaction *t;

    HASH_FIND(hh, e->receiving, &id, sizeof id, t);
    return t;
}

/* All but what is the whole's alone. */
static void
release(struct transaction *t)
{
    struct deliver *d = t->deliver;
    struct parcel *p, *next;

    filing_release(t);
    HASH_ITER(hh, t->parcels, p, next)
    {
        HASH_DEL(t->parcels, p);
        free(p);
    }
    for (const struct made_message *m = t->made; m != NULL; m = m->next) {
        message_unref(m->msg);
        spool_file_unref(m->source.spool);
    }
    spool_file_unref(t->source.spool);
    d->memory -= t->memory;
    metrics_gauge_set(METRIC_MEMORY_SET_ASIDE, METRICS_NO_LABEL, (int64_t)d->memory);
    message_unref(t->msg);
    message_unref(t->received);
    buf_release(&t->envelope_pieces);
    arena_release(&t->arena);
}

void
transaction_free(struct transaction *t)
{
    struct deliver *d = t->deliver;
    struct transaction *part, *next;

    for (part = t->parts; part != NULL; part = next) {
        next = part->next_part;
        release(part);
        free(part);
    }
    release(t);
    metrics_gauge_add(METRIC_TRANSACTIONS_OPEN, METRICS_NO_LABEL, -1);
    d->envelopes -= t->envelope_octets;
    edge_unref(t->edge);
    free(t);
    deliver_done_running(d);
}

static void
break_transaction(struct transaction *t, const struct outcome *why)
{
    if (t->is_broken)
        return;
    t->is_broken = true;
    t->why = *why;
    log_event(LOG_LEVEL_ERROR, "cannot_receive", "cause", why->cause, NULL);
}

/* Messages lie in memory while all of them together keep within limits.memory. */
static void
set_memory_aside(struct transaction *t)
{
    struct deliver *d = t->deliver;
    const struct settings_limits *l = &d->settings->limits;

    if (d->memory + l->message_memory <= l->memory)
        t->memory = l->message_memory;
    d->memory += t->memory;
    metrics_gauge_set(METRIC_MEMORY_SET_ASIDE, METRICS_NO_LABEL, (int64_t)d->memory);
}

static size_t
edge_transactions_max(const struct deliver *d)
{
    return (size_t)d->settings->limits.connections * 2;
}

bool
transaction_begin(struct edge *e, uint64_t id, struct span body)
{
    struct transaction *t;
    struct outcome why;
    struct unpack u;

    unpack_init(&u, body);
    unpack_u64(&u); /* SIZE=: quota was asked with it at RCPT */
    if (!unpack_done(&u) || find_receiving(e, id) != NULL ||
        HASH_COUNT(e->receiving) >= edge_transactions_max(e->deliver))
        return false;
    t = calloc(1, sizeof *t);
    if (t == NULL)
        return false;
    *t = (struct transaction){
        .deliver = e->deliver, .whole = t, .edge = e, .id = id, .started_us = clock_us()};
    e->references++;
    e->deliver->running++;
    metrics_gauge_add(METRIC_TRANSACTIONS_OPEN, METRICS_NO_LABEL, 1);
    arena_init(&t->arena, ARENA_MAX);
    buf_init(&t->envelope_pieces, ENVELOPE_MAX);
    set_memory_aside(t);
    t->msg = message_new((size_t)t->memory, open_spill, t->deliver);
    HASH_ADD(hh, e->receiving, id, sizeof t->id, t);
    if (t->msg == NULL || t->hh.tbl == NULL) {
        if (t->hh.tbl != NULL)
            HASH_DEL(e->receiving, t);
        transaction_free(t);
        return false;
    }
    if (e->deliver->is_draining) {
        outcome_set(&why, OUTCOME_OVERLOAD, "the store ends");
        break_transaction(t, &why);
    }
    return true;
}

bool
transaction_data(struct edge *e, uint64_t id, struct span octets)
{
    struct transaction *t = find_receiving(e, id);
    struct outcome why;

    if (t == NULL)
        return false;
    if (t->is_broken)
        return true; /* drained; the edge hears of it at the end */
    if (message_traits(t->msg)->octets + octets.n > t->deliver->settings->limits.message_size) {
        outcome_set(&why, OUTCOME_TOO_BIG, NULL);
        break_transaction(t, &why);
    } else if (!message_append(t->msg, octets.p, octets.n, &why)) {
        break_transaction(t, &why);
    } else if (!t->is_prepared) {
        t->is_prepared = ledger_prepare(t->msg, false);
    }
    if (t->is_broken) { /* the space returns at once */
        message_unref(t->msg);
        t->msg = message_from_memory(SPAN_NONE);
    }
    return true;
}

bool
transaction_abort(struct edge *e, uint64_t id)
{
    struct transaction *t = find_receiving(e, id);

    if (t == NULL)
        return false;
    HASH_DEL(e->receiving, t);
    transaction_free(t);
    return true;
}

void
transactions_abort_all(struct edge *e)
{
    struct transaction *t, *next;

    e->references++; /* the last transaction must not free it under us */
    HASH_ITER(hh, e->receiving, t, next)
    {
        HASH_DEL(e->receiving, t);
        transaction_free(t);
    }
    e->references--;
}

/* Envelopes together take a quarter of what messages may, so that no number of them, however long,
 * takes all memory there is. */
static bool
count_envelope(struct transaction *t, size_t octets)
{
    struct deliver *d = t->deliver;

    if (octets <= d->settings->limits.memory / 4 - d->envelopes) {
        d->envelopes += octets;
        t->envelope_octets += octets;
        return true;
    }
    limit_hit(METRICS_LIMIT_MEMORY, NULL, "envelopes");
    t->is_lost = true;
    buf_release(&t->envelope_pieces);
    return false;
}

bool
transaction_envelope(struct edge *e, uint64_t id, struct span piece)
{
    struct transaction *t = find_receiving(e, id);

    if (t == NULL)
        return false;
    if (t->is_lost || !count_envelope(t, piece.n))
        return true; /* the edge hears of it at the end */
    return buf_append_span(&t->envelope_pieces, piece);
}

static bool
read_envelope(struct transaction *t, struct span last_piece)
{
    struct unpack u;

    if (!buf_append_span(&t->envelope_pieces, last_piece))
        return false;
    unpack_init(&u, buf_span(&t->envelope_pieces));
    return envelope_unpack(&t->envelope, &t->arena, &u) && unpack_done(&u) &&
           t->envelope.recipient_count > 0;
}

bool
transaction_make_recipients(struct transaction *t)
{
    t->recipients = arena_alloc(&t->arena, t->envelope.recipient_count * sizeof *t->recipients);
    if (t->recipients == NULL)
        return false;
    for (uint32_t i = 0; i < t->envelope.recipient_count; i++)
        t->recipients[i] = (struct recipient){.transaction = t, .number = i};
    return true;
}

/* Promise 4: a queueing MTA repeats what it got no answer for. */
static bool
is_from_queue(const struct transaction *t)
{
    return *t->envelope.queue_id != '\0' || t->facts.received_count > 0;
}

/* The journal and the rows that wait keep facts as the sorter sent them. Without memory for that
 * the next look has them found anew. */
static void
keep_packed(struct transaction *t, struct span packed)
{
    const char *copy = arena_copy(&t->arena, packed);

    if (copy == NULL)
        return;
    t->source.packed_facts = (struct span){copy, packed.n};
}

static void
on_checked(struct transaction *t, bool is_filed)
{
    filing_plan(t, is_filed);
    hooks_after(t);
}

static void
on_facts(void *arg, enum sorters_answer answer, const struct facts *facts, struct span packed)
{
    struct transaction *t = arg;

    if (answer == SORTERS_LATE) {
        limit_hit(METRICS_LIMIT_SORT_WAIT, t->envelope.session, NULL);
        outcome_set(&t->why, OUTCOME_OVERLOAD, "no sorter took it in time");
        transaction_refuse(t);
        return;
    }

    t->facts = facts != NULL ? *facts : (struct facts){.flags = FACTS_UNKNOWN};
    t->deliver->counters.unsorted += facts == NULL;
    t->times.sorted_us = clock_us();
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_SORT,
                    t->times.sorted_us - t->times.resolved_us);
    if (facts != NULL)
        keep_packed(t, packed);
    t->source.from_queue = is_from_queue(t);
    if (t->facts.received_count > t->deliver->settings->max_received) {
        outcome_set(&t->why, OUTCOME_LOOP, "%u Received fields", t->facts.received_count);
        transaction_refuse(t);
        return;
    }
    filing_check_room(t, answer == SORTERS_FACTS, on_checked);
}

struct message *
transaction_new_message(struct transaction *t)
{
    return message_new((size_t)t->memory, open_spill, t->deliver);
}

/* What does not lie in memory, or is too large to be copied, is named by the journal. */
static bool
prepare_spool(struct transaction *t)
{
    const struct settings *s = t->deliver->settings;

    if (message_fd(t->msg) < 0 && message_traits(t->msg)->octets <= checkpoint_inline_max(s))
        return true;
    t->source.spool = spool_file_new(s->state_dir, t->source.id);
    return t->source.spool != NULL;
}

struct transaction *
transaction_new_part(struct transaction *t)
{
    struct transaction *part = calloc(1, sizeof *part);

    if (part == NULL)
        return NULL;
    *part = (struct transaction){
        .deliver = t->deliver,
        .whole = t->whole,
        .next_part = t->whole->parts,
        .filter = t->filter,
        .is_of_domain = t->is_of_domain,
        .flags = t->flags,
        .id = t->id,
        .started_us = t->started_us,
        .times = t->times,
        .msg = message_ref(t->msg),
        .received = t->received == NULL ? NULL : message_ref(t->received),
        .envelope = t->envelope,
        .asked = t->asked,
        .received_from = t->received_from,
        .source = t->source,
        .recipients = t->recipients,
    };
    arena_init(&part->arena, ARENA_MAX);
    set_memory_aside(part);
    part->source.envelope = &part->envelope;
    part->source.facts = &part->facts;
    part->source.received_from = &part->received_from;
    id_make(part->source.id);
    t->whole->parts = part;
    t->whole->unready++;
    return part;
}

void
transaction_sort(struct transaction *t)
{
    if (prepare_spool(t)) {
        filing_sort(t, on_facts);
        return;
    }
    outcome_set(&t->why, OUTCOME_OVERLOAD, "no memory for a large message");
    transaction_refuse(t);
}

/* All of it has come, and its envelope is read, into the arena. */
static void
set_out(struct transaction *t)
{
    buf_release(&t->envelope_pieces);
    t->deliver->counters.transactions++;
    t->times.ended_us = clock_us();
    metrics_observe(METRIC_STAGE_TIME, METRICS_STAGE_RECEIVE, t->times.ended_us - t->started_us);
    metrics_observe(METRIC_MESSAGE_SIZE, METRICS_NO_LABEL, message_traits(t->msg)->octets);
    t->asked = t->envelope.recipient_count;
    t->received_from = t->envelope.reverse_path;
    t->source = (struct delivery_source){.envelope = &t->envelope,
                                         .facts = &t->facts,
                                         .msg = t->msg,
                                         .received_from = &t->received_from,
                                         .mailbox = "INBOX",
                                         .received = clock_wall()};
    id_make(t->source.id);
}

/* Who has it already, and then whose it is. */
static void
look_and_deliver(struct transaction *t)
{
    if (!t->is_prepared)
        ledger_prepare(t->msg, true);
    message_seal(t->msg);
    ledger_look(t->msg, &t->source.known_by);
    t->deliver->counters.octets += message_traits(t->msg)->octets;
    if (*t->envelope.filter != '\0')
        transaction_filter(t);
    else
        transaction_resolve(t);
}

bool
transaction_end(struct edge *e, uint64_t id, struct span body)
{
    struct transaction *t = find_receiving(e, id);

    if (t == NULL)
        return false;
    HASH_DEL(e->receiving, t);
    if (t->is_lost || !count_envelope(t, body.n)) {
        edge_send(e, STORE_LOST, id, SPAN_NONE);
        transaction_free(t);
        return true;
    }
    if (!read_envelope(t, body) || !transaction_make_recipients(t)) {
        transaction_free(t);
        return false;
    }
    set_out(t);
    if (t->is_broken)
        transaction_refuse(t);
    else
        look_and_deliver(t);
    return true;
}
