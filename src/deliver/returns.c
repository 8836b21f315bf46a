/* SPDX-License-Identifier: MIT
 *
 * What goes back: see returns_priv.h. Rendered and queued by a worker's thread, which may wait for
 * the disk; the transaction stands still meanwhile.
 *
 * After a crash between the deliveries and the queue nothing was answered: the message comes again,
 * whoever has it is known, and who refused it refuses again. After one between the queue and the
 * answer it comes again too, and what it would queue is known by its name.
 */
#include "returns_priv.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/charset.h"
#include "doorstep/dsn.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "doorstep/relay_queue.h"

#include "trace_priv.h"

#define RETURNS_ARENA_MAX (64u << 20)
#define REPORT_MAX (DSN_ORIGINAL_MAX + (32u << 20)) /* octets; 50,000 recipients */
#define ONCE_OCTETS 16

struct returns {
    struct job job;
    struct transaction *transaction;
    returns_fn fn;
    struct arena arena;
    struct dsn_recipient *reported;
    uint32_t reported_count;
    struct recipient **forwarded;
    uint32_t forwarded_count;
    struct queue *queue; /* the worker's */
    struct loop *loop;
    struct outcome why;
};

/* ---- who hears of what ---- */

bool
returns_can_report(const struct transaction *t)
{
    return !t->envelope.reverse_path.is_null && settings_has_relay(t->deliver->settings);
}

static bool
asks_for_success(const struct transaction *t)
{
    for (uint32_t i = 0; i < t->asked; i++)
        if ((t->envelope.recipients[i].notify & NOTIFY_SUCCESS) != 0)
            return true;
    return false;
}

bool
returns_expected(const struct transaction *t)
{
    for (uint32_t i = 0; i < t->asked; i++)
        if (t->recipients[i].behind != NULL)
            return true;
    return returns_can_report(t) && asks_for_success(t);
}

/* RFC 3461 5.2.7.3: an alias that leads to several. */
static bool
is_expanded(const struct recipient *r)
{
    return r->links != NULL && r->links->next_of_recipient != NULL;
}

/* In LMTP the client hears of a refusal itself. */
static bool
is_reported(const struct transaction *t, const struct recipient *r, enum dsn_action *action)
{
    const struct envelope_recipient *to = &t->envelope.recipients[r->number];

    if (r->behind != NULL || outcome_is_temporary(&r->why))
        return false;
    if (outcome_is_permanent(&r->why))
        *action = DSN_FAILED;
    else
        *action = is_expanded(r) ? DSN_EXPANDED : DSN_DELIVERED;
    if (*action == DSN_FAILED && t->envelope.protocol == PROTOCOL_LMTP)
        return false;
    return dsn_wanted("?", to->notify, *action);
}

static const char *
print_address(struct arena *arena, const struct address *a)
{
    struct buf text;

    buf_init(&text, ADDRESS_PATH_MAX);
    bool ok = address_print(a, &text);
    const char *copy = ok ? arena_copy(arena, buf_span(&text)) : NULL;
    buf_release(&text);
    return copy;
}

/* Why a script refuses it: its own words, whatever alphabet they have. */
static const char *
refusal_of(const struct recipient *r)
{
    for (const struct link *l = r->links; l != NULL; l = l->next_of_recipient)
        if (l->parcel->reason != NULL)
            return l->parcel->reason;
    return outcome_text(&r->why);
}

static bool
add_reported(struct returns *back, const struct recipient *r, enum dsn_action action)
{
    const struct transaction *t = back->transaction;
    const struct envelope_recipient *to = &t->envelope.recipients[r->number];
    bool is_failed = action == DSN_FAILED;
    const char *address = print_address(&back->arena, &to->address);

    back->reported[back->reported_count++] = (struct dsn_recipient){
        .address = address,
        .orcpt = to->orcpt,
        .action = action,
        .code = is_failed ? (uint16_t)outcome_code(&r->why) : 0,
        .enhanced = is_failed ? outcome_enhanced(&r->why) : "2.1.5",
        .text = is_failed ? refusal_of(r) : "",
        .remote = "",
        .last_attempt = t->source.received.tv_sec,
    };
    return address != NULL;
}

