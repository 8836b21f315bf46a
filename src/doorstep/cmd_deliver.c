/* SPDX-License-Identifier: MIT
 *
 * doorstep deliver: the message on standard input into the mailboxes of the recipients, for
 * programs that deliver through a pipe. The daemon's own LMTP listener does the work, so that mail
 * has one way in. Exit codes are sysexits(3), which such programs read.
 */
#include "tool_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/address.h"
#include "lmtp_priv.h"
#include "text_priv.h"

enum { TIMEOUT_MS = 15 * 60 * 1000 };

#define MEMORY_MAX ((size_t)256 << 20)

struct delivery {
    struct arena arena;
    const char *reverse_path; /* "" for the null sender */
    bool needs_utf8;
    struct lmtp_recipient *recipients;
    size_t count;
};

/* ---- Arguments ---- */

/* An address as typed, with or without brackets, as it goes on the wire; NULL when it is none. */
static const char *
wire_address(struct delivery *d, const char *typed)
{
    struct span s = span_of(typed);
    struct address address;
    struct buf out;

    if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
        s = (struct span){s.p + 1, s.n - 2};
    if (span_equal_fold(s, SPAN("postmaster")))
        return "postmaster";
    if (address_parse_mailbox(s, ADDRESS_ALLOW_UTF8, &d->arena, &address) != ADDRESS_OK)
        return NULL;
    d->needs_utf8 = d->needs_utf8 || address.is_utf8;
    buf_init(&out, ADDRESS_PATH_MAX);
    const char *text = address_print(&address, &out) ? arena_copy(&d->arena, buf_span(&out)) : NULL;
    buf_release(&out);
    return text;
}

static int
bad_address(const struct tool *t, const char *typed)
{
    struct buf safe;

    buf_init(&safe, 4096);
    text_escape(&safe, span_of(typed));
    int code = tool_usage(t, "'%s' is no address like user@example.org", buf_str(&safe));
    buf_release(&safe);
    return code;
}

static int
add_recipient(const struct tool *t, struct delivery *d, const char *typed)
{
    const char *path = wire_address(d, typed);

    if (path == NULL)
        return bad_address(t, typed);
    d->recipients[d->count++].path = path;
    return EX_OK;
}

static int
take_addresses(const struct tool *t, struct delivery *d)
{
    const char *from = tool_option(t, "from");
    int code = EX_OK;

    if (from == NULL)
        return tool_usage(t, "-f SENDER is missing; -f \"\" is the null sender");
    d->reverse_path = from[0] == '\0' || strcmp(from, "<>") == 0 ? "" : wire_address(d, from);
    if (d->reverse_path == NULL)
        return bad_address(t, from);
    d->recipients =
        arena_alloc(&d->arena, (t->option_count + t->arg_count) * sizeof(*d->recipients));
    if (d->recipients == NULL)
        return tool_error(EX_TEMPFAIL, "no memory for so many recipients");
    for (size_t i = 0; code == EX_OK && i < t->option_count; i++) {
        if (strcmp(t->options[i].option->name, "recipient") == 0)
            code = add_recipient(t, d, t->options[i].value);
    }
    for (size_t i = 0; code == EX_OK && i < t->arg_count; i++)
        code = add_recipient(t, d, t->args[i]);
    if (code == EX_OK && d->count == 0)
        code = tool_usage(t, "-r RECIPIENT is missing");
    return code;
}

/* ---- Replies to exit codes ---- */

/* In doubt temporary: mail that waits is not lost. */
static int
exit_of(const struct lmtp_reply *r)
{
    static const struct {
        const char *enhanced;
        int code;
    } rows[] = {
        {"5.1.", EX_NOUSER},       {"5.2.2", EX_CANTCREAT}, {"5.3.4", EX_DATAERR},
        {"5.4.6", EX_UNAVAILABLE}, {"5.6.", EX_DATAERR},    {"5.7.", EX_NOPERM},
    };

    if (r->code >= 200 && r->code < 300)
        return EX_OK;
    if (r->code < 500)
        return EX_TEMPFAIL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(r->enhanced, rows[i].enhanced, strlen(rows[i].enhanced)) == 0)
            return rows[i].code;
    }
    return EX_UNAVAILABLE;
}

