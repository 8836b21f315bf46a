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
};

int
outcome_code(const struct outcome *o)
{
    return rows[o->kind].code;
}

const char *
outcome_enhanced(const struct outcome *o)
{
    return rows[o->kind].enhanced;
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

/* A reply is one line: whatever could end it or move a terminal becomes a space. */
static void
outcome_clean(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
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
    outcome_clean(o->text);
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
    pack_str(p, o->text);
    pack_str(p, o->cause);
}

void
outcome_unpack(struct outcome *o, struct unpack *u)
{
    uint8_t kind = unpack_u8(u);

    if (kind >= OUTCOME_KINDS)
        u->broken = true;
    unpack_str(u, o->text, sizeof(o->text));
    unpack_str(u, o->cause, sizeof(o->cause));
    o->kind = u->broken ? OUTCOME_SYSTEM : (enum outcome_kind)kind;
    outcome_clean(o->text);
}
