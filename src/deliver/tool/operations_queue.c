/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on the queue of what leaves again. Workers write first what they have been
 * told, so that what was answered a moment ago is there too; the queue itself is asked on the
 * clerk.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "doorstep/clock.h"

#include "operation_priv.h"
#include "rows_priv.h"
#include "take_priv.h"

#define ITEMS_A_SLICE 100

/* ---- rows ---- */

/* RFC 3339, UTC. */
static json_t *
time_json(time_t when)
{
    char text[40];
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL)
        return json_null();
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

/* What came from a peer is UTF-8, or it is left out. */
static json_t *
text_json(const char *text)
{
    json_t *value = json_string(text);

    return value != NULL ? value : json_string("?");
}

/* A recipient that no route takes waits until the configuration has one. */
static const char *
state_of(const struct settings *s, const struct queue_recipient *r)
{
    if (r->is_held)
        return "held";
    if (take_route_of(s, take_domain_of(r->address)) < 0)
        return "no route";
    return r->attempts == 0 ? "new" : "deferred";
}

static json_t *
recipient_json(const struct settings *s, const struct queue_recipient *r)
{
    return json_pack("{s:o, s:s, s:i, s:o, s:o, s:o}", "to", text_json(r->address), "state",
                     state_of(s, r), "attempts", (int)r->attempts, "next",
                     time_json(r->next_attempt), "reply", text_json(r->last_reply), "host",
                     text_json(r->last_host));
}

static json_t *
item_json(const struct queue_item *item)
{
    return json_pack("{s:I, s:s, s:o, s:s, s:o, s:I, s:o, s:o}", "id", (json_int_t)item->id, "kind",
                     item->kind, "account", text_json(item->account), "delivery", item->delivery_id,
                     "from", text_json(item->reverse_path), "octets", (json_int_t)item->octets,
                     "queued", time_json(item->queued), "expires", time_json(item->expires));
}

/* ---- list ---- */

static bool
on_listed(void *arg, const struct queue_item *item)
{
    struct operation *op = arg;
    const char *account = json_string_value(json_object_get(op->args, "account"));

    op->position = (uint64_t)item->id;
    op->messages++;
    for (size_t i = 0; i < item->recipient_count; i++) {
        json_t *row = item_json(item),
               *of = recipient_json(op->deliver->settings, &item->recipients[i]);
        if (row != NULL && of != NULL)
            json_object_update(row, of);
        json_decref(of);
        if (account == NULL || strcmp(account, item->account) == 0)
            operation_row(op, row);
        else
            json_decref(row);
    }
    return !op->failed;
}

/* Where an index is lent, it is tried again: that takes a moment. */
static void
write_rows(struct operation *op, struct worker *w)
{
    if (!rows_flush_below(w, UINT64_MAX, UINT_MAX, &op->more))
        operation_fail(op, OUTCOME_BUSY, "what was delivered lately cannot be written now");
}

/* "is_sent": is there anything that would send it? */
void
operation_queue_list(struct operation *op, struct worker *w)
{
    if (w != NULL) {
        write_rows(op, w);
        return;
    }
    op->messages = 0;
    if (!queue_list(op->deliver->queue, (int64_t)op->position, ITEMS_A_SLICE, on_listed, op,
                    &op->why))
        op->failed = true;
    op->more = !op->failed && op->messages == ITEMS_A_SLICE;
    if (!op->more && !op->failed)
        op->ok = json_pack("{s:b}", "is_sent", settings_has_relay(op->deliver->settings));
}

/* ---- one ---- */

/* QUEUE_ALL for "all", where that may be said. */
static bool
read_id(struct operation *op, int64_t *id)
{
    json_t *value = json_object_get(op->args, "id");

    *id = json_is_integer(value) ? json_integer_value(value) : -1;
    if (json_is_string(value) && strcmp(json_string_value(value), "all") == 0)
        *id = QUEUE_ALL;
    else if (*id <= 0)
        operation_fail(op, OUTCOME_BAD_REQUEST, "\"id\" must be the number of a message");
    return !op->failed;
}

