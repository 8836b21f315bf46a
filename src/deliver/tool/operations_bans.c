/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on penalties of failed log-ins. They belong to the loop's thread.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "doorstep/clock.h"

#include "operation_priv.h"

#define BAN_SECONDS_MAX (30.0 * 24 * 3600)

static const char *
kind_name(enum penalty_kind kind)
{
    return kind == PENALTY_ADDRESS ? "address" : "account";
}

/* RFC 3339; "": no ban. */
static void
print_end(uint64_t left_ms, char out[32])
{
    time_t end = clock_wall().tv_sec + (time_t)(left_ms / 1000);
    struct tm tm;

    out[0] = '\0';
    if (left_ms > 0 && gmtime_r(&end, &tm) != NULL)
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool
on_penalty(void *arg, const struct penalty *p)
{
    struct operation *op = arg;
    char end[32];

    print_end(p->banned_ms, end);
    operation_row(op, json_pack("{s:s, s:s, s:I, s:o}", "kind", kind_name(p->kind), "key", p->key,
                                "failures", (json_int_t)(p->score + 0.5), "until",
                                end[0] == '\0' ? json_null() : json_string(end)));
    return !op->failed;
}

void
operation_ban_list(struct operation *op, struct worker *w)
{
    (void)w;
    penalties_list(logins_penalties(op->deliver->logins), clock_ms(), on_penalty, op);
}

/* "192.0.2.1", "2001:db8::1" or "2001:db8::/64" is an address, all else an account. */
static enum penalty_kind
read_key(const char *text, char key[PENALTY_KEY_SIZE])
{
    char address[PENALTY_KEY_SIZE];
    size_t n = strlen(text);

    if (n > 3 && strcmp(text + n - 3, "/64") == 0)
        n -= 3;
    snprintf(address, sizeof(address), "%.*s", (int)n, text);
    if (penalty_key_address(address, key))
        return PENALTY_ADDRESS;
    snprintf(key, PENALTY_KEY_SIZE, "%s", text);
    return PENALTY_ACCOUNT;
}

void
operation_ban_remove(struct operation *op, struct worker *w)
{
    const char *text = operation_text(op, "key");
    char key[PENALTY_KEY_SIZE];

    (void)w;
    if (text == NULL)
        return;
    enum penalty_kind kind = read_key(text, key);
    if (!penalties_remove(logins_penalties(op->deliver->logins), kind, key))
        operation_fail(op, OUTCOME_NOT_FOUND, "%s has no failed log-ins", key);
}

void
operation_ban_add(struct operation *op, struct worker *w)
{
    const char *text = operation_text(op, "key");
    json_t *seconds = json_object_get(op->args, "seconds");
    char key[PENALTY_KEY_SIZE];
    uint64_t ms = op->deliver->settings->auth.ban;

    (void)w;
    if (text == NULL)
        return;
    if (seconds != NULL) {
        double wanted = json_number_value(seconds);

        if (!(wanted > 0 && wanted <= BAN_SECONDS_MAX)) {
            operation_fail(op, OUTCOME_BAD_REQUEST, "\"seconds\" must be above 0, 30 days at most");
            return;
        }
        ms = (uint64_t)(wanted * 1000);
    }
    enum penalty_kind kind = read_key(text, key);
    if (!penalties_ban(logins_penalties(op->deliver->logins), kind, key, ms, clock_ms()))
        operation_fail(op, OUTCOME_SYSTEM, "out of memory");
}