static bool
choose(struct returns *back)
{
    struct transaction *t = back->transaction;
    enum dsn_action action;

    back->reported = arena_alloc(&back->arena, t->asked * sizeof *back->reported);
    back->forwarded = arena_alloc(&back->arena, t->asked * sizeof *back->forwarded);
    bool ok = back->reported != NULL && back->forwarded != NULL;
    for (uint32_t i = 0; ok && i < t->asked; i++) {
        struct recipient *r = &t->recipients[i];
        if (r->behind != NULL)
            back->forwarded[back->forwarded_count++] = r;
        else if (returns_can_report(t) && is_reported(t, r, &action))
            ok = add_reported(back, r, action);
    }
    return ok;
}

/* ---- items ---- */

/* The same for the same bytes from a queue, which come again when it heard no answer; a client
 * without a queue means what it repeats. */
static const char *
once_of(struct returns *back, const char *kind, const char *to)
{
    const struct delivery_source *s = &back->transaction->source;
    unsigned char hash[ONCE_OCTETS];
    char text[2 * ONCE_OCTETS + 32], hex[2 * ONCE_OCTETS + 1];
    crypto_generichash_state state;
    const char *digest = s->from_queue ? message_digest(s->received_msg) : s->id;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)digest, strlen(digest) + 1);
    crypto_generichash_update(&state, (const unsigned char *)to, strlen(to) + 1);
    for (uint32_t i = 0; i < back->reported_count; i++) {
        const struct dsn_recipient *r = &back->reported[i];
        const unsigned char action = (unsigned char)r->action;
        crypto_generichash_update(&state, (const unsigned char *)r->address,
                                  strlen(r->address) + 1);
        crypto_generichash_update(&state, &action, 1);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(text, sizeof text, "%s/%s", kind, hex);
    return arena_copy(&back->arena, span_of(text));
}

/* Whose doing it is: the first account that refused, or has it. */
static const struct account *
find_account(const struct transaction *whole)
{
    const struct parcel *found = NULL;

    for (const struct transaction *t = whole; t != NULL; t = transaction_next_part(whole, t))
        for (const struct parcel *p = t->parcels; p != NULL; p = p->hh.next)
            if (found == NULL || (outcome_is_permanent(&p->delivery.why) &&
                                  !outcome_is_permanent(&found->delivery.why)))
                found = p;
    return found == NULL ? NULL : &found->delivery.target.account;
}

static const char *
account_of(struct returns *back)
{
    const struct account *a = find_account(back->transaction);
    char text[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];

    if (a == NULL)
        return "";
    snprintf(text, sizeof text, "%s@%s", a->user, a->domain);
    return arena_copy(&back->arena, span_of(text));
}

static bool
fill_item(struct returns *back, const char *kind, const char *to, unsigned notify,
          struct queue_item *item)
{
    const struct transaction *t = back->transaction;
    struct queue_recipient *r = arena_alloc(&back->arena, sizeof *r);
    time_t now = t->source.received.tv_sec;

    if (r == NULL)
        return false;
    *r = (struct queue_recipient){
        .address = to, .orcpt = "", .notify = notify, .last_reply = "", .last_host = ""};
    *item = (struct queue_item){
        .once = once_of(back, kind, to),
        .kind = kind,
        .account = account_of(back),
        .delivery_id = t->source.id,
        .queued = now,
        .expires = now + (time_t)(t->deliver->settings->relay.expire_bounce / 1000),
        .reverse_path = "",
        .envid = "",
        .require_tls = t->envelope.require_tls,
        .by = "",
        .file = "",
        .recipients = r,
        .recipient_count = 1,
    };
    return item->once != NULL && item->account != NULL;
}

static bool
no_memory(struct returns *back)
{
    return outcome_set(&back->why, OUTCOME_OVERLOAD, "no memory for what goes back");
}

