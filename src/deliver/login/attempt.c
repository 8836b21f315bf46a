/* SPDX-License-Identifier: MIT
 *
 * What an attempt comes to: whose secret is lent to the auth role, who may act as whom, what a
 * failure costs. An account that does not exist, is disabled or has no password goes the same way
 * as any other, with a secret that nobody has.
 */
#include "attempt_priv.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#include "jobs_priv.h"

/* --- looking up, on the directory's thread --- */

struct lookup {
    struct job job;
    struct logins *logins;
    uint64_t serial;
    bool is_external; /* EXTERNAL on a unix socket: by uid */
    uint32_t uid;
    char name[SASL_LOGIN_SIZE];
    char authorization[SASL_LOGIN_SIZE];
    struct account_secret secret;
    struct outcome why;
    bool is_found;   /* secret.account is somebody */
    bool is_usable;  /* and may log in */
    bool is_himself; /* the authorization name means the same account */
    char fake_scram[PASSWORD_SCRAM_SIZE];
};

static bool
is_same_account(const struct account *a, const struct account *b)
{
    return strcmp(a->user, b->user) == 0 && strcmp(a->domain, b->domain) == 0;
}

/* Nobody acts as somebody else (RFC 4616 2, RFC 5802 5.1: the authorization identity). */
static bool
means_himself(struct accounts *accounts, const struct lookup *k)
{
    struct account_secret other;
    struct outcome why;
    bool is_same;

    if (k->authorization[0] == '\0')
        return true;
    is_same = accounts_secret(accounts, k->authorization, &other, &why) &&
              is_same_account(&other.account, &k->secret.account);
    sodium_memzero(&other, sizeof(other));
    return is_same;
}

/* The peer of a unix socket is who its uid says. */
static bool
look_up_uid(struct accounts *accounts, struct lookup *k)
{
    if (!accounts_find_uid(accounts, (uid_t)k->uid, &k->secret.account, &k->why))
        return false;
    return k->secret.account.enabled ||
           outcome_set(&k->why, OUTCOME_DISABLED, "account is disabled");
}

static void on_looked_up(void *arg);

static void
run_lookup(struct job *job, void *arg)
{
    struct lookup *k = (struct lookup *)job;
    struct directory *d = arg;
    struct accounts *accounts = directory_lock(d);

    k->is_usable = k->is_external ? look_up_uid(accounts, k)
                                  : accounts_secret(accounts, k->name, &k->secret, &k->why);
    k->is_found = k->secret.account.user[0] != '\0';
    k->is_himself = k->is_usable && means_himself(accounts, k);
    accounts_fake_scram(accounts, k->name, k->fake_scram);
    directory_unlock(d);
    if (!loop_post(k->logins->loop, on_looked_up, k))
        free(k);
}

/* --- the secret --- */

/* The same for all spellings that mean one account. */
static void
name_account(struct attempt *a, const struct lookup *k)
{
    if (k->is_found) {
        snprintf(a->keys.account, sizeof(a->keys.account), "%s@%s", k->secret.account.user,
                 k->secret.account.domain);
        return;
    }
    snprintf(a->keys.account, sizeof(a->keys.account), "%s", k->name);
    for (char *c = a->keys.account; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
}

static const char *
reason_of(const struct lookup *k)
{
    if (k->why.kind == OUTCOME_DISABLED)
        return "disabled";
    if (!k->is_usable)
        return "no such account";
    if (!k->is_himself)
        return "another's name";
    if (k->secret.hash[0] == '\0' && !k->is_external)
        return "no password";
    return "wrong password";
}

static void
lend_secret(struct attempt *a, const struct lookup *k)
{
    struct auth_secret lent = {.is_allowed = k->is_usable && k->is_himself};
    bool has_scram = lent.is_allowed && k->secret.scram[0] != '\0';
    struct buf body;
    struct pack p;

    if (lent.is_allowed)
        memcpy(lent.hash, k->secret.hash, sizeof(lent.hash));
    memcpy(lent.scram, has_scram ? k->secret.scram : k->fake_scram, sizeof(lent.scram));
    lent.wants_scram = lent.is_allowed && !has_scram;
    a->is_allowed = lent.is_allowed;
    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    auth_secret_pack(&lent, &p);
    attempt_tell_role(a, AUTH_SECRET, buf_span(&body));
    if (body.data != NULL)
        sodium_memzero(body.data, body.size);
    buf_release(&body);
    sodium_memzero(&lent, sizeof(lent));
}

static bool
has_password(const struct attempt *a)
{
    return a->mechanism == SASL_PLAIN || a->mechanism == SASL_LOGIN;
}

static void
take_lookup(struct attempt *a, const struct lookup *k)
{
    uint64_t now = clock_ms();

    a->reason = reason_of(k);
    a->has_account = k->is_found;
    a->secret = k->secret;
    name_account(a, k);
    if (!k->is_usable && k->why.kind != OUTCOME_NO_SUCH_USER && k->why.kind != OUTCOME_DISABLED) {
        log_event(LOG_LEVEL_ERROR, "login_lookup", "cause", k->why.cause, NULL);
        attempt_end(a, SASL_UNAVAILABLE);
    } else if (penalties_is_banned(a->logins->penalties, &a->keys, now)) {
        attempt_end(a, SASL_BANNED);
    } else if (has_password(a) && !penalties_reserve(a->logins->penalties, &a->keys, now)) {
        attempt_end(a, SASL_UNAVAILABLE);
    } else {
        a->has_reserved = has_password(a);
        lend_secret(a, k);
    }
}

static void
on_looked_up(void *arg)
{
    struct lookup *k = arg;
    struct attempt *a = attempt_find_serial(k->logins, k->serial);

    if (a != NULL && a->turn == TURN_ACCOUNTS)
        take_lookup(a, k);
    sodium_memzero(k, sizeof(*k));
    free(k);
}

void
attempt_name(struct attempt *a, const char *name, const char *authorization)
{
    struct lookup *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        attempt_end(a, SASL_UNAVAILABLE);
        return;
    }
    k->job.run = run_lookup;
    k->logins = a->logins;
    k->serial = a->serial;
    if (a->mechanism == SASL_EXTERNAL)
        name = a->client.certificate;
    k->is_external = a->mechanism == SASL_EXTERNAL && a->client.is_unix && name[0] == '\0';
    k->uid = a->client.uid;
    snprintf(k->name, sizeof(k->name), "%s", name);
    snprintf(k->authorization, sizeof(k->authorization), "%s", authorization);
    snprintf(a->name, sizeof(a->name), "%s", name);
    a->turn = TURN_ACCOUNTS;
    loop_timer_stop(a->timer);
    directory_run(a->logins->directory, &k->job);
}

