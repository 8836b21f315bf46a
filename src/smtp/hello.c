/* SPDX-License-Identifier: MIT
 *
 * The verbs around transactions: introductions and what they announce, RSET, NOOP, QUIT, VRFY,
 * HELP.
 */
#include "auth_priv.h"

#include <stdlib.h>
#include <string.h>

/* --- introductions (RFC 5321 4.1.1.1, RFC 2033 4.1) --- */

static bool
is_host_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '(' || c == ')' || c == '"' ||
            c == '\\' || c == '@' || c == ';' || c == ',')
            return false;
    }
    return s.n > 0 && s.n <= HELO_MAX;
}

/* false: it was refused. A second introduction resets like RSET (RFC 5321 4.1.4). */
static bool
introduce(struct smtp_session *s, struct span name, bool is_extended)
{
    char *helo;

    if (!is_host_name(name)) {
        session_refuse(s, REPLY_SYNTAX_HELLO);
        return false;
    }
    helo = strndup(name.p, name.n);
    if (helo == NULL) {
        session_refuse(s, REPLY_NO_MEMORY);
        return false;
    }
    free(s->helo);
    s->helo = helo;
    s->is_extended = is_extended;
    session_forget_transaction(s);
    session_step(s, SESSION_READY);
    return true;
}

void
hello_forget(struct smtp_session *s)
{
    free(s->helo);
    s->helo = NULL;
    s->is_extended = false;
}

static bool
print_extensions(const struct smtp_session *s, struct buf *out)
{
    const struct settings_limits *l = s->config.limits;
    bool done =
        buf_printf(out, "250-%s\r\n", s->config.hostname) &&
        buf_append_str(out, "250-PIPELINING\r\n") &&
        buf_printf(out, "250-SIZE %llu\r\n", (unsigned long long)l->message_size) &&
        buf_append_str(out, "250-8BITMIME\r\n") &&
        (s->config.is_behind_proxy || buf_append_str(out, "250-BINARYMIME\r\n250-CHUNKING\r\n")) &&
        buf_append_str(out, "250-SMTPUTF8\r\n"
                            "250-ENHANCEDSTATUSCODES\r\n") &&
        buf_printf(out, "250-LIMITS RCPTMAX=%llu MAILMAX=%llu\r\n",
                   (unsigned long long)l->recipients, (unsigned long long)l->transactions);

    if (done && starttls_is_offered(s))
        done = buf_append_str(out, "250-STARTTLS\r\n");
    if (done && s->tls != NULL)
        done = buf_append_str(out, "250-REQUIRETLS\r\n");
    if (done && s->config.dsn)
        done = buf_append_str(out, "250-DSN\r\n");
    if (done && s->config.auth)
        done = auth_print_capability(s, out);
    if (done && s->config.trusted)
        done = buf_append_str(out, "250-XCLIENT " XCLIENT_ATTRIBUTES "\r\n"
                                   "250-XFORWARD " XFORWARD_ATTRIBUTES "\r\n");
    return done && buf_append_str(out, "250 HELP\r\n");
}

static void
say_extensions(struct smtp_session *s)
{
    struct buf out;

    buf_init(&out, 2048);
    if (print_extensions(s, &out))
        session_reply_octets(s, buf_span(&out));
    else
        session_end(s, REPLY_SHUTDOWN, "no memory");
    buf_release(&out);
}

static void
say_plain(struct smtp_session *s)
{
    struct buf out;

    buf_init(&out, REPLY_LINE_MAX);
    if (buf_printf(&out, "250 %s\r\n", s->config.hostname))
        session_reply_octets(s, buf_span(&out));
    else
        session_end(s, REPLY_SHUTDOWN, "no memory");
    buf_release(&out);
}

void
hello_say(struct smtp_session *s)
{
    if (s->is_extended)
        say_extensions(s);
    else
        say_plain(s);
}