static bool
write_message(struct returns *back, const struct message *msg, struct queue_message *m)
{
    char piece[16384];
    uint64_t offset = 0;
    ssize_t n;

    while ((n = message_read(msg, offset, piece, sizeof piece)) > 0) {
        if (!queue_message_write(m, (struct span){piece, (size_t)n}, &back->why))
            return false;
        offset += (uint64_t)n;
    }
    return n == 0 || outcome_errno(&back->why, errno, "read", "a message");
}

static bool
keep_file(struct returns *back, const struct message *msg, struct queue_item *item)
{
    struct queue_message *m = queue_message_begin(back->queue, &back->why);
    char name[QUEUE_NAME_SIZE];

    if (m == NULL)
        return false;
    if (!write_message(back, msg, m)) {
        queue_message_abandon(m);
        return false;
    }
    if (!queue_message_commit(m, name, &back->why))
        return false;
    item->file = arena_copy(&back->arena, span_of(name));
    return item->file != NULL || no_memory(back);
}

/* Small ones lie in the queue's row, others in a file of their own. */
static bool
keep(struct returns *back, const struct message *msg, struct queue_item *item)
{
    bool is_spilled;
    struct span text = message_inline(msg, &is_spilled);

    item->octets = message_traits(msg)->octets;
    if (is_spilled || item->octets > QUEUE_TEXT_MAX)
        return keep_file(back, msg, item);
    item->text = (struct span){arena_copy(&back->arena, text), text.n};
    return item->text.p != NULL || no_memory(back);
}

static bool
keep_text(struct returns *back, struct span text, struct queue_item *item)
{
    struct message *msg = message_from_memory(text);
    bool ok = msg != NULL ? keep(back, msg, item) : no_memory(back);

    message_unref(msg);
    return ok;
}

/* ---- the report ---- */

static bool
read_message(const struct message *msg, size_t max, struct buf *out)
{
    char piece[16384];
    ssize_t n = 1;

    while (n > 0 && out->len < max) {
        n = message_read(msg, out->len, piece, sizeof piece);
        if (n > 0 && !buf_append(out, piece, (size_t)n))
            return false;
    }
    return n >= 0;
}

/* RFC 8689 5: what was to travel under TLS alone comes back as its header. */
static bool
print_report(struct returns *back, const char *sender, const struct buf *original, struct buf *out,
             bool *needs_utf8)
{
    const struct transaction *t = back->transaction;
    const struct envelope *e = &t->envelope;
    const struct settings *s = t->deliver->settings;
    char postmaster[300];

    snprintf(postmaster, sizeof postmaster, "postmaster@%s", s->hostname);
    const struct dsn d = {
        .hostname = s->hostname,
        .postmaster = postmaster,
        .id = t->source.id,
        .sender = sender,
        .envid = e->envid,
        .received_from = e->helo,
        .now = t->source.received.tv_sec,
        .arrived = t->source.received.tv_sec,
        .ret = e->require_tls ? RET_HDRS : e->ret,
        .original = buf_span(original),
        .original_octets = message_traits(t->msg)->octets,
        .may_utf8 = !utf8_is_ascii(span_of(sender)),
        .recipients = back->reported,
        .recipient_count = back->reported_count,
    };
    *needs_utf8 = dsn_needs_smtputf8(&d);
    return dsn_print(&d, out);
}

static bool
make_report(struct returns *back, struct queue_item *item)
{
    const struct transaction *t = back->transaction;
    const char *sender = print_address(&back->arena, &t->envelope.reverse_path);
    struct buf original, text;

    if (sender == NULL || !fill_item(back, "dsn", sender, NOTIFY_NEVER, item))
        return no_memory(back);
    buf_init(&original, DSN_ORIGINAL_MAX + 65536);
    buf_init(&text, REPORT_MAX);
    bool ok = (read_message(t->msg, DSN_ORIGINAL_MAX, &original) &&
               print_report(back, sender, &original, &text, &item->smtputf8)) ||
              no_memory(back);
    item->body = utf8_is_ascii(buf_span(&text)) ? BODY_7BIT : BODY_8BITMIME;
    ok = ok && keep_text(back, buf_span(&text), item);
    buf_release(&original);
    buf_release(&text);
    return ok;
}

