/* SPDX-License-Identifier: MIT
 *
 * The table of the tool's operations, and what becomes of a request: see operation_priv.h. How they
 * run is in operation_run.c, the operations themselves in operations_*.c and fsck.c.
 */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "operation_priv.h"

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
operation_refuse(struct control_request *r, enum outcome_kind kind, const char *text)
{
    struct outcome why;

    outcome_set(&why, kind, NULL);
    outcome_say(&why, "%s", text);
    control_fail(r, &why);
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
        operation_refuse(r, OUTCOME_SYSTEM, "no memory");
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
            operation_refuse(r, OUTCOME_BUSY, "the daemon ends");
    }
}

void
operation_handle(void *deliver, struct control_request *r)
{
    struct deliver *d = deliver;
    const char *name = control_op(r);

    metrics_count(METRIC_CONTROL_REQUESTS, METRICS_NO_LABEL, 1);
    if (strcmp(name, "ping") == 0) {
        operation_ping(d, r);
        return;
    }
    if (strcmp(name, "stats") == 0) {
        operation_stats(d, r);
        return;
    }
    if (strcmp(name, "metrics") == 0) {
        operation_metrics(d, r);
        return;
    }
    if (!d->is_serving) {
        hold(d, r);
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(name, table[i].name) == 0) {
            operation_start(d, r, &table[i]);
            return;
        }
    operation_refuse(r, OUTCOME_BAD_REQUEST, "no such operation");
}
