/* SPDX-License-Identifier: MIT
 *
 * What leaves, made into messages: who gets it, from whom, and its text. A reply or a notice is a
 * message of its own, which goes to the store like an edited one; a redirect sends the message on
 * as it is, with a field in front.
 */
#include "filing_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doorstep/address.h"
#include "doorstep/field.h"
#include "doorstep/relay.h"

/* A reply, or a report with the message in it. */
#define RENDERED_MAX(octets) (2 * (octets) + FILING_SENT_MAX)

static const char *
copy_out(struct filer *f, struct buf *text)
{
    const char *copy = arena_copy(f->arena, buf_span(text));

    buf_release(text);
    return copy;
}

static bool
take_path(struct filer *f, const struct relay_origin *o, const struct sieve_action *a,
          struct filing_action *out)
{
    struct buf path;

    buf_init(&path, FILING_NAME_MAX);
    bool ok = relay_reverse_path(o, a, &path);
    out->reverse_path = copy_out(f, &path);
    return ok && out->reverse_path != NULL;
}

/* ---- lists ---- */

static bool
is_to_list(const struct sieve_action *a)
{
    return a->kind == SIEVE_REDIRECT && a->details.redirect.list != NULL;
}

static bool
is_address(struct filer *f, struct span line)
{
    struct address address;

    return address_parse_mailbox(line, ADDRESS_ALLOW_UTF8, f->arena, &address) == ADDRESS_OK;
}

static bool
add_members(struct filer *f, struct span lines, struct filing_action *out)
{
    while (lines.n > 0) {
        struct span line = {lines.p, span_find(lines, '\n')};

        lines = span_skip(lines, line.n < lines.n ? line.n + 1 : line.n);
        if (!is_address(f, line))
            continue;
        const char *address = arena_copy(f->arena, line);
        if (address == NULL || out->recipient_count == FILING_RECIPIENTS_MAX)
            return false;
        out->recipients[out->recipient_count++] = address;
    }
    return out->recipient_count > 0;
}

/* RFC 6134 2.5: to all that are on the list. */
static bool
take_members(struct filer *f, const char *list, struct filing_action *out)
{
    struct buf question, lines;
    struct pack p;

    buf_init(&question, FILING_NAME_MAX + 16);
    buf_init(&lines, FILING_RECIPIENTS_MAX * FILING_NAME_MAX);
    pack_init(&p, &question);
    pack_str(&p, list);
    bool ok = !p.full &&
              filer_ask_text(f, SORT_ASK_LIST_LINES, buf_span(&question), &lines) == SORT_YES &&
              add_members(f, buf_span(&lines), out);
    buf_release(&question);
    buf_release(&lines);
    if (!ok)
        snprintf(f->send_error, sizeof f->send_error,
                 "%s:%u: redirect: the list has no addresses, or more than %d", out->script,
                 out->line, FILING_RECIPIENTS_MAX);
    return ok;
}

/* ---- whom it goes to ---- */

static bool
take_recipients(struct filer *f, const struct relay_origin *o, const struct sieve_action *a,
                struct filing_action *out)
{
    const char *address;

    out->recipients = arena_alloc(f->arena, FILING_RECIPIENTS_MAX * sizeof *out->recipients);
    if (out->recipients == NULL)
        return false;
    if (is_to_list(a))
        return take_members(f, a->details.redirect.list, out);
    for (uint32_t i = 0; (address = relay_recipient(o, a, i)) != NULL; i++) {
        if (out->recipient_count == FILING_RECIPIENTS_MAX)
            return false;
        out->recipients[out->recipient_count++] = address;
    }
    return true;
}

/* ---- redirect ---- */

/* It was sent on from this very account before: it would go in a circle. */
static bool
was_here(const struct filer *f, const struct relay_origin *o)
{
    struct span message = f->message;
    enum field_result result;
    struct field field;

    while ((result = field_next(&message, &field)) != FIELD_END) {
        if (result != FIELD_OK || !field_is(&field, "X-Sieve-Redirected-From"))
            continue;
        struct span value = span_trim(field.value);
        if (value.n == strlen(o->user->address) &&
            strncasecmp(value.p, o->user->address, value.n) == 0)
            return true;
    }
    return false;
}

static bool
take_redirect(struct filer *f, const struct relay_origin *o, const struct sieve_action *a,
              struct filing_action *out)
{
    struct buf head;

    if (was_here(f, o)) {
        snprintf(f->send_error, sizeof f->send_error,
                 "%s:%u: redirect: the message was sent on from here before", out->script,
                 out->line);
        return false;
    }
    buf_init(&head, FILING_HEAD_MAX);
    bool ok = relay_print_head(o, a, &head);
    out->head = copy_out(f, &head);
    return ok && out->head != NULL;
}

/* ---- new messages ---- */

static bool
render(struct filer *f, const struct relay_origin *o, const struct sieve_action *a,
       struct filing_action *out)
{
    if (f->result.edition_count == EDITIONS_MAX)
        return false;
    struct rendition *r = &f->editions[f->result.edition_count];
    *r = (struct rendition){0};
    buf_init(&r->text, RENDERED_MAX(f->message.n));
    out->edition = ++f->result.edition_count;
    f->rendition_count = f->result.edition_count;
    return relay_print(o, a, &r->text);
}

/* ---- for callers ---- */

bool
filer_send(struct filer *f, const struct sieve_action *a, uint32_t number,
           struct filing_action *out)
{
    char id[FILING_NAME_MAX + 32];
    const struct relay_origin o = {
        .user = f->user,
        .envelope = f->envelope,
        .setting = f->sorter->options->setting,
        .arg = f->sorter->options->arg,
        .now = f->now,
        .id = id,
    };

    snprintf(id, sizeof id, "%s.%u.%u", f->run.id, f->number, number);
    if (!is_to_list(a) && !relay_sends(&o, a))
        return true;
    return take_path(f, &o, a, out) && take_recipients(f, &o, a, out) &&
           (a->kind == SIEVE_REDIRECT ? take_redirect(f, &o, a, out) : render(f, &o, a, out));
}

const struct sieve_storage *
filer_fcc(const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_VACATION:
        return a->details.vacation.reply.fcc;
    case SIEVE_NOTIFY:
        return a->details.notify.reply.fcc;
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
    case SIEVE_REDIRECT:
    case SIEVE_DISCARD:
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
    case SIEVE_REPORT:
    case SIEVE_PIPE:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        break;
    }
    return NULL;
}
