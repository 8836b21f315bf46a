/* SPDX-License-Identifier: MIT
 *
 * What scripts do besides filing, packed for the journal: see worker/effects_priv.h. Mail that
 * leaves waits in the account, for nothing relays it yet.
 */
#include <stdio.h>
#include <string.h>

#include "doorstep/log.h"

#include "effects_priv.h"
#include "filing_priv.h"
#include "rows_priv.h"

#define SENT_MAX 16 /* messages that one run sends as they are */

struct packing {
    struct parcel *p;
    struct transaction *t;
    struct buf packed;
    struct buf *told;
    char once[INDEX_LEDGER_KEY_SIZE + 16];
    bool failed;
};

static void
add(struct packing *pk, const struct effect *e)
{
    if (!effects_pack(e, &pk->packed))
        pk->failed = true;
}

/* "name: value" lines; line ends and backslashes in values are written so that a line stays one. */
static const char *
print_fields(struct packing *pk, const struct filing_action *a)
{
    struct buf text;

    buf_init(&text, EFFECT_TEXT_MAX);
    for (uint32_t i = 0; i < a->field_count; i++) {
        buf_printf(&text, "%s: ", a->fields[i].name);
        for (const char *s = a->fields[i].value; *s != '\0'; s++) {
            if (*s == '\n' || *s == '\r' || *s == '\\')
                buf_append_char(&text, '\\');
            buf_append_char(&text, *s == '\n' ? 'n' : *s == '\r' ? 'r' : *s);
        }
        buf_append_char(&text, '\n');
    }
    const char *copy = arena_copy(&pk->t->arena, buf_span(&text));
    pk->failed = pk->failed || copy == NULL;
    buf_release(&text);
    return copy == NULL ? "" : copy;
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
    return a->kind >= FILING_REDIRECT && a->kind <= FILING_PIPE &&
           field_of(a, "withheld")[0] == '\0';
}

bool
filing_action_has_message(const struct filing_action *a)
{
    return a->kind == FILING_REDIRECT || a->kind == FILING_REPORT || a->kind == FILING_PIPE;
}

/* The message itself is sent on: it is kept under a name of its own. */
static const char *
keep_message(struct packing *pk, const struct filing_action *a, uint32_t number)
{
    struct delivery *d = &pk->p->delivery;
    const struct sorters_filed *filed = &pk->t->filing->filed[pk->p->run];
    struct sent_message *list = pk->p->sent;
    char name[ID_SIZE + 16];

    id_make(name);
    snprintf(name + strlen(name), sizeof name - strlen(name), "-%u", number);
    const char *copy = arena_copy(&pk->t->arena, span_of(name));
    if (list == NULL)
        list = pk->p->sent = arena_alloc(&pk->t->arena, SENT_MAX * sizeof *list);
    if (copy == NULL || list == NULL || d->sent_count == SENT_MAX) {
        pk->failed = true;
        return "";
    }
    list[d->sent_count++] =
        (struct sent_message){copy, a->edition == 0 ? pk->t->msg : filed->editions[a->edition - 1]};
    d->sent = list;
    return copy;
}

static const char *
print_sender(struct packing *pk)
{
    struct buf text;

    buf_init(&text, ADDRESS_PATH_MAX);
    address_print(&pk->t->envelope.reverse_path, &text);
    const char *copy = arena_copy(&pk->t->arena, buf_span(&text));
    buf_release(&text);
    return copy == NULL ? "" : copy;
}

static void
add_sent(struct packing *pk, const struct filing_action *a, uint32_t number)
{
    uint64_t now = (uint64_t)pk->t->source.received.tv_sec;
    char once[sizeof pk->once + 16];

    snprintf(once, sizeof once, "%s/%u", pk->once, number);
    add(pk, &(struct effect){
                .kind = EFFECT_SEND,
                .key = a->key,
                .until = now + a->seconds,
                .action = filing_kind_name(a->kind),
                .sender = print_sender(pk),
                .details = print_fields(pk, a),
                .once = once,
                .file = filing_action_has_message(a) ? keep_message(pk, a, number) : "",
            });
}

static void
tell(struct packing *pk, const struct filing_action *a, const char *what)
{
    buf_printf(pk->told, "%s%s %s%s%s", pk->told->len > 0 ? "; " : "", filing_kind_name(a->kind),
               field_of(a, "to"), field_of(a, "to")[0] != '\0' ? " " : "", what);
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
    case FILING_KINDS:
        return;
    case FILING_MARK:
        add(pk, &(struct effect){.kind = EFFECT_MARK,
                                 .key = a->key,
                                 .until = (uint64_t)pk->t->source.received.tv_sec + a->seconds,
                                 .action = "",
                                 .sender = "",
                                 .details = "",
                                 .once = "",
                                 .file = ""});
        return;
    case FILING_REDIRECT:
    case FILING_VACATION:
    case FILING_NOTIFY:
    case FILING_REPORT:
    case FILING_PIPE:
        break;
    }
    if (!filing_action_leaves(a)) {
        tell(pk, a, "(withheld)");
        return;
    }
    add_sent(pk, a, number);
    tell(pk, a, "(waits)");
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
    struct packing pk = {.p = p, .t = p->transaction, .told = told};

    buf_init(&pk.packed, RECORD_EFFECTS_MAX);
    buf_append_span(&pk.packed, p->delivery.effects); /* a failure that is told */
    rows_key(&p->delivery, p->delivery.recipient, pk.once);
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
    if (effects_pack(&(struct effect){.kind = EFFECT_LOG,
                                      .key = "",
                                      .action = "",
                                      .sender = "",
                                      .details = error,
                                      .once = "",
                                      .file = ""},
                     &packed)) {
        const char *copy = arena_copy(&t->arena, buf_span(&packed));
        if (copy != NULL)
            p->delivery.effects = (struct span){copy, packed.len};
    }
    buf_release(&packed);
}
