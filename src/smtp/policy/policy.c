/* SPDX-License-Identifier: MIT
 *
 * Postfix's policy protocol: the recipient that a request names gets the answer that it would get
 * at RCPT, as an action of access(5). What is none of our business is DUNNO, for the MTA to decide;
 * what we cannot tell now waits (DEFER_IF_PERMIT), so that another restriction may refuse it first.
 */
#include <stdio.h>
#include <string.h>

#include "doorstep/metrics.h"

#include "protocol_priv.h"
#include "replies_priv.h"

static void
init(union lookup_parser *p)
{
    policy_parser_init(&p->policy);
}

static void
release(union lookup_parser *p)
{
    policy_parser_release(&p->policy);
}

static enum lookup_result
take(union lookup_parser *p, struct span in, size_t *used)
{
    static const enum lookup_result results[] = {
        [POLICY_MORE] = LOOKUP_MORE, [POLICY_DONE] = LOOKUP_DONE, [POLICY_BAD] = LOOKUP_BAD};

    return results[policy_take(&p->policy, in, used)];
}

/* --- answers --- */

static bool
act(struct buf *reply, enum metrics_POLICY_ACTIONS result, const char *action, struct span text)
{
    metrics_count(METRIC_POLICY_REQUESTS, result, 1);
    return buf_append_str(reply, "action=") && buf_append_str(reply, action) &&
           buf_append_span(reply, text) && buf_append_str(reply, "\n\n");
}

static bool
act_dunno(struct buf *reply)
{
    return act(reply, METRICS_POLICY_DUNNO, "DUNNO", SPAN_NONE);
}

/* A reply of the session's, CRLF and all, as the action. */
static bool
act_refuse(struct buf *reply, struct span line)
{
    bool is_permanent = line.n > 0 && line.p[0] == '5';

    return act(reply, is_permanent ? METRICS_POLICY_REFUSED : METRICS_POLICY_DEFERRED, "",
               span_trim(line));
}

/* Trouble of ours, not of the mailbox (RFC 3463: 4.2.x). */
static bool
is_unavailable(const struct outcome *o)
{
    return outcome_is_temporary(o) && strncmp(outcome_enhanced(o), "4.2.", 4) != 0;
}

static bool
act_unavailable(struct buf *reply, const struct outcome *o)
{
    char text[REPLY_LINE_MAX];

    snprintf(text, sizeof(text), " %s %s", outcome_enhanced(o), outcome_text(o));
    return act(reply, METRICS_POLICY_UNAVAILABLE, "DEFER_IF_PERMIT", span_of(text));
}

static bool
print(const struct lookup_request *r, const struct outcome *o, struct span targets,
      struct buf *reply)
{
    struct buf line;
    bool done;

    (void)targets;
    if (outcome_is_success(o) || o->kind == OUTCOME_NOT_OURS ||
        (o->kind == OUTCOME_NO_SUCH_USER && r->unknown == UNKNOWN_DUNNO))
        return act_dunno(reply);
    if (is_unavailable(o))
        return act_unavailable(reply, o);
    buf_init(&line, REPLY_OUTCOME_MAX);
    done = reply_print_outcome(&line, &r->recipient, outcome_code(o), o, "") &&
           act_refuse(reply, buf_span(&line));
    buf_release(&line);
    return done;
}

/* --- requests --- */

/* Where a recipient is named, it is the one that this is about: at RCPT, and behind it when there
 * is one alone. */
static bool
is_about_recipient(const struct policy_request *q)
{
    static const char *const states[] = {"", "RCPT", "VRFY", "DATA", "END-OF-MESSAGE"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(q->state, states[i]) == 0)
            return q->recipient[0] != '\0';
    }
    return false;
}

static bool
is_ours(const struct settings *settings, const char *recipient)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];
    const char *at = strrchr(recipient, '@');

    return at != NULL && domain_normalize(span_of(at + 1), domain, sizeof(domain)) &&
           settings_find_domain(settings, domain) != NULL;
}

/* Only carried, for the log: what is no address is none. */
static void
read_sender(struct lookup_request *r, const char *text)
{
    if (!lookup_read_address(span_of(text), &r->arena, &r->sender))
        r->sender = (struct address){.local = "", .domain = "", .is_null = true};
}

static bool
read_request(const union lookup_parser *p, const struct settings *settings,
             struct lookup_request *r, struct buf *reply)
{
    const struct policy_request *q = &p->policy.request;
    unsigned long long size = 0;

    if (strcmp(q->type, "smtpd_access_policy") != 0 ||
        (q->size[0] != '\0' && !span_parse_u64(span_of(q->size), INT64_MAX, &size)))
        return false;
    if (!is_about_recipient(q) || !is_ours(settings, q->recipient))
        return act_dunno(reply);
    if (!lookup_read_address(span_of(q->recipient), &r->arena, &r->recipient))
        return r->unknown == UNKNOWN_DUNNO ? act_dunno(reply)
                                           : act_refuse(reply, reply_line(REPLY_BAD_RECIPIENT));
    if (size > settings->limits.message_size)
        return act_refuse(reply, reply_line(REPLY_TOO_BIG));
    read_sender(r, q->sender);
    r->size = size;
    r->question = LOOKUP_RCPT;
    return true;
}

const struct lookup_protocol lookup_policy = {
    .init = init,
    .release = release,
    .take = take,
    .read = read_request,
    .print = print,
};
