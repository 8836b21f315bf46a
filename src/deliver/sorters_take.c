/* SPDX-License-Identifier: MIT
 *
 * What sorters answer: facts, reports, and the results of Sieve. Nothing of it is believed: a frame
 * that does not fit where it comes costs the sorter its place.
 */
#include "sorters_pool_priv.h"

#include <string.h>
#include <utlist.h>

#include "doorstep/charset.h"
#include "doorstep/clock.h"

#define QUESTIONS_MAX 10000 /* about one message */

/* The first of the given is answered. */
static void
end_first(struct sorter *so, enum sorters_answer answer, const struct facts *facts)
{
    struct request *r = so->given;

    DL_DELETE(so->given, r);
    if (so->given == NULL)
        loop_timer_stop(so->deadline);
    else
        sorter_watch_next(so);
    request_end(r, answer, facts, r->filing != NULL ? r->packed : buf_span(&so->facts));
    buf_reset(&so->facts);
}

static bool
is_complete(const struct request *r)
{
    return r->has_facts && r->filed_count == r->filing->count;
}

static void
end_filed(struct sorter *so)
{
    struct facts facts = so->given->facts;

    end_first(so, SORTERS_FACTS, &facts);
}

/* Results of runs come behind the facts, which wait for them. */
static bool
keep_facts(struct sorter *so, const struct facts *facts)
{
    struct request *r = so->given;
    const char *copy = r->has_facts ? "" : arena_copy(r->arena, buf_span(&so->facts));

    if (copy == NULL)
        return false;
    if (!r->has_facts) { /* else those of the sorter before it */
        r->packed = (struct span){copy, so->facts.len};
        r->facts = *facts;
        r->has_facts = true;
    }
    buf_reset(&so->facts);
    if (is_complete(r)) /* nothing is left but a run that was given up */
        end_filed(so);
    return true;
}

/* The whole answer to the first of the given. False: these are no facts. */
static bool
take_facts(struct sorter *so)
{
    struct facts facts;
    struct unpack u;

    unpack_init(&u, buf_span(&so->facts));
    if (!facts_unpack(&facts, so->given->arena, &u) || !unpack_done(&u))
        return false;
    if (so->given->filing != NULL)
        return keep_facts(so, &facts);
    end_first(so, SORTERS_FACTS, &facts);
    return true;
}

/* The same for a script. */
static bool
take_report(struct sorter *so)
{
    struct unpack u;

    unpack_init(&u, buf_span(&so->facts));
    unpack_u32(&u);
    unpack_u32(&u);
    struct span text = unpack_span(&u, SORT_REPORT_MAX);
    if (!unpack_done(&u) || !utf8_is_valid(text))
        return false;
    end_first(so, SORTERS_REPORT, NULL);
    return true;
}

/* ---- Sieve ---- */

void
sorter_forget_partial(struct sorter *so)
{
    buf_reset(&so->facts);
    if (so->given != NULL)
        so->given->asking = 0; /* nobody waits for that answer any more */
    message_unref(so->edition);
    so->edition = NULL;
    message_unref(so->input);
    so->input = NULL;
    while (so->edition_count > 0)
        message_unref(so->editions[--so->edition_count]);
}

/* Edited messages of the run, as they came before its result. */
static bool
keep_editions(struct sorter *so, struct sorters_filed *filed)
{
    uint32_t count = so->edition_count;

    if (filed->result.edition_count != count)
        return false;
    if (count == 0)
        return true;
    filed->editions = arena_alloc(so->given->arena, count * sizeof(struct message *));
    if (filed->editions == NULL)
        return false;
    memcpy(filed->editions, so->editions, count * sizeof(struct message *));
    so->edition_count = 0;
    return true;
}

static bool
take_filed(struct sorter *so)
{
    struct request *r = so->given;
    struct sorters_filed *filed = &r->filed[r->filed_count];
    struct unpack u;

    unpack_init(&u, buf_span(&so->facts));
    *filed = (struct sorters_filed){.lack = filed->lack};
    filing_result_unpack(&filed->result, r->arena, &u);
    if (!unpack_done(&u) || !keep_editions(so, filed))
        return false;
    buf_reset(&so->facts);
    r->filed_count++;
    if (is_complete(r))
        end_filed(so);
    return true;
}

static bool
take_edition(struct sorter *so, struct span piece, bool more)
{
    const struct sorters_filing *filing = so->given->filing;
    struct outcome why;

    if (so->edition == NULL && so->edition_count < FILING_ACTIONS_MAX)
        so->edition = filing->new_message(so->given->arg);
    if (so->edition == NULL ||
        message_traits(so->edition)->octets + piece.n > filing->edition_max ||
        !message_append(so->edition, piece.p, piece.n, &why))
        return false;
    if (more)
        return true;
    message_seal(so->edition);
    so->editions[so->edition_count++] = so->edition;
    so->edition = NULL;
    return true;
}

