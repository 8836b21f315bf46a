/* SPDX-License-Identifier: MIT
 *
 * A delivery as it lies in the file: From_ line, content with LF line ends and `>` before every
 * line that looks like ">*From " (mboxrd), an end to the last line, a blank line. Run twice: once
 * to know its length, hash and name before anything is reserved, once to write it; after a crash
 * once more, to see how much of it is there.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char from_[] = "From ";

struct quote {
    mbox_octets_fn fn; /* who gets them; NULL: nobody */
    void *arg;
    bool is_hashed;   /* all octets */
    bool is_named;    /* the content */
    bool is_line;     /* behind the place where quoting is decided */
    unsigned matched; /* octets of "From " */
    char last;        /* octet of content */
    uint64_t content; /* octets of it, unquoted */
    uint64_t total;
    struct mbox_namer namer;
    crypto_generichash_state hash;
    size_t used;
    char window[MBOX_WINDOW];
};

void
mbox_from_line(const char *return_path, time_t received, char out[MBOX_FROM_SIZE])
{
    char sender[400], date[32] = "Thu Jan  1 00:00:00 1970\n";
    struct tm tm;
    size_t n = 0;

    /* A space would end the sender for every reader. */
    for (const char *p = return_path; *p != '\0' && n < sizeof(sender) - 1; p++) {
        unsigned char c = (unsigned char)*p;
        sender[n++] = c <= ' ' || c == 0x7f ? '_' : *p;
    }
    sender[n] = '\0';
    if (received >= 0 && gmtime_r(&received, &tm) != NULL && tm.tm_year + 1900 <= 9999)
        asctime_r(&tm, date); /* in English whatever the locale, and with its LF */
    snprintf(out, MBOX_FROM_SIZE, "From %s %s", n > 0 ? sender : "MAILER-DAEMON", date);
}

static bool
quote_flush(struct quote *q)
{
    size_t n = q->used;

    if (q->is_hashed)
        crypto_generichash_update(&q->hash, (const unsigned char *)q->window, n);
    q->total += n;
    q->used = 0;
    return q->fn == NULL || q->fn(q->arg, q->window, n);
}

static bool
quote_raw(struct quote *q, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = MBOX_WINDOW - q->used;
        size_t take = n < room ? n : room;
        memcpy(q->window + q->used, p, take);
        q->used += take;
        p += take;
        n -= take;
        if (q->used == MBOX_WINDOW && !quote_flush(q))
            return false;
    }
    return true;
}

/* Any `>` before "From " may be the one more: so those that stand there go out as they come. */
static bool
quote_line_start(struct quote *q, char c, bool *taken)
{
    *taken = true;
    if (q->matched == 0 && c == '>')
        return quote_raw(q, &c, 1);
    if (c == from_[q->matched]) {
        if (++q->matched < strlen(from_))
            return true;
        q->matched = 0;
        q->is_line = true;
        return quote_raw(q, ">From ", 6);
    }
    unsigned matched = q->matched;
    *taken = false;
    q->matched = 0;
    q->is_line = true;
    return quote_raw(q, from_, matched);
}

static bool
quote_put(struct quote *q, const char *p, size_t n)
{
    while (n > 0) {
        size_t take = 1;
        if (q->is_line) {
            const char *lf = memchr(p, '\n', n);
            take = lf != NULL ? (size_t)(lf - p) + 1 : n;
            q->is_line = lf == NULL;
            if (!quote_raw(q, p, take))
                return false;
        } else {
            bool taken;
            if (!quote_line_start(q, *p, &taken))
                return false;
            take = taken;
        }
        p += take;
        n -= take;
    }
    return true;
}

static bool
quote_content(struct quote *q, const char *p, size_t n)
{
    if (n == 0)
        return true;
    q->content += n;
    q->last = p[n - 1];
    if (q->is_named)
        mbox_namer_put(&q->namer, p, n);
    return quote_put(q, p, n);
}

