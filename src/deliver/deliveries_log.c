/* SPDX-License-Identifier: MIT
 *
 * What the delivery log and whoever watches are told of a delivery: see deliveries_priv.h.
 */
#include <stdio.h>

#include "doorstep/log.h"

#include "deliveries_priv.h"

static void
print_account(const struct parcel *p, struct buf *out)
{
    const struct account *a = &p->delivery.target.account;

    if (buf_append_str(out, a->user) && buf_append_char(out, '@'))
        buf_append_str(out, a->domain);
}

/* One line for whoever watches: what became of it, and how long each stage took. */
static void
delivery_summary(const struct transaction *t, const struct parcel *p,
                 const struct delivery_event *e)
{
    static const struct delivery_times none;
    const struct delivery_times *times = p != NULL ? &p->delivery.times : &none;
    const uint64_t sort_us = t->times.sorted_us > 0 ? t->times.sorted_us - t->times.resolved_us : 0;
    char outcome[32];

    if (!log_wants(LOG_LEVEL_INFO))
        return;
    snprintf(outcome, sizeof outcome, "%d %s", outcome_code(e->why), outcome_enhanced(e->why));
    log_event(LOG_LEVEL_INFO, "delivery", "id", e->id, "queue_id", e->queue_id, "session",
              e->session, "from", e->from, "to", e->to, "account", e->account, "mailbox",
              e->mailbox, "host", e->host, "reply", e->host == NULL ? NULL : outcome_text(e->why),
              "octets", log_num((long long)e->octets), "receive_us",
              log_num((long long)(t->times.ended_us - t->started_us)), "sort_us",
              log_num((long long)sort_us), "queue_us", log_num(times->queue_us), "stage_us",
              log_num(times->stage_us), "journal_us", log_num(times->journal_us), "publish_us",
              log_num(times->publish_us), "total_us",
              log_num((long long)(clock_us() - t->started_us)), "outcome", outcome, NULL);
}

void
deliveries_log(struct transaction *t, uint32_t recipient, const struct parcel *p,
               const struct delivery *copy, const struct outcome *why)
{
    struct buf from, to, account;

    buf_init(&from, ADDRESS_PATH_MAX);
    buf_init(&to, ADDRESS_PATH_MAX);
    buf_init(&account, ADDRESS_PATH_MAX);
    address_print(&t->envelope.reverse_path, &from);
    address_print(&t->envelope.recipients[recipient].address, &to);
    if (p != NULL)
        print_account(p, &account);
    struct delivery_event e = {
        .id = p != NULL && outcome_is_success(why) ? p->delivery.id : t->source.id,
        .queue_id = t->envelope.queue_id,
        .session = t->envelope.session,
        .message_id = t->facts.message_id,
        .from = buf_str(&from),
        .to = buf_str(&to),
        .account = buf_str(&account),
        .mailbox = copy != NULL && copy->uid != 0 ? delivery_mailbox(copy) : NULL,
        .sieve = p != NULL ? p->told : NULL,
        .relayed = p != NULL && p->host != NULL ? "forward" : NULL,
        .host = p != NULL ? p->host : NULL,
        .client = t->envelope.client_ip,
        .client_name = t->envelope.client_name,
        .client_port = t->envelope.client_port,
        .client_protocol = t->envelope.client_protocol,
        .client_source = t->envelope.client_source,
        .helo = t->envelope.helo,
        .login = t->envelope.login,
        .tls_version = t->envelope.tls_version,
        .tls_cipher = t->envelope.tls_cipher,
        .require_tls = t->envelope.require_tls,
        .is_tls_optional = (t->facts.flags & FACTS_TLS_OPTIONAL) != 0 && !t->envelope.require_tls,
        .uid = copy != NULL ? copy->uid : 0,
        .octets = message_traits(t->msg)->octets,
        .duration_ms = (clock_us() - t->started_us) / 1000,
        .why = why,
    };
    delivery_log_append(t->deliver->log, &e);
    delivery_summary(t, p, &e);
    buf_release(&from);
    buf_release(&to);
    buf_release(&account);
}
