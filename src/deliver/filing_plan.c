/* SPDX-License-Identifier: MIT
 *
 * What scripts want done, as deliveries: copies in mailboxes, or an answer. Nothing that a sorter
 * says is believed here either: names of mailboxes are checked where they are opened, flags are
 * checked word by word, and what cannot be understood goes to INBOX.
 */
#include "filing_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doorstep/charset.h"
#include "doorstep/log.h"

#include "flags_priv.h"

#define TOLD_MAX 1000 /* octets of what the delivery log says */
#define KEYWORDS_MAX 1000

struct planning {
    struct parcel *p;
    struct transaction *t;
    const struct sorters_filed *filed;
    const struct delivery_source *sources[FILING_ACTIONS_MAX + 1]; /* by edition */
    struct delivery *list;                                         /* of all copies but the first */
    uint32_t count;                                                /* copies, the first too */
    struct buf told;
};

/* ---- editions ---- */

static const struct facts no_facts = {.flags = FACTS_UNKNOWN};

/* A message that a script has changed is another one: its own name, its facts found at the next
 * look. */
static const struct delivery_source *
make_source(struct planning *pl, struct message *msg)
{
    struct transaction *t = pl->t;
    struct delivery_source *s = arena_alloc(&t->arena, sizeof *s);

    if (s == NULL)
        return NULL;
    *s = t->source;
    s->msg = msg;
    s->facts = &no_facts;
    s->packed_facts = SPAN_NONE;
    s->spool = NULL;
    id_make(s->id);
    if (message_fd(msg) < 0 &&
        message_traits(msg)->octets <= checkpoint_inline_max(t->deliver->settings))
        return s;
    s->spool = spool_file_new(t->deliver->settings->state_dir, s->id);
    if (s->spool == NULL)
        return NULL;
    t->filing->spools[t->filing->spool_count++] = s->spool;
    return s;
}

static const struct delivery_source *
source_of(struct planning *pl, uint32_t edition)
{
    if (edition == 0)
        return &pl->t->source;
    if (pl->sources[edition] == NULL && pl->t->filing->spool_count < FILING_SPOOLS_MAX)
        pl->sources[edition] = make_source(pl, pl->filed->editions[edition - 1]);
    return pl->sources[edition] != NULL ? pl->sources[edition] : &pl->t->source;
}

/* ---- copies ---- */

static void
take_flags(struct planning *pl, struct delivery *d, const struct filing_action *a)
{
    struct buf keywords;

    buf_init(&keywords, KEYWORDS_MAX);
    for (uint32_t i = 0; i < a->flag_count; i++)
        flags_add(a->flags[i], &d->flags, &keywords); /* what is no flag is left out */
    d->keywords = keywords.len > 0 ? arena_copy(&pl->t->arena, buf_span(&keywords)) : NULL;
    buf_release(&keywords);
}

static const char *
name_of(const char *mailbox)
{
    return mailbox[0] == '\0' || strcasecmp(mailbox, "INBOX") == 0 ? "INBOX" : mailbox;
}

static void
tell(struct planning *pl, const struct filing_action *a, const char *what)
{
    struct buf *told = &pl->told;

    buf_append_str(told, told->len > 0 ? "; " : "");
    buf_append_str(told, filing_kind_name(a->kind));
    buf_append_str(told, what[0] != '\0' ? " " : "");
    buf_append_str(told, what);
    if (a->line > 0)
        buf_printf(told, " (%s:%u)", a->script, a->line);
}

/* Which mailbox that is, its worker finds out. Without memory it is the one that is named. */
static struct wanted_mailbox *
wanted_by(struct planning *pl, const struct filing_action *a)
{
    if (a->special_use[0] == '\0' && a->mailbox_id[0] == '\0')
        return NULL;
    struct wanted_mailbox *want = arena_alloc(&pl->t->arena, sizeof *want);
    if (want != NULL)
        *want = (struct wanted_mailbox){
            .special_use = personal_use_check(a->special_use) ? a->special_use : "",
            .mailbox_id = a->mailbox_id,
        };
    return want;
}

static void
fill(struct planning *pl, struct delivery *d, const struct filing_action *a)
{
    d->source = source_of(pl, a->edition);
    d->into = name_of(a->mailbox);
    d->wanted = wanted_by(pl, a);
    d->is_sent = a->is_sent;
    d->may_create = a->create || pl->t->deliver->settings->sieve.create;
    take_flags(pl, d, a);
    tell(pl, a, d->into);
}

static void
add_copy(struct planning *pl, const struct filing_action *a)
{
    fill(pl, pl->count == 0 ? &pl->p->delivery : &pl->list[pl->count - 1], a);
    pl->count++;
}

/* Nothing is lost for what a script says: one copy as the message came. */
static void
add_inbox(struct planning *pl)
{
    static const struct filing_action keep = {
        .kind = FILING_FILE, .script = "", .mailbox = "INBOX", .special_use = "", .mailbox_id = ""};

    add_copy(pl, &keep);
}

static bool
has_inbox(const struct planning *pl)
{
    for (uint32_t i = 0; i < pl->count; i++) {
        const struct delivery *d = i == 0 ? &pl->p->delivery : &pl->list[i - 1];
        if (d->wanted == NULL && strcmp(d->into, "INBOX") == 0)
            return true;
    }
    return false;
}