static void
introduce_extended(struct smtp_session *s, struct span name)
{
    if (introduce(s, name, true) && !filter_asks_helo(s))
        hello_say(s);
}

void
cmd_lhlo(struct smtp_session *s, struct span args)
{
    if (session_is_lmtp(s))
        introduce_extended(s, args);
    else
        session_refuse(s, REPLY_NOT_IN_SMTP);
}

void
cmd_ehlo(struct smtp_session *s, struct span args)
{
    if (session_is_lmtp(s))
        session_refuse(s, REPLY_NOT_IN_LMTP);
    else
        introduce_extended(s, args);
}

void
cmd_helo(struct smtp_session *s, struct span args)
{
    if (session_is_lmtp(s))
        session_refuse(s, REPLY_NOT_IN_LMTP);
    else if (introduce(s, args, false) && !filter_asks_helo(s))
        hello_say(s);
}

/* --- the small ones --- */

void
cmd_rset(struct smtp_session *s, struct span args)
{
    if (args.n > 0) {
        session_refuse(s, REPLY_SYNTAX);
        return;
    }
    session_forget_transaction(s);
    if (s->state != SESSION_CONNECTED)
        session_step(s, SESSION_READY);
    session_reply(s, REPLY_OK);
}

void
cmd_noop(struct smtp_session *s, struct span args)
{
    (void)args; /* RFC 5321 4.1.1.9: a string may stand here */
    session_reply(s, REPLY_OK);
}

void
cmd_quit(struct smtp_session *s, struct span args)
{
    if (args.n > 0)
        session_refuse(s, REPLY_SYNTAX);
    else
        session_end(s, REPLY_BYE, "quit");
}

void
cmd_not_implemented(struct smtp_session *s, struct span args)
{
    (void)args;
    session_refuse(s, REPLY_NOT_IMPLEMENTED);
}

void
cmd_help(struct smtp_session *s, struct span args)
{
    static const char lmtp[] =
        "214-2.0.0 LHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n"
        "214 2.0.0 RFC 2033, RFC 5321\r\n";
    static const char smtp[] =
        "214-2.0.0 EHLO HELO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n"
        "214 2.0.0 RFC 5321\r\n";

    (void)args;
    session_reply_octets(s, span_of(session_is_lmtp(s) ? lmtp : smtp));
}

/* --- VRFY (RFC 5321 3.5.3: a server that tells nothing says 252) --- */

/* "<path>", a mailbox, or a word; with RFC 6531's parameter behind it. */
static enum smtp_reply
check_vrfy(struct span args, struct arena *arena)
{
    unsigned flags = ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8;
    struct span keyword = SPAN(" SMTPUTF8");
    struct address address = {0};
    struct span rest = SPAN_NONE;
    enum address_result result = ADDRESS_OK;
    bool has_utf8 =
        args.n > keyword.n && span_equal_fold(span_skip(args, args.n - keyword.n), keyword);

    if (has_utf8)
        args.n -= keyword.n;
    if (args.n == 0)
        return REPLY_SYNTAX;
    if (args.p[0] == '<')
        result = address_parse_path(args, flags, arena, &address, &rest);
    else if (span_find(args, '@') < args.n)
        result = address_parse_mailbox(args, flags, arena, &address);
    else if (span_find(args, ' ') < args.n)
        return REPLY_SYNTAX;
    if (result != ADDRESS_OK || rest.n > 0)
        return REPLY_BAD_RECIPIENT;
    return address.is_utf8 && !has_utf8 ? REPLY_NEED_SMTPUTF8 : REPLY_NONE;
}

void
cmd_vrfy(struct smtp_session *s, struct span args)
{
    enum smtp_reply refusal;
    struct arena arena;

    arena_init(&arena, 4 * ADDRESS_PATH_MAX);
    refusal = check_vrfy(args, &arena);
    arena_release(&arena);
    if (refusal == REPLY_NONE)
        session_reply(s, REPLY_VRFY);
    else
        session_refuse(s, refusal);
}
