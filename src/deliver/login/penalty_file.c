/* SPDX-License-Identifier: MIT
 *
 * See penalty_file_priv.h. The file is written aside and renamed; it is not synced: what a power
 * cut takes are seconds of somebody's failures.
 */
#include "penalty_file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/pack.h"

#define VERSION 1
#define SCORE_UNIT 1000 /* scores are written in thousandths */
#define SCORE_MAX 1000000000
#define BAN_MAX_MS (UINT64_C(366) * 24 * 3600 * 1000)

/* --- octets --- */

struct packing {
    struct pack pack;
    unsigned count[PENALTY_KIND_COUNT];
};

static bool
pack_one(void *arg, const struct penalty *one)
{
    struct packing *x = arg;
    double score = one->score * SCORE_UNIT;

    if (x->count[one->kind]++ >= PENALTY_FILE_ENTRIES)
        return true;
    pack_u8(&x->pack, 1 + (uint8_t)one->kind);
    pack_str(&x->pack, one->key);
    pack_u64(&x->pack, score < SCORE_MAX ? (uint64_t)score : SCORE_MAX);
    pack_u64(&x->pack, one->banned_ms < BAN_MAX_MS ? one->banned_ms : BAN_MAX_MS);
    for (unsigned i = 0; i < PENALTY_KNOWN_MAX; i++)
        pack_str(&x->pack, one->known[i]);
    return true;
}

void
penalty_file_pack(const struct penalties *p, uint64_t now_ms, uint64_t wall_ms, struct buf *out)
{
    struct packing x = {.count = {0}};

    pack_init(&x.pack, out);
    pack_u8(&x.pack, VERSION);
    pack_u64(&x.pack, wall_ms);
    penalties_each(p, now_ms, pack_one, &x);
    pack_u8(&x.pack, 0);
}

/* One entry's texts; the rest of struct penalty points into it. */
struct entry_texts {
    char key[PENALTY_KEY_SIZE];
    char known[PENALTY_KNOWN_MAX][PENALTY_KNOWN_SIZE];
};

/* false: there is none, or it is broken. elapsed_ms: since it was written. */
static bool
unpack_one(struct unpack *u, uint64_t elapsed_ms, struct entry_texts *texts, struct penalty *one)
{
    unsigned kind = unpack_u8(u);
    uint64_t score, banned;

    if (u->broken || kind == 0 || kind > PENALTY_KIND_COUNT)
        return false;
    unpack_str(u, texts->key, sizeof(texts->key));
    score = unpack_u64(u);
    banned = unpack_u64(u);
    *one = (struct penalty){.kind = (enum penalty_kind)(kind - 1), .key = texts->key};
    for (unsigned i = 0; i < PENALTY_KNOWN_MAX; i++) {
        unpack_str(u, texts->known[i], sizeof(texts->known[i]));
        one->known[i] = texts->known[i];
    }
    if (score > SCORE_MAX || banned > BAN_MAX_MS || texts->key[0] == '\0')
        u->broken = true;
    one->score = (double)score / SCORE_UNIT;
    one->banned_ms = banned > elapsed_ms ? banned - elapsed_ms : 0;
    return !u->broken;
}

/* Where the entries begin; false: another version. */
static bool
unpack_head(struct unpack *u, struct span in, uint64_t wall_ms, uint64_t *elapsed_ms)
{
    uint64_t written;

    unpack_init(u, in);
    if (unpack_u8(u) != VERSION)
        return false;
    written = unpack_u64(u);
    *elapsed_ms = wall_ms > written ? wall_ms - written : 0; /* clocks may be set back */
    return !u->broken;
}

/* Up to the octet that ends the list, and nothing behind it. */
static bool
is_whole(struct span in)
{
    struct entry_texts texts;
    struct penalty one;
    struct unpack u;
    uint64_t elapsed;

    if (in.n == 0 || !unpack_head(&u, in, 0, &elapsed))
        return false;
    while (u.rest.n > 1) {
        if (!unpack_one(&u, 0, &texts, &one))
            return false;
    }
    return unpack_u8(&u) == 0 && unpack_done(&u);
}

bool
penalty_file_unpack(struct penalties *p, struct span in, uint64_t now_ms, uint64_t wall_ms)
{
    struct entry_texts texts;
    struct penalty one;
    struct unpack u;
    uint64_t elapsed;

    if (!is_whole(in) || !unpack_head(&u, in, wall_ms, &elapsed))
        return false;
    while (unpack_one(&u, elapsed, &texts, &one)) {
        one.score = penalties_decayed(p, one.score, elapsed);
        if (!penalties_restore(p, &one, now_ms))
            break;
    }
    return true;
}

/* --- the file --- */

static uint64_t
wall_ms(void)
{
    struct timespec t = clock_wall();

    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
log_failure(const char *what, const char *path)
{
    log_event(LOG_LEVEL_WARNING, "penalties", "call", what, "path", path, "error", strerror(errno),
              NULL);
}

static bool
write_all(int fd, struct span octets)
{
    while (octets.n > 0) {
        ssize_t n = write(fd, octets.p, octets.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        octets = span_skip(octets, (size_t)n);
    }
    return true;
}

static bool
write_file(const char *path, struct span octets)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write_all(fd, octets);

    if (!ok)
        log_failure(fd >= 0 ? "write" : "open", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

void
penalty_file_write(const struct penalties *p, const char *state_dir)
{
    char path[4096], aside[4096];
    struct buf octets;

    snprintf(path, sizeof(path), "%s/penalties", state_dir);
    snprintf(aside, sizeof(aside), "%s/penalties.new", state_dir);
    buf_init(&octets, PENALTY_FILE_MAX);
    penalty_file_pack(p, clock_ms(), wall_ms(), &octets);
    if (write_file(aside, buf_span(&octets)) && rename(aside, path) != 0)
        log_failure("rename", path);
    buf_release(&octets);
}

static bool
read_all(int fd, struct buf *out)
{
    char piece[16384];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        if (!buf_append(out, piece, (size_t)n))
            return false;
    }
    return n == 0;
}

void
penalty_file_read(struct penalties *p, const char *state_dir)
{
    char path[4096];
    struct buf octets;
    int fd;

    snprintf(path, sizeof(path), "%s/penalties", state_dir);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno != ENOENT)
            log_failure("open", path);
        return;
    }
    buf_init(&octets, PENALTY_FILE_MAX);
    if (!read_all(fd, &octets) || !penalty_file_unpack(p, buf_span(&octets), clock_ms(), wall_ms()))
        log_event(LOG_LEVEL_WARNING, "penalties", "path", path, "error", "not to be read", NULL);
    buf_release(&octets);
    close(fd);
}
