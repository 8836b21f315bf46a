/* SPDX-License-Identifier: MIT
 *
 * Jobs and results of the relay as bytes, and back. Store and relay role trust each other no more
 * than the network: what could end a line of SMTP or of a log early is refused here.
 */
#include "doorstep/relay_job.h"

#include "doorstep/charset.h"
#include "doorstep/unpack_string.h"

#define BY_MAX 32 /* octets: nine digits, mode, trace (RFC 2852 4) */

/* Lengths of two empty strings, NOTIFY; state, code, lengths of two empty strings. */
#define RECIPIENT_PACKED_MIN (4 + 1 + 4)
#define ANSWER_PACKED_MIN (1 + 2 + 4 + 4)

/* ------------------------------------------------------------------ what both have */

static uint8_t
unpack_up_to(struct unpack *u, uint8_t highest)
{
    uint8_t v = unpack_u8(u);

    if (v > highest)
        u->broken = true;
    return u->broken ? 0 : v;
}

static const char *
unpack_text(struct unpack *u, struct arena *arena, size_t max)
{
    const char *text = unpack_line(u, arena, max);

    if (!utf8_is_valid(span_of(text)))
        u->broken = true;
    return u->broken ? "" : text;
}

/* unpack_rows() - how many rows follow, and memory for them; 0 and NULL when broken. */
static void *
unpack_rows(struct unpack *u, struct arena *arena, size_t row, size_t packed_min, uint32_t *count)
{
    uint32_t n = unpack_u32(u);
    void *rows = NULL;

    if (n == 0 || n > RELAY_RECIPIENTS_MAX || n > u->rest.n / packed_min)
        u->broken = true;
    if (!u->broken)
        rows = arena_alloc(arena, n * row);
    if (rows == NULL)
        u->broken = true;
    *count = u->broken ? 0 : n;
    return rows;
}

/* ------------------------------------------------------------------ jobs */

void
relay_job_pack(const struct relay_job *job, struct pack *p)
{
    pack_str(p, job->route);
    pack_str(p, job->reverse_path);
    pack_str(p, job->envid);
    pack_u8(p, (uint8_t)job->ret);
    pack_u8(p, (uint8_t)job->body);
    pack_u8(p, job->smtputf8);
    pack_u8(p, job->require_tls);
    pack_str(p, job->by);
    pack_u32(p, job->recipient_count);
    for (uint32_t i = 0; i < job->recipient_count; i++) {
        pack_str(p, job->recipients[i].address);
        pack_u8(p, (uint8_t)job->recipients[i].notify);
        pack_str(p, job->recipients[i].orcpt);
    }
    pack_span(p, job->head);
    pack_u64(p, job->octets);
    pack_u8(p, job->is_question);
}

/* NEVER stands alone (RFC 3461 4.1). */
static unsigned
unpack_notify(struct unpack *u)
{
    unsigned n = unpack_up_to(u, NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY);

    if ((n & NOTIFY_NEVER) != 0 && n != NOTIFY_NEVER)
        u->broken = true;
    return n;
}

static void
unpack_recipients(struct relay_job *job, struct arena *arena, struct unpack *u)
{
    struct relay_recipient *rows =
        unpack_rows(u, arena, sizeof(*rows), RECIPIENT_PACKED_MIN, &job->recipient_count);

    job->recipients = rows;
    for (uint32_t i = 0; i < job->recipient_count && !u->broken; i++) {
        rows[i].address = unpack_text(u, arena, RELAY_STRING_MAX);
        rows[i].notify = unpack_notify(u);
        rows[i].orcpt = unpack_text(u, arena, RELAY_STRING_MAX);
        if (rows[i].address[0] == '\0')
            u->broken = true;
    }
}

/* Whole lines, or what follows would become a part of the last one. */
static struct span
unpack_head(struct unpack *u, struct arena *arena)
{
    struct span head = unpack_span(u, RELAY_HEAD_MAX);
    const char *copy;

    if (head.n == 0)
        return SPAN_NONE;
    copy = arena_copy(arena, head);
    if (copy == NULL || head.n < 2 || memcmp(head.p + head.n - 2, "\r\n", 2) != 0)
        u->broken = true;
    return u->broken ? SPAN_NONE : (struct span){copy, head.n};
}

void
relay_job_unpack(struct relay_job *job, struct arena *arena, struct unpack *u)
{
    *job = (struct relay_job){0};
    job->route = unpack_text(u, arena, RELAY_STRING_MAX);
    job->reverse_path = unpack_text(u, arena, RELAY_STRING_MAX);
    job->envid = unpack_text(u, arena, RELAY_STRING_MAX);
    job->ret = (enum envelope_ret)unpack_up_to(u, RET_HDRS);
    job->body = (enum envelope_body)unpack_up_to(u, BODY_BINARYMIME);
    job->smtputf8 = unpack_up_to(u, 1) != 0;
    job->require_tls = unpack_up_to(u, 1) != 0;
    job->by = unpack_text(u, arena, BY_MAX);
    unpack_recipients(job, arena, u);
    job->head = unpack_head(u, arena);
    job->octets = unpack_u64(u);
    job->is_question = unpack_up_to(u, 1) != 0;
}

/* ------------------------------------------------------------------ results */

void
relay_result_pack(const struct relay_result *result, struct pack *p)
{
    pack_str(p, result->host);
    pack_str(p, result->tls);
    pack_u8(p, result->dsn);
    pack_u8(p, result->deliverby);
    pack_u32(p, result->answer_count);
    for (uint32_t i = 0; i < result->answer_count; i++) {
        const struct relay_answer *a = &result->answers[i];
        pack_u8(p, (uint8_t)a->state);
        pack_u16(p, a->code);
        pack_str(p, a->enhanced);
        pack_str(p, a->text);
    }
}

static void
unpack_answer(struct relay_answer *a, struct arena *arena, struct unpack *u)
{
    a->state = (enum relay_state)unpack_up_to(u, RELAY_FAILED);
    a->code = unpack_u16(u);
    unpack_str(u, a->enhanced, sizeof(a->enhanced));
    a->text = unpack_text(u, arena, RELAY_STRING_MAX);
    if (a->code > 599 || (a->code < 200 && a->code != 0) ||
        strspn(a->enhanced, "0123456789.") != strlen(a->enhanced))
        u->broken = true;
}

void
relay_result_unpack(struct relay_result *result, struct arena *arena, struct unpack *u)
{
    struct relay_answer *rows;

    *result = (struct relay_result){0};
    result->host = unpack_text(u, arena, RELAY_STRING_MAX);
    result->tls = unpack_text(u, arena, RELAY_STRING_MAX);
    result->dsn = unpack_up_to(u, 1) != 0;
    result->deliverby = unpack_up_to(u, 1) != 0;
    rows = unpack_rows(u, arena, sizeof(*rows), ANSWER_PACKED_MIN, &result->answer_count);
    result->answers = rows;
    for (uint32_t i = 0; i < result->answer_count && !u->broken; i++)
        unpack_answer(&rows[i], arena, u);
}
