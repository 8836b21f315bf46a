/* SPDX-License-Identifier: MIT
 *
 * accounts = "passwd": the users of the system, as NSS tells them; mail belongs to them and lies
 * below their home. Users below uid_min and users without a home are nobody here.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "accounts_priv.h"
#include "doorstep/clock.h"

#define ENTRY_MAX (1024 * 1024) /* of one passwd entry, with all its strings */
#define NEWS_MS 60000           /* NSS tells nobody that it changed: caches live this long */

static bool
has_home(const struct passwd *pw)
{
    static const char *const none[] = {"/", "/nonexistent", "/dev/null"};
    if (pw->pw_dir == NULL || pw->pw_dir[0] != '/' || strlen(pw->pw_dir) >= ACCOUNT_HOME_SIZE)
        return false;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (strcmp(pw->pw_dir, none[i]) == 0)
            return false;
    return true;
}

static bool
to_account(const struct accounts_source *s, const struct passwd *pw, const char *user,
           struct account *out)
{
    if (pw->pw_uid < s->settings->uid_min || !has_home(pw))
        return false;
    account_init(out, s->domain, user);
    out->is_system = true;
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    memcpy(out->home, pw->pw_dir, strlen(pw->pw_dir) + 1);
    return true;
}

/* look_up() - getpwnam_r() in memory that grows until the entry fits; *memory is owned by the
 * caller. */
static int
look_up(const char *user, struct passwd *entry, struct passwd **found, char **memory)
{
    int error = ERANGE;
    *memory = NULL;
    *found = NULL;
    for (size_t size = 1024; error == ERANGE && size <= ENTRY_MAX; size *= 2) {
        char *grown = realloc(*memory, size);
        if (grown == NULL)
            return ENOMEM;
        *memory = grown;
        do
            error = getpwnam_r(user, entry, *memory, size, found);
        while (error == EINTR);
    }
    return error;
}

static enum accounts_result
passwd_find(struct accounts_source *s, const char *user, struct account *out, struct outcome *why)
{
    struct passwd entry, *found;
    char *memory;
    enum accounts_result result = ACCOUNTS_UNKNOWN;
    int error = look_up(user, &entry, &found, &memory);
    if (found != NULL) {
        /* An NSS source that ignores case must not make two accounts of one user. */
        if (strcmp(entry.pw_name, user) == 0 && to_account(s, &entry, user, out))
            result = ACCOUNTS_FOUND;
    } else if (error != 0 && error != ENOENT && error != ESRCH) {
        outcome_errno(why, error, "getpwnam_r", user);
        result = ACCOUNTS_FAILED;
    }
    free(memory);
    return result;
}

static enum accounts_result
passwd_find_uid(struct accounts_source *s, uid_t uid, struct account *out, struct outcome *why)
{
    char folded[ACCOUNT_USER_SIZE];
    struct passwd entry, *found = NULL;
    enum accounts_result result = ACCOUNTS_UNKNOWN;
    char *memory = malloc(ENTRY_MAX);
    int error = memory == NULL ? ENOMEM : getpwuid_r(uid, &entry, memory, ENTRY_MAX, &found);
    if (found != NULL) {
        if (accounts_fold(s->domain, span_of(entry.pw_name), folded) &&
            strcmp(folded, entry.pw_name) == 0 && to_account(s, &entry, folded, out))
            result = ACCOUNTS_FOUND;
    } else if (error != 0 && error != ENOENT && error != ESRCH) {
        outcome_errno(why, error, "getpwuid_r", "passwd");
        result = ACCOUNTS_FAILED;
    }
    free(memory);
    return result;
}

static bool
passwd_list(struct accounts_source *s, account_fn fn, void *arg, struct outcome *why)
{
    char folded[ACCOUNT_USER_SIZE];
    struct account account;
    struct passwd entry, *found;
    char *memory = malloc(ENTRY_MAX);
    if (memory == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "out of memory: passwd");
    setpwent();
    while (getpwent_r(&entry, memory, ENTRY_MAX, &found) == 0) {
        if (!accounts_fold(s->domain, span_of(entry.pw_name), folded) ||
            strcmp(folded, entry.pw_name) != 0 || !to_account(s, &entry, folded, &account))
            continue;
        if (!fn(arg, &account))
            break;
    }
    endpwent();
    free(memory);
    return true;
}

static uint64_t
passwd_generation(struct accounts_source *s)
{
    (void)s;
    return clock_ms() / NEWS_MS;
}

const struct accounts_driver accounts_passwd = {
    .name = "passwd",
    .size = sizeof(struct accounts_source),
    .find = passwd_find,
    .find_uid = passwd_find_uid,
    .list = passwd_list,
    .generation = passwd_generation,
};
