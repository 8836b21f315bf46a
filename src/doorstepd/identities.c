/* SPDX-License-Identifier: MIT
 *
 * Names of the configuration to numbers, and the two cases that must not be: an edge that is root,
 * and a configuration that its reader's servants may change (CVE-2010-4345).
 */
#include "identities_priv.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doorstep/log.h"

bool
identities_sandbox(const struct settings *s, struct identity *out)
{
    const char *why = "there is no such user";

    if (identity_find(s->sandbox_user, out)) {
        if (out->uid != 0)
            return true;
        why = "edges and sorters never run as root";
    }
    log_event(LOG_LEVEL_ERROR, "sandbox_user", "name", s->sandbox_user, "error", why, NULL);
    return false;
}

/* The owner as the user database knows it: the group of a folder that somebody gave away with chown
 * alone is still root's, and a role that keeps group 0 has not left root. */
static struct identity
owner_of(const struct stat *st)
{
    const struct passwd *user = getpwuid(st->st_uid);
    struct identity who;

    if (user != NULL && identity_find(user->pw_name, &who) && who.uid == st->st_uid)
        return who;
    return identity_of_owner(st->st_uid, st->st_gid);
}

bool
identities_store(const struct settings *s, struct identity *out)
{
    struct stat st;

    if (s->user[0] != '\0') {
        if (identity_find(s->user, out))
            return true;
        log_event(LOG_LEVEL_ERROR, "user", "name", s->user, "error", "there is no such user", NULL);
        return false;
    }
    if (stat(s->state_dir, &st) == 0) {
        *out = owner_of(&st);
    } else if (errno == ENOENT) {
        *out = identity_of_owner(0, 0); /* main is about to make it */
    } else {
        log_event(LOG_LEVEL_ERROR, "state_dir", "path", s->state_dir, "error", strerror(errno),
                  NULL);
        return false;
    }
    if (out->uid == 0)
        log_event(LOG_LEVEL_WARNING, "store_is_root", "hint",
                  "set user = \"...\", or give state_dir to the owner of the mail", NULL);
    return true;
}

static bool
runner_identity(const char *name, const struct identity *sandbox, struct identity *out)
{
    const char *why = "there is no such user";

    if (name[0] == '\0') {
        *out = *sandbox;
        return true;
    }
    if (identity_find(name, out)) {
        if (out->uid != 0)
            return true;
        why = "programs never run as root";
    }
    log_event(LOG_LEVEL_ERROR, "program_user", "name", name, "error", why, NULL);
    return false;
}

bool
identities_runners(const struct settings *s, const struct identity *sandbox, struct identity **out)
{
    uint32_t count = settings_runner_count(s);
    bool ok = true;

    *out = calloc(count + 1, sizeof(**out));
    for (uint32_t i = 0; ok && *out != NULL && i < count; i++)
        ok = runner_identity(settings_runner_user(s, i), sandbox, &(*out)[i]);
    if (ok && *out != NULL)
        return true;
    free(*out);
    *out = NULL;
    return false;
}

void
identities_warn(const struct settings *s)
{
    for (size_t i = 0; i < s->program_count; i++)
        if (s->programs[i].user[0] != '\0')
            log_event(LOG_LEVEL_WARNING, "program_user", "program", s->programs[i].name, "hint",
                      "it runs as the user of the daemon, which was not started by root", NULL);
}

static bool
may_write(const struct stat *st, const struct identity *who)
{
    if ((st->st_mode & S_IWOTH) != 0)
        return true;
    if (who->uid == 0)
        return false;
    return (st->st_uid == who->uid) || (st->st_gid == who->gid && (st->st_mode & S_IWGRP) != 0);
}

bool
identities_check_file(const char *path, const struct identity *sandbox,
                      const struct identity *store)
{
    struct stat st;

    if (stat(path, &st) != 0 || (!may_write(&st, sandbox) && !may_write(&st, store)))
        return true; /* a file that is gone was read a moment ago: nothing to say */
    log_event(LOG_LEVEL_ERROR, "config_is_writable", "file", path, "hint",
              "the users that roles run as must not be able to change it", NULL);
    return false;
}
