/* SPDX-License-Identifier: MIT
 *
 * The line splitter, and the table of verbs: which states a verb may run in, what it gets in the
 * others. Handlers do not ask for the state again.
 */
#include "command_priv.h"

#include <string.h>

#include "auth_priv.h"

#define IN(state) (1u << SESSION_##state)
#define ANY (IN(CONNECTED) | IN(READY) | IN(MAIL) | IN(BETWEEN))

/* What runs anywhere needs no refusal. */
#define NEVER REPLY_BAD_SEQUENCE, REPLY_BAD_SEQUENCE

static const struct verb verbs[] = {
    {"RCPT", IN(MAIL), REPLY_NEED_MAIL, REPLY_BAD_SEQUENCE, .may_overtake = true, .run = cmd_rcpt},
    {"MAIL", IN(READY), REPLY_NESTED_MAIL, REPLY_NESTED_MAIL, .run = cmd_mail},
    {"DATA", IN(MAIL), REPLY_NEED_MAIL, REPLY_DATA_AFTER_BDAT, .run = cmd_data},
    {"BDAT", ANY, NEVER, .may_be_plain = true, .run = cmd_bdat}, /* its octets follow in any state,
                                                                    taken or not */
    {"LHLO", ANY, NEVER, .may_be_plain = true, .run = cmd_lhlo},
    {"EHLO", ANY, NEVER, .may_be_plain = true, .run = cmd_ehlo},
    {"HELO", ANY, NEVER, .may_be_plain = true, .run = cmd_helo},
    {"RSET", ANY, NEVER, .run = cmd_rset},
    {"NOOP", ANY, NEVER, .may_be_plain = true, .run = cmd_noop},
    {"QUIT", ANY, NEVER, .may_be_plain = true, .run = cmd_quit},
    {"VRFY", ANY, NEVER, .run = cmd_vrfy},
    {"HELP", ANY, NEVER, .run = cmd_help},
    {"EXPN", ANY, NEVER, .run = cmd_not_implemented},
    {"STARTTLS", ANY, NEVER, .may_be_plain = true, .run = cmd_starttls},
    {"AUTH", IN(CONNECTED) | IN(READY), REPLY_BAD_SEQUENCE, REPLY_BAD_SEQUENCE, .run = cmd_auth},
    {"XCLIENT", IN(CONNECTED) | IN(READY), REPLY_BAD_SEQUENCE, REPLY_BAD_SEQUENCE,
     .run = cmd_xclient},
    {"XFORWARD", IN(READY), REPLY_BAD_SEQUENCE, REPLY_BAD_SEQUENCE, .run = cmd_xforward},
};

size_t
command_line_length(struct span in)
{
    size_t from = 0;

    while (from < in.n) {
        const char *lf = memchr(in.p + from, '\n', in.n - from);
        size_t at;

        if (lf == NULL)
            return 0;
        at = (size_t)(lf - in.p);
        if (at > 0 && in.p[at - 1] == '\r')
            return at + 1;
        from = at + 1;
    }
    return 0;
}

static bool
has_control(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
command_split(struct span line, struct span *verb, struct span *args)
{
    size_t n = 0;

    if (has_control(line))
        return false;
    while (line.n > 0 && line.p[line.n - 1] == ' ') /* RFC 5321 4.1.1 asks for tolerance here */
        line.n--;
    while (n < line.n && is_letter(line.p[n]))
        n++;
    if (n == 0 || (n < line.n && line.p[n] != ' '))
        return false;
    *verb = (struct span){line.p, n};
    *args = span_skip(line, n + 1);
    return true;
}

const struct verb *
verb_find(struct span name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (span_equal_fold(name, span_of(verbs[i].name)))
            return &verbs[i];
    }
    return NULL;
}
