/* SPDX-License-Identifier: MIT
 *
 * What goes back, as items of the queue: their names, by which the same is queued once; their
 * messages; and what came to an address of SRS, which goes on as it is.
 */
#include "returns_job_priv.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "trace_priv.h"

#define ONCE_OCTETS 16

/* ---- items ---- */

/* The same for the same bytes from a queue, which come again when it heard no answer; a client
 * without a queue means what it repeats. */
static const char *
once_of(struct returns *back, const struct returns_subject *subject)
{
    const struct delivery_source *s = &back->transaction->source;
    unsigned char hash[ONCE_OCTETS];
    char text[2 * ONCE_OCTETS + 32], hex[2 * ONCE_OCTETS + 1];
    crypto_generichash_state state;
    const char *digest = s->from_queue ? s->known_by.digest : s->id;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)digest, strlen(digest) + 1);
    crypto_generichash_update(&state, (const unsigned char *)subject->to, strlen(subject->to) + 1);
    crypto_generichash_update(&state, (const unsigned char *)subject->about,
                              strlen(subject->about) + 1);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(text, sizeof text, "%s/%s", subject->kind, hex);
    return arena_copy(&back->arena, span_of(text));
}

static const char *
print_account(struct returns *back, const struct account *a)
{
    char text[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];

    if (a == NULL)
        return "";
    snprintf(text, sizeof text, "%s@%s", a->user, a->domain);
    return arena_copy(&back->arena, span_of(text));
}

bool
returns_fill_item(struct returns *back, const struct returns_subject *subject,
                  struct queue_item *item)
{
    const struct transaction *t = back->transaction;
    struct queue_recipient *r = arena_alloc(&back->arena, sizeof *r);
    time_t now = t->source.received.tv_sec;

    if (r == NULL)
        return false;
    *r = (struct queue_recipient){.address = subject->to,
                                  .orcpt = "",
                                  .notify = subject->notify,
                                  .last_reply = "",
                                  .last_host = ""};
    *item = (struct queue_item){
        .once = once_of(back, subject),
        .kind = subject->kind,
        .account = print_account(back, subject->account),
        .delivery_id = t->source.id,
        .queued = now,
        .expires = now + (time_t)(t->deliver->settings->relay.expire_bounce / 1000),
        .reverse_path = "",
        .envid = "",
        .require_tls = t->envelope.require_tls,
        .by = "",
        .file = "",
        .recipients = r,
        .recipient_count = 1,
    };
    return item->once != NULL && item->account != NULL;
}

bool
returns_no_memory(struct returns *back)
{
    return outcome_set(&back->why, OUTCOME_OVERLOAD, "no memory for what goes back");
}

static bool
write_message(struct returns *back, const struct message *msg, struct queue_message *m)
{
    char piece[16384];
    uint64_t offset = 0;
    ssize_t n;

    while ((n = message_read(msg, offset, piece, sizeof piece)) > 0) {
        if (!queue_message_write(m, (struct span){piece, (size_t)n}, &back->why))
            return false;
        offset += (uint64_t)n;
    }
    return n == 0 || outcome_errno(&back->why, errno, "read", "a message");
}

static bool
keep_file(struct returns *back, const struct message *msg, struct queue_item *item)
{
    struct queue_message *m = queue_message_begin(back->queue, &back->why);
    char name[QUEUE_NAME_SIZE];

    if (m == NULL)
        return false;
    if (!write_message(back, msg, m)) {
        queue_message_abandon(m);
        return false;
    }
    if (!queue_message_commit(m, name, &back->why))
        return false;
    item->file = arena_copy(&back->arena, span_of(name));
    return item->file != NULL || returns_no_memory(back);
}

/* Small ones lie in the queue's row, others in a file of their own. */
bool
returns_keep(struct returns *back, const struct message *msg, struct queue_item *item)
{
    bool is_spilled;
    struct span text = message_inline(msg, &is_spilled);

    item->octets = message_traits(msg)->octets;
    if (is_spilled || item->octets > QUEUE_TEXT_MAX)
        return keep_file(back, msg, item);
    item->text = (struct span){arena_copy(&back->arena, text), text.n};
    return item->text.p != NULL || returns_no_memory(back);
}

/* ---- what came to an address of SRS ---- */

bool
returns_make_forward(struct returns *back, const struct recipient *r, struct queue_item *item)
{
    const struct transaction *t = back->transaction;
    const struct envelope *e = &t->envelope;
    const struct trace_options options = {
        .hostname = t->deliver->settings->hostname,
        .id = t->source.id,
        .when = t->source.received,
    };
    struct buf head;

    const struct returns_subject subject = {"forward", r->behind, e->recipients[r->number].notify,
                                            NULL, ""};
    if (!returns_fill_item(back, &subject, item))
        return returns_no_memory(back);
    buf_init(&head, TRACE_MAX);
    bool ok = trace_build_passage(&options, e, &e->recipients[r->number], &head);
    item->head = (struct span){arena_copy(&back->arena, buf_span(&head)), head.len};
    item->smtputf8 = e->smtputf8;
    item->body = e->body;
    item->ret = e->ret;
    ok = (ok && item->head.p != NULL) || returns_no_memory(back);
    buf_release(&head);
    return ok && returns_keep(back, t->msg, item);
}
