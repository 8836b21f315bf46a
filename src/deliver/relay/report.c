/* SPDX-License-Identifier: MIT
 *
 * Reports on handovers: see report_priv.h.
 */
#include "report_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/charset.h"
#include "doorstep/clock.h"
#include "doorstep/deliver_by.h"

#define REPORT_MAX (DSN_ORIGINAL_MAX + (2u << 20))
#define ORIGINAL_MAX (DSN_ORIGINAL_MAX + RELAY_HEAD_MAX)

void
report_consider(struct handover *h, uint32_t i, enum dsn_action action)
{
    const struct queue_recipient *r = handover_recipient(h, i);

    h->fates[i].is_reported = dsn_wanted(h->taken->item.reverse_path, r->notify, action);
    h->fates[i].action = action;
}

void
report_in_any_case(struct handover *h, uint32_t i, enum dsn_action action)
{
    bool wants_none = (handover_recipient(h, i)->notify & NOTIFY_NEVER) != 0;

    h->fates[i].is_reported = h->taken->item.reverse_path[0] != '\0' && !wants_none;
    h->fates[i].action = action;
}

/* ---- what it says ---- */

/* The time by which the sender wanted it delivered; 0: none was named. */
static time_t
deliver_by_date(const struct queue_item *item, struct deliver_by *by)
{
    return deliver_by_parse(item->by, by) ? item->queued + (time_t)by->seconds : 0;
}

/* RFC 2852 4.1.3: which status says that the time has passed; NULL: it is not about time. */
static const char *
status_of_time(const struct handover *h, uint32_t i, time_t now)
{
    const struct handover_fate *f = &h->fates[i];
    struct deliver_by by;
    const time_t date = deliver_by_date(&h->taken->item, &by);
    bool has_passed = date != 0 && date <= now;

    if (has_passed && f->action == DSN_DELAYED)
        return "4.4.7";
    if (!f->is_expired)
        return NULL;
    return has_passed && by.is_return ? "5.4.7" : "4.4.7";
}

/* A delivery that ran out of time says so; what the next hop said last stands beside it. */
static void
fill_recipient(const struct handover *h, uint32_t i, time_t now, struct dsn_recipient *out)
{
    const struct queue_recipient *r = handover_recipient(h, i);
    const struct relay_answer *a = &h->result.answers[i];
    const char *time_status = status_of_time(h, i, now);
    bool was_tried = h->end != HANDOVER_OVERDUE;

    *out = (struct dsn_recipient){
        .address = r->address,
        .orcpt = r->orcpt,
        .action = h->fates[i].action,
        .code = time_status != NULL && time_status[0] == '5' ? 0 : a->code,
        .enhanced = time_status != NULL ? time_status : a->enhanced,
        .text = was_tried || r->last_reply[0] == '\0' ? a->text : r->last_reply,
        .remote = was_tried ? h->result.host : r->last_host,
        .last_attempt = was_tried ? now : 0,
        .retry_until = h->taken->item.expires,
    };
}

static uint32_t
fill_recipients(const struct handover *h, time_t now, struct dsn_recipient *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < h->count; i++)
        if (h->fates[i].is_reported)
            fill_recipient(h, i, now, &out[n++]);
    return n;
}

/* The message as it was sent, or its beginning. One whose file is gone is reported all the same. */
static void
read_original(const struct taken *t, struct queue *q, struct buf *out)
{
    struct outcome ignored;
    char piece[16384];
    ssize_t n = 1;

    buf_append_span(out, t->item.head);
    if (t->item.file[0] == '\0') {
        buf_append_span(out, t->item.text);
        return;
    }
    int fd = queue_message_open(q, t->item.file, &ignored);
    while (fd >= 0 && n > 0) {
        n = read(fd, piece, sizeof piece);
        if (n > 0 && !buf_append(out, piece, (size_t)n))
            break;
    }
    if (fd >= 0)
        close(fd);
}

/* ---- as an item ---- */

static bool
keep_text(struct queue *q, struct handover *h, const struct buf *text, struct queue_item *item,
          struct outcome *why)
{
    char name[QUEUE_NAME_SIZE];

