/* SPDX-License-Identifier: MIT
 *
 * Effects of scripts: see effects_priv.h.
 */
#include "effects_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/arena.h"

#define PIECE 65536

bool
effects_pack(const struct effect *e, struct buf *out)
{
    struct pack p;

    pack_init(&p, out);
    pack_u8(&p, (uint8_t)e->kind);
    pack_str(&p, e->key);
    pack_u64(&p, e->until);
    pack_str(&p, e->action);
    pack_str(&p, e->sender);
    pack_str(&p, e->details);
    pack_str(&p, e->once);
    pack_str(&p, e->file);
    return !p.full;
}

static const char *
unpack_text(struct unpack *u, struct arena *arena)
{
    struct span s = unpack_span(u, EFFECT_TEXT_MAX);
    const char *text = u->broken ? NULL : arena_copy(arena, s);

    if (text == NULL || strlen(text) != s.n)
        u->broken = true;
    return u->broken ? "" : text;
}

static bool
unpack_effect(struct effect *e, struct arena *arena, struct unpack *u)
{
    uint8_t kind = unpack_u8(u);

    if (kind < EFFECT_MARK || kind > EFFECT_LOG)
        u->broken = true;
    e->kind = (enum effect_kind)kind;
    e->key = unpack_text(u, arena);
    e->until = unpack_u64(u);
    e->action = unpack_text(u, arena);
    e->sender = unpack_text(u, arena);
    e->details = unpack_text(u, arena);
    e->once = unpack_text(u, arena);
    e->file = unpack_text(u, arena);
    return !u->broken;
}

/* A vacation's key says whether its sender has had a reply lately (RFC 5230 4.2). */
static bool
queue_once(struct index *ix, const struct effect *e, const char *delivery_id, time_t when,
           struct outcome *why)
{
    const struct index_outgoing o = {
        .once = e->once,
        .kind = e->action,
        .queued = when,
        .delivery_id = delivery_id,
        .sender = e->sender,
        .details = e->details,
        .file = e->file,
    };

    if (e->key[0] != '\0') {
        if (index_seen_find(ix, e->key, when, why))
            return true;
        if (why->kind != OUTCOME_NOT_FOUND || !index_seen_add(ix, e->key, (time_t)e->until, why))
            return false;
    }
    return index_outgoing_add(ix, &o, why);
}

static bool
apply(struct index *ix, const struct effect *e, const char *delivery_id, time_t when,
      struct outcome *why)
{
    switch (e->kind) {
    case EFFECT_MARK:
        return index_seen_add(ix, e->key, (time_t)e->until, why);
    case EFFECT_SEND:
        return queue_once(ix, e, delivery_id, when, why);
    case EFFECT_LOG:
        return index_sieve_log_add(ix, when, delivery_id, e->details, why);
    }
    return true;
}

bool
effects_apply(struct index *ix, struct span packed, const char *delivery_id, time_t when,
              struct outcome *why)
{
    bool ok = true, has_key = false;
    struct arena arena;
    struct unpack u;
    struct effect e;

    arena_init(&arena, 16 * EFFECT_TEXT_MAX);
    unpack_init(&u, packed);
    while (ok && u.rest.n > 0 && unpack_effect(&e, &arena, &u)) {
        ok = apply(ix, &e, delivery_id, when, why);
        has_key = has_key || e.key[0] != '\0';
        arena_reset(&arena);
    }
    arena_release(&arena);
    return ok && (!has_key || index_seen_prune(ix, when, why));
}

/* ---- messages that are to be sent ---- */

static bool
write_message(int fd, const struct message *msg, const char *path, struct outcome *why)
{
    char piece[PIECE];
    uint64_t offset = 0;
    ssize_t n;

    while ((n = message_read(msg, offset, piece, sizeof piece)) > 0) {
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(fd, piece + done, (size_t)(n - done));
            if (w < 0)
                return outcome_errno(why, errno, "write", path);
        }
        offset += (uint64_t)n;
    }
    if (n < 0)
        return outcome_errno(why, errno, "read", "a message");
    return fdatasync(fd) == 0 || outcome_errno(why, errno, "sync", path);
}

static bool
sync_folder(const char *path, struct outcome *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        outcome_errno(why, errno, "sync", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool
effects_keep_message(const struct open_account *oa, const char *name, const struct message *msg,
                     struct outcome *why)
{
    char folder[PATH_MAX], path[PATH_MAX], temporary[PATH_MAX];

    if (snprintf(folder, sizeof folder, "%s/outgoing", oa->folder) >= (int)sizeof folder ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        snprintf(temporary, sizeof temporary, "%s.part", path) >= (int)sizeof temporary)
        return outcome_errno(why, ENAMETOOLONG, "open", name);
    if (mkdir(folder, 0700) == 0 && !sync_folder(oa->folder, why))
        return false;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return outcome_errno(why, errno, "open", temporary);
    bool ok = write_message(fd, msg, temporary, why);
    close(fd);
    if (ok && rename(temporary, path) != 0)
        ok = outcome_errno(why, errno, "rename", path);
    if (!ok)
        unlink(temporary);
    return ok && sync_folder(folder, why);
}
