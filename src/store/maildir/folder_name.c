/* SPDX-License-Identifier: MIT
 *
 * Mailbox names and the folders of Maildir++: "Lists/dev" is ".Lists.dev", each level in modified
 * UTF-7. A dot inside a level, which Maildir++ cannot hold, is written &AC4-, as a shifted dot.
 */
#include "maildir_priv.h"

#include <stdio.h>
#include <string.h>

#include "doorstep/utf7.h"

#define DOT "&AC4-"

static bool
level_encode(struct span level, struct buf *out)
{
    for (;;) {
        struct span piece = {level.p, span_find(level, '.')};
        if (!utf7_encode(piece, out))
            return false;
        if (piece.n == level.n)
            return true;
        if (!buf_append_str(out, DOT))
            return false;
        level = span_skip(level, piece.n + 1);
    }
}

static bool
folder_encode(const char *mailbox, struct buf *out)
{
    struct span rest = span_of(mailbox);

    for (;;) {
        struct span level = {rest.p, span_find(rest, '/')};
        if (!buf_append_char(out, '.') || !level_encode(level, out))
            return false;
        if (level.n == rest.n)
            return true;
        rest = span_skip(rest, level.n + 1);
    }
}

bool
maildir_folder_encode(const char *mailbox, char folder[NAME_MAX + 1], struct outcome *why)
{
    struct buf out;

    folder[0] = '\0';
    if (strcmp(mailbox, "INBOX") == 0)
        return true;
    buf_init(&out, NAME_MAX);
    bool ok = folder_encode(mailbox, &out);
    if (ok)
        memcpy(folder, out.data, out.len + 1);
    else
        outcome_set(why, OUTCOME_BAD_REQUEST, "mailbox name too long for a Maildir++ folder");
    buf_release(&out);
    return ok;
}

/* One level; a dot that is spelled in another way would not be found again and is refused. */
static bool
level_decode(struct span level, struct buf *out)
{
    if (level.n == 0)
        return false;
    for (;;) {
        const char *dot = memmem(level.p, level.n, DOT, strlen(DOT));
        struct span piece = {level.p, dot != NULL ? (size_t)(dot - level.p) : level.n};
        if (!utf7_decode(piece, out))
            return false;
        if (dot == NULL)
            return true;
        if (!buf_append_char(out, '.'))
            return false;
        level = span_skip(level, piece.n + strlen(DOT));
    }
}

bool
maildir_folder_decode(const char *folder, char mailbox[STORE_MAILBOX_SIZE])
{
    struct span rest = span_skip(span_of(folder), 1);
    char again[NAME_MAX + 1];
    struct outcome why;
    struct buf out;
    bool ok = folder[0] == '.';

    buf_init(&out, STORE_MAILBOX_SIZE - 1);
    while (ok) {
        struct span level = {rest.p, span_find(rest, '.')};
        ok = level_decode(level, &out);
        if (!ok || level.n == rest.n)
            break;
        ok = buf_append_char(&out, '/');
        rest = span_skip(rest, level.n + 1);
    }
    snprintf(mailbox, STORE_MAILBOX_SIZE, "%s", buf_str(&out));
    buf_release(&out);
    return ok && store_mailbox_name_check(mailbox) && strcasecmp(mailbox, "INBOX") != 0 &&
           maildir_folder_encode(mailbox, again, &why) && strcmp(again, folder) == 0;
}

bool
maildir_dir_path(const char *mailbox, const char *sub, char path[NAME_MAX + 8], struct outcome *why)
{
    char folder[NAME_MAX + 1];

    if (!maildir_folder_encode(mailbox, folder, why))
        return false;
    snprintf(path, NAME_MAX + 8, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", sub);
    return true;
}