/* ---- answers ---- */

static void
settle(struct parcel *p, enum outcome_kind kind, const char *cause)
{
    outcome_set(&p->delivery.why, kind, "%s", cause);
    p->is_settled = true;
}

/* RFC 5429 2.1.1: without SMTPUTF8 a reply is ASCII; it has one line. Words of `reject` that it
 * cannot say go to the sender in a message, if one can be sent (2.2). */
static void
reject(struct planning *pl, const struct filing_action *a)
{
    struct parcel *p = pl->p;
    struct span text = span_trim(span_of(a->text));
    bool fits = text.n > 0 && (pl->t->envelope.smtputf8 || utf8_is_ascii(text));

    settle(p, OUTCOME_FILTER_REFUSED, "the account's script refuses it");
    outcome_say(&p->delivery.why, "%.*s", fits ? (int)utf8_cut(text, 500).n : 0,
                fits ? text.p : "");
    if (!fits)
        outcome_say(&p->delivery.why, "the recipient does not accept this message");
    p->is_refused = true;
    p->is_disposed = a->kind == FILING_REJECT;
    p->is_unsayable = p->is_disposed && text.n > 0 && !fits;
    p->reason = text.n > 0 ? a->text : NULL;
    tell(pl, a, "");
}

/* ---- a plan ---- */

static const struct filing_action *
find_action(const struct planning *pl, enum filing_kind kind)
{
    const struct filing_result *r = &pl->filed->result;

    for (uint32_t i = 0; i < r->action_count; i++)
        if (r->actions[i].kind == kind)
            return &r->actions[i];
    return NULL;
}

static void
plan_actions(struct planning *pl)
{
    const struct filing_result *r = &pl->filed->result;
    const struct filing_action *discard = find_action(pl, FILING_DISCARD_IT);
    bool leaves = filing_take_effects(pl->p, r, &pl->told);

    for (uint32_t i = 0; i < r->action_count; i++)
        if (r->actions[i].kind == FILING_FILE)
            add_copy(pl, &r->actions[i]);
    if (r->status == FILING_FAILED && !has_inbox(pl))
        add_inbox(pl);
    if (pl->count > 0)
        return;
    if (discard != NULL)
        tell(pl, discard, "");
    if (leaves)
        pl->p->delivery.effects_only = true;
    else if (find_action(pl, FILING_PIPE) != NULL)
        settle(pl->p, OUTCOME_DISCARDED, "a program has taken it");
    else
        settle(pl->p, OUTCOME_DISCARDED, "the account's script discards it");
}

static bool
make_room(struct planning *pl)
{
    const struct filing_result *r = &pl->filed->result;
    uint32_t count = r->status == FILING_FAILED;

    for (uint32_t i = 0; i < r->action_count; i++)
        count += r->actions[i].kind == FILING_FILE;
    pl->list = count < 2 ? NULL : arena_alloc(&pl->t->arena, (count - 1) * sizeof *pl->list);
    return count < 2 || pl->list != NULL;
}

static void
plan_result(struct planning *pl)
{
    const struct filing_result *r = &pl->filed->result;
    const struct filing_action *refuse = find_action(pl, FILING_REJECT);

    if (refuse == NULL)
        refuse = find_action(pl, FILING_EREJECT);
    if (r->status == FILING_DEFERRED) {
        settle(pl->p, pl->filed->lack != OUTCOME_OK ? pl->filed->lack : OUTCOME_SYSTEM, r->error);
        return;
    }
    if (!make_room(pl)) {
        settle(pl->p, OUTCOME_OVERLOAD, "no memory for copies");
        return;
    }
    if (r->status == FILING_FAILED)
        filing_tell_failure(pl->p, r->layer, r->error);
    if (refuse != NULL && r->status == FILING_OK)
        reject(pl, refuse);
    else
        plan_actions(pl);
    pl->p->delivery.copies = pl->list;
    pl->p->delivery.copy_count = pl->count > 1 ? pl->count - 1 : 0;
}

static void
plan(struct parcel *p, const struct sorters_filed *filed)
{
    struct planning pl = {.p = p, .t = p->transaction, .filed = filed};

    if (filed == NULL || filed->is_killed) {
        filing_tell_failure(p, FILING_PERSONAL,
                            "the script could not be run on the message: it took too much time or "
                            "memory");
        p->told = "keep INBOX: the script failed";
        return;
    }
    buf_init(&pl.told, TOLD_MAX);
    plan_result(&pl);
    p->told = arena_copy(&p->transaction->arena, utf8_cut(buf_span(&pl.told), TOLD_MAX));
    buf_release(&pl.told);
}

void
filing_plan(struct transaction *t, bool is_filed)
{
    struct filing *f = t->filing;

    for (struct parcel *p = t->parcels; p != NULL; p = p->hh.next) {
        if (p->lacks_script)
            settle(p, OUTCOME_SYSTEM, "the account's script cannot be read now");
        else if (p->has_run)
            plan(p, is_filed && f->filed != NULL ? &f->filed[p->run] : NULL);
    }
}

void
filing_keep_refused(struct parcel *p)
{
    struct delivery *d = &p->delivery;

    p->is_settled = false;
    d->source = &p->transaction->source;
    d->into = "INBOX";
    d->wanted = NULL;
    d->copies = NULL;
    d->copy_count = 0;
    d->overshoot = true;
}
