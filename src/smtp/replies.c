/* SPDX-License-Identifier: MIT
 *
 * The table of replies, and how an outcome of the store is printed. Greeting, HELO and LHLO answers
 * and 354 carry no enhanced code (RFC 2034 section 4).
 */
#include "replies_priv.h"

#include <assert.h>

#include "doorstep/charset.h"

#define LINE(text)                                                                                 \
    {                                                                                              \
        "" text "\r\n", sizeof(text "\r\n") - 1                                                    \
    }

static const struct span lines[REPLY_COUNT] = {
    [REPLY_OK] = LINE("250 2.0.0 ok"),
    [REPLY_BYE] = LINE("221 2.0.0 bye"),
    [REPLY_SENDER_OK] = LINE("250 2.1.0 sender ok"),
    [REPLY_VRFY] = LINE("252 2.5.2 send some mail, I will try to deliver it"),
    [REPLY_AUTH_OK] = LINE("235 2.7.0 welcome"),
    [REPLY_START_DATA] = LINE("354 end with CRLF.CRLF"),
    [REPLY_START_TLS] = LINE("220 2.0.0 ready for TLS"),
    [REPLY_CHUNK_OK] = LINE("250 2.0.0 chunk received"),

    [REPLY_UNKNOWN_VERB] = LINE("500 5.5.1 unknown command"),
    [REPLY_GARBAGE] = LINE("500 5.5.2 this is no command line"),
    [REPLY_LINE_TOO_LONG] = LINE("500 5.5.2 command line too long"),
    [REPLY_NOT_IN_LMTP] = LINE("500 5.5.1 this is LMTP: say LHLO"),
    [REPLY_NOT_IN_SMTP] = LINE("500 5.5.1 this is SMTP: say EHLO"),
    [REPLY_NOT_IMPLEMENTED] = LINE("502 5.5.1 command not implemented"),
    [REPLY_BAD_SEQUENCE] = LINE("503 5.5.1 not now"),
    [REPLY_NEED_HELLO] = LINE("503 5.5.1 introduce yourself first"),
    [REPLY_NEED_MAIL] = LINE("503 5.5.1 need MAIL first"),
    [REPLY_NESTED_MAIL] = LINE("503 5.5.1 a transaction is open already"),
    [REPLY_NO_RECIPIENTS] = LINE("503 5.5.1 no valid recipients"),
    [REPLY_NEED_BDAT] = LINE("503 5.5.1 BINARYMIME needs BDAT"),
    [REPLY_DATA_AFTER_BDAT] = LINE("503 5.5.1 this message came with BDAT, go on with BDAT"),
    [REPLY_SYNTAX] = LINE("501 5.5.4 syntax error in arguments"),
    [REPLY_SYNTAX_HELLO] = LINE("501 5.5.4 your host name is missing or bad"),
    [REPLY_SYNTAX_MAIL] = LINE("501 5.5.4 syntax: MAIL FROM:<address>"),
    [REPLY_SYNTAX_RCPT] = LINE("501 5.5.4 syntax: RCPT TO:<address>"),
    [REPLY_SYNTAX_BDAT] = LINE("501 5.5.4 syntax: BDAT octets [LAST]"),
    [REPLY_BAD_SENDER] = LINE("553 5.1.7 bad sender address"),
    [REPLY_BAD_RECIPIENT] = LINE("553 5.1.3 bad recipient address"),
    [REPLY_NEED_SMTPUTF8] = LINE("553 5.6.7 such an address needs SMTPUTF8"),
    [REPLY_UNKNOWN_PARAMETER] = LINE("555 5.5.4 unknown parameter"),
    [REPLY_BAD_PARAMETER] = LINE("501 5.5.4 bad or repeated parameter"),
    [REPLY_NEED_TLS] = LINE("530 5.7.0 say STARTTLS first"),
    [REPLY_TLS_ALREADY] = LINE("503 5.5.1 TLS is active already"),
    [REPLY_REQUIRETLS_IN_PLAIN] = LINE("530 5.7.10 REQUIRETLS needs TLS here too"),
    [REPLY_NOT_AUTHORIZED] = LINE("550 5.7.0 you may not say that here"),

    [REPLY_AUTH_NEEDED] = LINE("530 5.7.0 you may not send mail here, log in first"),
    [REPLY_AUTH_TWICE] = LINE("503 5.5.1 you have logged in already"),
    [REPLY_SYNTAX_AUTH] = LINE("501 5.5.4 syntax: AUTH mechanism [response]"),
    [REPLY_AUTH_UNKNOWN] = LINE("504 5.5.4 no such mechanism here"),
    [REPLY_AUTH_TOO_WEAK] = LINE("534 5.7.9 this mechanism is too weak"),
    [REPLY_AUTH_NEEDS_TLS] = LINE("538 5.7.11 this mechanism needs TLS"),
    [REPLY_AUTH_CANCELLED] = LINE("501 5.7.0 cancelled"),
    [REPLY_AUTH_NOT_BASE64] = LINE("501 5.5.2 this is no base64"),
    [REPLY_AUTH_MALFORMED] = LINE("501 5.5.2 this is not what the mechanism says"),
    [REPLY_AUTH_LINE_TOO_LONG] = LINE("500 5.5.6 line too long"),
    [REPLY_AUTH_REFUSED] = LINE("535 5.7.8 wrong name or password"),
    [REPLY_AUTH_BANNED] = LINE("454 4.7.0 too many failed log-ins, try again later"),
    [REPLY_AUTH_UNAVAILABLE] = LINE("454 4.7.0 log-ins are not possible now, try again"),
    [REPLY_AUTH_TOO_MANY] = LINE("421 4.7.0 too many failed log-ins"),

    [REPLY_TOO_BIG] = LINE("552 5.3.4 message is too big"),
    [REPLY_TOO_MANY_RECIPIENTS] = LINE("452 4.5.3 too many recipients"),
    [REPLY_TOO_MANY_ERRORS] = LINE("421 4.7.0 too many errors"),
    [REPLY_TOO_MANY_MESSAGES] = LINE("421 4.7.0 too many messages, connect again"),
    [REPLY_TOO_MANY_COMMANDS] = LINE("421 4.7.0 too many commands without a message"),
    [REPLY_TOO_MANY_UNKNOWN] = LINE("421 4.7.0 too many unknown recipients"),
    [REPLY_NO_MEMORY] = LINE("451 4.3.0 out of memory, try again"),
    [REPLY_TLS_AWAY] = LINE("454 4.7.0 TLS is not available, try again"),
    [REPLY_TLS_BUSY] = LINE("421 4.7.0 too many TLS handshakes, try again"),
    [REPLY_STORE_AWAY] = LINE("451 4.3.0 mail system unavailable, try again"),

    [REPLY_TIMEOUT] = LINE("421 4.4.2 you took too long"),
    [REPLY_SESSION_TIME] = LINE("421 4.4.2 this session took too long, connect again"),
    [REPLY_SHUTDOWN] = LINE("421 4.3.2 shutting down, try again"),
};