    item->octets = text->len;
    if (text->len <= QUEUE_TEXT_MAX) {
        item->text = (struct span){arena_copy(&h->arena, buf_span(text)), text->len};
        return item->text.p != NULL || outcome_set(why, OUTCOME_OVERLOAD, "no memory");
    }
    struct queue_message *m = queue_message_begin(q, why);
    if (m == NULL)
        return false;
    if (!queue_message_write(m, buf_span(text), why)) {
        queue_message_abandon(m);
        return false;
    }
    if (!queue_message_commit(m, name, why))
        return false;
    item->file = arena_copy(&h->arena, span_of(name));
    return item->file != NULL || outcome_set(why, OUTCOME_OVERLOAD, "no memory");
}

static struct queue_item *
item_new(const struct settings *s, struct handover *h, const char *id, const struct dsn *d,
         time_t now)
{
    struct queue_recipient *to = arena_alloc(&h->arena, sizeof *to);
    struct queue_item *item = arena_alloc(&h->arena, sizeof *item);
    const char *once = arena_copy(&h->arena, span_of(id));

    if (to == NULL || item == NULL || once == NULL)
        return NULL;
    *to = (struct queue_recipient){.address = d->sender,
                                   .orcpt = "",
                                   .notify = NOTIFY_NEVER,
                                   .next_attempt = now,
                                   .last_reply = "",
                                   .last_host = ""};
    *item = (struct queue_item){.once = once,
                                .kind = "dsn",
                                .account = h->taken->item.account,
                                .delivery_id = h->taken->item.delivery_id,
                                .queued = now,
                                .expires = now + (time_t)(s->relay.expire_bounce / 1000),
                                .reverse_path = "",
                                .envid = "",
                                .smtputf8 = dsn_needs_smtputf8(d),
                                .require_tls = h->taken->item.require_tls,
                                .by = "",
                                .file = "",
                                .recipients = to,
                                .recipient_count = 1};
    return item;
}

static bool
make(const struct settings *s, struct queue *q, struct handover *h, struct dsn *d,
     const struct queue_item **out, struct outcome *why)
{
    struct queue_item *item = item_new(s, h, d->id, d, d->now);
    struct buf text;

    buf_init(&text, REPORT_MAX);
    bool ok = item != NULL && dsn_print(d, &text);
    if (!ok)
        outcome_set(why, OUTCOME_OVERLOAD, "no memory for a report");
    ok = ok && keep_text(q, h, &text, item, why);
    if (ok)
        item->body = utf8_is_ascii(buf_span(&text)) ? BODY_7BIT : BODY_8BITMIME;
    buf_release(&text);
    *out = ok ? item : NULL;
    return ok;
}

static bool
is_owed(const struct handover *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (h->fates[i].is_reported)
            return true;
    return false;
}

bool
report_make(const struct senders *from, struct queue *q, struct handover *h, time_t now,
            const struct queue_item **out, struct outcome *why)
{
    const struct settings *s = from->settings;
    const struct queue_item *item = &h->taken->item;
    const char *sender = senders_report_path(from, item->reverse_path, &h->arena);
    struct dsn_recipient *recipients;
    struct deliver_by by;
    char postmaster[300], id[ID_SIZE];
    struct buf original;

    *out = NULL;
    if (!is_owed(h))
        return true;
    recipients = calloc(h->count, sizeof *recipients);
    if (recipients == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory for a report");
    id_make(id);
    snprintf(postmaster, sizeof postmaster, "postmaster@%s", s->hostname);
    buf_init(&original, ORIGINAL_MAX);
    read_original(h->taken, q, &original);
    struct dsn d = {
        .hostname = s->hostname,
        .postmaster = postmaster,
        .id = id,
        .sender = sender,
        .envid = item->envid,
        .received_from = "",
        .now = now,
        .arrived = item->queued,
        .deliver_by = deliver_by_date(item, &by),
        .ret = item->require_tls ? RET_HDRS : item->ret, /* RFC 8689 5 */
        .original = buf_span(&original),
        .original_octets = item->head.n + item->octets,
        .may_utf8 = !utf8_is_ascii(span_of(sender)),
        .recipients = recipients,
        .recipient_count = fill_recipients(h, now, recipients),
    };
    bool ok = make(s, q, h, &d, out, why);
    buf_release(&original);
    free(recipients);
    return ok;
}
