/* SPDX-License-Identifier: MIT
 *
 * Sieve for a transaction: see filing_priv.h. The runs of all parcels go to a sorter with the
 * message, whose bytes are sent once; where no account has a script nothing is asked but facts.
 */
#include "filing_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"

#include "account_questions_priv.h"
#include "forward_priv.h"

#define EDITION_SPARE (1024 * 1024) /* octets that scripts may add to a message */

/* ---- scripts of a parcel ---- */

static uint32_t
put_globals(const struct global_scripts *g, enum filing_layer layer, struct filing_script *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; g != NULL && i < g->count; i++)
        if (g->list[i].layer == layer)
            out[n++] = (struct filing_script){g->list[i].name, g->list[i].hash, layer};
    return n;
}

/* In their order: before, the account's own, after, and for what is to be discarded. */
static uint32_t
put_scripts(const struct parcel *p, struct filing_script *out)
{
    const struct global_scripts *g = p->transaction->deliver->global_scripts;
    uint32_t n = put_globals(g, FILING_BEFORE, out);

    if (p->script != NULL)
        out[n++] = (struct filing_script){p->script->name, p->script->hash, FILING_PERSONAL};
    n += put_globals(g, FILING_AFTER, out + n);
    return n + put_globals(g, FILING_DISCARD, out + n);
}

static const char *
or_nothing(const char *text)
{
    return text == NULL ? "" : text;
}

static const char *
print_account(struct transaction *t, const struct account *a)
{
    char text[ACCOUNT_TEXT_SIZE];

    account_print(a->user, a->domain, text);
    const char *copy = arena_copy(&t->arena, span_of(text));

    return copy == NULL ? "" : copy;
}

/* RFC 3461 4.1, as a script compares it. */
static const char *
print_notify(unsigned notify)
{
    static const char *const words[] = {"",
                                        "NEVER",
                                        "SUCCESS",
                                        "NEVER",
                                        "FAILURE",
                                        "NEVER",
                                        "SUCCESS,FAILURE",
                                        "NEVER",
                                        "DELAY",
                                        "NEVER",
                                        "SUCCESS,DELAY",
                                        "NEVER",
                                        "FAILURE,DELAY",
                                        "NEVER",
                                        "SUCCESS,FAILURE,DELAY",
                                        "NEVER"};

    return words[notify & 15];
}

static const char *
original_of(const struct envelope_recipient *r)
{
    const char *semicolon = strchr(r->orcpt, ';');

    return semicolon != NULL && strncasecmp(r->orcpt, "rfc822;", 7) == 0 ? semicolon + 1 : "";
}

/* RFC 5183 4.1: the address without the tag of RFC 5321 4.1.3. */
static const char *
remote_ip(const struct envelope *e)
{
    return strncasecmp(e->client_ip, "IPv6:", 5) == 0 ? e->client_ip + 5 : e->client_ip;
}

/* As many as a run may have. */
static bool
list_aliases(const struct parcel *p, struct filing_run *run)
{
    struct span rest = p->aliases;

    run->aliases = arena_alloc(&p->transaction->arena, (rest.n / 2 + 1) * sizeof *run->aliases);
    while (run->aliases != NULL && rest.n > 0 && run->alias_count < FILING_ALIASES_MAX) {
        run->aliases[run->alias_count++] = rest.p;
        rest = span_skip(rest, strlen(rest.p) + 1);
    }
    return run->aliases != NULL;
}

static bool
pack_run(struct parcel *p, struct span *out)
{
    static const char *const ret[] = {[RET_NONE] = "", [RET_FULL] = "FULL", [RET_HDRS] = "HDRS"};
    struct transaction *t = p->transaction;
    const struct envelope *e = &t->envelope;
    const struct envelope_recipient *to = &e->recipients[p->delivery.recipient];
    const struct account *a = &p->delivery.target.account;
    const struct settings_domain *domain = settings_find_domain(t->deliver->settings, a->domain);
    struct filing_script scripts[FILING_SCRIPTS_MAX];
    struct buf packed;
    struct pack pk;
    struct filing_run run = {
        .id = t->source.id,
        .sender = or_nothing(address_text(&e->reverse_path, &t->arena)),
        .recipient = or_nothing(address_text(&to->address, &t->arena)),
        .original_recipient = original_of(to),
        .login = e->login,
        .notify = print_notify(to->notify),
        .orcpt = strlen(to->orcpt) < FILING_NAME_MAX ? to->orcpt : "",
        .ret = ret[e->ret],
        .envid = e->envid,
        .remote_ip = remote_ip(e),
        .remote_host = strlen(e->client_name) < FILING_NAME_MAX ? e->client_name : "",
        .address = print_account(t, a),
        .user = a->user,
        .delimiters = domain != NULL ? domain->recipient_delimiter : "",
        .scripts = scripts,
        .script_count = put_scripts(p, scripts),
    };

    if (!list_aliases(p, &run))
        return false;
    buf_init(&packed, DOOR_BODY_MAX);
    pack_init(&pk, &packed);
    filing_run_pack(&run, &pk);
    const char *copy = pk.full ? NULL : arena_copy(&t->arena, buf_span(&packed));
    *out = (struct span){copy, packed.len};
    buf_release(&packed);
    return copy != NULL;
}

