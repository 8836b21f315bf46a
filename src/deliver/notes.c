/* SPDX-License-Identifier: MIT
 *
 * Notes to owners of scripts: see notes_priv.h. Whether one is due is a key in the account's index;
 * the note itself is a delivery like any other, without a script.
 */
#include "notes_priv.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doorstep/charset.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define KEY "note of a failed script"
#define EVERY_SECONDS (24 * 3600)
#define TEXT_MAX 4096

struct note {
    struct delivery delivery; /* first: delivery.done gets this */
    struct deliver *deliver;
    struct account account;
    struct job asking;
    bool is_due;
    struct facts facts;
    struct address nobody;
    struct envelope envelope;
    struct envelope_recipient to;
    struct delivery_source source;
    struct link link;
    struct message *msg; /* owned */
    char error[1024];
};

static void
note_free(struct note *n)
{
    struct deliver *d = n->deliver;

    message_unref(n->msg);
    free(n);
    deliver_done_running(d);
}

static void
on_delivered(struct delivery *delivery)
{
    struct note *n = (struct note *)delivery;

    if (!outcome_is_success(&delivery->why))
        log_event(LOG_LEVEL_WARNING, "note_not_delivered", "account", n->account.user, "cause",
                  delivery->why.cause, NULL);
    else if (delivery->has_usage)
        usage_publish(n->deliver->usage, &n->account, delivery->usage_octets,
                      delivery->usage_messages);
    note_free(n);
}

/* RFC 5322 3.3. */
static void
put_date(struct buf *out, time_t now)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    gmtime_r(&now, &tm);
    buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday,
               tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec);
}

/* What a script can put into its error ends no line. */
static void
put_line(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++)
        buf_append_char(out, (unsigned char)*s < ' ' || *s == 127 ? ' ' : *s);
    buf_append_str(out, "\r\n");
}

static struct message *
write_note(const struct note *n)
{
    const char *host = n->deliver->settings->hostname;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_printf(&text, "From: Mail delivery <postmaster@%s>\r\nTo: <%s@%s>\r\n", host,
               n->account.user, n->account.domain);
    put_date(&text, n->source.received.tv_sec);
    buf_printf(&text, "Message-ID: <%s@%s>\r\n", n->source.id, host);
    buf_append_str(&text, "Subject: Your mail filter script has failed\r\n"
                          "Auto-Submitted: auto-generated\r\n"
                          "MIME-Version: 1.0\r\n"
                          "Content-Type: text/plain; charset=utf-8\r\n"
                          "Content-Transfer-Encoding: 8bit\r\n\r\n"
                          "The script that sorts your mail could not be carried out:\r\n\r\n    ");
    put_line(&text, n->error);
    bool ok = buf_append_str(&text, "\r\nThe message was put into your INBOX, and nothing is lost. "
                                    "Please correct the\r\nscript. You will not be told again for "
                                    "a day.\r\n");
    struct message *msg = ok ? message_from_memory(buf_span(&text)) : NULL;
    buf_release(&text);
    return msg;
}

static void
deliver_note(struct note *n)
{
    struct address to = {.local = n->account.user, .domain = n->account.domain};

    n->source.received = clock_wall();
    id_make(n->source.id);
    n->msg = write_note(n);
    if (n->msg == NULL) {
        note_free(n);
        return;
    }
    n->nobody = (struct address){.local = "", .domain = ""};
    n->to = (struct envelope_recipient){.address = to, .orcpt = ""};
    n->envelope.reverse_path = n->nobody;
    n->envelope.recipients = &n->to;
    n->envelope.recipient_count = 1;
    n->facts = (struct facts){.flags = FACTS_UNKNOWN};
    n->source.envelope = &n->envelope;
    n->source.facts = &n->facts;
    n->source.msg = n->msg;
    ledger_look(n->msg, &n->source.known_by);
    n->source.received_from = &n->nobody;
    n->source.mailbox = "INBOX";
    n->delivery.job.run = batch_run_delivery;
    n->delivery.source = &n->source;
    n->delivery.target.account = n->account;
    n->delivery.links = &n->link;
    n->delivery.done = on_delivered;
    n->delivery.times.posted_us = clock_us();
    metrics_gauge_add(METRIC_QUEUED, METRICS_QUEUE_WORKERS, 1);
    workers_post(n->deliver->workers, n->account.user, n->account.domain, &n->delivery.job);
}

static void
on_asked(void *arg)
{
    struct note *n = arg;

    if (n->is_due)
        deliver_note(n);
    else
        note_free(n);
}

static bool
mark(struct index *ix, time_t now, struct outcome *why)
{
    if (!index_begin(ix, why))
        return false;
    if (index_seen_add(ix, KEY, now + EVERY_SECONDS, "", why) && index_commit_unsynced(ix, why))
        return true;
    index_rollback(ix);
    return false;
}

/* On the account's worker. An index that is not at hand now is no reason to wait: the failure is in
 * the account's log. */
static void
ask(struct job *job, void *worker)
{
    struct note *n = (struct note *)((char *)job - offsetof(struct note, asking));
    struct worker *w = worker;
    struct open_account *oa;
    struct store_wait wait;
    struct outcome why;
    time_t now = clock_wall().tv_sec;

    n->is_due = account_open(w, &n->account, false, &oa, &wait, &why) == ACCOUNT_OPEN &&
                !index_seen_find(oa->index, KEY, now, &why) && why.kind == OUTCOME_NOT_FOUND &&
                mark(oa->index, now, &why);
    loop_post(w->with.loop, on_asked, n);
}

void
notes_send(struct deliver *d, const struct account *account, const char *error)
{
    struct note *n = d->settings->sieve.notes ? calloc(1, sizeof *n) : NULL;

    if (n == NULL)
        return;
    n->deliver = d;
    n->account = *account;
    n->envelope = (struct envelope){.protocol = PROTOCOL_ESMTP,
                                    .envid = "",
                                    .helo = d->settings->hostname,
                                    .client_ip = "",
                                    .client_name = "",
                                    .client_port = "",
                                    .client_protocol = "",
                                    .client_source = "",
                                    .login = "",
                                    .auth_sender = "",
                                    .queue_id = "",
                                    .session = "",
                                    .tls_version = "",
                                    .tls_cipher = "",
                                    .filter = ""};
    snprintf(n->error, sizeof n->error, "%.*s",
             (int)utf8_cut(span_of(error), sizeof n->error - 1).n, error);
    n->asking.run = ask;
    d->running++;
    workers_post(d->workers, account->user, account->domain, &n->asking);
}
