/* SPDX-License-Identifier: MIT
 *
 * A session's filters: see chain_priv.h. One request is under way at a time; chain_run() is the one
 * loop that moves it, and callbacks only leave their answer for it.
 */
#include "chain_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "doorstep/log.h"

#define REQUESTS_MAX 256
#define EVENT_MEMORY 65536

enum request_kind { REQUEST_EVENT, REQUEST_HANDED, REQUEST_ABORT, REQUEST_CLOSE };

struct request {
    STAILQ_ENTRY(request) next;
    enum request_kind kind;
    uint64_t ticket;
    const char *name;   /* of the message, REQUEST_HANDED */
    struct arena arena; /* of the name and the event */
    struct filter_event event;
};

struct member { /* one filter */
    struct chain *chain;
    unsigned number;
    const struct settings_milter *settings; /* NULL: the configuration has none of that name */
    struct milter *milter;                  /* owned; NULL until it is needed */
    bool is_lost;
};

struct chain {
    const struct chain_calls *calls;
    void *arg;
    const struct settings *settings;
    struct member members[FILTER_NAMES_MAX];
    unsigned count;
    struct macros macros;
    STAILQ_HEAD(, request) requests; /* the first is under way */
    unsigned request_count;
    unsigned member;   /* whose turn it is */
    bool is_under_way; /* the first request has begun */
    bool is_waiting;   /* for a member's answer, */
    bool is_opening;   /* which is its agreement */
    bool is_running;
    bool has_lost;
    struct outcome connection; /* the last word on the whole session, */
    struct outcome held;       /* and on this transaction: a success is none */
    bool is_discarded;
    struct message *msg; /* a reference; what the store asks about */
    char msg_name[FILTER_NAME_SIZE];
    struct arena draft_memory;
    struct draft draft, copy; /* copy: of the member whose turn it is */
    bool has_draft, has_copy;
    struct { /* what a member said, for chain_run() */
        bool is_there;
        enum milter_answer what;
        struct outcome why;
    } answer;
};

static void chain_run(struct chain *c);
static void lose_message(struct chain *c, const char *cause);

/* --- members --- */

static bool
on_send(void *arg, struct span octets)
{
    struct member *m = arg;

    return m->chain->calls->send(m->chain->arg, m->number, octets);
}

static void
on_answered(void *arg, enum milter_answer what, const struct outcome *why)
{
    struct member *m = arg;
    struct chain *c = m->chain;

    if (!c->is_waiting || c->member != m->number)
        return;
    c->answer.is_there = true;
    c->answer.what = what;
    c->answer.why = *why;
}

static const struct milter_calls milter_calls = {.send = on_send, .answered = on_answered};

static void
note_lost(struct member *m, const char *cause)
{
    if (m->is_lost)
        return;
    m->is_lost = m->chain->has_lost = true;
    log_event(LOG_LEVEL_WARNING, "milter_lost", "milter",
              m->settings != NULL ? m->settings->name : "-", "cause", cause, NULL);
}

static bool
must_be_asked(const struct member *m)
{
    return m->settings == NULL || m->settings->on_failure == ON_FAILURE_TEMPFAIL;
}

/* The member is connected to: its agreement is the first answer. */
static void
begin_member(struct member *m)
{
    struct chain *c = m->chain;

    m->milter = m->settings == NULL
                    ? NULL
                    : milter_new(&milter_calls, m, &c->macros, m->settings->quarantine);
    if (m->milter == NULL) {
        note_lost(m, m->settings == NULL ? "it is not configured any more" : "no memory");
        return;
    }
    c->is_waiting = c->is_opening = true;
    c->calls->connect(c->arg, m->number);
}

/* --- requests --- */

static void
request_free(struct request *r)
{
    arena_release(&r->arena);
    free(r);
}

static void
pop_request(struct chain *c)
{
    struct request *r = STAILQ_FIRST(&c->requests);

    STAILQ_REMOVE_HEAD(&c->requests, next);
    c->request_count--;
    c->is_under_way = false;
    c->member = 0;
    request_free(r);
}

static void
abort_members(struct chain *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->members[i].milter != NULL)
            milter_abort(c->members[i].milter);
}

static struct request *
request_new(struct chain *c, enum request_kind kind)
{
    struct request *r = c->request_count < REQUESTS_MAX ? calloc(1, sizeof(*r)) : NULL;

    if (r == NULL)
        return NULL;
    r->kind = kind;
    arena_init(&r->arena, EVENT_MEMORY);
    return r;
}

