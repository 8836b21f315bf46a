/* SPDX-License-Identifier: MIT
 *
 * The table of everything that Doorstep ever answers about a message, and the one place where
 * errno becomes such an answer. Every room fills outcomes; only the edge prints them to a
 * peer, and the operator's tool to a person.
 */
#include "doorstep/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct outcome_row {
    int code;             /* RFC 5321 4.2.3 */
    const char *enhanced; /* RFC 3463 */
    const char *text;
};

static const struct outcome_row rows[OUTCOME_KINDS] = {
    [OUTCOME_OK] = {250, "2.0.0", "done"},
    [OUTCOME_DELIVERED] = {250, "2.1.5", "delivered"},
    [OUTCOME_DUPLICATE] = {250, "2.1.5", "delivered before, not stored again"},
    [OUTCOME_RCPT_OK] = {250, "2.1.5", "recipient ok"},
    [OUTCOME_NO_SUCH_USER] = {550, "5.1.1", "no such mailbox"},
    [OUTCOME_NOT_OURS] = {550, "5.7.1", "not a domain of ours, and nothing is relayed here"},
    [OUTCOME_DISABLED] = {550, "5.2.1", "mailbox is disabled"},
    [OUTCOME_OVER_QUOTA] = {452, "4.2.2", "mailbox is full"},
    [OUTCOME_OVER_QUOTA_HARD] = {552, "5.2.2", "mailbox is full"},
    [OUTCOME_TOO_BIG] = {552, "5.3.4", "message is too big"},
    [OUTCOME_LOOP] = {554, "5.4.6", "too many hops, this message goes in a loop"},
    [OUTCOME_BAD_CONTENT] = {554, "5.6.0", "message content is not acceptable"},
    [OUTCOME_BAD_ADDRESS] = {553, "5.1.3", "this is no address"},
    [OUTCOME_BUSY] = {451, "4.2.0", "mailbox is busy, try again"},
    [OUTCOME_DISK_FULL] = {452, "4.3.1", "no room left here, try again later"},
    [OUTCOME_SYSTEM] = {451, "4.3.0", "local trouble, try again later"},
    [OUTCOME_OVERLOAD] = {451, "4.3.2", "too much work at the moment, try again later"},
    [OUTCOME_TIMEOUT] = {451, "4.4.2", "this took too long, try again later"},
    [OUTCOME_NOT_FOUND] = {550, "5.2.0", "no such thing here"},
    [OUTCOME_EXISTS] = {550, "5.2.0", "it exists already"},
    [OUTCOME_BAD_REQUEST] = {501, "5.5.4", "this request makes no sense"},
    [OUTCOME_CORRUPT] = {451, "4.3.0", "damaged data here, try again later"},
    [OUTCOME_UNREADABLE] = {451, "4.3.0", "local trouble, try again later"},
    [OUTCOME_FILTER_REFUSED] = {550, "5.7.1", "refused by a content filter"},
    [OUTCOME_FILTER_DEFERRED] = {451, "4.7.1", "a content filter is unavailable, try again later"},
    [OUTCOME_DISCARDED] = {250, "2.1.5", "accepted"},
    [OUTCOME_NETWORK_RATE] = {450, "4.7.1", "too many messages from your network, try again later"},
    [OUTCOME_RELAYED] = {250, "2.0.0", "handed on"},
    [OUTCOME_RELAY_DEFERRED] = {451, "4.4.1",
                                "whoever it goes to takes it not now, try again later"},
    [OUTCOME_RELAY_REFUSED] = {554, "5.0.0", "whoever it goes to refuses it"},
    [OUTCOME_ACCOUNT_RATE] = {450, "4.2.1", "too much mail for this mailbox, try again later"},
};

int
outcome_code(const struct outcome *o)
{
    return o->code != 0 ? o->code : rows[o->kind].code;
}

const char *
outcome_enhanced(const struct outcome *o)
{
    return o->enhanced[0] != '\0' ? o->enhanced : rows[o->kind].enhanced;
}

const char *
outcome_text(const struct outcome *o)
{
    return o->text[0] != '\0' ? o->text : rows[o->kind].text;
}

bool
outcome_is_success(const struct outcome *o)
{
    return rows[o->kind].code / 100 == 2;
}

bool
outcome_is_temporary(const struct outcome *o)
{
    return rows[o->kind].code / 100 == 4;
}

bool
outcome_is_permanent(const struct outcome *o)
{
    return rows[o->kind].code / 100 == 5;
}

bool
outcome_set(struct outcome *o, enum outcome_kind kind, const char *cause, ...)
{
    o->kind = kind;
    o->code = 0;
    o->enhanced[0] = '\0';
    o->text[0] = '\0';
    o->cause[0] = '\0';
    if (cause != NULL) {
        va_list args;
        va_start(args, cause);
        vsnprintf(o->cause, sizeof(o->cause), cause, args);
        va_end(args);
    }
    return outcome_is_success(o);
}

/* A line of a reply: whatever could end it or move a terminal becomes a space. */
static void
outcome_clean(char *text, bool has_lines)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 || c == 0x7f) && !(has_lines && c == '\n'))
            *text = ' ';
    }
}

void
outcome_say(struct outcome *o, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    vsnprintf(o->text, sizeof(o->text), text, args);
    va_end(args);
    outcome_clean(o->text, false);
}

/* --- replies of content filters --- */

static bool
is_of_filter(enum outcome_kind kind)
{
    return kind == OUTCOME_FILTER_REFUSED || kind == OUTCOME_FILTER_DEFERRED;
}