static bool
take_input(struct sorter *so, struct span piece, bool more)
{
    const struct sorters_filing *filing = so->given->filing;
    struct outcome why;

    if (so->input == NULL) {
        so->input = filing->new_message(so->given->arg);
        so->is_input_whole = false;
    }
    if (so->input == NULL || so->is_input_whole ||
        message_traits(so->input)->octets + piece.n > filing->edition_max ||
        !message_append(so->input, piece.p, piece.n, &why))
        return false;
    if (!more)
        message_seal(so->input);
    so->is_input_whole = !more;
    return true;
}

/* ---- questions ---- */

struct message *
sorters_take_input(const struct sorters_question *q)
{
    struct sorter *so = &q->pool->slots[q->slot];
    struct message *input = so->input;

    so->input = NULL;
    return input;
}

void
sorters_extend(const struct sorters_question *q, uint64_t ms)
{
    struct sorter *so = &q->pool->slots[q->slot];

    so->end_ms += ms;
    loop_timer_start(so->deadline, ms);
}

bool
sorter_tell(struct sorter *so, enum sort_verdict verdict, struct span octets)
{
    struct request *r = so->given;
    struct buf frame;
    bool ok = true;

    r->asking = 0;
    buf_init(&frame, DOOR_BODY_MAX);
    for (bool first = true; ok && (first || octets.n > 0); first = false) {
        size_t n = octets.n < DOOR_BODY_MAX - 2 ? octets.n : DOOR_BODY_MAX - 2;
        buf_reset(&frame);
        ok = buf_append_char(&frame, n < octets.n) &&
             (!first || buf_append_char(&frame, (char)verdict)) &&
             buf_append(&frame, octets.p, n) &&
             door_keeper_send(&so->keeper, SORT_TOLD, r->id, buf_span(&frame), -1);
        octets = span_skip(octets, n);
    }
    buf_release(&frame);
    return ok;
}

static bool
take_question(struct sorter *so, const struct door_frame *f)
{
    struct request *r = so->given;
    struct unpack u;

    unpack_init(&u, f->body);
    uint32_t run = unpack_u32(&u);
    uint8_t what = unpack_u8(&u);
    if (u.broken || what >= SORT_QUESTIONS || !r->has_facts || r->asking != 0 ||
        run != r->filed_count - r->first || ++r->questions > QUESTIONS_MAX ||
        clock_ms() >= so->end_ms ||
        (what == SORT_ASK_PROGRAM && so->input != NULL && !so->is_input_whole))
        return false;
    r->asking = ++so->pool->next_question;
    const struct sorters_question q = {so->pool, so->slot, r->asking};
    loop_timer_start(so->deadline, so->pool->timeouts->sort);
    r->filing->ask(r->arg, &q, r->filed_count, (enum sort_question)what, u.rest);
    return true;
}

/* Not where the sorter is gone, or was told that nobody knows. */
static bool
is_waiting(const struct sorters_question *q)
{
    const struct sorter *so = &q->pool->slots[q->slot];

    return so->keeper.door != NULL && so->given != NULL && so->given->asking == q->number;
}

void
sorters_tell_lack(const struct sorters_question *q, enum outcome_kind lack)
{
    struct request *r = q->pool->slots[q->slot].given;

    if (is_waiting(q))
        r->filed[r->filed_count].lack = lack;
    sorters_tell(q, SORT_NOT_NOW, SPAN_NONE);
}

void
sorters_tell(const struct sorters_question *q, enum sort_verdict verdict, struct span octets)
{
    struct sorter *so = &q->pool->slots[q->slot];

    if (!is_waiting(q))
        return;
    loop_timer_start(so->deadline, so->pool->timeouts->sort);
    sorter_tell(so, verdict, octets); /* where that fails, its time will be up */
}

/* ---- frames ---- */

/* What may come now? */
static bool
is_expected(const struct request *r, uint16_t type)
{
    if (r->name != NULL)
        return type == SORT_REPORT;
    if (type == SORT_FACTS)
        return r->filing == NULL || r->filed_count == r->first;
    return r->filing != NULL && r->has_facts &&
           (type == SORT_FILED || type == SORT_EDITION || type == SORT_INPUT);
}

bool
sorter_take(struct sorter *so, const struct door_frame *f)
{
    struct request *r = so->given;
    struct unpack u;

    if (r == NULL || f->fd != -1 || f->id != r->id)
        return false;
    if (f->type == SORT_ASK && r->filing != NULL)
        return take_question(so, f);
    if (!is_expected(r, f->type) || r->asking != 0)
        return false;
    unpack_init(&u, f->body);
    bool more = unpack_u8(&u) != 0;
    if (f->type == SORT_EDITION)
        return !u.broken && take_edition(so, u.rest, more);
    if (f->type == SORT_INPUT)
        return !u.broken && take_input(so, u.rest, more);
    if (u.broken || !buf_append_span(&so->facts, u.rest))
        return false;
    if (more)
        return true;
    switch (f->type) {
    case SORT_FACTS:
        return take_facts(so);
    case SORT_REPORT:
        return take_report(so);
    default:
        return take_filed(so);
    }
}