/* ---- what came to an address of SRS ---- */

static bool
make_forward(struct returns *back, const struct recipient *r, struct queue_item *item)
{
    const struct transaction *t = back->transaction;
    const struct envelope *e = &t->envelope;
    const struct trace_options options = {t->deliver->settings->hostname, t->source.id,
                                          t->source.received, false};
    struct buf head;

    if (!fill_item(back, "forward", r->behind, e->recipients[r->number].notify, item))
        return no_memory(back);
    buf_init(&head, TRACE_MAX);
    bool ok = trace_build_passage(&options, e, &e->recipients[r->number], &head);
    item->head = (struct span){arena_copy(&back->arena, buf_span(&head)), head.len};
    item->smtputf8 = e->smtputf8;
    item->body = e->body;
    item->ret = e->ret;
    ok = (ok && item->head.p != NULL) || no_memory(back);
    buf_release(&head);
    return ok && keep(back, t->msg, item);
}

/* ---- the job ---- */

static void
on_queued(void *arg)
{
    struct returns *back = arg;
    struct transaction *t = back->transaction;
    const struct outcome why = back->why;
    returns_fn fn = back->fn;

    if (outcome_is_success(&why))
        metrics_count(METRIC_RELAY_REPORTS, METRICS_NO_LABEL, back->reported_count);
    log_event(outcome_is_success(&why) ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              outcome_is_success(&why) ? "returned" : "cannot_return", "id", t->source.id,
              "reported", log_num(back->reported_count), "forwarded",
              log_num(back->forwarded_count), "cause", why.cause, NULL);
    arena_release(&back->arena);
    free(back);
    fn(t, &why);
}

static bool
queue_all(struct returns *back)
{
    uint32_t count = 0, max = back->forwarded_count + 1;
    struct queue_item *items = arena_alloc(&back->arena, max * sizeof *items);
    bool ok = items != NULL || no_memory(back);

    if (ok && back->reported_count > 0)
        ok = make_report(back, &items[count++]);
    for (uint32_t i = 0; ok && i < back->forwarded_count; i++)
        ok = make_forward(back, back->forwarded[i], &items[count++]);
    return ok && queue_add(back->queue, items, count, &back->why) &&
           queue_sync(back->queue, &back->why);
}

static void
run(struct job *job, void *worker)
{
    struct returns *back = (struct returns *)job;
    const struct worker *w = worker;

    back->queue = w->with.queue;
    if (queue_all(back))
        outcome_set(&back->why, OUTCOME_OK, NULL);
    else if (!outcome_is_temporary(&back->why))
        back->why.kind = OUTCOME_SYSTEM; /* what is wrong with the queue refuses nobody's mail */
    loop_post(w->with.loop, on_queued, back);
}

static struct returns *
returns_new(struct transaction *t, returns_fn fn)
{
    struct returns *back = calloc(1, sizeof *back);

    if (back == NULL)
        return NULL;
    back->job.run = run;
    back->transaction = t;
    back->fn = fn;
    arena_init(&back->arena, RETURNS_ARENA_MAX);
    if (choose(back))
        return back;
    arena_release(&back->arena);
    free(back);
    return NULL;
}

bool
returns_send(struct transaction *t, returns_fn fn)
{
    struct returns *back = returns_new(t, fn);
    struct workers *ws = t->deliver->workers;
    struct outcome why;

    if (back == NULL) {
        outcome_set(&why, OUTCOME_OVERLOAD, "no memory for what goes back");
        fn(t, &why);
        return true;
    }
    if (back->reported_count + back->forwarded_count > 0) {
        workers_post_to(ws, (unsigned)(t->id % workers_count(ws)), &back->job);
        return true;
    }
    arena_release(&back->arena);
    free(back);
    return false;
}