/* The edge goes on: the store will not ask about the message that was handed to it. */
static void
give_up_handed(struct chain *c)
{
    const struct request *r = STAILQ_FIRST(&c->requests);

    if (r == NULL || r->kind != REQUEST_HANDED || c->is_under_way)
        return;
    abort_members(c);
    pop_request(c);
}

static bool
add_request(struct chain *c, struct request *r)
{
    if (r->kind == REQUEST_EVENT || r->kind == REQUEST_ABORT)
        give_up_handed(c);
    STAILQ_INSERT_TAIL(&c->requests, r, next);
    c->request_count++;
    chain_run(c);
    return true;
}

static const char *
copy_text(struct request *r, const char *text, bool *good)
{
    char *copy = arena_copy(&r->arena, span_of(text));

    *good = *good && copy != NULL;
    return copy != NULL ? copy : "";
}

bool
chain_event(struct chain *c, uint64_t ticket, const struct filter_event *e)
{
    struct request *r = request_new(c, REQUEST_EVENT);
    bool good = true;

    if (r == NULL)
        return false;
    r->ticket = ticket;
    r->event = *e;
    for (uint32_t i = 0; i < e->argument_count; i++)
        r->event.arguments[i] = copy_text(r, e->arguments[i], &good);
    for (uint32_t i = 0; i < e->macro_count; i++) {
        r->event.macros[i].name = copy_text(r, e->macros[i].name, &good);
        r->event.macros[i].value = copy_text(r, e->macros[i].value, &good);
    }
    if (good)
        return add_request(c, r);
    request_free(r);
    return false;
}

bool
chain_handed(struct chain *c, const char *name)
{
    struct request *r = request_new(c, REQUEST_HANDED);
    bool good = true;

    if (r == NULL)
        return false;
    r->name = copy_text(r, name, &good);
    if (good)
        return add_request(c, r);
    request_free(r);
    return false;
}

bool
chain_abort(struct chain *c)
{
    struct request *r = request_new(c, REQUEST_ABORT);

    return r != NULL && add_request(c, r);
}

bool
chain_close(struct chain *c)
{
    struct request *r = request_new(c, REQUEST_CLOSE);

    return r != NULL && add_request(c, r);
}

/* --- stages --- */

static bool
is_refusal(const struct outcome *o)
{
    return !outcome_is_success(o);
}

static void
end_event(struct chain *c, const struct outcome *why)
{
    const struct request *r = STAILQ_FIRST(&c->requests);
    bool is_late = r->event.is_late;
    uint64_t ticket = r->ticket;
    struct outcome copy = *why;

    if (is_refusal(why) && r->event.stage == FILTER_CONNECT)
        c->connection = copy;
    else if (is_refusal(why) && is_late)
        c->held = copy;
    pop_request(c);
    if (!is_late && ticket != 0)
        c->calls->verdict(c->arg, ticket, c->has_lost, &copy);
}

static void
begin_event(struct chain *c)
{
    const struct filter_event *e = &STAILQ_FIRST(&c->requests)->event;

    c->is_under_way = true;
    for (uint32_t i = 0; i < e->macro_count; i++)
        macros_set(&c->macros, span_of(e->macros[i].name), span_of(e->macros[i].value));
    if (e->stage == FILTER_MAIL) {
        c->is_discarded = false;
        outcome_set(&c->held, OUTCOME_OK, NULL);
    }
    if (is_refusal(&c->connection))
        end_event(c, &c->connection);
    else if (is_refusal(&c->held))
        end_event(c, &c->held);
    else if (c->is_discarded)
        end_event(c, &c->held); /* a success */
}

/* --- the message --- */

static void
drop_drafts(struct chain *c)
{
    if (c->has_copy)
        draft_close(&c->copy);
    if (c->has_draft)
        draft_close(&c->draft);
    if (c->has_draft)
        arena_release(&c->draft_memory);
    c->has_draft = c->has_copy = false;
}

static void
end_message(struct chain *c, const struct filter_result *result, struct message *body)
{
    struct message *msg = c->msg;

    c->msg = NULL;
    abort_members(c);
    pop_request(c);
    if (msg != NULL)
        c->calls->result(c->arg, result, body);
    drop_drafts(c);
    message_unref(msg);
}

