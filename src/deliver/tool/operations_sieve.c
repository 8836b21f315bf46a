/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on an account's Sieve scripts: each becomes a request as ManageSieve's do.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "operation_priv.h"
#include "scripts_priv.h"

static void
fail_with(struct operation *op, const struct script_request *r)
{
    static const enum outcome_kind kinds[SCRIPT_RESULTS] = {
        [SCRIPT_BAD_NAME] = OUTCOME_BAD_REQUEST,
        [SCRIPT_MISSING] = OUTCOME_NOT_FOUND,
        [SCRIPT_EXISTS] = OUTCOME_EXISTS,
        [SCRIPT_IS_ACTIVE] = OUTCOME_EXISTS,
        [SCRIPT_TOO_MANY] = OUTCOME_OVER_QUOTA_HARD,
        [SCRIPT_TOO_LONG] = OUTCOME_OVER_QUOTA_HARD,
        [SCRIPT_OVER_STORAGE] = OUTCOME_OVER_QUOTA_HARD,
    };

    if (r->result == SCRIPT_FAILED) {
        op->why = r->why;
        op->failed = true;
    } else {
        operation_fail(op, kinds[r->result], "%s", scripts_result_text(r->result));
    }
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

static void
add_scripts(struct operation *op, const struct script_request *r)
{
    for (size_t i = 0; i < r->list_count; i++) {
        const struct personal_script *s = &r->list[i];
        operation_row(op, json_pack("{s:s, s:b, s:I, s:o, s:s}", "name", s->name, "active",
                                    s->is_active, "octets", (json_int_t)s->octets, "changed",
                                    time_json(s->changed), "hash", s->hash));
    }
}

static void
on_done(struct script_request *r)
{
    struct operation *op = r->arg;

    if (r->verb == SCRIPT_PUT && (r->result == SCRIPT_DONE || r->result == SCRIPT_REFUSED))
        op->ok = json_pack("{s:b, s:I, s:I, s:s}", "stored", r->result == SCRIPT_DONE, "errors",
                           (json_int_t)r->errors, "warnings", (json_int_t)r->warnings, "report",
                           buf_str(&r->report));
    else if (r->result != SCRIPT_DONE)
        fail_with(op, r);
    add_scripts(op, r);
    for (size_t i = 0; i < json_array_size(r->log); i++)
        operation_row(op, json_incref(json_array_get(r->log, i)));
    if (r->verb == SCRIPT_GET && r->result == SCRIPT_DONE) {
        op->message = message_from_memory(buf_span(&r->found));
        if (op->message == NULL)
            operation_fail(op, OUTCOME_SYSTEM, "out of memory");
    }
    scripts_request_free(r);
    operation_slice_done(op);
}

static struct script_request *
begin(struct operation *op, enum script_verb verb)
{
    struct script_request *r = scripts_request_new(op->deliver, &op->accounts[0]);

    if (r == NULL) {
        operation_fail(op, OUTCOME_SYSTEM, "out of memory");
        return NULL;
    }
    r->verb = verb;
    r->done = on_done;
    r->arg = op;
    return r;
}

/* A name that is too long is none that a script may have. */
static bool
take_name(struct operation *op, const char *argument, char out[PERSONAL_SCRIPT_NAME_SIZE])
{
    const char *name = operation_text(op, argument);

    if (name == NULL)
        return false;
    if (strlen(name) >= PERSONAL_SCRIPT_NAME_SIZE) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "%s", scripts_result_text(SCRIPT_BAD_NAME));
        return false;
    }
    memcpy(out, name, strlen(name) + 1);
    return true;
}

static void
ask_or_fail(struct operation *op, struct script_request *r, bool ok)
{
    if (r != NULL && ok) {
        scripts_ask(r);
        return;
    }
    scripts_request_free(r);
    operation_slice_done(op);
}

void
operation_sieve_put(struct operation *op, struct worker *w)
{
    json_t *text = json_object_get(op->args, "text");
    struct script_request *r = begin(op, SCRIPT_PUT);
    bool ok = r != NULL && take_name(op, "name", r->name);

    (void)w;
    if (ok && !json_is_string(text)) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "argument \"text\" is missing");
        ok = false;
    }
    if (ok) {
        const struct span octets = {json_string_value(text), json_string_length(text)};
        r->activate = json_is_true(json_object_get(op->args, "activate"));
        r->text = message_from_memory(octets);
        ok = r->text != NULL;
        if (!ok)
            operation_fail(op, OUTCOME_SYSTEM, "out of memory");
    }
    ask_or_fail(op, r, ok);
}

void
operation_sieve_list(struct operation *op, struct worker *w)
{
    struct script_request *r = begin(op, SCRIPT_LIST);

    (void)w;
    ask_or_fail(op, r, true);
}

void
operation_sieve_log(struct operation *op, struct worker *w)
{
    struct script_request *r = begin(op, SCRIPT_LOG);

    (void)w;
    ask_or_fail(op, r, true);
}

static void
ask_by_name(struct operation *op, enum script_verb verb)
{
    struct script_request *r = begin(op, verb);

    ask_or_fail(op, r, r != NULL && take_name(op, "name", r->name));
}

void
operation_sieve_get(struct operation *op, struct worker *w)
{
    (void)w;
    ask_by_name(op, SCRIPT_GET);
}

void
operation_sieve_delete(struct operation *op, struct worker *w)
{
    (void)w;
    ask_by_name(op, SCRIPT_DELETE);
}

void
operation_sieve_rename(struct operation *op, struct worker *w)
{
    struct script_request *r = begin(op, SCRIPT_RENAME);

    (void)w;
    ask_or_fail(op, r, r != NULL && take_name(op, "name", r->name) && take_name(op, "to", r->to));
}

/* Without a name no script is active any more. */
void
operation_sieve_activate(struct operation *op, struct worker *w)
{
    struct script_request *r = begin(op, SCRIPT_ACTIVATE);
    bool has_name = json_object_get(op->args, "name") != NULL;

    (void)w;
    ask_or_fail(op, r, r != NULL && (!has_name || take_name(op, "name", r->name)));
}
