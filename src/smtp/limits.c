/* SPDX-License-Identifier: MIT
 *
 * What one session may do before it is slowed down or ended: commands that lead to no message, and
 * recipients that nobody has. Recipients that exist, errors and messages are counted where they
 * happen; what a network may do is the edge's business.
 */
#include "session_priv.h"

#include "command_priv.h"
#include "doorstep/limit.h"

#define RCPTS_PER_RECIPIENT                                                                        \
    10 /* commands that a session may say for each that a message may have */

void
limits_hit(const struct smtp_session *s, enum metrics_LIMITS limit)
{
    limit_hit(limit, s->config.session_id, xclient_ip(s));
}

void
limits_note(const struct smtp_session *s, enum smtp_reply id)
{
    switch (id) {
    case REPLY_TOO_BIG:
        limits_hit(s, METRICS_LIMIT_MESSAGE_SIZE);
        break;
    case REPLY_TOO_MANY_RECIPIENTS:
        limits_hit(s, METRICS_LIMIT_RECIPIENTS);
        break;
    case REPLY_LINE_TOO_LONG:
        limits_hit(s, METRICS_LIMIT_COMMAND_LINE);
        break;
    case REPLY_TOO_MANY_ERRORS:
        limits_hit(s, METRICS_LIMIT_ERRORS);
        break;
    case REPLY_TOO_MANY_MESSAGES:
        limits_hit(s, METRICS_LIMIT_TRANSACTIONS);
        break;
    case REPLY_TOO_MANY_COMMANDS:
        limits_hit(s, METRICS_LIMIT_COMMANDS);
        break;
    case REPLY_TOO_MANY_UNKNOWN:
        limits_hit(s, METRICS_LIMIT_UNKNOWN_RECIPIENTS);
        break;
    default: /* all others are about no limit */
        break;
    }
}

/* A message may have many recipients, of which many may be refused, and come in many chunks: octets
 * are bounded elsewhere. */
bool
limits_take_command(struct smtp_session *s, const struct verb *verb)
{
    bool is_rcpt = verb != NULL && verb->run == cmd_rcpt;
    bool is_counted = verb == NULL || (!is_rcpt && verb->run != cmd_bdat);

    s->steps++;
    s->commands += is_counted;
    s->rcpts += is_rcpt;
    if (s->commands <= s->config.limits->commands &&
        s->rcpts / RCPTS_PER_RECIPIENT <= s->config.limits->recipients)
        return true;
    session_end(s, REPLY_TOO_MANY_COMMANDS, "too many commands");
    return false;
}

/* --- recipients that nobody has --- */

/* tarpit_ms, then twice as long each time, up to tarpit_max_ms. */
static uint64_t
delay_of(const struct smtp_session *s)
{
    uint64_t doublings = s->unknown - s->config.limits->tarpit_recipients;
    uint64_t delay = s->config.tarpit_ms, max = s->config.tarpit_max_ms;

    for (; doublings > 0 && delay < max; doublings--)
        delay *= 2;
    return delay < max ? delay : max;
}

bool
limits_must_delay(struct smtp_session *s, const struct rcpt_slot *slot)
{
    if (s->delay_ms > 0)
        return true;
    if (!slot->is_unknown || s->config.is_exempt || slot->id == s->delayed_id ||
        s->unknown < s->config.limits->tarpit_recipients)
        return false;
    s->delay_ms = delay_of(s);
    s->delayed_id = slot->id;
    limits_hit(s, METRICS_LIMIT_TARPIT);
    return s->delay_ms > 0;
}

void
limits_count_unknown(struct smtp_session *s)
{
    s->unknown++;
    if (!s->config.is_exempt && s->unknown >= s->config.limits->unknown_recipients)
        session_end(s, REPLY_TOO_MANY_UNKNOWN, "too many unknown recipients");
}