/* ---- asking ---- */

static bool
has_scripts(const struct parcel *p)
{
    const struct global_scripts *g = p->transaction->deliver->global_scripts;

    if (forward_is(p))
        return false; /* they run at home */
    return p->script != NULL || (g != NULL && g->count > 0);
}

static uint32_t
count_runs(const struct transaction *t)
{
    uint32_t count = 0;

    for (const struct parcel *p = t->parcels; p != NULL; p = p->hh.next)
        count += has_scripts(p);
    return count;
}

static bool
make_runs(struct transaction *t, uint32_t count)
{
    struct filing *f = t->filing;
    uint32_t n = 0;

    f->runs = arena_alloc(&t->arena, count * sizeof *f->runs);
    f->parcels = arena_alloc(&t->arena, count * sizeof(struct parcel *));
    if (f->runs == NULL || f->parcels == NULL)
        return false;
    for (struct parcel *p = t->parcels; p != NULL; p = p->hh.next) {
        if (!has_scripts(p))
            continue;
        if (!pack_run(p, &f->runs[n]))
            return false;
        f->asked.octets += f->runs[n].n + 32;
        p->has_run = true;
        p->run = n;
        f->parcels[n++] = p;
    }
    return true;
}

static struct message *
new_message(void *arg)
{
    return transaction_new_message(arg);
}

static void
ask(void *arg, const struct sorters_question *q, uint32_t run, enum sort_question what,
    struct span words)
{
    struct transaction *t = arg;
    const struct account *a = &t->filing->parcels[run]->delivery.target.account;

    if (what == SORT_ASK_PROGRAM) {
        filing_ask_program(t, t->filing->parcels[run], q, words);
        return;
    }
    account_question_ask(t->deliver, q, a, t->filing->parcels[run]->script, what, words);
}

static void
on_known(struct transaction *t)
{
    struct filing *f = t->filing;
    uint32_t count = count_runs(t);

    if (count == 0) {
        sorters_ask(t->deliver->sorters, t->msg, &t->arena, f->fn, t);
        return;
    }
    if (!make_runs(t, count)) {
        f->fn(t, SORTERS_LATE, NULL, SPAN_NONE); /* no memory: another time */
        return;
    }
    f->asked.runs = f->runs;
    f->asked.count = count;
    f->asked.edition_max = message_traits(t->msg)->octets * 2 + EDITION_SPARE;
    f->asked.new_message = new_message;
    f->asked.ask = ask;
    f->asked.filed = &f->filed;
    sorters_file(t->deliver->sorters, t->msg, &t->arena, &f->asked, f->fn, t);
}

static void
one_known(struct transaction *t)
{
    if (--t->filing->looking == 0)
        on_known(t);
}

static void
on_aliases(void *arg, struct span aliases)
{
    struct parcel *p = arg;
    const char *copy = arena_copy(&p->transaction->arena, aliases);

    p->aliases = (struct span){copy, copy != NULL ? aliases.n : 0};
    one_known(p->transaction);
}

static void
on_script(void *arg, bool is_known, struct active_script *script)
{
    struct parcel *p = arg;
    struct transaction *t = p->transaction;

    p->script = script;
    p->lacks_script = !is_known;
    if (has_scripts(p))
        directory_aliases(t->deliver->directory, &p->delivery.target.account, on_aliases, p);
    else
        one_known(t);
}

/* What an administrator's filter has put elsewhere stays there. */
static bool
is_quarantined(const struct transaction *t)
{
    return strcmp(t->source.mailbox, "INBOX") != 0;
}

void
filing_sort(struct transaction *t, sorters_fn fn)
{
    t->filing = arena_alloc(&t->arena, sizeof *t->filing);
    if (t->filing == NULL) {
        fn(t, SORTERS_LATE, NULL, SPAN_NONE);
        return;
    }
    t->filing->fn = fn;
    if (is_quarantined(t)) {
        sorters_ask(t->deliver->sorters, t->msg, &t->arena, fn, t);
        return;
    }
    t->filing->looking = HASH_COUNT(t->parcels) + 1;
    for (struct parcel *p = t->parcels; p != NULL; p = p->hh.next) {
        if (forward_is(p))
            on_script(p, true, NULL);
        else
            active_ask(t->deliver->active, &p->delivery.target.account, on_script, p);
    }
    one_known(t);
}

void
filing_release(struct transaction *t)
{
    struct filing *f = t->filing;

    for (struct parcel *p = t->parcels; p != NULL; p = p->hh.next)
        active_unref(p->script);
    for (uint32_t i = 0; f != NULL && i < f->spool_count; i++)
        spool_file_unref(f->spools[i]);
    for (uint32_t i = 0; f != NULL && f->filed != NULL && i < f->asked.count; i++)
        for (uint32_t n = 0; n < f->filed[i].result.edition_count && f->filed[i].editions != NULL;
             n++)
            message_unref(f->filed[i].editions[n]);
}
