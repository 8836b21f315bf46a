/* SPDX-License-Identifier: MIT
 *
 * What a session asks its owner about scripts, and how it says the answer.
 */
#include "session_priv.h"

#include <string.h>

/* ------------------------------------------------------------------ scripts (2.5 to 2.12) */

static bool
can_be_name(struct span s)
{
    return s.n <= MANAGESIEVE_NAME_MAX && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
}

/* Names are the owner's to judge, but for what would be cut on the way to him. */
static void
ask(struct managesieve *m, const struct managesieve_request *r)
{
    if (!can_be_name(r->name) || !can_be_name(r->to)) {
        managesieve_no(m, NULL, managesieve_text(MANAGESIEVE_BAD_NAME));
        return;
    }
    m->asked = r->verb;
    m->is_waiting = true;
    if (m->calls->request(m->arg, r))
        return;
    m->is_waiting = false;
    managesieve_no(m, "TRYLATER", managesieve_text(MANAGESIEVE_FAILED));
}

void
managesieve_cmd_havespace(struct managesieve *m)
{
    ask(m, &(struct managesieve_request){.verb = MANAGESIEVE_HAVE_SPACE,
                                         .name = wire_string(&m->wire, 0),
                                         .octets = m->wire.arguments[1].number});
}

void
managesieve_cmd_putscript(struct managesieve *m)
{
    ask(m, &(struct managesieve_request){.verb = MANAGESIEVE_PUT,
                                         .name = wire_string(&m->wire, 0),
                                         .text = wire_string(&m->wire, 1)});
}

void
managesieve_cmd_checkscript(struct managesieve *m)
{
    ask(m,
        &(struct managesieve_request){.verb = MANAGESIEVE_CHECK, .text = wire_string(&m->wire, 0)});
}

void
managesieve_cmd_listscripts(struct managesieve *m)
{
    ask(m, &(struct managesieve_request){.verb = MANAGESIEVE_LIST});
}

static void
ask_by_name(struct managesieve *m, enum managesieve_verb verb)
{
    ask(m, &(struct managesieve_request){
               .verb = verb, .name = wire_string(&m->wire, 0), .to = wire_string(&m->wire, 1)});
}

void
managesieve_cmd_getscript(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_GET);
}

void
managesieve_cmd_deletescript(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_DELETE);
}

void
managesieve_cmd_setactive(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_ACTIVATE);
}

void
managesieve_cmd_renamescript(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_RENAME);
}

static bool
print_list(struct managesieve *m, const struct managesieve_answer *a)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < a->list_count; i++)
        ok = managesieve_print_string(span_of(a->list[i].name), &m->out) &&
             buf_append_str(&m->out, a->list[i].is_active ? " ACTIVE\r\n" : "\r\n");
    return ok;
}

/* A script is always a literal: whoever wrote it gets his own octets back (2.9). */
static bool
print_script(struct managesieve *m, struct span text)
{
    return buf_printf(&m->out, "{%zu}\r\n", text.n) && buf_append_span(&m->out, text) &&
           buf_append_str(&m->out, "\r\n");
}

static void
say_done(struct managesieve *m, const struct managesieve_answer *a)
{
    bool has_warnings = a->text.n > 0 && m->asked != MANAGESIEVE_GET;
    bool is_whole = (m->asked != MANAGESIEVE_LIST || print_list(m, a)) &&
                    (m->asked != MANAGESIEVE_GET || print_script(m, a->text));

    managesieve_flush(m, is_whole &&
                             managesieve_print_reply("OK", has_warnings ? "WARNINGS" : NULL,
                                                     has_warnings ? a->text : SPAN_NONE, &m->out));
}

void
managesieve_answer(struct managesieve *m, const struct managesieve_answer *a)
{
    if (m->state != LOGGED_IN || !m->is_waiting)
        return;
    m->is_waiting = false;
    if (a->result == MANAGESIEVE_DONE) {
        say_done(m, a);
    } else {
        struct span text = a->text.n > 0 ? a->text : span_of(managesieve_text(a->result));
        managesieve_say_span(m, "NO", managesieve_code(a->result), text);
    }
    managesieve_feed(m, SPAN_NONE);
}
