/* SPDX-License-Identifier: MIT
 *
 * What the sender is told: one report of what became of recipients (RFC 3461, RFC 5429 2.1.2), and
 * a disposition for each account whose script refused the message by `reject` (RFC 5429 2.2.1).
 */
#include "returns_job_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "doorstep/charset.h"

#define REPORT_MAX (DSN_ORIGINAL_MAX + (32u << 20)) /* octets; 50,000 recipients */
#define ABOUT_OCTETS 16

static bool
read_message(const struct message *msg, size_t max, struct buf *out)
{
    char piece[16384];
    ssize_t n = 1;

    while (n > 0 && out->len < max) {
        n = message_read(msg, out->len, piece, sizeof piece);
        if (n > 0 && !buf_append(out, piece, (size_t)n))
            return false;
    }
    return n >= 0;
}

/* RFC 8689 5: what was to travel under TLS alone comes back as its header. */
static struct dsn
describe(const struct transaction *t, const char *sender, const char *id)
{
    const struct envelope *e = &t->envelope;

    return (struct dsn){
        .hostname = t->deliver->settings->hostname,
        .id = id,
        .sender = sender,
        .envid = e->envid,
        .received_from = e->helo,
        .now = t->source.received.tv_sec,
        .arrived = t->source.received.tv_sec,
        .ret = e->require_tls ? RET_HDRS : e->ret,
        .original_octets = message_traits(t->msg)->octets,
        .may_utf8 = !utf8_is_ascii(span_of(sender)),
    };
}

static bool
keep_text(struct returns *back, struct span text, struct queue_item *item)
{
    struct message *msg = message_from_memory(text);
    bool ok = msg != NULL ? returns_keep(back, msg, item) : returns_no_memory(back);

    message_unref(msg);
    return ok;
}

/* A report on t's message; the reason is a refusal's, or NULL. */
static bool
keep_report(struct returns *back, const struct transaction *t, struct dsn *d, const char *reason,
            struct queue_item *item)
{
    char postmaster[300];
    struct buf original, text;

    snprintf(postmaster, sizeof postmaster, "postmaster@%s", d->hostname);
    d->postmaster = postmaster;
    buf_init(&original, DSN_ORIGINAL_MAX + 65536);
    buf_init(&text, REPORT_MAX);
    bool ok = read_message(t->msg, DSN_ORIGINAL_MAX, &original);
    d->original = buf_span(&original);
    ok = (ok && (reason == NULL ? dsn_print(d, &text) : dsn_print_refusal(d, reason, &text))) ||
         returns_no_memory(back);
    item->smtputf8 = dsn_needs_smtputf8(d);
    item->body = utf8_is_ascii(buf_span(&text)) ? BODY_7BIT : BODY_8BITMIME;
    ok = ok && keep_text(back, buf_span(&text), item);
    buf_release(&original);
    buf_release(&text);
    return ok;
}

/* ---- one report of all recipients ---- */

/* Whose doing it is: the first account that refused, or has it. */
static const struct account *
find_account(const struct transaction *whole)
{
    const struct parcel *found = NULL;

    for (const struct transaction *t = whole; t != NULL; t = transaction_next_part(whole, t))
        for (const struct parcel *p = t->parcels; p != NULL; p = p->hh.next)
            if (found == NULL || (outcome_is_permanent(&p->delivery.why) &&
                                  !outcome_is_permanent(&found->delivery.why)))
                found = p;
    return found == NULL ? NULL : &found->delivery.target.account;
}

/* Two reports of a transaction are the same when they say the same of the same recipients. */
static void
print_about(const struct returns *back, char out[2 * ABOUT_OCTETS + 1])
{
    unsigned char hash[ABOUT_OCTETS];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    for (uint32_t i = 0; i < back->reported_count; i++) {
        const struct dsn_recipient *r = &back->reported[i];
        const unsigned char action = (unsigned char)r->action;
        crypto_generichash_update(&state, (const unsigned char *)r->address,
                                  strlen(r->address) + 1);
        crypto_generichash_update(&state, &action, 1);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(out, 2 * ABOUT_OCTETS + 1, hash, sizeof hash);
}

bool
returns_make_report(struct returns *back, struct queue_item *item)
{
    const struct transaction *t = back->transaction;
    const char *sender = address_text(&t->envelope.reverse_path, &back->arena);
    char about[2 * ABOUT_OCTETS + 1];

    print_about(back, about);
    const struct returns_subject subject = {"dsn", sender, NOTIFY_NEVER, find_account(t), about};
    if (sender == NULL || !returns_fill_item(back, &subject, item))
        return returns_no_memory(back);
    struct dsn d = describe(t, sender, t->source.id);
    d.recipients = back->reported;
    d.recipient_count = back->reported_count;
    return keep_report(back, t, &d, NULL, item);
}

/* ---- a disposition ---- */

/* Under the address that the sender wrote: whom an alias leads to is not his to know. */
bool
returns_make_refusal(struct returns *back, const struct refusal *refusal, struct queue_item *item)
{
    const struct parcel *p = refusal->parcel;
    const struct transaction *t = p->transaction;
    const struct envelope_recipient *to = &t->envelope.recipients[refusal->recipient->number];
    const char *sender = address_text(&t->envelope.reverse_path, &back->arena);
    const struct returns_subject subject = {"reject", sender, NOTIFY_NEVER,
                                            &p->delivery.target.account, p->key};
    const struct dsn_recipient recipient = {
        .address = address_text(&to->address, &back->arena),
        .orcpt = to->orcpt,
        .action = DSN_FAILED,
        .enhanced = "",
        .text = "",
        .remote = "",
    };
    char id[ID_SIZE + 16];

    if (sender == NULL || recipient.address == NULL || !returns_fill_item(back, &subject, item))
        return returns_no_memory(back);
    snprintf(id, sizeof id, "%s.%u", t->source.id, (unsigned)(refusal - back->refusals));
    struct dsn d = describe(t, sender, id);
    d.recipients = &recipient;
    d.recipient_count = 1;
    return keep_report(back, t, &d, p->reason == NULL ? "" : p->reason, item);
}
