/* SPDX-License-Identifier: MIT
 *
 * What milters say of a message that has arrived whole, before anybody looks whose it is, and how
 * what a filter of any kind has changed takes its place.
 */
#include "transaction_priv.h"

#include <string.h>

#include "doorstep/log.h"

struct message *
transaction_changed_message(struct transaction *t, const struct filter_result *r, int body_fd,
                            const struct message *original, struct outcome *why)
{
    struct message *m = transaction_new_message(t);

    if (m == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory for a message");
        return NULL;
    }
    if (filters_apply(r, body_fd, original, t->deliver->settings->limits.message_size, m, why))
        return m;
    message_unref(m);
    return NULL;
}

/* Of the message that came only the digest stays, unless other parts have it too. One that another
 * filter has made is nobody's any more. */
bool
transaction_change(struct transaction *t, const struct filter_result *r, int body_fd)
{
    struct message *m = transaction_changed_message(t, r, body_fd, t->msg, &t->why);

    if (m == NULL)
        return false;
    if (t->received != NULL) {
        message_unref(t->msg);
    } else {
        t->received = t->msg;
        if (t->whole == t && t->parts == NULL)
            message_drop(t->received);
    }
    t->msg = m;
    t->source.msg = m;
    return true;
}

static bool
is_deleted(const struct filter_result *r, const struct address *a)
{
    for (uint32_t i = 0; i < r->deleted_count; i++)
        if (address_equal(&r->deleted[i], a, true))
            return true;
    return false;
}

/* Deleted ones stay in their places, for their answers; added ones come behind. */
static bool
change_recipients(struct transaction *t, const struct filter_result *r)
{
    struct envelope *e = &t->envelope;
    uint32_t count = t->asked + r->added_count;
    struct envelope_recipient *list = arena_alloc(&t->arena, count * sizeof *list);

    if (list == NULL)
        return outcome_set(&t->why, OUTCOME_OVERLOAD, "no memory for recipients");
    memcpy(list, e->recipients, t->asked * sizeof *list);
    for (uint32_t i = t->asked; i < count; i++)
        list[i] = (struct envelope_recipient){.address = r->added[i - t->asked], .orcpt = ""};
    e->recipients = list;
    e->recipient_count = count;
    if (!transaction_make_recipients(t))
        return outcome_set(&t->why, OUTCOME_OVERLOAD, "no memory for recipients");
    for (uint32_t i = 0; i < count; i++)
        t->recipients[i].is_deleted = is_deleted(r, &list[i].address);
    return true;
}

static bool
apply(struct transaction *t, const struct filter_result *r, int body_fd)
{
    if (r->has_sender)
        t->envelope.reverse_path = r->sender;
    if (r->quarantine[0] != '\0') {
        t->source.mailbox = r->quarantine;
        log_event(LOG_LEVEL_INFO, "quarantined", "id", t->source.id, "mailbox", r->quarantine,
                  "reason", r->reason, NULL);
    }
    return (!r->is_changed || transaction_change(t, r, body_fd)) &&
           (r->added_count + r->deleted_count == 0 || change_recipients(t, r));
}

static void
on_filtered(void *arg, const struct filter_result *r, int body_fd)
{
    struct transaction *t = arg;

    switch (r->verdict) {
    case FILTER_PASS:
        if (apply(t, r, body_fd)) {
            transaction_resolve(t);
            return;
        }
        break;
    case FILTER_REFUSE:
    case FILTER_LOST:
        t->why = r->why;
        break;
    case FILTER_DISCARD:
        outcome_set(&t->why, OUTCOME_DISCARDED, "a content filter discards it");
        break;
    }
    log_event(LOG_LEVEL_INFO, "filtered", "id", t->source.id, "answer", outcome_enhanced(&t->why),
              "cause", t->why.cause, NULL);
    transaction_refuse(t);
}

void
transaction_filter(struct transaction *t)
{
    struct buf words;
    struct pack p;

    buf_init(&words, FILTER_NAME_SIZE + 16);
    pack_init(&p, &words);
    pack_str(&p, t->envelope.filter);
    filters_ask(t->deliver->filters,
                &(struct filters_question){.words = buf_span(&words),
                                           .msg = t->msg,
                                           .id = t->source.id,
                                           .must = t->envelope.filter_must,
                                           .timeout_ms = t->deliver->settings->timeouts.answer},
                &t->arena, on_filtered, t);
    buf_release(&words);
}
