/* SPDX-License-Identifier: MIT
 *
 * How an operation runs: slice by slice, each where its data lives; in between, on the loop, what
 * it found goes to the client.
 */
#include <stdlib.h>

#include "operation_priv.h"

/* --- its end --- */

static void
operation_free(struct operation *op)
{
    struct deliver *d = op->deliver;

    journal_reader_close(op->reader);
    json_decref(op->kept);
    json_decref(op->rows);
    json_decref(op->ok);
    message_unref(op->message);
    free(op->accounts);
    free(op);
    deliver_done_running(d);
}

static void
end(struct operation *op)
{
    struct control_request *r = op->request;

    directory_forget(op->deliver->directory); /* accounts may have changed */
    if (op->row->place == ON_ACCOUNT && op->account_count > 0)
        active_forget(op->deliver->active, op->accounts[0].user, op->accounts[0].domain);
    if (op->failed)
        control_fail(r, &op->why);
    else
        control_done(r, json_incref(op->ok));
    operation_free(op);
}

/* --- slices --- */

static void on_slice(void *arg);

/* What a look found damaged is renewed; true: nothing was said yet, the slice may begin anew. Of a
 * listing nothing was said before its first slice with rows has ended. */
static bool
renew_index(struct operation *op, struct worker *w)
{
    struct open_account *oa;
    struct store_wait wait;
    struct outcome why = op->why; /* the log says it */

    if (account_open(w, &op->accounts[op->current], false, &oa, &wait, &why) != ACCOUNT_OPEN ||
        !account_recover_index(w, oa, &why) || (op->has_facts && op->uid > 1) ||
        (!op->has_facts && json_array_size(op->rows) > 0))
        return false;
    if (op->has_facts) {
        json_array_clear(op->rows);
        op->done = 0;
    }
    op->failed = op->has_facts = false;
    op->uid = 0;
    return true;
}

static bool
is_clerks(const struct operation *op)
{
    return op->row->place == ON_CLERK ||
           (op->row->place == ON_WORKERS && op->current == workers_count(op->deliver->workers));
}

/* Half of the change may have been carried out, and UIDs are others now: the person looks first. */
static void
renew_before_change(struct operation *op, struct worker *w)
{
    renew_index(op, w);
    operation_fail(op, OUTCOME_SYSTEM,
                   "the index was damaged and is made anew; look, and try again");
}

static void
run_slice(struct job *job, void *where)
{
    struct operation *op = (struct operation *)job;
    struct worker *w = is_clerks(op) ? NULL : where;

    op->more = false;
    op->row->run(op, w);
    bool has_account = w != NULL && op->row->place != ON_WORKERS;
    bool is_damaged = has_account && op->failed && op->why.kind == OUTCOME_CORRUPT;
    bool is_unreadable = has_account && op->failed && op->why.kind == OUTCOME_UNREADABLE;
    if (is_damaged && op->row->is_change)
        renew_before_change(op, w);
    else if ((is_damaged || (is_unreadable && !op->row->is_change)) && renew_index(op, w))
        op->row->run(op, w);
    loop_post(op->deliver->loop, on_slice, op);
}

/* The next slice, on the right thread; false when there is none. */
static bool
next_slice(struct operation *op)
{
    if (op->failed || control_gone(op->request))
        return false;
    if (!op->more && op->began) {
        op->current++;
        op->began = false;
        op->uid = 0;
        op->has_facts = false;
        op->mailbox[0] = '\0';
    }
    op->job.run = run_slice;
    if (op->row->place == ON_LOOP) {
        if (op->current > 0)
            return false;
        op->began = true;
        run_slice(&op->job, NULL);
        return true;
    }
    if (op->row->place == ON_SCRIPTS) {
        if (op->current > 0)
            return false;
        op->began = true;
        op->row->run(op, NULL);
        return true;
    }
    if (op->row->place == ON_CLERK && !op->more)
        return false;
    if (is_clerks(op)) {
        op->began = true;
        job_thread_post(op->deliver->clerk, &op->job);
        return true;
    }
    if (op->row->place == ON_WORKERS) {
        if (op->current > workers_count(op->deliver->workers))
            return false;
        op->began = true;
        workers_post_to(op->deliver->workers, (unsigned)op->current, &op->job);
        return true;
    }
    if (op->current >= op->account_count)
        return false;
    op->began = true;
    const struct account *a = &op->accounts[op->current];
    workers_post(op->deliver->workers, a->user, a->domain, &op->job);
    return true;
}

static void
go_on(struct operation *op)
{
    if (!next_slice(op))
        end(op);
}

