/* SPDX-License-Identifier: MIT
 *
 * What scripts do besides filing, packed for the journal: see worker/effects_priv.h. Mail that
 * leaves becomes items of the queue.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doorstep/charset.h"
#include "doorstep/log.h"

#include "effects_priv.h"
#include "filing_priv.h"
#include "trace_priv.h"

#define INLINE_MAX (32 * 1024) /* octets of a message that need no file */

struct packing {
    struct parcel *p;
    struct transaction *t;
    const struct sorters_filed *filed;
    struct buf packed;
    struct buf *told;
    const char *names[FILING_ACTIONS_MAX + 1]; /* of files, by edition */
    bool failed;
};

static void
add(struct packing *pk, const struct effect *e)
{
    if (!effects_pack(e, &pk->packed))
        pk->failed = true;
}

static const char *
field_of(const struct filing_action *a, const char *name)
{
    for (uint32_t i = 0; i < a->field_count; i++)
        if (strcmp(a->fields[i].name, name) == 0)
            return a->fields[i].value;
    return "";
}

bool
filing_action_leaves(const struct filing_action *a)
{
    return a->kind >= FILING_REDIRECT && a->recipient_count > 0;
}

/* ---- the message ---- */

static struct message *
message_of(const struct packing *pk, const struct filing_action *a)
{
    return a->edition == 0 ? pk->t->msg : pk->filed->editions[a->edition - 1];
}

/* A small one goes with the record, and costs no sync; as long as there is room for the others. */
static struct span
small_text(const struct packing *pk, const struct message *msg)
{
    bool spilled, has_room = pk->packed.len < RECORD_EFFECTS_MAX / 2;
    struct span text = message_inline(msg, &spilled);

    return spilled || text.n > INLINE_MAX || !has_room ? SPAN_NONE : text;
}

/* The others are kept under a name of their own, one for all that send the same. */
static const char *
keep_message(struct packing *pk, const struct filing_action *a)
{
    struct delivery *d = &pk->p->delivery;
    struct sent_message *list = pk->p->sent;
    char name[ID_SIZE];

    if (pk->names[a->edition] != NULL)
        return pk->names[a->edition];
    id_make(name);
    const char *copy = arena_copy(&pk->t->arena, span_of(name));
    if (list == NULL)
        list = pk->p->sent = arena_alloc(&pk->t->arena, (FILING_ACTIONS_MAX + 1) * sizeof *list);
    if (copy == NULL || list == NULL) {
        pk->failed = true;
        return "";
    }
    list[d->sent_count++] = (struct sent_message){copy, message_of(pk, a)};
    d->sent = list;
    pk->names[a->edition] = copy;
    return copy;
}

/* ---- the envelope ---- */

/* As an address is written, or "": what a sorter says is checked as from the network. */
static const char *
print_address(struct packing *pk, const char *text, unsigned flags)
{
    struct address address;
    struct buf out;
    const char *copy = "";

    buf_init(&out, ADDRESS_PATH_MAX);
    if (address_parse_mailbox(span_of(text), flags | ADDRESS_ALLOW_UTF8, &pk->t->arena, &address) ==
            ADDRESS_OK &&
        address_print(&address, &out))
        copy = arena_copy(&pk->t->arena, buf_span(&out));
    buf_release(&out);
    pk->failed = pk->failed || copy == NULL;
    return copy == NULL ? "" : copy;
}

/* RFC 3461 4.1; what is no keyword is left out. */
static unsigned
notify_of(const char *words)
{
    static const struct {
        const char *name;
        unsigned flag;
    } rows[] = {
        {"NEVER", NOTIFY_NEVER},
        {"SUCCESS", NOTIFY_SUCCESS},
        {"FAILURE", NOTIFY_FAILURE},
        {"DELAY", NOTIFY_DELAY},
    };
    unsigned flags = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcasestr(words, rows[i].name) != NULL)
            flags |= rows[i].flag;
    return (flags & NOTIFY_NEVER) != 0 ? NOTIFY_NEVER : flags;
}

/* The sender hears from us that the message has arrived, not from whoever gets it behind the
 * account (RFC 3461 5.2.7.4); what else he asked for goes on with it. */
static unsigned
passed_notify(unsigned notify)
{
    unsigned rest = notify & ~(unsigned)NOTIFY_SUCCESS;

    return notify != 0 && rest == 0 ? NOTIFY_NEVER : rest;
}

/* RFC 6009 6.1, 7.1: who asks for reports gets them. */
static bool
asks_for_reports(const struct filing_action *a)
{
    return field_of(a, "notify")[0] != '\0' || field_of(a, "ret")[0] != '\0' ||
           field_of(a, "by")[0] != '\0';
}

