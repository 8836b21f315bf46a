/* SPDX-License-Identifier: MIT
 *
 * What a script would do, for programs and for people.
 */
#include "script_priv.h"

#include <stdio.h>
#include <string.h>

#include "../text_priv.h"

#define LINE_OCTETS ((size_t)1 << 20)

/* ------------------------------------------------------------------ for programs */

/* Text of a script or a message, which may be anything; NULL stays null. */
static json_t *
text(const char *s)
{
    json_t *value = s == NULL ? json_null() : json_string(s);
    struct buf safe;

    if (value != NULL)
        return value;
    buf_init(&safe, LINE_OCTETS);
    text_escape(&safe, span_of(s));
    value = json_string(buf_str(&safe));
    buf_release(&safe);
    return value;
}

static json_t *
texts(struct sieve_strings list)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < list.count; i++)
        json_array_append_new(array, text(list.items[i]));
    return array;
}

static void
set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

/* What is not said is left out. */
static void
set_text(json_t *object, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        set(object, key, text(value));
}

static void
add_storage(json_t *o, const struct sieve_storage *s)
{
    set(o, "mailbox", text(s->mailbox));
    set(o, "flags", texts(s->flags));
    set(o, "create", json_boolean(s->create));
    set_text(o, "special_use", s->special_use);
    set_text(o, "mailbox_id", s->mailbox_id);
}

static void
add_redirect(json_t *o, const struct sieve_redirect *r)
{
    set(o, "address", text(r->address));
    set_text(o, "list", r->list);
    set_text(o, "notify", r->notify);
    set_text(o, "ret", r->ret);
    if (!r->has_by)
        return;
    const char mode[2] = {r->by_mode, '\0'};
    set(o, "by",
        json_pack("{s:I, s:s, s:b}", "seconds", (json_int_t)r->by_seconds, "mode", mode, "trace",
                  (int)r->by_trace));
}

static void
add_reply(json_t *o, const struct sieve_reply *r, const char *withheld)
{
    set_text(o, "from", r->from);
    set(o, "to", text(r->to));
    set(o, "subject", text(r->subject));
    set(o, "text", text(r->text));
    set(o, "mime", json_boolean(r->is_mime));
    set_text(o, "withheld", withheld);
    if (r->fcc == NULL)
        return;
    json_t *fcc = json_object();
    add_storage(fcc, r->fcc);
    set(o, "fcc", fcc);
}

static void
add_notify(json_t *o, const struct sieve_notify *n)
{
    set(o, "method", text(n->method));
    set_text(o, "importance", n->importance);
    set(o, "options", texts(n->options));
    add_reply(o, &n->reply, n->withheld);
}

static void
add_report(json_t *o, const struct sieve_action *a)
{
    set(o, "address", text(a->details.report.address));
    set(o, "feedback", text(a->details.report.feedback));
    set(o, "text", text(a->details.report.text));
    set(o, "headers_only", json_boolean(a->details.report.headers_only));
}

static void
add_details(json_t *o, const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
        add_storage(o, &a->storage);
        break;
    case SIEVE_REDIRECT:
        add_redirect(o, &a->details.redirect);
        break;
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        set(o, "reason", text(a->details.reject.text));
        break;
    case SIEVE_VACATION:
        add_reply(o, &a->details.vacation.reply, a->details.vacation.withheld);
        set(o, "seconds", json_integer(a->details.vacation.seconds));
        break;
    case SIEVE_NOTIFY:
        add_notify(o, &a->details.notify);
        break;
    case SIEVE_REPORT:
        add_report(o, a);
        break;
    case SIEVE_PIPE:
        set(o, "program", text(a->details.pipe.program));
        set(o, "arguments", texts(a->details.pipe.arguments));
        set(o, "try", json_boolean(a->details.pipe.is_try));
        break;
    case SIEVE_DISCARD:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        break;
    }
}

static bool
can_copy(enum sieve_action_kind kind)
{
    return kind == SIEVE_FILEINTO || kind == SIEVE_REDIRECT || kind == SIEVE_PIPE;
}

static json_t *
action_json(const struct sieve_action *a)
{
    json_t *o = json_pack("{s:s}", "action", sieve_action_name(a->kind));

    add_details(o, a);
    if (can_copy(a->kind))
        set(o, "copy", json_boolean(a->copy));
    if (!sieve_edition_is_original(a->edition))
        set(o, "edited", json_true());
    set(o, "script", text(a->script));
    set(o, "line", json_integer(a->at.line));
    return o;
}