struct span
reply_line(enum smtp_reply id)
{
    assert(lines[id].n > 0);
    return lines[id];
}

int
reply_code(enum smtp_reply id)
{
    const char *p = reply_line(id).p;

    return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

/* One line of a reply; the last one says so. */
static bool
print_line(struct buf *out, const struct address *recipient, int code, const struct outcome *o,
           struct span text, bool is_last, const char *delivery_id)
{
    struct buf line;
    bool done;

    buf_init(&line, 4096); /* address, text and id are bounded far below it */
    done = buf_append_u64(&line, (uint64_t)code) && buf_append_char(&line, is_last ? ' ' : '-') &&
           buf_append_str(&line, outcome_enhanced(o)) && buf_append_char(&line, ' ');
    if (done && recipient != NULL)
        done = buf_append_char(&line, '<') && address_print(recipient, &line) &&
               buf_append_str(&line, "> ");
    done = done && buf_append_span(&line, text);
    if (done && outcome_is_success(o) && delivery_id[0] != '\0')
        done = buf_append_char(&line, ' ') && buf_append_str(&line, delivery_id);
    if (done) {
        done = buf_append_span(out, utf8_cut(buf_span(&line), REPLY_LINE_MAX - 2)) &&
               buf_append_span(out, SPAN("\r\n"));
    }
    buf_release(&line);
    return done;
}

bool
reply_print_outcome(struct buf *out, const struct address *recipient, int code,
                    const struct outcome *o, const char *delivery_id)
{
    struct span text = span_of(outcome_text(o));
    bool done = true, is_last = false;

    while (done && !is_last) {
        size_t n = span_find(text, '\n');

        is_last = n == text.n;
        done = print_line(out, recipient, code, o, (struct span){text.p, n}, is_last, delivery_id);
        text = span_skip(text, n + 1);
        recipient = NULL; /* once is enough */
    }
    return done;
}
