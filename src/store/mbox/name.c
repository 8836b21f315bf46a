/* SPDX-License-Identifier: MIT
 *
 * What the index calls a message in an mbox, where nothing has a name: our delivery id, when the
 * message begins with our trace fields (a Received field with such an id in the first KiB); else
 * "h" and a hash of the content. The fields in which mail readers keep their flags are left out of
 * the hash, so that reading a message does not rename it.
 */
#include "mbox_priv.h"

#include <string.h>
#include <strings.h>

static const char *const left_out[] = {"Status",     "X-Status", "X-Keywords",     "X-UID",
                                       "X-IMAPbase", "X-IMAP",   "Content-Length", "Lines"};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* id_make()'s: 23 of Crockford's digits. */
static bool
is_our_id(struct span token)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    if (token.n != ID_SIZE - 1)
        return false;
    for (size_t i = 0; i < token.n; i++) {
        if (memchr(digits, token.p[i], sizeof(digits) - 1) == NULL)
            return false;
    }
    return true;
}

/* A header field from the front of head, with its continuation lines; empty when it is not whole.
 */
static struct span
field_take(struct span *head)
{
    struct span field = *head;
    size_t end = 0;

    do {
        const char *lf = memchr(field.p + end, '\n', field.n - end);
        if (lf == NULL)
            return SPAN_NONE;
        end = (size_t)(lf - field.p) + 1;
    } while (end < field.n && (field.p[end] == ' ' || field.p[end] == '\t'));
    *head = span_skip(*head, end);
    field.n = end;
    return field;
}

/* The word behind "id" in a Received field (RFC 5321 4.4). */
static bool
received_id(struct span field, char id[ID_SIZE])
{
    for (size_t i = 0; i + 4 < field.n; i++) {
        if (!is_blank(field.p[i]) || strncasecmp(field.p + i + 1, "id", 2) != 0 ||
            !is_blank(field.p[i + 3]))
            continue;
        size_t at = i + 3, n = 0;
        while (at < field.n && is_blank(field.p[at]))
            at++;
        while (at + n < field.n && !is_blank(field.p[at + n]) && field.p[at + n] != ';')
            n++;
        struct span token = {field.p + at, n};
        if (!is_our_id(token))
            return false;
        memcpy(id, token.p, n);
        id[n] = '\0';
        return true;
    }
    return false;
}

/* Ours is the first Received field; an id in a later one was given by another host. */
static bool
head_id(struct span head, char id[ID_SIZE])
{
    for (;;) {
        struct span field = field_take(&head);
        if (field.n == 0 || field.p[0] == '\n' || field.p[0] == '\r')
            return false;
        if (span_has_prefix_fold(field, SPAN("Received:")))
            return received_id(field, id);
    }
}

/* ---- the hash ---- */

static void
hash_put(struct mbox_namer *n, const char *p, size_t length)
{
    crypto_generichash_update(&n->hash, (const unsigned char *)p, length);
}

static bool
line_is_left_out(const struct mbox_namer *n)
{
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        size_t length = strlen(left_out[i]);
        if (n->line_length > length && n->line[length] == ':' &&
            strncasecmp(n->line, left_out[i], length) == 0)
            return true;
    }
    return false;
}

/* The line's beginning is known as far as it needs be. */
static void
line_decide(struct mbox_namer *n)
{
    bool is_continued = n->line[0] == ' ' || n->line[0] == '\t';

    n->is_decided = true;
    if (!is_continued)
        n->is_left_out = line_is_left_out(n);
    if (!n->is_left_out)
        hash_put(n, n->line, n->line_length);
}

static void
line_begin(struct mbox_namer *n)
{
    n->in_body |= n->line[0] == '\n' || (n->line_length == 2 && n->line[0] == '\r');
    n->line_length = 0;
    n->is_decided = false;
}

static void
hash_header(struct mbox_namer *n, char c)
{
    if (n->is_decided) {
        if (!n->is_left_out)
            hash_put(n, &c, 1);
    } else {
        n->line[n->line_length++] = c;
        if (c == ':' || c == '\n' || n->line_length == sizeof(n->line))
            line_decide(n);
    }
    if (c == '\n')
        line_begin(n);
}

static void
hash_content(struct mbox_namer *n, const char *p, size_t length)
{
    while (length > 0 && !n->in_body) {
        hash_header(n, *p++);
        length--;
    }
    hash_put(n, p, length);
}

/* ---- the namer ---- */

void
mbox_namer_init(struct mbox_namer *n)
{
    n->state = NAMER_HEAD;
    n->head_length = 0;
    n->line_length = 0;
    n->in_body = n->is_decided = n->is_left_out = false;
    crypto_generichash_init(&n->hash, NULL, 0, 16);
}

void
mbox_namer_init_hash(struct mbox_namer *n)
{
    mbox_namer_init(n);
    n->state = NAMER_HASH;
}

/* The first KiB is there, or the message is shorter. */
static void
namer_decide(struct mbox_namer *n)
{
    struct span head = {n->head, n->head_length};

    n->state = head_id(head, n->id) ? NAMER_ID : NAMER_HASH;
    if (n->state == NAMER_HASH)
        hash_content(n, head.p, head.n);
}

void
mbox_namer_put(struct mbox_namer *n, const char *p, size_t length)
{
    if (n->state == NAMER_HEAD) {
        size_t room = sizeof(n->head) - n->head_length;
        size_t take = length < room ? length : room;
        memcpy(n->head + n->head_length, p, take);
        n->head_length += take;
        p += take;
        length -= take;
        if (n->head_length == sizeof(n->head))
            namer_decide(n);
    }
    if (n->state == NAMER_HASH)
        hash_content(n, p, length);
}

void
mbox_namer_end(struct mbox_namer *n, char name[STORE_REF_SIZE])
{
    unsigned char hash[16];

    if (n->state == NAMER_HEAD)
        namer_decide(n);
    if (n->state == NAMER_ID) {
        memcpy(name, n->id, ID_SIZE);
        return;
    }
    if (!n->in_body && !n->is_decided && n->line_length > 0)
        line_decide(n);
    crypto_generichash_final(&n->hash, hash, sizeof(hash));
    name[0] = 'h';
    sodium_bin2hex(name + 1, STORE_REF_SIZE - 1, hash, sizeof(hash));
}