json_t *
outcome_json(const struct sieve_run *r, enum sieve_status status)
{
    uint32_t count;
    const struct sieve_action *actions = sieve_run_actions(r, &count);
    json_t *list = json_array(), *errors = json_array();

    for (uint32_t i = 0; i < count; i++)
        if (actions[i].kind != SIEVE_MARK && actions[i].is_explicit)
            json_array_append_new(list, action_json(&actions[i]));
    if (status != SIEVE_OK)
        json_array_append_new(errors, script_note(sieve_run_error(r)));
    return json_pack("{s:o, s:b, s:o}", "actions", list, "implicit_keep", (int)sieve_run_keeps(r),
                     "errors", errors);
}

/* ------------------------------------------------------------------ for people */

static bool
quote(struct buf *out, const char *before, const char *s)
{
    return buf_append_str(out, before) && buf_append_char(out, '"') &&
           text_escape(out, utf8_cut(span_of(s), 200)) && buf_append_char(out, '"');
}

static bool
print_storage(struct buf *out, const struct sieve_storage *s)
{
    bool ok = quote(out, " ", s->mailbox);

    if (s->special_use != NULL)
        ok = ok && quote(out, ", or where the use is ", s->special_use);
    if (s->mailbox_id != NULL)
        ok = ok && quote(out, ", or the mailbox with the id ", s->mailbox_id);
    if (s->create)
        ok = ok && buf_append_str(out, ", made when it is missing");
    for (uint32_t i = 0; ok && i < s->flags.count; i++)
        ok = buf_append_str(out, i == 0 ? ", flags " : " ") &&
             text_escape(out, span_of(s->flags.items[i]));
    return ok;
}

static bool
print_reply(struct buf *out, const struct sieve_reply *r, const char *withheld)
{
    bool ok = quote(out, " to ", r->to) && quote(out, ", subject ", r->subject);

    if (withheld != NULL)
        ok = ok && buf_append_str(out, "; nothing is sent: ") && buf_append_str(out, withheld);
    if (r->fcc != NULL)
        ok = ok && buf_append_str(out, "; a copy into") && print_storage(out, r->fcc);
    return ok;
}

static bool
print_details(struct buf *out, const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
        return print_storage(out, &a->storage);
    case SIEVE_REDIRECT:
        return a->details.redirect.list != NULL
                   ? quote(out, " to the list ", a->details.redirect.list)
                   : quote(out, " to ", a->details.redirect.address);
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        return quote(out, " saying ", a->details.reject.text);
    case SIEVE_VACATION:
        return print_reply(out, &a->details.vacation.reply, a->details.vacation.withheld);
    case SIEVE_NOTIFY:
        return print_reply(out, &a->details.notify.reply, a->details.notify.withheld);
    case SIEVE_REPORT:
        return quote(out, " to ", a->details.report.address);
    case SIEVE_PIPE:
        return quote(out, " to the program ", a->details.pipe.program);
    case SIEVE_DISCARD:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return true;
    }
    return true;
}

bool
outcome_line(const struct sieve_action *a, struct buf *out)
{
    bool ok = buf_append_str(out, sieve_action_name(a->kind)) && print_details(out, a);

    if (can_copy(a->kind) && a->copy)
        ok = ok && buf_append_str(out, ", as a copy");
    if (!sieve_edition_is_original(a->edition))
        ok = ok && buf_append_str(out, ", as the script has changed it");
    return ok;
}

static void
print_action(const struct sieve_action *a)
{
    struct buf line;

    buf_init(&line, LINE_OCTETS);
    outcome_line(a, &line);
    if (a->is_explicit)
        printf("%s (line %u)\n", buf_str(&line), a->at.line);
    else
        printf("%s (implicit)\n", buf_str(&line));
    buf_release(&line);
}

void
outcome_print(struct sieve_run *r, enum sieve_status status)
{
    const struct sieve_note *error = sieve_run_error(r);
    uint32_t count;
    const struct sieve_action *actions = sieve_run_finish(r, &count);

    if (status != SIEVE_OK)
        printf("%s:%u:%u: error: %s; the message is kept\n", error->script, error->at.line,
               error->at.column, error->text);
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].kind != SIEVE_MARK)
            print_action(&actions[i]);
    if (count == 0)
        puts("nothing");
}
