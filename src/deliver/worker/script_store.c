/* SPDX-License-Identifier: MIT
 *
 * Scripts of an account: see script_store_priv.h.
 */
#include "script_store_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doorstep/clock.h"
#include "doorstep/relay_queue.h"

#include "account_personal_priv.h"
#include "rows_priv.h"

#define LOG_WAITING_MAX 1000 /* of what waits in the queue, the oldest */

static bool
fail(struct script_request *r, enum script_result result)
{
    r->result = result;
    return false;
}

/* What was said, as RFC 5804 puts it. */
static bool
fail_why(struct script_request *r)
{
    switch (r->why.kind) {
    case OUTCOME_NOT_FOUND:
        return fail(r, SCRIPT_MISSING);
    case OUTCOME_EXISTS:
        return fail(r, SCRIPT_EXISTS);
    case OUTCOME_BUSY:
        return fail(r, SCRIPT_IS_ACTIVE);
    default:
        return fail(r, SCRIPT_FAILED);
    }
}

/* ---- quotas ---- */

struct stock { /* scripts that there are, but for the one of that name */
    const char *name;
    uint64_t count, octets;
};

static bool
count_one(void *arg, const struct personal_script *s)
{
    struct stock *stock = arg;

    if (strcmp(s->name, stock->name) != 0) {
        stock->count++;
        stock->octets += s->octets;
    }
    return true;
}

static bool
has_space(struct worker *w, struct open_account *oa, struct script_request *r, uint64_t octets)
{
    const struct settings_sieve *s = &w->with.settings->sieve;
    struct stock stock = {.name = r->name};

    if (octets > s->script_size)
        return fail(r, SCRIPT_TOO_LONG);
    struct personal *p = account_personal(oa, false, &r->why);
    if (p == NULL ? r->why.kind != OUTCOME_NOT_FOUND
                  : !personal_script_list(p, count_one, &stock, &r->why))
        return fail(r, SCRIPT_FAILED);
    if (stock.count >= s->scripts)
        return fail(r, SCRIPT_TOO_MANY);
    if (octets > s->storage || stock.octets > s->storage - octets)
        return fail(r, SCRIPT_OVER_STORAGE);
    return true;
}

/* ---- looking ---- */

static bool
keep_one(void *arg, const struct personal_script *s)
{
    struct script_request *r = arg;
    struct personal_script *more = reallocarray(r->list, r->list_count + 1, sizeof *more);

    if (more == NULL)
        return fail(r, SCRIPT_FAILED);
    r->list = more;
    r->list[r->list_count++] = *s;
    return true;
}

static bool
list(struct open_account *oa, struct script_request *r)
{
    struct personal *p = account_personal(oa, false, &r->why);

    if (p == NULL)
        return r->why.kind == OUTCOME_NOT_FOUND || fail(r, SCRIPT_FAILED);
    outcome_set(&r->why, OUTCOME_SYSTEM, "no memory for a list of scripts");
    return (personal_script_list(p, keep_one, r, &r->why) || fail(r, SCRIPT_FAILED)) &&
           r->result == SCRIPT_DONE;
}

static bool
get(struct open_account *oa, struct script_request *r)
{
    struct personal *p = account_personal(oa, false, &r->why);
    struct personal_script s;

    return (p != NULL && personal_script_find(p, r->name, &s, &r->found, &r->why)) || fail_why(r);
}

