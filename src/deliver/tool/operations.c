/* SPDX-License-Identifier: MIT
 *
 * How the tool's operations run: see operation_priv.h. The operations themselves are in
 * operations_accounts.c, operations_mailboxes.c, operations_messages.c, operations_sieve.c and
 * fsck.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "operation_priv.h"
#include "reconcile_priv.h"

#define TRACE_ROWS_MAX 10000

static const struct operation_row table[] = {
    {"account.add", ON_CLERK, operation_account_add, false},
    {"account.set", ON_CLERK, operation_account_set, false},
    {"account.passwd", ON_CLERK, operation_account_passwd, false},
    {"account.delete", ON_ACCOUNT, operation_account_delete, false},
    {"account.list", ON_EACH, operation_account_list, false},
    {"account.show", ON_ACCOUNT, operation_account_show, false},
    {"alias.add", ON_CLERK, operation_alias_add, false},
    {"alias.list", ON_CLERK, operation_alias_list, false},
    {"alias.delete", ON_CLERK, operation_alias_delete, false},
    {"ban.list", ON_LOOP, operation_ban_list, false},
    {"ban.remove", ON_LOOP, operation_ban_remove, false},
    {"ban.add", ON_LOOP, operation_ban_add, false},
    {"mailbox.list", ON_ACCOUNT, operation_mailbox_list, false},
    {"mailbox.create", ON_ACCOUNT, operation_mailbox_create, true},
    {"mailbox.rename", ON_ACCOUNT, operation_mailbox_rename, true},
    {"mailbox.delete", ON_ACCOUNT, operation_mailbox_delete, true},
    {"mailbox.special_use", ON_ACCOUNT, operation_mailbox_use, true},
    {"mailbox.metadata", ON_ACCOUNT, operation_mailbox_metadata, false},
    {"mailbox.annotate", ON_ACCOUNT, operation_mailbox_annotate, true},
    {"message.list", ON_ACCOUNT, operation_message_list, false},
    {"message.show", ON_ACCOUNT, operation_message_show, false},
    {"message.cat", ON_ACCOUNT, operation_message_cat, false},
    {"message.flag", ON_ACCOUNT, operation_message_flag, true},
    {"message.move", ON_ACCOUNT, operation_message_move, true},
    {"message.delete", ON_ACCOUNT, operation_message_delete, true},
    {"journal.show", ON_WORKERS, operation_journal_show, false},
    {"journal.verify", ON_CLERK, operation_journal_verify, false},
    {"journal.replay", ON_WORKERS, operation_journal_replay, false},
    {"queue.list", ON_WORKERS, operation_queue_list, false},
    {"queue.show", ON_WORKERS, operation_queue_show, false},
    {"queue.delete", ON_WORKERS, operation_queue_delete, false},
    {"queue.hold", ON_WORKERS, operation_queue_hold, false},
    {"queue.release", ON_WORKERS, operation_queue_release, false},
    {"queue.retry", ON_WORKERS, operation_queue_retry, false},
    {"sieve.put", ON_SCRIPTS, operation_sieve_put, false},
    {"sieve.list", ON_SCRIPTS, operation_sieve_list, false},
    {"sieve.log", ON_SCRIPTS, operation_sieve_log, false},
    {"sieve.get", ON_SCRIPTS, operation_sieve_get, false},
    {"sieve.delete", ON_SCRIPTS, operation_sieve_delete, false},
    {"sieve.rename", ON_SCRIPTS, operation_sieve_rename, false},
    {"sieve.activate", ON_SCRIPTS, operation_sieve_activate, false},
    {"fsck", ON_EACH, operation_fsck, false},
    {"trace", ON_CLERK, operation_trace, false},
};

void
operation_fail(struct operation *op, enum outcome_kind kind, const char *text, ...)
{
    char line[sizeof op->why.text];
    va_list args;

    va_start(args, text);
    vsnprintf(line, sizeof line, text, args);
    va_end(args);
    outcome_set(&op->why, kind, NULL);
    outcome_say(&op->why, "%s", line);
    op->failed = true;
}

const char *
operation_text(struct operation *op, const char *name)
{
    const char *value = json_string_value(json_object_get(op->args, name));

    if (value == NULL || *value == '\0') {
        operation_fail(op, OUTCOME_BAD_REQUEST, "argument \"%s\" is missing", name);
        return NULL;
    }
    return value;
}

void
operation_row(struct operation *op, json_t *row)
{
    if (row == NULL || json_array_append_new(op->rows, row) != 0)
        operation_fail(op, OUTCOME_SYSTEM, "out of memory");
}

struct open_account *
operation_account(struct operation *op, struct worker *w, bool quiet)
{
    struct open_account *oa;
    struct store_wait wait;

    batch_finish(w);
    switch (account_look(w, &op->accounts[op->current], false, &oa, &wait, &op->why)) {
    case ACCOUNT_OPEN:
        return oa;
    case ACCOUNT_LATER:
        op->more = true;
        return NULL;
    case ACCOUNT_FAILED:
        break;
    }
    if (op->why.kind != OUTCOME_NOT_FOUND)
        op->failed = true;
    else if (!quiet)
        operation_fail(op, OUTCOME_NOT_FOUND, "%s@%s has had no mail yet",
                       op->accounts[op->current].user, op->accounts[op->current].domain);
    return NULL;
}

bool
operation_mailbox(struct operation *op, struct worker *w, struct open_account *oa, const char *name,
                  struct index_mailbox *box)
{
    if (strcasecmp(name, "INBOX") == 0)
        name = "INBOX";
    bool found = account_mailbox(w, oa, name, false, box, &op->why);
    if (!found && op->why.kind == OUTCOME_NOT_FOUND)
        found = reconcile_folders(w, oa, &op->why) &&
                account_mailbox(w, oa, name, false, box, &op->why);
    if (found && reconcile_mailbox(oa, name, box, NULL, &op->why))
        return true;
    if (op->why.kind == OUTCOME_NOT_FOUND)
        operation_fail(op, OUTCOME_NOT_FOUND, "no mailbox %s in %s", name, oa->key);
    op->failed = true;
    return false;
}

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

static void on_slice(void *arg);

/* What a look found damaged is renewed; true: nothing was said yet, the slice may begin anew. Of a
 * listing nothing was said before its first slice with rows has ended. */