static void
end_message_with(struct chain *c, enum filter_verdict verdict, const struct outcome *why)
{
    const struct filter_result result = {
        .verdict = verdict, .why = *why, .quarantine = "", .reason = ""};

    end_message(c, &result, NULL);
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

/* All filters have agreed: the whole new message, or that nothing has changed. */
static void
end_message_well(struct chain *c)
{
    struct filter_result r = {.verdict = FILTER_PASS, .quarantine = "", .reason = ""};
    const struct draft *d = &c->draft;
    struct outcome no_memory;
    struct buf header;

    outcome_set(&r.why, OUTCOME_OK, NULL);
    outcome_set(&no_memory, OUTCOME_FILTER_DEFERRED, "the changed message does not fit");
    buf_init(&header, FILTER_HEADER_MAX * 2);
    r.quarantine = d->quarantine != NULL ? d->quarantine : "";
    r.reason = d->reason;
    r.is_changed = d->is_changed;
    r.has_new_body = d->body != NULL;
    r.body_offset = d->body_offset;
    r.body_octets = draft_body_octets(d);
    bool good = fill_envelope(c, &r) && (!d->is_changed || draft_print_header(d, &header));
    r.header = buf_span(&header);
    if (good)
        end_message(c, &r, d->body);
    else
        end_message_with(c, FILTER_LOST, &no_memory);
    buf_release(&header);
}

static void
begin_message(struct chain *c)
{
    struct outcome why;

    c->is_under_way = true;
    if (is_refusal(&c->connection)) {
        end_message_with(c, FILTER_REFUSE, &c->connection);
        return;
    }
    if (is_refusal(&c->held) || c->is_discarded) {
        end_message_with(c, c->is_discarded ? FILTER_DISCARD : FILTER_REFUSE, &c->held);
        return;
    }
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
    end_message_with(c, FILTER_REFUSE, &why);
}

/* --- the loop --- */

static void
drop_copy(struct chain *c)
{
    if (c->has_copy)
        draft_close(&c->copy);
    c->has_copy = false;
}

static void
commit_copy(struct chain *c)
{
    if (!c->has_copy)
        return;
    draft_close(&c->draft);
    c->draft = c->copy;
    c->has_copy = false;
}

static void
lose_member(struct chain *c, const struct outcome *why)
{
    struct member *m = &c->members[c->member];
    struct outcome deferred;

    drop_copy(c);
    note_lost(m, why->cause);
    c->member++;
    if (!must_be_asked(m))
        return;
    outcome_set(&deferred, OUTCOME_FILTER_DEFERRED, "%s", why->cause);
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        end_message_with(c, FILTER_LOST, &deferred);
    else
        end_event(c, &deferred);
}

static void
take_refusal(struct chain *c, const struct outcome *why)
{
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        end_message_with(c, FILTER_REFUSE, why);
    else
        end_event(c, why);
}

static void
take_discard(struct chain *c, const struct outcome *why)
{
    c->is_discarded = true;
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        end_message_with(c, FILTER_DISCARD, why);
    else
        end_event(c, why);
}

/* An agreement is an answer too: then the member is asked what it was opened for. */
static void
take_answer(struct chain *c)
{
    struct outcome why = c->answer.why;
    bool was_agreement = c->is_opening;

    c->answer.is_there = c->is_waiting = c->is_opening = false;
    switch (c->answer.what) {
    case MILTER_GO_ON:
        commit_copy(c);
        c->member += !was_agreement;
        return;
    case MILTER_REFUSES:
        drop_copy(c);
        take_refusal(c, &why);
        return;
    case MILTER_DISCARDS:
        drop_copy(c);
        take_discard(c, &why);
        return;
    case MILTER_IS_LOST:
        lose_member(c, &why);
        return;
    }
}

static void
ask_message(struct chain *c, struct member *m)
{
    struct outcome why;

    if (!draft_copy(&c->draft, &c->copy)) {
        outcome_set(&why, OUTCOME_FILTER_DEFERRED, "no memory for a message");
        lose_member(c, &why);
        return;
    }
    c->has_copy = c->is_waiting = true;
    milter_ask_message(m->milter, &c->copy);
}

/* One step of the request with the member whose turn it is. */
static void
step_member(struct chain *c)
{
    struct request *r = STAILQ_FIRST(&c->requests);
    struct member *m = &c->members[c->member];
    struct outcome why;

    outcome_set(&why, OUTCOME_FILTER_DEFERRED, "it was lost before");
    if (m->is_lost || (m->milter != NULL && !milter_is_idle(m->milter))) {
        lose_member(c, &why);
    } else if (m->milter == NULL) {
        begin_member(m);
    } else if (r->kind == REQUEST_HANDED) {
        ask_message(c, m);
    } else {
        c->is_waiting = true;
        milter_ask(m->milter, &r->event);
    }
}

static void
carry_out_abort(struct chain *c)
{
    abort_members(c);
    pop_request(c);
}

static void
end_of_members(struct chain *c)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_OK, NULL);
    if (STAILQ_FIRST(&c->requests)->kind == REQUEST_HANDED)
        end_message_well(c);
    else
        end_event(c, &ok);
}

