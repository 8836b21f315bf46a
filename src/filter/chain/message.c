/* SPDX-License-Identifier: MIT
 *
 * The message of a session in its chain: the draft that all filters have agreed to so far, the copy
 * that one of them works on, and the result that the store hears, whole or not at all.
 */
#include "chain_state_priv.h"

#include <string.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

/* --- whose it is --- */

bool
chain_message(struct chain *c, const char *name, struct message *msg)
{
    if (c->msg != NULL || strlen(name) >= sizeof(c->msg_name))
        return false;
    strcpy(c->msg_name, name);
    c->msg = message_ref(msg);
    chain_run(c);
    return true;
}

static void
count_result(const struct filter_result *r)
{
    static const enum metrics_FILTERED labels[] = {
        [FILTER_PASS] = METRICS_FILTERED_SAME,
        [FILTER_REFUSE] = METRICS_FILTERED_REFUSED,
        [FILTER_DISCARD] = METRICS_FILTERED_DISCARDED,
        [FILTER_LOST] = METRICS_FILTERED_LOST,
    };
    unsigned label = labels[r->verdict];

    if (r->quarantine[0] != '\0')
        label = METRICS_FILTERED_QUARANTINED;
    else if (r->is_changed)
        label = METRICS_FILTERED_CHANGED;
    metrics_count(METRIC_FILTERED, label, 1);
}

void
message_lose(struct chain *c, const char *cause)
{
    struct filter_result r = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};
    struct message *msg = c->msg;

    if (msg == NULL)
        return;
    c->msg = NULL;
    outcome_set(&r.why, OUTCOME_FILTER_DEFERRED, "%s", cause);
    count_result(&r);
    c->calls->result(c->arg, &r, NULL);
    message_unref(msg);
}

bool
message_is_asked(struct chain *c, const struct request *r)
{
    if (c->msg != NULL && strcmp(c->msg_name, r->name) != 0)
        message_lose(c, "it belongs to another transaction");
    return c->msg != NULL;
}

/* --- drafts --- */

void
message_drop_drafts(struct chain *c)
{
    if (c->has_copy)
        draft_close(&c->copy);
    if (c->has_draft)
        draft_close(&c->draft);
    if (c->has_draft)
        arena_release(&c->draft_memory);
    c->has_draft = c->has_copy = false;
}

void
message_drop_copy(struct chain *c)
{
    if (c->has_copy)
        draft_close(&c->copy);
    c->has_copy = false;
}

void
message_keep_copy(struct chain *c)
{
    if (!c->has_copy)
        return;
    draft_close(&c->draft);
    c->draft = c->copy;
    c->has_copy = false;
}

bool
message_ask(struct chain *c, struct member *m)
{
    if (!draft_copy(&c->draft, &c->copy))
        return false;
    c->has_copy = c->is_waiting = true;
    milter_ask_message(m->milter, &c->copy);
    return true;
}

/* --- the end --- */

static void
tell_result(struct chain *c, const struct filter_result *result, struct message *body)
{
    struct message *msg = c->msg;

    c->msg = NULL;
    members_abort(c);
    request_pop(c);
    if (msg != NULL) {
        count_result(result);
        c->calls->result(c->arg, result, body);
    }
    message_drop_drafts(c);
    message_unref(msg);
}

void
message_end(struct chain *c, enum filter_verdict verdict, const struct outcome *why)
{
    const struct filter_result result = {
        .verdict = verdict, .why = *why, .quarantine = "", .reason = ""};

    tell_result(c, &result, NULL);
}

static bool
parse_addresses(struct chain *c, const char *const *texts, uint32_t count, struct address *out,
                uint32_t *good)
{
    *good = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum address_result parsed =
            address_parse_mailbox(span_of(texts[i]), ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8,
                                  &c->draft_memory, &out[*good]);

        if (parsed == ADDRESS_NO_MEMORY)
            return false;
        if (parsed == ADDRESS_OK)
            ++*good;
        else
            log_event(LOG_LEVEL_WARNING, "milter_address", "address", texts[i], "error",
                      "it is none", NULL);
    }
    return true;
}

static bool
fill_envelope(struct chain *c, struct filter_result *r)
{
    const struct draft *d = &c->draft;
    size_t count = d->added_count + d->deleted_count + 1;
    struct address *list = arena_alloc(&c->draft_memory, count * sizeof(*list));

    if (list == NULL)
        return false;
    r->added = list;
    r->deleted = list + d->added_count;
    if (d->has_sender)
        r->has_sender =
            address_parse_mailbox(span_of(d->sender), ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8,
                                  &c->draft_memory, &r->sender) == ADDRESS_OK;
    return parse_addresses(c, d->added, d->added_count, r->added, &r->added_count) &&
           parse_addresses(c, d->deleted, d->deleted_count, r->deleted, &r->deleted_count);
}

static void
describe_draft(const struct draft *d, struct filter_result *r)
{
    outcome_set(&r->why, OUTCOME_OK, NULL);
    r->quarantine = d->quarantine != NULL ? d->quarantine : "";
    r->reason = d->reason;
    r->is_changed = d->is_changed;
    r->has_new_body = d->body != NULL;
    r->body_offset = d->body_offset;
    r->body_octets = draft_body_octets(d);
}

void
message_end_well(struct chain *c)
{
    struct filter_result r = {.verdict = FILTER_PASS};
    const struct draft *d = &c->draft;
    struct outcome no_memory;
    struct buf header;

    describe_draft(d, &r);
    outcome_set(&no_memory, OUTCOME_FILTER_DEFERRED, "the changed message does not fit");
    buf_init(&header, FILTER_HEADER_MAX * 2);
    bool good = fill_envelope(c, &r) && (!d->is_changed || draft_print_header(d, &header));
    r.header = buf_span(&header);
    if (good)
        tell_result(c, &r, d->body);
    else
        message_end(c, FILTER_LOST, &no_memory);
    buf_release(&header);
}

/* --- the beginning --- */

static void
open_draft(struct chain *c)
{
    struct outcome why;

    arena_init(&c->draft_memory, DRAFT_MEMORY);
    switch (draft_open(&c->draft, c->msg, c->settings->limits.message_size, &c->draft_memory)) {
    case DRAFT_OK:
        c->has_draft = true;
        draft_remove_results(&c->draft, c->settings->authserv_id);
        return;
    case DRAFT_HEADER_TOO_LARGE:
        outcome_set(&why, OUTCOME_BAD_CONTENT, "its header is too large for filters");
        break;
    case DRAFT_NO_MEMORY:
        outcome_set(&why, OUTCOME_FILTER_DEFERRED, "no memory for a message");
        break;
    }
    arena_release(&c->draft_memory);
    message_end(c, FILTER_REFUSE, &why);
}

void
message_begin(struct chain *c)
{
    c->is_under_way = true;
    if (!outcome_is_success(&c->connection))
        message_end(c, FILTER_REFUSE, &c->connection);
    else if (c->is_discarded)
        message_end(c, FILTER_DISCARD, &c->held);
    else if (!outcome_is_success(&c->held))
        message_end(c, FILTER_REFUSE, &c->held);
    else
        open_draft(c);
}