static bool
renew_index(struct operation *op, struct worker *w)
{
    struct open_account *oa;
    struct store_wait wait;
    struct outcome why;

    if (account_open(w, &op->accounts[op->current], false, &oa, &wait, &why) != ACCOUNT_OPEN ||
        !account_renew_index(w, oa, &why) || (op->has_facts && op->uid > 1) ||
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
    if (is_damaged && op->row->is_change)
        renew_before_change(op, w);
    else if (is_damaged && renew_index(op, w))
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

static void
start(struct deliver *d, struct control_request *r, const struct operation_row *row)
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

static void
answer_ping(struct deliver *d, struct control_request *r)
{
    unsigned edges = 0;

    for (struct edge *e = d->edges; e != NULL; e = e->next)
        edges++;
    control_done(r, json_pack("{s:s, s:b, s:b, s:i, s:i, s:I}", "version", DOORSTEP_VERSION,
                              "ready", d->is_serving && (d->is_offline || edges > 0), "replaying",
                              !d->is_serving, "edges", (int)edges, "sorters",
                              (int)sorters_count(d->sorters), "uptime_ms",
                              (json_int_t)(clock_ms() - d->started_ms)));
}

static void
answer_stats(struct deliver *d, struct control_request *r)
{
    const struct counters *c = &d->counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"transactions", c->transactions},
        {"delivered", c->delivered},
        {"duplicates", c->duplicates},
        {"temporary_failures", c->temporary},
        {"permanent_failures", c->permanent},
        {"recipients_accepted", c->rcpt_accepted},
        {"recipients_refused", c->rcpt_refused},
        {"octets", c->octets},
        {"messages_unsorted", c->unsorted},
        {"transactions_running", d->running},
        {"octets_in_memory", d->memory},
        {"kept", workers_kept(d->workers)},
        {"uptime_ms", clock_ms() - d->started_ms},
    };
    json_t *counters = json_object(), *roles = json_array();
    unsigned edges = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_object_set_new(counters, rows[i].name, json_integer((json_int_t)rows[i].value));
    for (struct edge *e = d->edges; e != NULL; e = e->next)
        edges++;
    json_array_append_new(roles, json_pack("{s:s, s:i}", "role", "edge", "count", (int)edges));
    json_array_append_new(roles, json_pack("{s:s, s:i, s:i}", "role", "store", "count", 1,
                                           "workers", (int)workers_count(d->workers)));
    json_array_append_new(
        roles, json_pack("{s:s, s:i}", "role", "sorter", "count", (int)sorters_count(d->sorters)));
    control_done(r, json_pack("{s:o, s:o}", "counters", counters, "roles", roles));
}