/* Content without the CR of each line end, unless it must stay as it is. */
static bool
quote_convert(struct quote *q, const char *p, size_t n, bool is_crlf)
{
    while (!is_crlf && n > 0) {
        const char *cr = memchr(p, '\r', n);
        size_t take = cr != NULL ? (size_t)(cr - p) : n;
        if (!quote_content(q, p, take))
            return false;
        take += cr != NULL;
        p += take;
        n -= take;
    }
    return quote_content(q, p, n);
}

static bool
quote_message(struct quote *q, const struct message *m, bool is_crlf)
{
    char piece[16384];
    bool spilled;
    struct span all = message_inline(m, &spilled);
    uint64_t offset = 0;

    if (!spilled)
        return quote_convert(q, all.p, all.n, is_crlf);
    for (;;) {
        ssize_t got = message_read(m, offset, piece, sizeof(piece));
        if (got < 0)
            return false;
        if (got == 0)
            break;
        offset += (uint64_t)got;
        if (!quote_convert(q, piece, (size_t)got, is_crlf))
            return false;
    }
    if (offset == message_traits(m)->octets)
        return true;
    errno = EIO; /* the spilled file is shorter than what was received */
    return false;
}

/* All of it. added_end: the message had no end of its last line. */
static bool
quote_all(struct quote *q, const struct mbox_staged *s, bool *added_end)
{
    const char *end = s->is_crlf ? "\r\n" : "\n";

    if (!quote_raw(q, s->from, strlen(s->from)) ||
        !quote_convert(q, s->trace, s->trace_length, s->is_crlf) ||
        !quote_message(q, s->msg, s->is_crlf))
        return false;
    *added_end = q->last != '\n';
    if (*added_end && !quote_content(q, end, strlen(end)))
        return false;
    return quote_raw(q, from_, q->matched) && quote_raw(q, "\n", 1) && quote_flush(q);
}

/* The window is left as it is. */
static void
quote_init(struct quote *q, mbox_octets_fn fn, void *arg)
{
    q->fn = fn;
    q->arg = arg;
    q->is_hashed = q->is_named = false;
    q->is_line = false;
    q->matched = 0;
    q->last = '\n'; /* of the From_ line: an empty message needs no more */
    q->content = 0;
    q->total = 0;
    q->used = 0;
}

bool
mbox_quote_measure(struct mbox_staged *s, bool with_hash, struct mbox_quoted *out)
{
    unsigned char hash[MBOX_HASH_SIZE / 2];
    struct quote q;

    quote_init(&q, NULL, NULL);
    q.is_named = true;
    q.is_hashed = with_hash;
    mbox_namer_init(&q.namer);
    crypto_generichash_init(&q.hash, NULL, 0, sizeof(hash));
    if (!quote_all(&q, s, &out->added_end))
        return false;
    crypto_generichash_final(&q.hash, hash, sizeof(hash));
    sodium_bin2hex(s->hash, sizeof(s->hash), hash, sizeof(hash));
    mbox_namer_end(&q.namer, s->name);
    s->quoted = q.total;
    out->quoted = q.total;
    out->stored = q.content;
    return true;
}

bool
mbox_quote_content(const struct mbox_staged *s, char name[STORE_REF_SIZE])
{
    struct quote q;
    bool added_end;

    quote_init(&q, NULL, NULL);
    q.is_named = true;
    mbox_namer_init_hash(&q.namer);
    if (!quote_all(&q, s, &added_end))
        return false;
    mbox_namer_end(&q.namer, name);
    return true;
}

bool
mbox_quote_each(const struct mbox_staged *s, mbox_octets_fn fn, void *arg)
{
    struct quote q;
    bool added_end;

    quote_init(&q, fn, arg);
    return quote_all(&q, s, &added_end);
}

struct quote_target {
    int fd;
    uint64_t offset;
};

static bool
target_write(void *arg, const char *p, size_t n)
{
    struct quote_target *t = arg;

    if (!store_pwrite_all(t->fd, p, n, t->offset))
        return false;
    t->offset += n;
    return true;
}

bool
mbox_quote_write(const struct mbox_staged *s, int fd, uint64_t offset)
{
    struct quote_target target = {fd, offset};

    return mbox_quote_each(s, target_write, &target);
}