static void
fail_to_find(struct operation *op, int64_t id)
{
    if (op->why.kind == OUTCOME_NOT_FOUND)
        operation_fail(op, OUTCOME_NOT_FOUND, "there is no message %" PRId64 " in the queue", id);
    op->failed = true;
}

static bool
on_shown(void *arg, const struct queue_item *item)
{
    static const char *const ret[] = {[RET_NONE] = "", [RET_FULL] = "FULL", [RET_HDRS] = "HDRS"};
    struct operation *op = arg;
    json_t *recipients = json_array();

    op->ok = item_json(item);
    for (size_t i = 0; i < item->recipient_count; i++)
        json_array_append_new(recipients,
                              recipient_json(op->deliver->settings, &item->recipients[i]));
    json_object_set_new(op->ok, "recipients", recipients);
    json_object_set_new(op->ok, "envid", text_json(item->envid));
    json_object_set_new(op->ok, "ret", json_string(ret[item->ret]));
    json_object_set_new(op->ok, "head", json_stringn(item->head.p, item->head.n));
    json_object_set_new(op->ok, "file", json_string(item->file));
    return true;
}

static bool
show(struct operation *op, int64_t id)
{
    if (queue_show(op->deliver->queue, id, on_shown, op, &op->why))
        return true;
    fail_to_find(op, id);
    return false;
}

static bool
needs_one(struct operation *op, int64_t id)
{
    if (id == QUEUE_ALL)
        operation_fail(op, OUTCOME_BAD_REQUEST, "\"id\" must be the number of a message");
    return !op->failed;
}

void
operation_queue_show(struct operation *op, struct worker *w)
{
    int64_t id;

    if (w != NULL)
        write_rows(op, w);
    else if (read_id(op, &id) && needs_one(op, id))
        show(op, id);
}

static bool
wants_report(const struct operation *op)
{
    return json_is_true(json_object_get(op->args, "report"));
}

static bool
may_report(struct operation *op)
{
    if (wants_report(op) && !settings_has_relay(op->deliver->settings))
        operation_fail(op, OUTCOME_BAD_REQUEST,
                       "nothing sends a report: there is no section relay and no route");
    return !op->failed;
}

/* It says what it deleted. With a report it has expired, and goes when that waits in its place. */
void
operation_queue_delete(struct operation *op, struct worker *w)
{
    int64_t id;

    if (w != NULL) {
        write_rows(op, w);
        return;
    }
    if (!read_id(op, &id) || !needs_one(op, id) || !may_report(op) || !show(op, id))
        return;
    if (wants_report(op)) {
        if (!queue_expire(op->deliver->queue, id, clock_wall().tv_sec, &op->why))
            fail_to_find(op, id);
        return;
    }
    if (!queue_delete(op->deliver->queue, id, clock_wall().tv_sec, &op->why))
        fail_to_find(op, id);
}

/* ---- one or all ---- */

typedef bool (*change_fn)(struct queue *q, int64_t id, uint64_t *changed, struct outcome *why);

static void
change(struct operation *op, struct worker *w, change_fn fn)
{
    uint64_t changed;
    int64_t id;

    if (w != NULL) {
        write_rows(op, w);
        return;
    }
    if (!read_id(op, &id))
        return;
    if (fn(op->deliver->queue, id, &changed, &op->why))
        op->ok = json_pack("{s:I}", "recipients", (json_int_t)changed);
    else
        fail_to_find(op, id);
}

static bool
retry_now(struct queue *q, int64_t id, uint64_t *changed, struct outcome *why)
{
    return queue_retry(q, id, clock_wall().tv_sec, changed, why);
}

void
operation_queue_hold(struct operation *op, struct worker *w)
{
    change(op, w, queue_hold);
}

void
operation_queue_release(struct operation *op, struct worker *w)
{
    change(op, w, queue_release);
}

/* On the loop: a next hop that did not answer is asked again, too. */
static void
try_now(void *deliver)
{
    struct deliver *d = deliver;

    if (d->scheduler != NULL)
        scheduler_try_now(d->scheduler);
}

void
operation_queue_retry(struct operation *op, struct worker *w)
{
    change(op, w, retry_now);
    if (w == NULL && !op->failed)
        loop_post(op->deliver->loop, try_now, op->deliver);
}
