/* SPDX-License-Identifier: MIT
 *
 * Where the client's octets go: lines to their verbs, content to the message, TLS and AUTH to
 * theirs, and what has to wait for an answer is kept, within SMTP_PENDING_MAX.
 */
#include <assert.h>
#include <string.h>

#include "auth_priv.h"
#include "command_priv.h"
#include "session_priv.h"

/* Octets of one line that are skipped; a client that goes on will never say a command. */
#define SKIPPED_MAX (1u << 20)

/* --- commands --- */

static void
run_verb(struct smtp_session *s, const struct verb *verb, struct span args)
{
    if (starttls_is_missing(s) && !verb->may_be_plain)
        session_refuse(s, REPLY_NEED_TLS);
    else if ((verb->states & 1u << s->state) != 0)
        verb->run(s, args);
    else if (s->state == SESSION_CONNECTED)
        session_refuse(s, REPLY_NEED_HELLO);
    else
        session_refuse(s, s->state == SESSION_BETWEEN ? verb->between : verb->otherwise);
}

/* May this verb run while RCPTs wait? RCPTs go to the store as a batch, and answers keep their
 * order: that is what PIPELINING is for (RFC 2920). All else waits. */
static bool
must_wait(const struct smtp_session *s, const struct verb *verb)
{
    if (!session_waits(s))
        return false;
    if (s->filter_id != 0) /* a stage is not over yet: nothing behind it may run */
        return true;
    return verb == NULL || !verb->may_overtake || !rcpt_may_overtake(s);
}

/* One whole line; false when it has to wait for the store. */
static bool
take_line(struct smtp_session *s, struct span line)
{
    struct span name, args;
    bool is_command = command_split(line, &name, &args);
    const struct verb *verb = is_command ? verb_find(name) : NULL;

    if (must_wait(s, verb))
        return false;
    if (!limits_take_command(s, verb))
        return true;
    if (verb != NULL)
        run_verb(s, verb, args);
    else if (!is_command || !filter_asks_unknown(s, line))
        session_refuse(s, is_command ? REPLY_UNKNOWN_VERB : REPLY_GARBAGE);
    return true;
}

/* --- lines that are too long --- */

/* The rest of an over-long line. Only its last octet is remembered. */
static size_t
skip_line(struct smtp_session *s, struct span in)
{
    size_t used = 0;

    while (used < in.n) {
        const char *lf = memchr(in.p + used, '\n', in.n - used);
        size_t at = lf != NULL ? (size_t)(lf - in.p) : in.n;
        bool behind_cr = at > 0 ? in.p[at - 1] == '\r' : s->skipped_cr;

        if (lf != NULL && behind_cr) {
            s->is_skipping = false;
            session_refuse(s, s->skip_reply);
            return at + 1;
        }
        used = lf != NULL ? at + 1 : in.n;
    }
    s->skipped_cr = in.p[in.n - 1] == '\r';
    s->skipped += in.n;
    if (s->skipped > SKIPPED_MAX)
        session_end(s, s->skip_reply, "endless line");
    return used;
}

size_t
session_skip_line(struct smtp_session *s, struct span in, enum smtp_reply reply)
{
    s->is_skipping = true;
    s->skipped_cr = false;
    s->skipped = 0;
    s->skip_reply = reply;
    return skip_line(s, in);
}

/* --- octets --- */

/* A command, or a part of one that is too long. 0: more octets are needed, or the store's answer.
 */
static size_t
take_command(struct smtp_session *s, struct span in)
{
    size_t max = s->config.limits->command_line;
    size_t n;

    if (s->is_skipping)
        return skip_line(s, in);
    n = command_line_length((struct span){in.p, in.n < max ? in.n : max});
    if (n > 0)
        return take_line(s, (struct span){in.p, n - 2}) ? n : 0;
    if (in.n < max || must_wait(s, NULL))
        return 0;
    return session_skip_line(s, in, REPLY_LINE_TOO_LONG);
}

static size_t
session_take(struct smtp_session *s, struct span in)
{
    switch (s->state) {
    case SESSION_CONNECTED:
    case SESSION_READY:
    case SESSION_MAIL:
    case SESSION_BETWEEN:
        return take_command(s, in);
    case SESSION_HANDSHAKE:
        return starttls_drop(s, in);
    case SESSION_DATA:
        return content_take_text(s, in);
    case SESSION_CHUNK:
        return content_take_chunk(s, in);
    case SESSION_AUTH:
        return auth_take(s, in);
    case SESSION_ANSWER:
        return 0;
    case SESSION_CLOSED:
        return in.n;
    }
    return 0;
}

/* As far as it goes; returns the octets used. */
static size_t
session_consume(struct smtp_session *s, struct span in)
{
    size_t used = 0;

    s->is_running = true;
    while (used < in.n && !s->is_full) {
        size_t n = session_take(s, span_skip(in, used));

        if (n == 0)
            break;
        used += n;
    }
    s->is_running = false;
    return used;
}

static void
keep_pending(struct smtp_session *s, struct span rest)
{
    if (rest.n > 0 && !buf_append_span(&s->pending, rest))
        session_end(s, REPLY_TOO_MANY_ERRORS, "too much pipelined input");
}

/* Idle sessions keep no memory for what waited. */
void
session_resume(struct smtp_session *s)
{
    bool was_in_auth = s->state == SESSION_AUTH;
    size_t before = s->pending.len;

    if (s->is_running || before == 0)
        return;
    buf_consume(&s->pending, session_consume(s, buf_span(&s->pending)));
    if (was_in_auth || s->state == SESSION_AUTH) /* a password went by */
        explicit_bzero(s->pending.data + s->pending.len, before - s->pending.len);
    if (s->pending.len == 0)
        buf_release(&s->pending);
}

void
smtp_session_feed(struct smtp_session *s, struct span octets)
{
    assert(!s->is_running);
    if (s->pending.len == 0) {
        keep_pending(s, span_skip(octets, session_consume(s, octets)));
        return;
    }
    keep_pending(s, octets);
    session_resume(s);
}
