/* SPDX-License-Identifier: MIT
 *
 * index.mark: up to which UID each mailbox has given some, in a file that no damage to the database
 * or its WAL touches. A line a mailbox, known by its UIDVALIDITY (which stands once in an account,
 * for good), of fixed width and with a checksum, so that a torn write spoils a line at most. An
 * index that is behind its mark has lost rows, unless a journal brings them back: from which UID on
 * is written into the line when it is seen, because rows that come later hide it.
 */
#include "index_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE                                                                                  \
    43 /* "UIDVALIDITY:FROM-TO #CHECK\n", zeros in front; FROM 0: nothing is missing */
#define LINE_FORMAT "%010u:%010u-%010u #"
#define LINE_CHECKED 34        /* octets of it */
#define MARK_MAX (1024 * 1024) /* 24,000 mailboxes */

static uint32_t
line_check(const char *line)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (int i = 0; i < LINE_CHECKED; i++)
        hash = (hash ^ (unsigned char)line[i]) * 16777619U;
    return hash;
}

static void
line_print(struct behind b, char out[LINE_SIZE + 1])
{
    snprintf(out, LINE_SIZE + 1, LINE_FORMAT, b.validity, b.from, b.to);
    snprintf(out + LINE_CHECKED, LINE_SIZE + 1 - LINE_CHECKED, "%08x\n", line_check(out));
}

/* line_parse() - by printing it again: what is not octet for octet as we write it is none. */
static bool
line_parse(const char *line, struct behind *out)
{
    char again[LINE_SIZE + 1];
    unsigned long long n[3];
    for (int i = 0; i < 3; i++)
        if (!span_parse_u64((struct span){line + i * 11, 10}, UINT32_MAX, &n[i]))
            return false;
    *out = (struct behind){(uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2]};
    line_print(*out, again);
    return memcmp(line, again, LINE_SIZE) == 0;
}

static bool
mark_path(const struct index *ix, char path[PATH_MAX], struct outcome *why)
{
    return snprintf(path, PATH_MAX, "%s/" INDEX_MARK_NAME, ix->folder) < PATH_MAX ||
           outcome_errno(why, ENAMETOOLONG, "open", ix->folder);
}

/* read_file() - as much as there is; nothing is no failure, and neither is what cannot be read. */
static void
read_file(const char *path, struct buf *out)
{
    char octets[4096];
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        while ((n = read(fd, octets, sizeof(octets))) > 0 && buf_append(out, octets, (size_t)n))
            continue;
    close(fd);
}

static int
by_validity(const void *a, const void *b)
{
    const struct behind *x = a, *y = b;
    return x->validity < y->validity ? -1 : x->validity > y->validity;
}

/* parse_all() - into ix->behind, sorted. */
static bool
parse_all(struct index *ix, struct span text, struct outcome *why)
{
    if (text.n < LINE_SIZE)
        return true;
    ix->behind = calloc(text.n / LINE_SIZE, sizeof(*ix->behind));
    if (ix->behind == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "out of memory: index.mark");
    for (; text.n >= LINE_SIZE; text = span_skip(text, LINE_SIZE))
        ix->behind_count += line_parse(text.p, &ix->behind[ix->behind_count]);
    qsort(ix->behind, ix->behind_count, sizeof(*ix->behind), by_validity);
    return true;
}

static struct behind *
find_behind(const struct index *ix, uint32_t validity)
{
    const struct behind key = {.validity = validity};
    if (ix->behind_count == 0)
        return NULL;
    return bsearch(&key, ix->behind, ix->behind_count, sizeof(key), by_validity);
}

/* each_mailbox() - its id, UIDVALIDITY and UIDNEXT as they are committed. */
typedef bool (*mailbox_fn)(struct index *ix, int64_t id, struct behind m, void *arg,
                           struct outcome *why);

static bool
each_mailbox(struct index *ix, mailbox_fn fn, void *arg, struct outcome *why)
{
    enum db_result result;
    struct db_statement *s =
        db_prepare(ix->db, "SELECT id, uid_validity, uid_next FROM mailboxes", why);
    if (s == NULL)
        return false;
    while ((result = db_next(s, why)) == DB_ROW) {
        struct row row = {.s = s};
        struct behind m = {index_row_u32(&row, 1), 0, index_row_u32(&row, 2)};
        if (!index_row_ok(&row, why) || !fn(ix, db_int(s, 0), m, arg, why)) {
            result = DB_FAILED;
            break;
        }
    }
    db_reset(s);
    return result != DB_FAILED;
}

