/* SPDX-License-Identifier: MIT
 *
 * Scores, bans and their decay: see penalties_priv.h.
 */
#include "penalties_priv.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "doorstep/metrics.h"
#include "doorstep/table.h"

#define SCORE_NOTHING 0.1 /* below this nothing is left of a failure */
#define CANDIDATES_MAX 16 /* entries looked at to find the least */
#define RESERVED_SHARE 8  /* one address has no more than this part of the queue */

struct entry {
    UT_hash_handle hh;
    struct entry *prev, *next; /* least recently touched first */
    double score;              /* as of at_ms */
    uint64_t at_ms;
    uint64_t banned_until_ms;
    unsigned reserved; /* passwords of the address that are being checked */
    char known[PENALTY_KNOWN_MAX][PENALTY_KNOWN_SIZE]; /* account: as in struct penalty */
    char key[];
};

struct penalties {
    const struct settings_auth *settings;
    unsigned max;
    struct {
        struct entry *table;
        struct entry *order;
    } of[PENALTY_KIND_COUNT];
    void (*changed)(void *arg); /* or NULL */
    void *arg;
};

bool
penalty_key_address(const char *address, char out[PENALTY_KEY_SIZE])
{
    static const char prefix[] = "IPv6:";
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, address, &four) == 1) {
        snprintf(out, PENALTY_KEY_SIZE, "%s", address);
        return true;
    }
    if (strncmp(address, prefix, sizeof(prefix) - 1) == 0)
        address += sizeof(prefix) - 1;
    if (inet_pton(AF_INET6, address, &six) != 1)
        return false;
    memset(six.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &six, out, INET6_ADDRSTRLEN);
    memcpy(out + strlen(out), "/64", sizeof("/64"));
    return true;
}

/* --- entries --- */

double
penalties_decayed(const struct penalties *p, double score, uint64_t ms)
{
    return score * exp2(-(double)ms / (double)p->settings->decay);
}

static double
score_now(const struct penalties *p, const struct entry *e, uint64_t now_ms)
{
    return penalties_decayed(p, e->score, now_ms - e->at_ms);
}

static bool
is_banned(const struct entry *e, uint64_t now_ms)
{
    return e->banned_until_ms > now_ms;
}

static struct entry *
find(const struct penalties *p, enum penalty_kind kind, const char *key)
{
    struct entry *e = NULL;

    if (key[0] != '\0')
        HASH_FIND_STR(p->of[kind].table, key, e);
    return e;
}

static void
drop(struct penalties *p, enum penalty_kind kind, struct entry *e)
{
    HASH_DEL(p->of[kind].table, e);
    DL_DELETE(p->of[kind].order, e);
    free(e);
}

/* What is lost by dropping it. */
static double
worth(const struct penalties *p, const struct entry *e, uint64_t now_ms)
{
    return score_now(p, e, now_ms) + (is_banned(e, now_ms) ? 1e6 : 0) + 1e9 * e->reserved;
}

static void
make_room(struct penalties *p, enum penalty_kind kind, uint64_t now_ms)
{
    struct entry *least = p->of[kind].order, *e = least;

    if (HASH_COUNT(p->of[kind].table) < p->max)
        return;
    for (unsigned i = 0; e != NULL && i < CANDIDATES_MAX; i++, e = e->next) {
        if (worth(p, e, now_ms) < worth(p, least, now_ms))
            least = e;
    }
    if (least->reserved == 0)
        drop(p, kind, least);
}

/* The entry, made when it is missing, brought to now and to the end of the order; NULL: no memory.
 */
