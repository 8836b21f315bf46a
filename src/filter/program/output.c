/* SPDX-License-Identifier: MIT
 *
 * Exit statuses and header fields of programs: see output_priv.h. One field that may not be there
 * spoils the whole output: half of what a program said never exists.
 */
#include "output_priv.h"

#include <string.h>
#include <sysexits.h>

#include "doorstep/charset.h"

#define NAME_MAX_OCTETS 76
#define MAILBOX_MAX_OCTETS 255
#define STATUS_DISCARD 99 /* as qmail-command(8) has it: nothing more is done with it */

enum program_verdict
program_status_verdict(int status)
{
    switch (status) {
    case EX_OK:
        return PROGRAM_ACCEPTS;
    case EX_DATAERR:
    case EX_NOUSER:
    case EX_NOHOST:
    case EX_UNAVAILABLE:
    case EX_NOPERM:
        return PROGRAM_REFUSES;
    case EX_TEMPFAIL:
        return PROGRAM_DEFERS;
    case STATUS_DISCARD:
        return PROGRAM_DISCARDS;
    default:
        return PROGRAM_SAYS_NOTHING;
    }
}

/* ---- which fields ---- */

/* Trace and results of checks are ours to write; of the others a message may have one, which is its
 * author's (RFC 5322 3.6). */
static bool
is_reserved(struct span name)
{
    static const char *const names[] = {"Received",
                                        "Return-Path",
                                        "Delivered-To",
                                        "X-Original-To",
                                        "Received-SPF",
                                        "Date",
                                        "From",
                                        "Authentication-Results",
                                        "Sender",
                                        "Reply-To",
                                        "To",
                                        "Cc",
                                        "Bcc",
                                        "Message-ID",
                                        "In-Reply-To",
                                        "References",
                                        "Subject",
                                        "MIME-Version",
                                        "Auto-Submitted",
                                        "DKIM-Signature",
                                        "TLS-Required"};
    static const char *const prefixes[] = {"Content-", "Resent-", "ARC-", "Doorstep-"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_equal_fold(name, span_of(names[i])))
            return true;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (span_has_prefix_fold(name, span_of(prefixes[i])))
            return true;
    return false;
}

static bool
is_name(struct span name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
            return false;
    return name.n > 0 && name.n <= NAME_MAX_OCTETS;
}

static bool
is_clean(struct span line)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* ---- what becomes of the message ---- */

static bool
take_verdict(struct program_said *out, struct span value)
{
    static const char *const words[] = {
        [PROGRAM_ACCEPTS] = "accept",
        [PROGRAM_REFUSES] = "refuse",
        [PROGRAM_DEFERS] = "defer",
        [PROGRAM_DISCARDS] = "discard",
    };

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (span_equal(value, span_of(words[i]))) {
            out->verdict = (enum program_verdict)i;
            return true;
        }
    return false;
}

/* false: there is no such thing to say, or no memory. */
static bool
take_saying(struct program_said *out, struct arena *arena, struct span name, struct span value)
{
    const char **kept = NULL;

    if (span_equal_fold(name, SPAN("Doorstep-Verdict")))
        return take_verdict(out, value);
    if (span_equal_fold(name, SPAN("Doorstep-Mailbox")) && value.n <= MAILBOX_MAX_OCTETS)
        kept = &out->mailbox;
    else if (span_equal_fold(name, SPAN("Doorstep-Flags")))
        kept = &out->flags;
    else if (span_equal_fold(name, SPAN("Doorstep-Reply")))
        kept = &out->reply;
    if (kept == NULL || value.n == 0)
        return false;
    *kept = arena_copy(arena, value);
    return *kept != NULL;
}

/* ---- lines ---- */

struct reading {
    struct program_said *out;
    struct arena *arena;
    const char *why;
    bool is_in_field; /* a line that begins with a blank goes on with it */
    bool has_ended;   /* an empty line came */
};

static bool
wrong(struct reading *r, const char *why)
{
    r->why = why;
    return false;
}

static bool
put_line(struct reading *r, struct span line)
{
    if (line.n > OUTPUT_LINE_MAX)
        return wrong(r, "it has a line of more than 998 octets");
    return (buf_append_span(&r->out->header, line) &&
            buf_append_span(&r->out->header, SPAN("\r\n"))) ||
           wrong(r, "there is no memory for it");
}

static bool
take_field(struct reading *r, struct span line)
{
    size_t colon = span_find(line, ':');
    struct span name = {line.p, colon};
    struct span value = span_trim(span_skip(line, colon + 1));

    r->is_in_field = false;
    if (colon == line.n || !is_name(name))
        return wrong(r, "it has a line that is no header field");
    if (span_has_prefix_fold(name, SPAN("Doorstep-")))
        return take_saying(r->out, r->arena, name, value) ||
               wrong(r, "it has a Doorstep- field that means nothing");
    if (is_reserved(name))
        return wrong(r, "it has a header field that is not a program's to write");
    if (++r->out->count > OUTPUT_FIELDS_MAX)
        return wrong(r, "it has too many header fields");
    r->is_in_field = true;
    return put_line(r, line);
}

static bool
take_line(struct reading *r, struct span line)
{
    if (line.n == 0) {
        r->has_ended = true;
        return true;
    }
    if (r->has_ended)
        return wrong(r, "it goes on behind the empty line");
    if (!is_clean(line))
        return wrong(r, "it has control octets");
    if (line.p[0] != ' ' && line.p[0] != '\t')
        return take_field(r, line);
    if (!r->is_in_field || span_trim(line).n == 0)
        return wrong(r, "it has a line that goes on with nothing");
    return put_line(r, line);
}

bool
program_output_read(struct span text, struct arena *arena, struct program_said *out,
                    const char **why)
{
    struct reading r = {.out = out, .arena = arena};
    bool good = utf8_is_valid(text) || wrong(&r, "it is not UTF-8");

    *out = (struct program_said){.mailbox = "", .flags = "", .reply = ""};
    buf_init(&out->header, text.n * 2 + 2);
    while (good && text.n > 0) {
        size_t n = span_find(text, '\n');
        struct span line = {text.p, n > 0 && n < text.n && text.p[n - 1] == '\r' ? n - 1 : n};

        good = take_line(&r, line);
        text = span_skip(text, n + 1);
    }
    *why = r.why;
    return good;
}
