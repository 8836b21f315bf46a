/* SPDX-License-Identifier: MIT
 *
 * Deadlines: see pace_priv.h.
 *
 *   a command    timeouts.command since the last one was complete, or since our reply to it
 *   a message    timeouts.data since its last piece, and at each moment limits.data_rate octets a
 *                second since its begin, with timeouts.data as grace; while the store makes it
 * wait, its clock stands still a session    timeouts.session since its begin, behind the message
 * under way replies      timeouts.write while the peer does not read them the store timeouts.answer
 */
#include "pace_priv.h"

#define SECOND_MS 1000

void
pace_init(struct pace *p, uint64_t now_ms)
{
    *p = (struct pace){.began_ms = now_ms, .since_ms = now_ms, .message_ms = now_ms};
    p->last.waits = SMTP_WAIT_NOTHING;
}

void
pace_took(struct pace *p, uint64_t octets)
{
    if (p->last.waits == SMTP_WAIT_DATA)
        p->message_octets += octets;
}

/* The deadline so far, or an earlier one. */
static void
consider(struct pace *p, uint64_t *deadline, uint64_t other, enum metrics_LIMITS limit)
{
    if (other >= *deadline)
        return;
    *deadline = other;
    p->next = limit;
}

static uint64_t
shorter(uint64_t timeout, const struct pace_state *state, const struct settings_timeouts *t)
{
    return state->is_busy && t->busy < timeout ? t->busy : timeout;
}

/* When its octets so far would have come at the lowest rate allowed. */
static uint64_t
rate_deadline(const struct pace *p, uint64_t grace_ms, uint64_t rate)
{
    uint64_t whole = p->message_octets / rate, rest = p->message_octets % rate;

    return p->message_ms + grace_ms + whole * SECOND_MS + rest * SECOND_MS / rate;
}

/* What has changed since the last look: a wait begins, a message begins, a pause begins or ends. */
static void
notice(struct pace *p, const struct pace_state *state, uint64_t now_ms)
{
    const struct pace_state *last = &p->last;
    bool is_new = state->waits != last->waits || state->steps != last->steps ||
                  state->is_full != last->is_full || state->is_paused != last->is_paused ||
                  p->message_octets != p->seen_octets;

    if (state->begun != last->begun) {
        p->message_ms = now_ms;
        p->message_octets = 0;
    }
    p->seen_octets = p->message_octets;
    if (state->is_paused && !last->is_paused)
        p->paused_ms = now_ms;
    if (!state->is_paused && last->is_paused)
        p->message_ms += now_ms - p->paused_ms;
    if (is_new)
        p->since_ms = now_ms;
    p->last = *state;
}

/* The session's own end waits for a message that is under way, which has an end of its own. */
static bool
is_in_message(const struct pace_state *state)
{
    return state->is_paused || state->waits == SMTP_WAIT_DATA || state->waits == SMTP_WAIT_ANSWER;
}

uint64_t
pace_next(struct pace *p, const struct pace_state *state, const struct settings *s, uint64_t now_ms)
{
    const struct settings_timeouts *t = &s->timeouts;
    uint64_t deadline = UINT64_MAX, data = shorter(t->data, state, t);

    notice(p, state, now_ms);
    if (state->waits == SMTP_WAIT_NOTHING)
        return 0;
    if (!is_in_message(state))
        consider(p, &deadline, p->began_ms + t->session, METRICS_LIMIT_TIMEOUT_SESSION);
    if (state->is_full)
        consider(p, &deadline, p->since_ms + t->write, METRICS_LIMIT_TIMEOUT_WRITE);
    else if (state->is_paused || state->waits == SMTP_WAIT_ANSWER)
        consider(p, &deadline, p->since_ms + t->answer, METRICS_LIMIT_TIMEOUT_ANSWER);
    else if (state->waits == SMTP_WAIT_DELAY)
        consider(p, &deadline, p->since_ms + state->delay_ms, METRICS_LIMIT_TARPIT);
    else if (state->waits == SMTP_WAIT_HANDSHAKE)
        consider(p, &deadline, p->since_ms + t->handshake, METRICS_LIMIT_TIMEOUT_HANDSHAKE);
    else if (state->waits == SMTP_WAIT_COMMAND)
        consider(p, &deadline, p->since_ms + shorter(t->command, state, t),
                 METRICS_LIMIT_TIMEOUT_COMMAND);
    else {
        consider(p, &deadline, p->since_ms + data, METRICS_LIMIT_TIMEOUT_DATA);
        consider(p, &deadline, rate_deadline(p, data, s->limits.data_rate),
                 METRICS_LIMIT_DATA_RATE);
    }
    return deadline > now_ms ? deadline - now_ms : 1;
}