static struct entry *
touch(struct penalties *p, enum penalty_kind kind, const char *key, uint64_t now_ms)
{
    struct entry *e = find(p, kind, key);

    if (key[0] == '\0')
        return NULL;
    if (e == NULL) {
        make_room(p, kind, now_ms);
        e = calloc(1, sizeof(*e) + strlen(key) + 1);
        if (e == NULL)
            return NULL;
        strcpy(e->key, key);
        HASH_ADD_KEYPTR(hh, p->of[kind].table, e->key, strlen(e->key), e);
        if (e->hh.tbl == NULL) { /* no memory: not in the table */
            free(e);
            return NULL;
        }
    } else {
        DL_DELETE(p->of[kind].order, e);
    }
    DL_APPEND(p->of[kind].order, e);
    e->score = score_now(p, e, now_ms);
    e->at_ms = now_ms;
    return e;
}

static void
note(const struct penalties *p)
{
    if (p->changed != NULL)
        p->changed(p->arg);
}

/* --- the rules --- */

/* Where somebody logs in from, also without an address of his own. */
static const char *
origin(const struct penalty_keys *k)
{
    return k->address[0] != '\0' ? k->address : "unix";
}

static bool
is_known(const struct entry *account, const char *address)
{
    for (unsigned i = 0; i < PENALTY_KNOWN_MAX; i++) {
        if (account->known[i][0] != '\0' && strcmp(account->known[i], address) == 0)
            return true;
    }
    return false;
}

bool
penalties_is_banned(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms)
{
    const struct entry *address = find(p, PENALTY_ADDRESS, k->address);
    const struct entry *account = find(p, PENALTY_ACCOUNT, k->account);

    if (address != NULL && is_banned(address, now_ms))
        return true;
    return account != NULL && is_banned(account, now_ms) && !is_known(account, origin(k));
}

/* delay, doubled with each failure. */
static uint64_t
delay_of(const struct penalties *p, double score)
{
    double delay = (double)p->settings->delay * exp2(floor(score) - 1);

    return delay < (double)p->settings->delay_max ? (uint64_t)delay : p->settings->delay_max;
}

static uint64_t
fail_one(struct penalties *p, enum penalty_kind kind, const char *key, uint64_t limit,
         uint64_t now_ms)
{
    struct entry *e = touch(p, kind, key, now_ms);

    if (e == NULL)
        return p->settings->delay;
    e->score += 1;
    if (floor(e->score + SCORE_NOTHING) >= (double)limit && !is_banned(e, now_ms)) {
        e->banned_until_ms = now_ms + p->settings->ban;
        metrics_count(METRIC_LOGIN_BANS, (unsigned)kind, 1);
    }
    return delay_of(p, e->score + SCORE_NOTHING);
}

uint64_t
penalties_fail(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms)
{
    const struct settings_auth *s = p->settings;
    const struct entry *known = find(p, PENALTY_ACCOUNT, k->account);
    uint64_t delay = fail_one(p, PENALTY_ADDRESS, k->address, s->address_failures, now_ms);
    uint64_t other = 0;

    if (known == NULL || !is_known(known, origin(k)))
        other = fail_one(p, PENALTY_ACCOUNT, k->account, s->account_failures, now_ms);
    note(p);
    return other > delay ? other : delay;
}

void
penalties_succeed(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms)
{
    struct entry *account = touch(p, PENALTY_ACCOUNT, k->account, now_ms);
    struct entry *address = find(p, PENALTY_ADDRESS, k->address);
    unsigned last = PENALTY_KNOWN_MAX - 1;

    /* One right password does not forgive the guesses at others' accounts. */
    if (address != NULL)
        address->score = fmax(0, address->score - 1);
    note(p);
    if (account == NULL || is_known(account, origin(k)))
        return;
    memmove(account->known[1], account->known[0], last * sizeof(account->known[0]));
    snprintf(account->known[0], sizeof(account->known[0]), "%.*s",
             (int)sizeof(account->known[0]) - 1, origin(k));
}

bool
penalties_reserve(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms)
{
    uint64_t max = p->settings->queue / RESERVED_SHARE + 1;
    struct entry *e = touch(p, PENALTY_ADDRESS, k->address, now_ms);

    if (e == NULL)
        return true;
    if (e->reserved >= max)
        return false;
    e->reserved++;
    return true;
}