/* Where the account takes the sender's place it is another transaction (RFC 3461 5.2.7.1). */
static void
fill_report_wishes(struct packing *pk, const struct filing_action *a, struct queue_item *item,
                   struct queue_recipient *to)
{
    const struct envelope *e = &pk->t->envelope;
    const struct envelope_recipient *from = &e->recipients[pk->p->delivery.recipient];

    if (pk->t->deliver->settings->relay.redirect_sender == REDIRECT_RECIPIENT ||
        asks_for_reports(a))
        return;
    item->envid = e->envid;
    item->ret = e->ret;
    to->notify = passed_notify(from->notify);
    to->orcpt = from->orcpt;
}

static const char *
account_of(struct packing *pk)
{
    const struct account *a = &pk->p->delivery.target.account;
    char text[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];

    snprintf(text, sizeof text, "%s@%s", a->user, a->domain);
    return arena_copy(&pk->t->arena, span_of(text));
}

/* The trace of this passage, by which a circle is seen (RFC 5321 6.3), before the sorter's fields.
 */
static struct span
print_head(struct packing *pk, const struct filing_action *a)
{
    const struct envelope *e = &pk->t->envelope;
    const struct trace_options options = {
        .hostname = pk->t->deliver->settings->hostname,
        .id = pk->t->source.id,
        .when = pk->t->source.received,
        .delivered_to = true,
    };
    struct buf out;

    buf_init(&out, TRACE_MAX + FILING_HEAD_MAX);
    bool ok = trace_build_passage(&options, e, &e->recipients[pk->p->delivery.recipient], &out) &&
              buf_append_str(&out, a->head);
    const char *copy = ok ? arena_copy(&pk->t->arena, buf_span(&out)) : NULL;
    const struct span head = {copy, copy == NULL ? 0 : out.len};
    pk->failed = pk->failed || copy == NULL;
    buf_release(&out);
    return head;
}

/* NULL: no memory. */
static const char *
redirect_sender(struct packing *pk, const struct filing_action *a)
{
    const struct address *from = &pk->t->envelope.reverse_path;
    const char *account = account_of(pk);

    if (account == NULL || (asks_for_reports(a) && !from->is_null))
        return account;
    return senders_of_redirect(&pk->t->deliver->senders, from, account, &pk->t->arena);
}

/* What is sent on keeps what its sender asked for, unless the script says otherwise (RFC 6009). */
static void
fill_redirect(struct packing *pk, const struct filing_action *a, struct queue_item *item,
              struct queue_recipient *to)
{
    const struct envelope *e = &pk->t->envelope;
    const char *notify = field_of(a, "notify"), *ret = field_of(a, "ret");

    item->reverse_path = redirect_sender(pk, a);
    if (item->reverse_path == NULL) {
        item->reverse_path = "";
        pk->failed = true;
    }
    item->head = print_head(pk, a);
    fill_report_wishes(pk, a, item, to);
    if (strcasecmp(ret, "FULL") == 0)
        item->ret = RET_FULL;
    else if (strcasecmp(ret, "HDRS") == 0)
        item->ret = RET_HDRS;
    item->body = e->body;
    item->smtputf8 = e->smtputf8;
    item->require_tls = e->require_tls;
    item->by = field_of(a, "by");
    if (notify[0] != '\0')
        to->notify = notify_of(notify);
}

static size_t
fill_recipients(struct packing *pk, const struct filing_action *a, struct queue_recipient *list)
{
    size_t count = 0;

    for (uint32_t i = 0; i < a->recipient_count; i++) {
        const char *address = print_address(pk, a->recipients[i], 0);
        if (address[0] != '\0')
            list[count++] = (struct queue_recipient){
                .address = address, .orcpt = "", .last_reply = "", .last_host = ""};
    }
    return count;
}

static bool
needs_utf8(const struct queue_item *item)
{
    bool needs = !utf8_is_ascii(span_of(item->reverse_path));

    for (size_t i = 0; i < item->recipient_count; i++)
        needs = needs || !utf8_is_ascii(span_of(item->recipients[i].address));
    return needs;
}

/* ---- what leaves ---- */

