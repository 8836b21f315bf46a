/* SPDX-License-Identifier: MIT
 *
 * Is this delivery in the file, whole or as a crash left it? A crash leaves a beginning of what was
 * appended, or blocks that were never written and read as NUL. Anything else is not ours to touch.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct match {
    const struct mbox_file *f;
    uint64_t at;
    bool is_torn;  /* NUL where there should be more */
    bool is_other; /* an octet that is neither ours nor NUL */
    bool is_end;   /* of the file */
};

static bool
match_octets(struct match *m, const char *there, const char *ours, size_t n)
{
    if (memcmp(there, ours, n) == 0)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (there[i] != ours[i] && there[i] != '\0')
            return false;
    }
    m->is_torn = true;
    return true;
}

/* One piece of the delivery, against what lies there. */
static bool
match_piece(void *arg, const char *p, size_t n)
{
    struct match *m = arg;
    char there[4096];

    while (n > 0) {
        size_t want = n < sizeof(there) ? n : sizeof(there);
        ssize_t got = pread(m->f->fd, there, want, (off_t)m->at);
        if (got < 0 && errno == EINTR)
            continue;
        m->is_end = got == 0;
        m->is_other = got < 0 || !match_octets(m, there, p, (size_t)got);
        if (m->is_end || m->is_other)
            return false;
        m->at += (uint64_t)got;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* Behind a message: the end, or another one, or what the crash left of another one. */
static bool
match_ends(const struct match *m)
{
    char c;
    ssize_t n = pread(m->f->fd, &c, 1, (off_t)m->at);

    return n == 0 || (n == 1 && (c == 'F' || c == '\n' || c == '\0'));
}

enum mbox_match
mbox_match(const struct mbox_file *f, const struct mbox_staged *s, uint64_t size, uint64_t gap)
{
    struct match m = {.f = f, .at = size};

    if (f->size < size)
        return MBOX_OTHER;
    bool all = match_piece(&m, "\n\n", gap) && mbox_quote_each(s, match_piece, &m);
    if (m.is_other || (!all && !m.is_end))
        return MBOX_OTHER;
    if (m.is_end)
        return MBOX_TORN;
    if (m.is_torn)
        return match_ends(&m) ? MBOX_TORN : MBOX_OTHER;
    return MBOX_WHOLE;
}

static bool
match_name(void *arg, const char *p, size_t n)
{
    mbox_namer_put(arg, p, n);
    return true;
}

bool
mbox_match_content(const struct mbox_file *f, const struct mbox_staged *s,
                   const struct mbox_message *m)
{
    char ours[STORE_REF_SIZE], theirs[STORE_REF_SIZE];
    struct mbox_namer namer;

    mbox_namer_init_hash(&namer);
    if (!mbox_quote_content(s, ours) || !mbox_unquote(f, m, match_name, &namer))
        return false;
    mbox_namer_end(&namer, theirs);
    return strcmp(ours, theirs) == 0;
}