static void
on_writable(void *arg, struct control_request *r)
{
    (void)r;
    on_slice(arg);
}

/* A piece of the message for the client; false when it has enough for now. */
static bool
stream_message(struct operation *op)
{
    char bytes[CONTROL_BYTES_MAX];
    bool room = true;

    while (room) {
        ssize_t n = message_read(op->message, op->sent, bytes, sizeof bytes);
        if (n < 0)
            operation_fail(op, OUTCOME_SYSTEM, "the message could not be read to its end");
        if (n <= 0)
            break;
        op->sent += (uint64_t)n;
        room = control_bytes(op->request, (struct span){bytes, (size_t)n});
    }
    return room;
}

/* On the loop: what the slice found goes out, as fast as the client reads. */
static void
on_slice(void *arg)
{
    struct operation *op = arg;
    bool room = true;

    for (size_t i = 0; i < json_array_size(op->rows); i++)
        room = control_row(op->request, json_incref(json_array_get(op->rows, i)));
    json_array_clear(op->rows);
    if (op->total > 0)
        control_progress(op->request, op->done, op->total);
    if (room && !op->failed && op->message != NULL && !control_gone(op->request))
        room = stream_message(op);
    if (room || control_gone(op->request))
        go_on(op);
    else
        control_when_writable(op->request, on_writable, op);
}

void
operation_slice_done(struct operation *op)
{
    on_slice(op);
}

/* --- its beginning --- */

/* Whose turns there will be. */
static bool
on_account(void *arg, const struct account *account)
{
    struct operation *op = arg;
    struct account *more = realloc(op->accounts, (op->account_count + 1) * sizeof *more);

    if (more == NULL) {
        operation_fail(op, OUTCOME_SYSTEM, "out of memory");
        return false;
    }
    op->accounts = more;
    op->accounts[op->account_count++] = *account;
    return true;
}

static void
find_one(struct operation *op, struct accounts *accounts, const char *name)
{
    struct arena arena;
    struct address address;
    struct account found;

    arena_init(&arena, 8192);
    if (address_parse_mailbox(span_of(name), ADDRESS_ALLOW_UTF8, &arena, &address) != ADDRESS_OK)
        operation_fail(op, OUTCOME_BAD_REQUEST, "%s is no account's name (user@domain)", name);
    else if (accounts_find(accounts, address.local, address.domain, &found, &op->why))
        on_account(op, &found);
    else if (op->why.kind == OUTCOME_NO_SUCH_USER || op->why.kind == OUTCOME_NOT_OURS)
        operation_fail(op, OUTCOME_NO_SUCH_USER, "no account %s", name);
    else
        op->failed = true;
    arena_release(&arena);
}

static void
find_accounts(struct operation *op)
{
    struct accounts *accounts = directory_lock(op->deliver->directory);
    const char *name = json_string_value(json_object_get(op->args, "account"));
    const char *domain = json_string_value(json_object_get(op->args, "domain"));

    if (name == NULL && op->row->place != ON_SCRIPTS)
        name = json_string_value(json_object_get(op->args, "name"));
    if (name != NULL)
        find_one(op, accounts, name);
    else if (op->row->place == ON_ACCOUNT || op->row->place == ON_SCRIPTS)
        operation_fail(op, OUTCOME_BAD_REQUEST, "argument \"account\" is missing");
    else if (!accounts_list(accounts, domain, on_account, op, &op->why))
        op->failed = true;
    directory_unlock(op->deliver->directory);
    op->total = op->row->place == ON_EACH ? op->account_count : 0;
}

static void
run_first(struct job *job, void *clerk)
{
    struct operation *op = (struct operation *)job;

    (void)clerk;
    if (op->row->place == ON_CLERK)
        op->row->run(op, NULL);
    else if (op->row->place != ON_WORKERS && op->row->place != ON_LOOP)
        find_accounts(op);
    loop_post(op->deliver->loop, on_slice, op);
}

void
operation_start(struct deliver *d, struct control_request *r, const struct operation_row *row)
{
    struct operation *op = calloc(1, sizeof *op);
    struct outcome why;

    if (op != NULL)
        op->rows = json_array();
    if (op == NULL || op->rows == NULL) {
        free(op);
        outcome_set(&why, OUTCOME_SYSTEM, "no memory");
        control_fail(r, &why);
        return;
    }
    op->deliver = d;
    op->request = r;
    op->row = row;
    op->args = control_args(r);
    op->job.run = run_first;
    d->running++;
    job_thread_post(d->clerk, &op->job);
}