/* Whose answer may be somebody else's, with a code of its own. */
static bool
is_of_others(enum outcome_kind kind)
{
    return is_of_filter(kind) || kind == OUTCOME_RELAYED || kind == OUTCOME_RELAY_DEFERRED ||
           kind == OUTCOME_RELAY_REFUSED;
}

/* "5.7.1" (RFC 3463 section 2), of the class of the code; its length, or 0. */
static size_t
enhanced_length(struct span text, unsigned class)
{
    size_t n = 0;

    for (unsigned part = 0; part < 3; part++) {
        size_t digits = 0;

        while (n + digits < text.n && text.p[n + digits] >= '0' && text.p[n + digits] <= '9')
            digits++;
        if (digits == 0 || digits > 3 || (part == 0 && text.p[0] != (char)('0' + class)))
            return 0;
        n += digits;
        if (part < 2 && (n == text.n || text.p[n++] != '.'))
            return 0;
    }
    return n == text.n || text.p[n] == ' ' ? n : 0;
}

/* One line without its code: the enhanced code goes to o, the rest to the text. Lines that do not
 * fit are left out, and so is the end of one. */
static void
add_reply_line(struct outcome *o, struct span line)
{
    size_t used = strlen(o->text), n = enhanced_length(line, o->code / 100);

    if (n > 0 && n < sizeof(o->enhanced)) {
        memcpy(o->enhanced, line.p, n);
        o->enhanced[n] = '\0';
    }
    line = span_trim(span_skip(line, n));
    if (used > 0 && used + 1 < sizeof(o->text))
        o->text[used++] = '\n';
    for (size_t i = 0; i < line.n && used + 1 < sizeof(o->text); i++)
        o->text[used++] = line.p[i] == '\0' ? ' ' : line.p[i];
    o->text[used] = '\0';
}

bool
outcome_reply(struct outcome *o, struct span reply)
{
    const char *first = reply.p;
    unsigned long long code;

    if (reply.n < 3 || (reply.p[0] != '4' && reply.p[0] != '5') ||
        !span_parse_u64((struct span){reply.p, 3}, 599, &code) || code < 400)
        return false;
    outcome_set(o, code >= 500 ? OUTCOME_FILTER_REFUSED : OUTCOME_FILTER_DEFERRED, NULL);
    o->code = (uint16_t)code;
    for (unsigned i = 0; i < OUTCOME_LINES_MAX && reply.n > 0; i++) {
        size_t n = span_find(reply, '\n');
        struct span line = {reply.p, n};

        if (n >= 3 && memcmp(line.p, first, 3) == 0)
            line = span_skip(line, n > 3 && (line.p[3] == '-' || line.p[3] == ' ') ? 4 : 3);
        add_reply_line(o, line);
        reply = span_skip(reply, n + 1);
    }
    outcome_clean(o->text, true);
    return true;
}

void
outcome_relayed(struct outcome *o, unsigned code, const char *enhanced, const char *text)
{
    const unsigned class = code / 100;

    outcome_set(o,
                class == 2   ? OUTCOME_RELAYED
                : class == 5 ? OUTCOME_RELAY_REFUSED
                             : OUTCOME_RELAY_DEFERRED,
                NULL);
    if (class == 2 || class == 4 || class == 5) {
        o->code = (uint16_t)code;
        if (strlen(enhanced) < sizeof(o->enhanced) &&
            enhanced_length(span_of(enhanced), class) == strlen(enhanced))
            strcpy(o->enhanced, enhanced);
    }
    outcome_say(o, "%s", text);
}

static enum outcome_kind
outcome_kind_of_errno(int error, const char *call)
{
    switch (error) {
    case ENOSPC:
        return OUTCOME_DISK_FULL;
    case EDQUOT:
        return OUTCOME_OVER_QUOTA;
    case EAGAIN:
        return OUTCOME_BUSY;
    case EACCES:
        /* POSIX lets fcntl(F_SETLK) report a held lock so; elsewhere it means permissions. */
        return strcmp(call, "fcntl") == 0 ? OUTCOME_BUSY : OUTCOME_SYSTEM;
    default:
        return OUTCOME_SYSTEM;
    }
}

bool
outcome_errno(struct outcome *o, int error, const char *call, const char *path)
{
    char text[128];

    outcome_set(o, outcome_kind_of_errno(error, call), "%s %s: %s", call, path != NULL ? path : "-",
                strerror_r(error, text, sizeof(text)));
    return false;
}

void
outcome_pack(const struct outcome *o, struct pack *p)
{
    pack_u8(p, (uint8_t)o->kind);
    pack_u16(p, o->code);
    pack_str(p, o->enhanced);
    pack_str(p, o->text);
    pack_str(p, o->cause);
}

void
outcome_unpack(struct outcome *o, struct unpack *u)
{
    uint8_t kind = unpack_u8(u);

    if (kind >= OUTCOME_KINDS)
        u->broken = true;
    o->code = unpack_u16(u);
    if (!u->broken && o->code != 0 &&
        (!is_of_others(kind) || o->code / 100 != rows[kind].code / 100))
        u->broken = true;
    unpack_str(u, o->enhanced, sizeof(o->enhanced));
    if (!u->broken && o->enhanced[0] != '\0' &&
        enhanced_length(span_of(o->enhanced), (unsigned)rows[kind].code / 100) !=
            strlen(o->enhanced))
        u->broken = true;
    if (u->broken) {
        o->code = 0;
        o->enhanced[0] = '\0';
    }
    unpack_str(u, o->text, sizeof(o->text));
    unpack_str(u, o->cause, sizeof(o->cause));
    o->kind = u->broken ? OUTCOME_SYSTEM : (enum outcome_kind)kind;
    outcome_clean(o->text, is_of_filter(o->kind));
}