void
penalties_release(struct penalties *p, const struct penalty_keys *k)
{
    struct entry *e = find(p, PENALTY_ADDRESS, k->address);

    if (e != NULL && e->reserved > 0)
        e->reserved--;
}

/* --- the operator's hand --- */

bool
penalties_ban(struct penalties *p, enum penalty_kind kind, const char *key, uint64_t ms,
              uint64_t now_ms)
{
    struct entry *e = touch(p, kind, key, now_ms);

    if (e != NULL)
        e->banned_until_ms = now_ms + ms;
    note(p);
    return e != NULL;
}

bool
penalties_remove(struct penalties *p, enum penalty_kind kind, const char *key)
{
    struct entry *e = find(p, kind, key);

    if (e == NULL || (e->score < SCORE_NOTHING && e->banned_until_ms == 0))
        return false;
    e->score = 0;
    e->banned_until_ms = 0;
    note(p);
    return true;
}

static struct penalty
look_at(const struct penalties *p, enum penalty_kind kind, const struct entry *e, uint64_t now_ms)
{
    struct penalty one = {.kind = kind, .key = e->key};

    one.score = score_now(p, e, now_ms);
    one.banned_ms = is_banned(e, now_ms) ? e->banned_until_ms - now_ms : 0;
    for (unsigned i = 0; i < PENALTY_KNOWN_MAX; i++)
        one.known[i] = e->known[i];
    return one;
}

void
penalties_list(struct penalties *p, uint64_t now_ms, penalty_fn fn, void *arg)
{
    for (unsigned kind = 0; kind < PENALTY_KIND_COUNT; kind++) {
        for (const struct entry *e = p->of[kind].order; e != NULL; e = e->next) {
            struct penalty one = look_at(p, (enum penalty_kind)kind, e, now_ms);

            if ((one.banned_ms > 0 || one.score >= SCORE_NOTHING) && !fn(arg, &one))
                return;
        }
    }
}

/* --- the file's --- */

void
penalties_each(const struct penalties *p, uint64_t now_ms, penalty_fn fn, void *arg)
{
    for (unsigned kind = 0; kind < PENALTY_KIND_COUNT; kind++) {
        const struct entry *first = p->of[kind].order;
        const struct entry *e = first != NULL ? first->prev : NULL; /* the last */

        for (; e != NULL; e = e == first ? NULL : e->prev) {
            struct penalty one = look_at(p, (enum penalty_kind)kind, e, now_ms);

            if (!fn(arg, &one))
                return;
        }
    }
}

bool
penalties_restore(struct penalties *p, const struct penalty *one, uint64_t now_ms)
{
    struct entry *e = touch(p, one->kind, one->key, now_ms);

    if (e == NULL)
        return false;
    e->score = one->score;
    e->banned_until_ms = one->banned_ms > 0 ? now_ms + one->banned_ms : 0;
    for (unsigned i = 0; i < PENALTY_KNOWN_MAX; i++)
        snprintf(e->known[i], sizeof(e->known[i]), "%s", one->known[i]);
    return true;
}

void
penalties_watch(struct penalties *p, void (*fn)(void *arg), void *arg)
{
    p->changed = fn;
    p->arg = arg;
}

/* --- begin and end --- */

struct penalties *
penalties_new(const struct settings_auth *settings, unsigned max)
{
    struct penalties *p = calloc(1, sizeof(*p));

    if (p != NULL) {
        p->settings = settings;
        p->max = max;
    }
    return p;
}

void
penalties_free(struct penalties *p)
{
    if (p == NULL)
        return;
    for (unsigned kind = 0; kind < PENALTY_KIND_COUNT; kind++) {
        while (p->of[kind].order != NULL)
            drop(p, (enum penalty_kind)kind, p->of[kind].order);
    }
    free(p);
}