/* A message whose session does not know it. */
static void
lose_message(struct chain *c, const char *cause)
{
    struct filter_result r = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};
    struct message *msg = c->msg;

    if (msg == NULL)
        return;
    c->msg = NULL;
    outcome_set(&r.why, OUTCOME_FILTER_DEFERRED, "%s", cause);
    c->calls->result(c->arg, &r, NULL);
    message_unref(msg);
}

/* The store asks about the message that the edge has handed to it? */
static bool
is_asked(struct chain *c, const struct request *r)
{
    if (c->msg != NULL && strcmp(c->msg_name, r->name) != 0)
        lose_message(c, "it belongs to another transaction");
    return c->msg != NULL;
}

static void
carry_out_close(struct chain *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->members[i].milter != NULL)
            milter_quit(c->members[i].milter);
    pop_request(c);
    lose_message(c, "its session is over");
    c->calls->closed(c->arg);
}

/* One step; false: something is waited for, or nothing is left. */
static bool
step(struct chain *c)
{
    struct request *r = STAILQ_FIRST(&c->requests);

    if (c->answer.is_there) {
        take_answer(c);
        return true;
    }
    if (r == NULL || c->is_waiting)
        return false;
    if (r->kind == REQUEST_ABORT)
        carry_out_abort(c);
    else if (r->kind == REQUEST_CLOSE)
        carry_out_close(c);
    else if (r->kind == REQUEST_HANDED && !is_asked(c, r))
        return false; /* not yet */
    else if (!c->is_under_way && r->kind == REQUEST_HANDED)
        begin_message(c);
    else if (!c->is_under_way)
        begin_event(c);
    else if (c->member < c->count)
        step_member(c);
    else
        end_of_members(c);
    return true;
}

static void
chain_run(struct chain *c)
{
    if (c->is_running)
        return;
    c->is_running = true;
    while (step(c))
        ;
    c->is_running = false;
    for (unsigned i = 0; i < c->count; i++)
        if (c->members[i].milter != NULL)
            c->calls->waits(c->arg, i);
}

/* --- from outside --- */

struct chain *
chain_new(const struct chain_calls *calls, void *arg, const struct settings *s,
          const char *const *names, unsigned count)
{
    struct chain *c = count <= FILTER_NAMES_MAX ? calloc(1, sizeof(*c)) : NULL;

    if (c == NULL)
        return NULL;
    c->calls = calls;
    c->arg = arg;
    c->settings = s;
    c->count = count;
    for (unsigned i = 0; i < count; i++)
        c->members[i] = (struct member){c, i, settings_find_milter(s, names[i]), NULL, false};
    STAILQ_INIT(&c->requests);
    outcome_set(&c->connection, OUTCOME_OK, NULL);
    outcome_set(&c->held, OUTCOME_OK, NULL);
    return c;
}

void
chain_free(struct chain *c)
{
    if (c == NULL)
        return;
    lose_message(c, "its session is over");
    while (!STAILQ_EMPTY(&c->requests))
        pop_request(c);
    drop_drafts(c);
    for (unsigned i = 0; i < c->count; i++)
        milter_free(c->members[i].milter);
    macros_release(&c->macros);
    free(c);
}

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

const struct settings_milter *
chain_settings(const struct chain *c, unsigned i)
{
    return c->members[i].settings;
}

void
chain_opened(struct chain *c, unsigned i)
{
    milter_open(c->members[i].milter);
    chain_run(c);
}

void
chain_lost(struct chain *c, unsigned i, const char *cause)
{
    struct member *m = &c->members[i];

    if (c->is_opening && c->member == i) { /* it was never heard of */
        struct outcome why;

        outcome_set(&why, OUTCOME_FILTER_DEFERRED, "%s", cause);
        if (!c->answer.is_there)
            on_answered(m, MILTER_IS_LOST, &why);
    }
    milter_lose(m->milter, cause);
    note_lost(m, cause);
    chain_run(c);
}

void
chain_feed(struct chain *c, unsigned i, struct span octets)
{
    milter_feed(c->members[i].milter, octets);
    chain_run(c);
}

void
chain_resume(struct chain *c, unsigned i)
{
    milter_resume(c->members[i].milter);
    chain_run(c);
}

enum milter_wait
chain_waits_for(const struct chain *c, unsigned i)
{
    return milter_waits_for(c->members[i].milter);
}