static bool
add_sent(struct packing *pk, const struct filing_action *a, uint32_t number)
{
    struct queue_recipient to[FILING_RECIPIENTS_MAX];
    const struct message *msg = message_of(pk, a);
    char once[ID_SIZE + 32];
    struct queue_item item = {
        .once = once,
        .kind = filing_kind_name(a->kind),
        .reverse_path = print_address(pk, a->reverse_path, ADDRESS_ALLOW_NULL),
        .envid = "",
        .body = message_traits(msg)->has_8bit ? BODY_8BITMIME : BODY_7BIT,
        .by = "",
        .text = small_text(pk, msg),
        .file = "",
        .octets = message_traits(msg)->octets,
        .recipients = to,
        .recipient_count = fill_recipients(pk, a, to),
    };

    if (item.recipient_count == 0)
        return false;
    snprintf(once, sizeof once, "%s/%u/%u", pk->t->source.id, pk->p->run, number);
    if (a->kind == FILING_REDIRECT)
        fill_redirect(pk, a, &item, &to[0]);
    item.smtputf8 = item.smtputf8 || needs_utf8(&item);
    if (item.text.n < item.octets)
        item.file = keep_message(pk, a);
    pk->p->delivery.send_items++;
    pk->p->delivery.send_octets += item.octets;
    add(pk, &(struct effect){
                .kind = EFFECT_SEND,
                .key = a->key,
                .until = (uint64_t)pk->t->source.received.tv_sec + a->seconds,
                .text = "",
                .item = item,
            });
    return true;
}

static void
tell(struct packing *pk, const struct filing_action *a, const char *what)
{
    const char *to = a->recipient_count > 0 ? a->recipients[0] : "";

    buf_printf(pk->told, "%s%s %s%s%s", pk->told->len > 0 ? "; " : "", filing_kind_name(a->kind),
               to, to[0] != '\0' ? " " : "", what);
    if (a->line > 0)
        buf_printf(pk->told, " (%s:%u)", a->script, a->line);
}

static void
add_action(struct packing *pk, const struct filing_action *a, uint32_t number)
{
    switch (a->kind) {
    case FILING_FILE:
    case FILING_DISCARD_IT:
    case FILING_REJECT:
    case FILING_EREJECT:
    case FILING_KINDS:
        return;
    case FILING_PIPE:
        tell(pk, a, field_of(a, "program"));
        return;
    case FILING_MARK:
        add(pk, &(struct effect){.kind = EFFECT_MARK,
                                 .key = a->key,
                                 .until = (uint64_t)pk->t->source.received.tv_sec + a->seconds,
                                 .text = ""});
        return;
    case FILING_REDIRECT:
    case FILING_VACATION:
    case FILING_NOTIFY:
    case FILING_REPORT:
        break;
    }
    if (!filing_action_leaves(a))
        tell(pk, a, "(withheld)");
    else
        tell(pk, a, add_sent(pk, a, number) ? "(queued)" : "(no address)");
}

static void
keep_packed(struct packing *pk)
{
    const char *copy = arena_copy(&pk->t->arena, buf_span(&pk->packed));

    if (copy == NULL || pk->failed) {
        outcome_set(&pk->p->delivery.why, OUTCOME_OVERLOAD, "no memory for what a script does");
        pk->p->is_settled = true;
        return;
    }
    pk->p->delivery.effects = (struct span){copy, pk->packed.len};
}

bool
filing_take_effects(struct parcel *p, const struct filing_result *r, struct buf *told)
{
    struct packing pk = {
        .p = p, .t = p->transaction, .filed = &p->transaction->filing->filed[p->run], .told = told};

    buf_init(&pk.packed, RECORD_EFFECTS_MAX);
    buf_append_span(&pk.packed, p->delivery.effects); /* a failure that is told */
    for (uint32_t i = 0; i < r->action_count; i++)
        add_action(&pk, &r->actions[i], i);
    bool has_some = pk.packed.len > 0;
    if (has_some || pk.failed)
        keep_packed(&pk);
    buf_release(&pk.packed);
    return has_some;
}

void
filing_tell_failure(struct parcel *p, enum filing_layer layer, const char *error)
{
    struct transaction *t = p->transaction;
    struct buf packed;

    log_event(LOG_LEVEL_WARNING, "script_failed", "id", t->source.id, "account",
              p->delivery.target.account.user, "domain", p->delivery.target.account.domain, "cause",
              error, NULL);
    if (layer != FILING_PERSONAL)
        return;
    p->failure = error;
    buf_init(&packed, EFFECT_TEXT_MAX);
    if (effects_pack(&(struct effect){.kind = EFFECT_LOG, .key = "", .text = error}, &packed)) {
        const char *copy = arena_copy(&t->arena, buf_span(&packed));
        if (copy != NULL)
            p->delivery.effects = (struct span){copy, packed.len};
    }
    buf_release(&packed);
}