/* RFC 3339, UTC. */
static json_t *
time_json(time_t when)
{
    struct tm tm;
    char text[40];

    gmtime_r(&when, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static bool
on_logged(void *arg, time_t logged, const char *delivery_id, const char *text)
{
    json_array_append_new(arg, json_pack("{s:o, s:s, s:s, s:s*}", "time", time_json(logged), "kind",
                                         "failure", "delivery", delivery_id, "text", text));
    return true;
}

static bool
on_waiting(void *arg, const struct queue_item *item)
{
    struct buf to;

    buf_init(&to, 4096);
    for (size_t i = 0; i < item->recipient_count; i++)
        buf_printf(&to, "%s%s", i == 0 ? "to: " : ", ", item->recipients[i].address);
    json_array_append_new(arg, json_pack("{s:o, s:s, s:s, s:s*}", "time", time_json(item->queued),
                                         "kind", item->kind, "delivery", item->delivery_id, "text",
                                         buf_str(&to)));
    buf_release(&to);
    return true;
}

static bool
read_log(struct worker *w, struct open_account *oa, struct script_request *r)
{
    r->log = json_array();
    outcome_set(&r->why, OUTCOME_SYSTEM, "no memory for a log");
    return (r->log != NULL && rows_flush(w, oa, &r->why) &&
            index_sieve_log_list(oa->index, on_logged, r->log, &r->why) &&
            queue_list_account(w->with.queue, oa->key, LOG_WAITING_MAX, on_waiting, r->log,
                               &r->why)) ||
           fail(r, SCRIPT_FAILED);
}

/* ---- changing ---- */

/* To make none the active one. */
static bool
is_nothing(const struct script_request *r)
{
    return r->verb == SCRIPT_ACTIVATE && r->name[0] == '\0';
}

static bool
put(struct personal *p, struct script_request *r)
{
    struct personal_script s = {.changed = clock_wall().tv_sec};
    bool spilled;

    memcpy(s.name, r->name, sizeof s.name);
    return personal_script_put(p, &s, message_inline(r->text, &spilled), &r->why) &&
           (!r->activate || personal_script_activate(p, r->name, &r->why));
}

static bool
change(struct personal *p, struct script_request *r)
{
    switch (r->verb) {
    case SCRIPT_PUT:
        return put(p, r);
    case SCRIPT_DELETE:
        return personal_script_delete(p, r->name, &r->why);
    case SCRIPT_RENAME:
        return personal_script_rename(p, r->name, r->to, &r->why);
    case SCRIPT_ACTIVATE:
        return personal_script_activate(p, r->name[0] == '\0' ? NULL : r->name, &r->why);
    case SCRIPT_CHECK:
    case SCRIPT_HAVE_SPACE:
    case SCRIPT_LIST:
    case SCRIPT_GET:
    case SCRIPT_LOG:
        break;
    }
    return true;
}

/* No script but one that is put is in a database that is not there. */
static bool
change_durably(struct open_account *oa, struct script_request *r)
{
    struct personal *p = account_personal(oa, r->verb == SCRIPT_PUT, &r->why);

    if (p == NULL && r->why.kind == OUTCOME_NOT_FOUND && is_nothing(r))
        return true;
    if (p == NULL)
        return fail_why(r);
    if (!personal_begin(p, &r->why))
        return fail(r, SCRIPT_FAILED);
    if (!change(p, r)) {
        personal_rollback(p);
        return fail_why(r);
    }
    return personal_commit(p, &r->why) || fail(r, SCRIPT_FAILED);
}

static bool
run(struct worker *w, struct open_account *oa, struct script_request *r)
{
    switch (r->verb) {
    case SCRIPT_HAVE_SPACE:
        return has_space(w, oa, r, r->octets);
    case SCRIPT_LIST:
        return list(oa, r);
    case SCRIPT_GET:
        return get(oa, r);
    case SCRIPT_LOG:
        return read_log(w, oa, r);
    case SCRIPT_PUT:
        return has_space(w, oa, r, message_traits(r->text)->octets) && change_durably(oa, r);
    case SCRIPT_DELETE:
    case SCRIPT_RENAME:
    case SCRIPT_ACTIVATE:
        return change_durably(oa, r);
    case SCRIPT_CHECK:
        break;
    }
    return true;
}

/* ---- all of it ---- */

static bool
names_are_good(const struct script_request *r)
{
    bool needs_name = r->verb != SCRIPT_CHECK && r->verb != SCRIPT_LIST && r->verb != SCRIPT_LOG &&
                      (r->verb != SCRIPT_ACTIVATE || r->name[0] != '\0');

    return (!needs_name || personal_script_name_check(r->name)) &&
           (r->verb != SCRIPT_RENAME || personal_script_name_check(r->to));
}

/* An account that has had no mail yet has no scripts either. */
static void
note_absence(struct script_request *r)
{
    if (r->why.kind != OUTCOME_NOT_FOUND)
        r->result = SCRIPT_FAILED;
    else if (r->verb != SCRIPT_LIST && r->verb != SCRIPT_LOG && !is_nothing(r))
        r->result = SCRIPT_MISSING;
}

bool
scripts_carry_out(struct worker *w, struct script_request *r)
{
    bool create = r->verb == SCRIPT_PUT || r->verb == SCRIPT_HAVE_SPACE;
    struct open_account *oa;
    struct store_wait wait;

    r->result = SCRIPT_DONE;
    if (!names_are_good(r)) {
        r->result = SCRIPT_BAD_NAME;
        return true;
    }
    switch (account_open(w, &r->account, create, &oa, &wait, &r->why)) {
    case ACCOUNT_FAILED:
        note_absence(r);
        return true;
    case ACCOUNT_LATER: /* the index alone is needed: its hand may be away */
        if (oa->loan.is_lent || oa->index == NULL)
            return false;
        break;
    case ACCOUNT_OPEN:
        break;
    }
    if (!run(w, oa, r) && r->result == SCRIPT_FAILED)
        (void)account_recover_index(w, oa, &r->why); /* the person tries again */
    account_personal_close(oa);                      /* who asks here asks seldom */
    return true;
}

/* ---- what they are, all together ---- */

static bool
hash_one(void *arg, const struct personal_script *s)
{
    crypto_generichash_state *state = arg;

    crypto_generichash_update(state, (const unsigned char *)s->name, strlen(s->name) + 1);
    crypto_generichash_update(state, (const unsigned char *)s->hash, strlen(s->hash) + 1);
    return true;
}

bool
script_bundle(struct personal *p, char out[PERSONAL_SCRIPT_HASH_SIZE], struct outcome *why)
{
    crypto_generichash_state state;
    unsigned char hash[32];

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    if (!personal_script_list(p, hash_one, &state, why))
        return false;
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(out, PERSONAL_SCRIPT_HASH_SIZE, hash, sizeof hash);
    return true;
}