static void
refuse(struct control_request *r, enum outcome_kind kind, const char *text)
{
    struct outcome why;

    outcome_set(&why, kind, NULL);
    outcome_say(&why, "%s", text);
    control_fail(r, &why);
}

/* The accounts whose deliveries took longest lately. */
static json_t *
list_slow(struct deliver *d)
{
    struct slow_account rows[2 * SLOW_ACCOUNTS];
    size_t count = slow_list(&d->slow, clock_ms(), rows);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s,s:I,s:f,s:f}", "account", rows[i].name, "deliveries",
                                        (json_int_t)rows[i].deliveries, "mean_seconds",
                                        (double)rows[i].total_us / (double)rows[i].deliveries / 1e6,
                                        "longest_seconds", (double)rows[i].longest_us / 1e6));
    return list;
}

static void
answer_metrics(struct deliver *d, struct control_request *r)
{
    struct buf text;

    buf_init(&text, METRICS_TEXT_MAX);
    json_t *ok = metrics_print(d->metrics, &text)
                     ? json_pack("{s:s,s:o}", "text", buf_str(&text), "slow", list_slow(d))
                     : NULL;
    if (ok != NULL)
        control_done(r, ok);
    else
        refuse(r, OUTCOME_SYSTEM, "no memory");
    buf_release(&text);
}

struct held_request {
    struct held_request *next;
    struct control_request *request;
};

/* Until the replay is over. */
static void
hold(struct deliver *d, struct control_request *r)
{
    struct held_request *h = calloc(1, sizeof *h);

    if (h == NULL) {
        refuse(r, OUTCOME_SYSTEM, "no memory");
        return;
    }
    h->request = r;
    LL_APPEND(d->held, h);
}

void
operations_serve(struct deliver *d)
{
    struct held_request *h, *next;

    LL_FOREACH_SAFE(d->held, h, next)
    {
        struct control_request *r = h->request;
        LL_DELETE(d->held, h);
        free(h);
        if (d->is_serving)
            operation_handle(d, r);
        else
            refuse(r, OUTCOME_BUSY, "the daemon ends");
    }
}

void
operation_handle(void *deliver, struct control_request *r)
{
    struct deliver *d = deliver;
    const char *name = control_op(r);

    metrics_count(METRIC_CONTROL_REQUESTS, METRICS_NO_LABEL, 1);
    if (strcmp(name, "ping") == 0) {
        answer_ping(d, r);
        return;
    }
    if (strcmp(name, "stats") == 0) {
        answer_stats(d, r);
        return;
    }
    if (strcmp(name, "metrics") == 0) {
        answer_metrics(d, r);
        return;
    }
    if (!d->is_serving) {
        hold(d, r);
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(name, table[i].name) == 0) {
            start(d, r, &table[i]);
            return;
        }
    refuse(r, OUTCOME_BAD_REQUEST, "no such operation");
}

static bool
on_line(void *arg, json_t *line)
{
    struct operation *op = arg;
    const char *since = json_string_value(json_object_get(op->args, "since"));
    const char *time = json_string_value(json_object_get(line, "time"));

    if (since != NULL && time != NULL && strcmp(time, since) < 0)
        return true;
    operation_row(op, json_incref(line));
    return !op->failed && json_array_size(op->rows) < TRACE_ROWS_MAX;
}

void
operation_trace(struct operation *op, struct worker *w)
{
    const char *term = operation_text(op, "term");

    (void)w;
    delivery_log_write(op->deliver->log); /* what was answered a moment ago is found too */
    if (term != NULL &&
        !delivery_log_search(op->deliver->settings->state_dir, term, on_line, op, &op->why))
        op->failed = true;
}
