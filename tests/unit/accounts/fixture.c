/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings_domain
domain(const char *name, const char *driver)
{
    return (struct settings_domain){
        .name = name,
        .accounts = driver,
        .accounts_file = "",
        .recipient_delimiter = "+-",
        .catch_all = "",
        .postmaster = "",
        .store = "maildir",
        .quota = 1000000,
        .quota_messages = UINT64_MAX,
        .accounts_max = 4,
        .forward = "",
    };
}

void
fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->folder, "/tmp/doorstep-accounts-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(f->folder));
    snprintf(f->file, sizeof(f->file), "%s/accounts.txt", f->folder);
    fixture_write(f, "carl:\n");
    f->domains[DOMAIN_SQLITE] = domain("sqlite.example", "sqlite");
    f->domains[DOMAIN_ANY] = domain("any.example", "any");
    f->domains[DOMAIN_PASSWD] = domain("passwd.example", "passwd");
    f->domains[DOMAIN_FILE] = domain("file.example", "file");
    f->domains[DOMAIN_FILE].accounts_file = f->file;
    f->domains[DOMAIN_STRICT] = domain("strict.example", "sqlite");
    f->domains[DOMAIN_STRICT].case_sensitive = true;
    f->domains[DOMAIN_STRICT].forward = "far";
    f->routes[0].name = "far";
    f->routes[1].name = "near";
    f->settings = (struct settings){.state_dir = f->folder,
                                    .uid_min = 1000,
                                    .auth = {.hash_memory = 8192, .hash_operations = 1},
                                    .domains = f->domains,
                                    .domain_count = FIXTURE_DOMAINS,
                                    .routes = f->routes,
                                    .route_count = 2};
    f->a = accounts_open(&f->settings, &f->why);
    ck_assert_msg(f->a != NULL, "%s", f->why.cause);
}

void
fixture_release(struct fixture *f)
{
    char path[512];
    accounts_close(f->a);
    DIR *d = opendir(f->folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", f->folder, e->d_name);
        unlink(path);
    }
    closedir(d);
    ck_assert_int_eq(rmdir(f->folder), 0);
}

void
fixture_reopen(struct fixture *f)
{
    accounts_close(f->a);
    f->a = accounts_open(&f->settings, &f->why);
    ck_assert_msg(f->a != NULL, "%s", f->why.cause);
}

void
fixture_write(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->file, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

void
fixture_account(struct fixture *f, const char *name)
{
    const struct account_change none = {0};
    OK(f, accounts_add(f->a, name, &none, &f->why));
}

void
fixture_alias(struct fixture *f, const char *alias, const char *target)
{
    OK(f, accounts_alias_add(f->a, alias, target, &f->why));
}

const char *
fixture_resolve(struct fixture *f, const char *text)
{
    static char result[4096];
    char local[512];
    const char *at = strrchr(text, '@');
    struct account_targets targets;
    size_t used = 0;
    snprintf(local, sizeof(local), "%.*s", at == NULL ? (int)strlen(text) : (int)(at - text), text);
    const struct address to = {.local = local, .domain = at == NULL ? "" : at + 1};
    if (!accounts_resolve(f->a, &to, &targets, &f->why)) {
        used = (size_t)snprintf(result, sizeof(result), "%s", outcome_enhanced(&f->why));
    }
    for (size_t i = 0; i < targets.count; i++) {
        const struct account_target *t = &targets.list[i];
        used +=
            (size_t)snprintf(result + used, sizeof(result) - used, "%s%s@%s/%s",
                             used == 0 ? "" : " ", t->account.user, t->account.domain, t->detail);
    }
    for (size_t i = 0; i < targets.elsewhere_count; i++)
        used += (size_t)snprintf(result + used, sizeof(result) - used, " ->%s@%s",
                                 targets.elsewhere[i].local, targets.elsewhere[i].domain);
    account_targets_release(&targets);
    return result;
}
