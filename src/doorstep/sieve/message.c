/* SPDX-License-Identifier: MIT
 *
 * The message that a script is tried on: from standard input, with its envelope.
 */
#include "script_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/addresslist.h"

#define MESSAGE_MAX ((size_t)256 << 20)
#define ADDRESS_OCTETS 8192

/* ------------------------------------------------------------------ the envelope of a header */

/* The first address in the first of the fields that has one; "" when none has. */
static const char *
address_of(struct message_input *m, const char *const *names)
{
    const char *found = NULL;
    struct buf text;

    buf_init(&text, ADDRESS_OCTETS);
    for (; found == NULL && *names != NULL; names++)
        if (addresslist_first(buf_span(&m->text), *names, &text))
            found = arena_copy(&m->arena, buf_span(&text));
    buf_release(&text);
    return found == NULL ? "" : found;
}

/* Brackets are optional. */
static const char *
bare(struct arena *arena, const char *path)
{
    struct span s = span_trim(span_of(path));

    if (s.n > 1 && s.p[0] == '<' && s.p[s.n - 1] == '>')
        s = (struct span){s.p + 1, s.n - 2};
    const char *kept = arena_copy(arena, s);
    return kept == NULL ? "" : kept;
}

static void
make_envelope(struct message_input *m, const struct tool *t, const char *account)
{
    static const char *const senders[] = {"Return-Path", "Sender", "From", NULL};
    static const char *const recipients[] = {"Delivered-To", "X-Original-To", "Envelope-To", "To",
                                             NULL};
    const char *from = tool_option(t, "from"), *to = tool_option(t, "to");

    to = to == NULL ? account : to;
    m->envelope = (struct sieve_envelope){
        .sender = from != NULL ? bare(&m->arena, from) : address_of(m, senders),
        .recipient = to != NULL ? bare(&m->arena, to) : address_of(m, recipients),
        .original_recipient = "",
        .login = "",
        .notify = "",
        .orcpt = "",
        .ret = "",
        .envid = "",
        .deliverby = "",
    };
    m->user = (struct sieve_user){
        .address = account == NULL ? m->envelope.recipient : account,
        .name = account == NULL ? m->envelope.recipient : account,
        .delimiters = "+",
        .postmaster = "postmaster",
        .hostname = "localhost",
    };
}

/* ------------------------------------------------------------------ standard input */

static bool
read_input(struct buf *out)
{
    char piece[65536];

    for (;;) {
        ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        if (!buf_append(out, piece, (size_t)n)) {
            errno = EFBIG;
            return false;
        }
    }
}

/* mbox's separator, which some programs put in front. */
static void
drop_from_line(struct buf *text)
{
    if (strncmp(buf_str(text), "From ", 5) == 0 && span_find(buf_span(text), '\n') < text->len)
        buf_consume(text, span_find(buf_span(text), '\n') + 1);
}

int
message_read(struct message_input *m, const struct tool *t, const char *account)
{
    buf_init(&m->text, MESSAGE_MAX);
    arena_init(&m->arena, 1 << 20);
    if (!read_input(&m->text))
        return tool_error(EX_NOINPUT, "standard input: %s", strerror(errno));
    drop_from_line(&m->text);
    make_envelope(m, t, account);
    return EX_OK;
}

void
message_take(struct message_input *m, const struct tool *t, const char *account)
{
    static const char *const delivered[] = {"Delivered-To", NULL};

    arena_reset(&m->arena);
    make_envelope(m, t, account);
    const char *to = address_of(m, delivered);
    if (tool_option(t, "to") == NULL && to[0] != '\0')
        m->envelope.recipient = to;
}

void
message_release(struct message_input *m)
{
    buf_release(&m->text);
    arena_release(&m->arena);
}