/* --- the verdict --- */

struct renewal {
    struct job job;
    struct account_secret old;
    struct auth_done with;
};

static void
run_renewal(struct job *job, void *arg)
{
    struct renewal *r = (struct renewal *)job;
    struct directory *d = arg;
    struct outcome why;
    struct accounts *accounts = directory_lock(d);

    if (!accounts_secret_renew(accounts, &r->old, r->with.hash, r->with.scram, &why))
        log_event(LOG_LEVEL_WARNING, "password_not_renewed", "cause", why.cause, NULL);
    directory_unlock(d);
    sodium_memzero(r, sizeof(*r));
    free(r);
}

/* The role saw the password, and says how it should be kept. */
static void
renew(const struct attempt *a, const struct auth_done *done)
{
    struct renewal *r;

    if (done->hash[0] == '\0' && done->scram[0] == '\0')
        return;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return; /* at the next log-in, then */
    r->job.run = run_renewal;
    r->old = a->secret;
    r->with = *done;
    directory_run(a->logins->directory, &r->job);
}

/* A name that nobody has may be a password in the wrong place; one with an @ is hardly. */
static const char *
name_to_log(const struct attempt *a)
{
    return a->has_account || strchr(a->name, '@') != NULL ? a->name : "-";
}

static void
log_verdict(const struct attempt *a, enum sasl_verdict verdict)
{
    static const char *const results[SASL_VERDICT_COUNT] = {
        [SASL_ACCEPTED] = "accepted",       [SASL_REFUSED] = "refused",
        [SASL_MALFORMED] = "malformed",     [SASL_BANNED] = "banned",
        [SASL_UNAVAILABLE] = "unavailable",
    };

    log_event(LOG_LEVEL_INFO, "login", "id", a->client.session, "result", results[verdict],
              "mechanism", sasl_mechanism_name(a->mechanism), "name", name_to_log(a), "account",
              a->has_account ? a->keys.account : "", "client",
              a->client.address[0] != '\0' ? a->client.address : "unix", "reason",
              verdict == SASL_REFUSED ? a->reason : "", NULL);
}

/* A failure is answered so long after the client's last word, whatever it was that failed. */
static void
delay(struct attempt *a, enum sasl_verdict verdict)
{
    uint64_t now = clock_ms();
    uint64_t due = a->asked_ms + penalties_fail(a->logins->penalties, &a->keys, now);

    a->verdict = verdict;
    a->turn = TURN_DELAY;
    loop_timer_start(a->timer, due > now ? due - now : 0);
}

void
attempt_done(struct attempt *a, const struct auth_done *done)
{
    enum sasl_verdict verdict = done->verdict;

    /* Others may have earned the ban meanwhile: then not even a right password is told from a wrong
     * one. */
    if ((verdict == SASL_ACCEPTED || verdict == SASL_REFUSED) &&
        penalties_is_banned(a->logins->penalties, &a->keys, clock_ms()))
        verdict = SASL_BANNED;
    if (verdict == SASL_ACCEPTED && !a->is_allowed)
        verdict = SASL_UNAVAILABLE; /* the role can only say that of whom it was asked about */
    log_verdict(a, verdict);
    if (verdict == SASL_ACCEPTED) {
        penalties_succeed(a->logins->penalties, &a->keys, clock_ms());
        renew(a, done);
    }
    if (verdict == SASL_REFUSED)
        delay(a, verdict);
    else
        attempt_end(a, verdict);
}