static bool
print_line(struct buf *out, struct behind b, struct outcome *why)
{
    char line[LINE_SIZE + 1];
    if (out->len + LINE_SIZE > MARK_MAX)
        return true;
    line_print(b, line);
    return buf_append(out, line, LINE_SIZE) ||
           outcome_set(why, OUTCOME_SYSTEM, "out of memory: index.mark");
}

static bool
print_whole(struct index *ix, int64_t id, struct behind m, void *arg, struct outcome *why)
{
    (void)id;
    return find_behind(ix, m.validity) != NULL || print_line(arg, m, why);
}

/* print_all() - what is missing first; no other line of that mailbox then. */
static bool
print_all(struct index *ix, struct buf *out, struct outcome *why)
{
    for (size_t i = 0; i < ix->behind_count; i++)
        if (!print_line(out, ix->behind[i], why))
            return false;
    return each_mailbox(ix, print_whole, out, why);
}

static bool
write_all(int fd, struct span text)
{
    off_t at = 0;
    while (text.n > 0) {
        ssize_t n = pwrite(fd, text.p, text.n, at);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            text = span_skip(text, (size_t)n);
            at += n;
        }
    }
    return true;
}

/* write_file() - over what is there, so that a crash in between spoils a line and not all. */
static bool
write_file(const char *path, struct span text, bool sync, struct outcome *why)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return outcome_errno(why, errno, "open", path);
    bool ok = write_all(fd, text) && fstat(fd, &st) == 0 &&
              (st.st_size <= (off_t)text.n || ftruncate(fd, (off_t)text.n) == 0) &&
              (!sync || fsync(fd) == 0);
    if (!ok)
        outcome_errno(why, errno, "write", path);
    close(fd);
    return ok;
}

static bool
mark_write(struct index *ix, bool sync, struct outcome *why)
{
    char path[PATH_MAX];
    struct buf text;
    buf_init(&text, MARK_MAX);
    bool ok = mark_path(ix, path, why) && print_all(ix, &text, why) &&
              write_file(path, buf_span(&text), sync, why);
    buf_release(&text);
    ix->mark_is_due = !ok;
    return ok;
}

/* compare() - one mailbox with its mark; what the mark knows more is not given again. */
static bool
compare(struct index *ix, int64_t id, struct behind m, void *arg, struct outcome *why)
{
    struct behind *mark = find_behind(ix, m.validity);
    bool *news = arg;
    if (mark == NULL || mark->to != m.to)
        ix->mark_is_due = true;
    if (mark == NULL)
        return true;
    if (mark->from == 0 || mark->from > m.to) {
        *news = *news || m.to < mark->to;
        mark->from = m.to;
    }
    return mark->to <= m.to || uid_reserve_below(ix, id, mark->to, why);
}

/* keep_behind() - where nothing is missing there is nothing to remember. What is known of no
 * mailbox may be of one that a replay makes anew. */
static void
keep_behind(struct index *ix, bool *news)
{
    size_t kept = 0;
    for (size_t i = 0; i < ix->behind_count; i++) {
        struct behind b = ix->behind[i];
        *news = *news || b.from == 0;
        if (b.from == 0)
            b.from = 1;
        if (b.from < b.to)
            ix->behind[kept++] = b;
    }
    ix->behind_count = kept;
}

bool
mark_read(struct index *ix, struct outcome *why)
{
    char path[PATH_MAX];
    struct buf text;
    bool news = false;
    if (!mark_path(ix, path, why))
        return false;
    buf_init(&text, MARK_MAX);
    read_file(path, &text);
    bool ok = parse_all(ix, buf_span(&text), why) && each_mailbox(ix, compare, &news, why);
    buf_release(&text);
    if (ok)
        keep_behind(ix, &news);
    return ok && (!news || mark_write(ix, true, why));
}

bool
mark_floor(struct index *ix, int64_t mailbox, uint32_t validity, struct outcome *why)
{
    const struct behind *mark = find_behind(ix, validity);
    return mark == NULL || uid_reserve_below(ix, mailbox, mark->to, why);
}

void
mark_release(struct index *ix)
{
    free(ix->behind);
    ix->behind = NULL;
    ix->behind_count = 0;
}

bool
index_mark(struct index *ix, struct outcome *why)
{
    assert(!ix->in_transaction);
    if (!ix->mark_is_due)
        return true;
    size_t kept = 0;
    for (size_t i = 0; i < ix->behind_count; i++)
        if (!index_knows_all(ix, &ix->behind[i]))
            ix->behind[kept++] = ix->behind[i];
    ix->behind_count = kept;
    bool ok = mark_write(ix, false, why);
    db_rest(ix->db);
    return ok;
}
