/* SPDX-License-Identifier: MIT
 *
 * What a filter is told of a message: its fields, the end of its header, its body, the end; as far
 * as it goes without an answer.
 */
#include "milter_state_priv.h"

#include <assert.h>

#define BODY_PIECE MILTER_DATA_MAX

/* --- the header --- */

static void
say_field(struct milter *m, const struct draft_field *f)
{
    size_t at = milter_packet_begin(&m->out, MILTER_HEADER);
    bool has_space = (m->steps & MILTER_LEADING_SPACE) != 0;
    struct buf value;
    bool good;

    buf_init(&value, FILTER_HEADER_MAX * 2);
    good =
        milter_put_string(&m->out, draft_field_name(f)) && draft_field_value(f, has_space, &value);
    if (good && value.len > MILTER_DATA_MAX - f->name_length - 2)
        value.len = MILTER_DATA_MAX - f->name_length - 2; /* it sees the beginning */
    milter_say(m, at, good && milter_put_string(&m->out, buf_span(&value)));
    buf_release(&value);
}

/* true: something was said that has an answer, or this step is over. */
static bool
say_next_field(struct milter *m)
{
    const struct draft_field *f;

    while (m->field < m->draft->count && m->draft->fields[m->field].name_length == 0)
        m->field++;
    if (m->field == m->draft->count || (m->steps & MILTER_NO_HEADERS) != 0) {
        m->field = m->draft->count;
        return false;
    }
    f = &m->draft->fields[m->field++];
    if (f->name_length > MILTER_DATA_MAX / 2)
        return say_next_field(m); /* no filter could take its name */
    say_field(m, f);
    return true;
}

static bool
say_end_of_header(struct milter *m)
{
    if (m->has_end_of_header || (m->steps & MILTER_NO_END_OF_HEADER) != 0)
        return false;
    m->has_end_of_header = true;
    if (!milter_put_macros(m, MACROS_END_OF_HEADER, MILTER_END_OF_HEADER)) {
        milter_lose(m, "macros do not fit");
        return true;
    }
    milter_say_plain(m, MILTER_END_OF_HEADER);
    return true;
}

/* One step of the header; true: wait for its answer. */
static bool
say_header_step(struct milter *m)
{
    if (say_next_field(m))
        return (m->steps & MILTER_SILENT_HEADERS) == 0;
    if (say_end_of_header(m))
        return (m->steps & MILTER_SILENT_END_OF_HEADER) == 0;
    m->state = MILTER_PIECES;
    return false;
}

/* --- the body --- */

void
milter_say_end(struct milter *m)
{
    m->state = MILTER_ENDED;
    if (milter_put_macros(m, MACROS_END, MILTER_END))
        milter_say_plain(m, MILTER_END);
    else
        milter_lose(m, "macros do not fit");
}

/* As much of the body as a packet takes, behind what is in `out`; NULL, or what went wrong. */
static const char *
put_piece(struct milter *m, size_t n)
{
    ssize_t got;

    if (!buf_reserve(&m->out, n))
        return "no memory";
    got = draft_body_read(m->draft, m->body_said, m->out.data + m->out.len, n);
    if (got <= 0)
        return "the message cannot be read";
    m->out.len += (size_t)got;
    m->body_said += (uint64_t)got;
    return NULL;
}

/* true: wait for its answer. */
static bool
say_piece(struct milter *m)
{
    uint64_t left = draft_body_octets(m->draft) - m->body_said;
    size_t n = left < BODY_PIECE ? (size_t)left : BODY_PIECE;
    const char *error;
    size_t at;

    if (n == 0 || (m->steps & MILTER_NO_BODY) != 0) {
        milter_say_end(m);
        return true;
    }
    at = milter_packet_begin(&m->out, MILTER_BODY);
    error = put_piece(m, n);
    if (error == NULL)
        milter_say(m, at, true);
    else
        milter_lose(m, error);
    return error != NULL || (m->steps & MILTER_SILENT_BODY) == 0;
}

/* --- as far as it goes --- */

void
milter_say_more(struct milter *m)
{
    bool waits = false;

    while (!waits && !m->is_full && (m->state == MILTER_HEADERS || m->state == MILTER_PIECES))
        waits = m->state == MILTER_HEADERS ? say_header_step(m) : say_piece(m);
}

void
milter_ask_message(struct milter *m, struct draft *draft)
{
    assert(m->state == MILTER_IDLE);
    m->state = MILTER_HEADERS;
    m->draft = draft;
    m->field = 0;
    m->has_end_of_header = false;
    m->body_said = 0;
    if (m->is_connection_accepted || m->is_message_accepted)
        milter_go_on(m);
    else
        milter_say_more(m);
}

void
milter_resume(struct milter *m)
{
    if (!m->is_full)
        return;
    m->is_full = false;
    milter_say_more(m);
}