/* Any temporary failure makes the caller try all again (the ledger keeps that from making second
 * copies); else the first permanent one counts. */
static int
fold(const struct delivery *d)
{
    int code = EX_OK;

    for (size_t i = 0; i < d->count; i++) {
        int one = exit_of(&d->recipients[i].reply);
        if (one == EX_TEMPFAIL)
            return one;
        if (code == EX_OK)
            code = one;
    }
    return code;
}

static void
report_failure(const struct lmtp_recipient *r)
{
    struct buf safe;

    buf_init(&safe, 8192);
    buf_append_char(&safe, '<');
    text_escape(&safe, span_of(r->path));
    buf_append_str(&safe, ">: ");
    if (r->reply.code != 0)
        buf_printf(&safe, "%d %s%s", r->reply.code, r->reply.enhanced,
                   r->reply.enhanced[0] != '\0' ? " " : "");
    text_escape(&safe, span_of(r->reply.text));
    tool_error(EX_OK, "%s", buf_str(&safe));
    buf_release(&safe);
}

static void
report(const struct tool *t, const struct delivery *d)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < d->count; i++) {
        const struct lmtp_recipient *r = &d->recipients[i];
        if (exit_of(&r->reply) != EX_OK)
            report_failure(r);
        json_array_append_new(rows, json_pack("{s:s, s:i, s:s, s:s}", "recipient", r->path, "code",
                                              r->reply.code, "enhanced", r->reply.enhanced, "text",
                                              r->reply.text));
    }
    if (t->json)
        tool_print_json(t, rows);
    json_decref(rows);
}

/* ---- The delivery ---- */

static const struct settings_address *
first_lmtp_address(const struct settings *s)
{
    for (size_t i = 0; i < s->listen_count; i++) {
        if (s->listens[i].protocol == LISTEN_LMTP && s->listens[i].address_count > 0)
            return &s->listens[i].address[0];
    }
    return NULL;
}

static int
send_message(const struct tool *t, struct delivery *d, const struct settings *s,
             const struct settings_address *to, const struct source *message)
{
    struct lmtp client;
    struct lmtp_reply why;
    struct buf safe;

    if (lmtp_open(&client, to, s->hostname, TIMEOUT_MS, &why)) {
        lmtp_send(&client, d->reverse_path, d->needs_utf8, d->recipients, d->count, message);
        lmtp_close(&client);
        report(t, d);
        return fold(d);
    }
    buf_init(&safe, 4096);
    text_escape(&safe, span_of(why.text));
    int code = tool_error(why.code == 0 ? EX_TEMPFAIL : exit_of(&why), "no LMTP service: %s",
                          buf_str(&safe));
    buf_release(&safe);
    return code;
}

static int
deliver_message(struct tool *t, struct delivery *d)
{
    const struct settings *s = tool_settings(t);
    const struct settings_address *to = s == NULL ? NULL : first_lmtp_address(s);
    struct source message;
    int code;

    if (to == NULL)
        return s == NULL
                   ? EX_CONFIG
                   : tool_error(EX_CONFIG, "the configuration has no 'listen lmtp' to deliver to");
    if (source_open(&message, s->limits.message_size))
        code = send_message(t, d, s, to, &message);
    else if (errno == EFBIG)
        code = tool_error(EX_DATAERR, "the message is larger than limits.message_size");
    else
        code = tool_error(EX_TEMPFAIL, "standard input: %s", strerror(errno));
    source_close(&message);
    return code;
}

int
cmd_deliver(struct tool *t)
{
    struct delivery d = {0};

    arena_init(&d.arena, MEMORY_MAX);
    int code = take_addresses(t, &d);
    if (code == EX_OK)
        code = deliver_message(t, &d);
    arena_release(&d.arena);
    return code;
}
