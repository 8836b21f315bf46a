/* SPDX-License-Identifier: MIT
 *
 * What waited in an account: see moved_on_priv.h. Killed anywhere, it begins anew, and the queue
 * knows what it has already.
 */
#include "moved_on_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/relay_queue.h"

#define PIECE 65536

struct moving {
    struct worker *w;
    struct open_account *oa;
    bool ok;
    uint64_t count;
    struct outcome why;
};

/* ---- messages ---- */

static bool
copy_message(struct queue *q, int fd, const char *name, struct outcome *why)
{
    char piece[PIECE], written[QUEUE_NAME_SIZE];
    struct queue_message *m = queue_message_begin_as(q, name, why);
    ssize_t n = 0;

    if (m == NULL)
        return false;
    while ((n = read(fd, piece, sizeof piece)) > 0)
        if (!queue_message_write(m, (struct span){piece, (size_t)n}, why))
            break;
    if (n == 0)
        return queue_message_commit(m, written, why);
    if (n < 0)
        outcome_errno(why, errno, "read", name);
    queue_message_abandon(m);
    return false;
}

/* Its new name, and how long it is. */
static bool
move_message(struct moving *m, const char *file, char name[ID_SIZE], uint64_t *octets)
{
    char path[PATH_MAX];
    struct outcome ignored;
    struct stat st;

    id_make(name);
    if (strchr(file, '/') != NULL ||
        snprintf(path, sizeof path, "%s/outgoing/%s", m->oa->folder, file) >= (int)sizeof path)
        return outcome_errno(&m->why, ENAMETOOLONG, "open", file);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok)
        outcome_errno(&m->why, errno, "open", path);
    ok = ok && (queue_message_link(m->w->with.queue, fd, name, &ignored) ||
                copy_message(m->w->with.queue, fd, name, &m->why));
    *octets = ok ? (uint64_t)st.st_size : 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* ---- rows ---- */

/* The first "to: " line. */
static bool
find_recipient(const char *details, struct buf *out)
{
    struct span rest = span_of(details);

    while (rest.n > 0) {
        struct span line = {rest.p, span_find(rest, '\n')};
        if (line.n > 4 && memcmp(line.p, "to: ", 4) == 0)
            return buf_append_span(out, span_skip(line, 4));
        rest = span_skip(rest, line.n + 1);
    }
    return false;
}

static bool
queue_redirect(struct moving *m, const struct index_outgoing *o, const char *to)
{
    const struct queue_recipient recipient = {
        .address = to, .orcpt = "", .last_reply = "", .last_host = ""};
    const time_t now = clock_wall().tv_sec;
    char name[ID_SIZE];
    struct queue_item item = {
        .once = o->once,
        .kind = o->kind,
        .account = m->oa->key,
        .delivery_id = o->delivery_id,
        .queued = now,
        .expires = now + (time_t)(m->w->with.settings->relay.expire / 1000),
        .reverse_path = o->sender,
        .envid = "",
        .body = BODY_8BITMIME,
        .by = "",
        .file = name,
        .recipients = &recipient,
        .recipient_count = 1,
    };

    return move_message(m, o->file, name, &item.octets) &&
           queue_add(m->w->with.queue, &item, 1, &m->why);
}

static bool
tell_owner(struct moving *m, const struct index_outgoing *o, const char *to)
{
    char text[ADDRESS_PATH_MAX + 64];

    snprintf(text, sizeof text, "a %.20s to %s was never sent, and is not any more", o->kind, to);
    return index_sieve_log_add(m->oa->index, o->queued, o->delivery_id, text, &m->why);
}

static bool
on_row(void *arg, const struct index_outgoing *o)
{
    struct moving *m = arg;
    struct buf to;

    buf_init(&to, ADDRESS_PATH_MAX);
    bool is_message = find_recipient(o->details, &to) && strcmp(o->kind, "redirect") == 0;
    m->ok = is_message ? queue_redirect(m, o, buf_str(&to)) : tell_owner(m, o, buf_str(&to));
    m->count++;
    buf_release(&to);
    return m->ok;
}

static bool
move_all(struct moving *m)
{
    struct index *ix = m->oa->index;

    if (!index_begin(ix, &m->why))
        return false;
    bool ok = index_outgoing_list(ix, on_row, m, &m->why) && m->ok &&
              (m->count == 0 || (queue_sync(m->w->with.queue, &m->why) &&
                                 index_outgoing_clear(ix, &m->why) && index_commit(ix, &m->why)));
    index_rollback(ix); /* where nothing was committed */
    return ok && (m->count == 0 || moved_on_remove(m->oa->folder, &m->why));
}

void
moved_on(struct worker *w, struct open_account *oa)
{
    struct moving m = {.w = w, .oa = oa, .ok = true};

    if (!move_all(&m))
        log_event(LOG_LEVEL_ERROR, "outgoing_not_moved", "account", oa->key, "cause", m.why.cause,
                  NULL);
    else if (m.count > 0)
        log_event(LOG_LEVEL_INFO, "outgoing_moved", "account", oa->key, "rows",
                  log_num((long long)m.count), NULL);
}

bool
moved_on_remove(const char *account_folder, struct outcome *why)
{
    char path[PATH_MAX];
    bool ok = true;

    if (snprintf(path, sizeof path, "%s/outgoing", account_folder) >= (int)sizeof path)
        return outcome_errno(why, ENAMETOOLONG, "open", account_folder);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT || outcome_errno(why, errno, "open", path);
    for (struct dirent *e;
         ok && (e = readdir(folder)) != NULL;) /* rmdir() finds what it left out */
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ok = unlinkat(dirfd(folder), e->d_name, 0) == 0 || errno == ENOENT ||
                 outcome_errno(why, errno, "unlink", e->d_name);
    closedir(folder);
    return ok && (rmdir(path) == 0 || outcome_errno(why, errno, "rmdir", path));
}
