/* SPDX-License-Identifier: MIT
 *
 * What failed log-ins cost: each adds one to the score of its address (of IPv6 the /64) and of the
 * account that was named, existing or not; scores halve with time. A score delays the answer to the
 * next failure, and above a limit bans. Pure: the time comes from the caller. Both tables are
 * bounded; when full, the least of those touched longest ago goes.
 *
 * Who guesses at an account closes it to strangers, not to its owner: addresses from which it has
 * logged in before are not asked for the account's score.
 */
#ifndef DELIVER_PENALTIES_PRIV_H
#define DELIVER_PENALTIES_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/settings.h"

#define PENALTY_KEY_SIZE 528 /* an account's name is the longest */
#define PENALTIES_MAX 20000  /* entries of either kind */

enum penalty_kind { PENALTY_ADDRESS, PENALTY_ACCOUNT, PENALTY_KIND_COUNT };

struct penalties;

/* penalties_new() - settings are borrowed. max: entries of either kind. NULL without memory. */
struct penalties *penalties_new(const struct settings_auth *settings, unsigned max);
void penalties_free(struct penalties *p);

/* penalty_key_address() - "192.0.2.1" as it is, "IPv6:2001:db8::1" as "2001:db8::/64"; false: it is
 * no address, and nobody can be blamed. */
bool penalty_key_address(const char *address, char out[PENALTY_KEY_SIZE]);

/* The keys of one attempt: "" for what is not known, or has no score. */
struct penalty_keys {
    char address[PENALTY_KEY_SIZE];
    char account[PENALTY_KEY_SIZE];
};

/* penalties_is_banned() - may this attempt not go on? */
bool penalties_is_banned(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms);

/* penalties_fail() - one failure more; how long its answer should take, in ms. */
uint64_t penalties_fail(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms);

/* penalties_succeed() - the address belongs to the account from now on, and what it failed before
 * is forgiven. */
void penalties_succeed(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms);

/* penalties_reserve() - one more password of this address is about to be checked; false: too many
 * are. penalties_release() - it was. */
bool penalties_reserve(struct penalties *p, const struct penalty_keys *k, uint64_t now_ms);
void penalties_release(struct penalties *p, const struct penalty_keys *k);

/* penalties_ban() - by hand, for ms. false: no memory. */
bool penalties_ban(struct penalties *p, enum penalty_kind kind, const char *key, uint64_t ms,
                   uint64_t now_ms);

/* penalties_remove() - score and ban; false: there was nothing. */
bool penalties_remove(struct penalties *p, enum penalty_kind kind, const char *key);

#define PENALTY_KNOWN_MAX 4 /* addresses that are remembered of an account */
#define PENALTY_KNOWN_SIZE 54

struct penalty { /* for those who look, and for the file */
    enum penalty_kind kind;
    const char *key;
    double score;
    uint64_t banned_ms;                   /* left of the ban, 0: none */
    const char *known[PENALTY_KNOWN_MAX]; /* account: whence it logged in, latest first; or "" */
};

/* penalties_list() - all that count for something now; fn returns false to stop. */
typedef bool (*penalty_fn)(void *arg, const struct penalty *penalty);
void penalties_list(struct penalties *p, uint64_t now_ms, penalty_fn fn, void *arg);

/* penalties_each() - all that there are, of each kind those touched last first. */
void penalties_each(const struct penalties *p, uint64_t now_ms, penalty_fn fn, void *arg);

/* penalties_decayed() - what is left of a score after this time. */
double penalties_decayed(const struct penalties *p, double score, uint64_t ms);

/* penalties_restore() - one as it was; false: no memory. */
bool penalties_restore(struct penalties *p, const struct penalty *one, uint64_t now_ms);

/* penalties_watch() - fn is called after each change that a file should know of. */
void penalties_watch(struct penalties *p, void (*fn)(void *arg), void *arg);

#endif
