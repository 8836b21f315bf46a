/* SPDX-License-Identifier: MIT
 *
 * The tool's verbs, aliases that lead astray, settings of a domain, UIDVALIDITY, the any driver's
 * bound, and a damaged accounts.sqlite.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/db.h"

extern const struct db_step accounts_steps[]; /* made from schema/accounts */
extern const unsigned accounts_step_count;

static struct fixture f;
static const struct account_change as_it_is = {0};

static void
setup(void)
{
    fixture_init(&f);
}

static void
teardown(void)
{
    fixture_release(&f);
}

static void
resolves(const char *address, const char *expected)
{
    const char *result = fixture_resolve(&f, address);
    ck_assert_msg(strcmp(result, expected) == 0, "%s: %s, not %s (%s)", address, result, expected,
                  f.why.cause);
}

START_TEST(an_account_has_what_was_set)
{
    struct account a;
    struct account_change with = {.set_enabled = true,
                                  .enabled = false,
                                  .set_quota = true,
                                  .quota = 5,
                                  .set_quota_messages = true,
                                  .quota_messages = 6};
    OK(&f, accounts_add(f.a, "Ann@SQLite.example", &as_it_is, &f.why));
    OK(&f, accounts_find(f.a, "ANN", "sqlite.example", &a, &f.why));
    ck_assert_str_eq(a.user, "ann");
    ck_assert_str_eq(a.domain, "sqlite.example");
    ck_assert(a.enabled);
    ck_assert(!a.is_system);
    ck_assert_str_eq(a.home, "");
    ck_assert_uint_eq(a.quota, 1000000); /* the domain's */
    ck_assert(a.quota_messages == UINT64_MAX);
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    fixture_reopen(&f);
    OK(&f, accounts_find(f.a, "ann", "sqlite.example", &a, &f.why));
    ck_assert(!a.enabled);
    ck_assert_uint_eq(a.quota, 5);
    ck_assert_uint_eq(a.quota_messages, 6);
    with = (struct account_change){.set_quota = true, .quota = UINT64_MAX};
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    OK(&f, accounts_find(f.a, "ann", "sqlite.example", &a, &f.why));
    ck_assert(a.quota == UINT64_MAX); /* none at all */
    ck_assert(!a.enabled);            /* left as it was */
    ck_assert_uint_eq(a.quota_messages, 6);
    OK(&f, accounts_delete(f.a, "ann@sqlite.example", &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_find(f.a, "ann", "sqlite.example", &a, &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_find(f.a, "ann", "none.example", &a, &f.why));
}
END_TEST

static void
is_at_home(const char *user, const char *domain, const char *route)
{
    struct account a;
    OK(&f, accounts_find(f.a, user, domain, &a, &f.why));
    ck_assert_str_eq(a.forward, route);
}

START_TEST(an_account_is_at_home_where_it_was_set)
{
    struct account_change near = {.forward = "near"}, back = {.forward = ""};
    struct account_change gone = {.forward = "gone"}, here = {.forward = "here"};
    uint64_t before;
    fixture_account(&f, "ann@sqlite.example");
    is_at_home("ann", "sqlite.example", "");
    before = accounts_generation(f.a);
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &near, &f.why));
    ck_assert(accounts_generation(f.a) > before);
    OK(&f, accounts_add(f.a, "eve@sqlite.example", &near, &f.why));
    OK(&f, accounts_add(f.a, "fay@sqlite.example", &back, &f.why));
    OK(&f, accounts_set(f.a, "gus@any.example", &near, &f.why));
    OK(&f, accounts_add(f.a, "hal@strict.example", &as_it_is, &f.why));
    OK(&f, accounts_add(f.a, "ida@strict.example", &near, &f.why));
    fixture_reopen(&f);
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &as_it_is, &f.why));
    is_at_home("ann", "sqlite.example", "near");
    is_at_home("eve", "sqlite.example", "near");
    is_at_home("fay", "sqlite.example", "");
    is_at_home("gus", "any.example", "near");
    is_at_home("hal", "strict.example", "far"); /* the domain's */
    is_at_home("ida", "strict.example", "near");
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &back, &f.why));
    OK(&f, accounts_set(f.a, "ida@strict.example", &back, &f.why));
    is_at_home("ann", "sqlite.example", "");
    is_at_home("ida", "strict.example", "far");
    OK(&f, accounts_set(f.a, "ida@strict.example", &here, &f.why));
    OK(&f, accounts_add(f.a, "kim@strict.example", &here, &f.why));
    is_at_home("ida", "strict.example", ""); /* whatever the domain says */
    is_at_home("kim", "strict.example", "");
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_set(f.a, "eve@sqlite.example", &gone, &f.why));
    ck_assert_ptr_nonnull(strstr(f.why.text, "gone"));
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_add(f.a, "joe@sqlite.example", &gone, &f.why));
    is_at_home("eve", "sqlite.example", "near");
    f.settings.route_count = 1; /* the setting goes, what was set stays */
    is_at_home("eve", "sqlite.example", "near");
}
END_TEST

struct bad_name {
    const char *name;
    enum outcome_kind kind;
};

static const struct bad_name bad_names[] = {
    {"ann", OUTCOME_BAD_REQUEST},
    {"", OUTCOME_BAD_REQUEST},
    {"@sqlite.example", OUTCOME_BAD_REQUEST},
    {"ann@none.example", OUTCOME_BAD_REQUEST},
    {"../ann@sqlite.example", OUTCOME_BAD_REQUEST},
    {"\"../ann\"@sqlite.example", OUTCOME_BAD_REQUEST},
    {"\".ann\"@sqlite.example", OUTCOME_BAD_REQUEST},
    {"\"a/b\"@sqlite.example", OUTCOME_BAD_REQUEST},
    {"ann@passwd.example", OUTCOME_BAD_REQUEST},
    {"ann@file.example", OUTCOME_BAD_REQUEST},
};

START_TEST(a_bad_name_is_refused_in_words)
{
    const struct bad_name *b = &bad_names[_i];
    FAILS(&f, b->kind, accounts_add(f.a, b->name, &as_it_is, &f.why));
    ck_assert_msg(f.why.text[0] != '\0', "%s: nothing said", b->name);
    FAILS(&f, b->kind, accounts_set(f.a, b->name, &as_it_is, &f.why));
    FAILS(&f, b->kind, accounts_delete(f.a, b->name, &f.why));
    if (strstr(b->name, "@passwd") == NULL && strstr(b->name, "@file") == NULL)
        FAILS(&f, b->kind, accounts_alias_add(f.a, b->name, "ann@sqlite.example", &f.why));
}
END_TEST

START_TEST(what_exists_or_not_is_told)
{
    fixture_account(&f, "ann@sqlite.example");
    FAILS(&f, OUTCOME_EXISTS, accounts_add(f.a, "ANN@sqlite.example", &as_it_is, &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_set(f.a, "zed@sqlite.example", &as_it_is, &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_delete(f.a, "zed@sqlite.example", &f.why));
}
END_TEST

static bool
collect(void *arg, const struct account *a)
{
    strcat(arg, a->user);
    strcat(arg, "@");
    strcat(arg, a->domain);
    strcat(arg, " ");
    return strcmp(a->user, "stop") != 0;
}

START_TEST(accounts_are_listed_by_domain)
{
    char all[65536] = "", one[1024] = "";
    fixture_account(&f, "bob@sqlite.example");
    fixture_account(&f, "ann@sqlite.example");
    fixture_account(&f, "stop@strict.example");
    fixture_account(&f, "zed@strict.example");
    OK(&f, accounts_list(f.a, "SQLITE.example", collect, one, &f.why));
    ck_assert_str_eq(one, "ann@sqlite.example bob@sqlite.example ");
    OK(&f, accounts_list(f.a, NULL, collect, all, &f.why));
    ck_assert_ptr_nonnull(strstr(all, "carl@file.example stop@strict.example "));
    ck_assert_ptr_null(strstr(all, "zed"));
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_list(f.a, "none.example", collect, one, &f.why));
}
END_TEST

START_TEST(passwords_are_argon2id_or_imported_hashes)
{
    struct account_change with = {.password = "correct horse"};
    OK(&f, accounts_add(f.a, "ann@sqlite.example", &with, &f.why));
    with.password = "";
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    with = (struct account_change){.password_hash = "$6$salt$hash"};
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    with.password_hash = "two words";
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    with.password_hash = "";
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
}
END_TEST

START_TEST(secrets_of_accounts)
{
    struct account_change with = {.password = "correct horse"};
    struct account_secret s, again;
    OK(&f, accounts_add(f.a, "ann@sqlite.example", &with, &f.why));
    OK(&f, accounts_secret(f.a, "Ann@SQLITE.example", &s, &f.why));
    ck_assert_str_eq(s.account.user, "ann");
    ck_assert_int_eq(password_verify(s.hash, "correct horse"), PASSWORD_RIGHT);
    struct password_scram keys;
    ck_assert(password_scram_parse(s.scram, &keys));
    /* Renewed only as long as it is the same password. */
    OK(&f, accounts_secret_renew(f.a, &s, "$argon2id$new", "SCRAM-SHA-256$new", &f.why));
    OK(&f, accounts_secret(f.a, "ann@sqlite.example", &again, &f.why));
    ck_assert_str_eq(again.hash, "$argon2id$new");
    ck_assert_str_eq(again.scram, "SCRAM-SHA-256$new");
    OK(&f, accounts_secret_renew(f.a, &s, "$argon2id$late", "", &f.why));
    OK(&f, accounts_secret(f.a, "ann@sqlite.example", &again, &f.why));
    ck_assert_str_eq(again.hash, "$argon2id$new");
    /* An imported hash has no keys; quota leaves both alone. */
    with = (struct account_change){.password_hash = "$6$salt$hash"};
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    with = (struct account_change){.set_quota = true, .quota = 5};
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    OK(&f, accounts_secret(f.a, "ann@sqlite.example", &again, &f.why));
    ck_assert_str_eq(again.hash, "$6$salt$hash");
    ck_assert_str_eq(again.scram, "");
    with = (struct account_change){.set_enabled = true, .enabled = false};
    OK(&f, accounts_set(f.a, "ann@sqlite.example", &with, &f.why));
    FAILS(&f, OUTCOME_DISABLED, accounts_secret(f.a, "ann@sqlite.example", &s, &f.why));
}
END_TEST

static const char *const nobodies[] = {
    "",
    "ann",
    "zoe@sqlite.example",
    "ann@elsewhere.example",
    "ann@",
    "@sqlite.example",
    "ann+x@sqlite.example",
    "../ann@sqlite.example",
    "ann@sqlite.example@sqlite.example",
};

START_TEST(nobody_has_a_secret)
{
    struct account_change with = {.password = "correct horse"};
    struct account_secret s;
    OK(&f, accounts_add(f.a, "ann@sqlite.example", &with, &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_secret(f.a, nobodies[_i], &s, &f.why));
    ck_assert_str_eq(s.hash, "");
}
END_TEST

START_TEST(secrets_of_a_file)
{
    struct account_secret s;
    fixture_write(&f, "carl:$6$salt$hash\ndora:\n");
    accounts_close(f.a);
    f.a = accounts_open(&f.settings, &f.why);
    OK(&f, accounts_secret(f.a, "carl@file.example", &s, &f.why));
    ck_assert_str_eq(s.hash, "$6$salt$hash");
    OK(&f, accounts_secret_renew(f.a, &s, "$argon2id$new", "", &f.why)); /* it stays theirs */
    OK(&f, accounts_secret(f.a, "dora@file.example", &s, &f.why));
    ck_assert_str_eq(s.hash, "");
}
END_TEST

/* As the last release left it: one step, one account. */
START_TEST(a_database_of_the_first_schema_is_upgraded)
{
    struct account_secret s;
    char path[256], one[PASSWORD_SCRAM_SIZE], two[PASSWORD_SCRAM_SIZE];
    struct db_options options = {.steps = accounts_steps, .step_count = 1, .create = true};
    snprintf(path, sizeof(path), "%s/accounts.sqlite", f.folder);
    accounts_close(f.a);
    ck_assert_int_eq(unlink(path), 0);
    struct db *db = db_open(path, &options, &f.why);
    ck_assert_msg(db != NULL, "%s", f.why.cause);
    struct db_statement *st =
        db_prepare(db,
                   "INSERT INTO accounts VALUES ('sqlite.example', 'old', 1, NULL, NULL, "
                   "'$6$salt$hash', 1)",
                   &f.why);
    OK(&f, db_run(st, &f.why));
    db_close(db);
    f.a = accounts_open(&f.settings, &f.why);
    ck_assert_msg(f.a != NULL, "%s", f.why.cause);
    OK(&f, accounts_secret(f.a, "old@sqlite.example", &s, &f.why));
    ck_assert_str_eq(s.account.forward, "");
    ck_assert_str_eq(s.hash, "$6$salt$hash");
    ck_assert_str_eq(s.scram, "");
    /* The key of those who do not exist outlives a restart. */
    accounts_fake_scram(f.a, "zoe@sqlite.example", one);
    accounts_close(f.a);
    f.a = accounts_open(&f.settings, &f.why);
    accounts_fake_scram(f.a, "zoe@sqlite.example", two);
    struct password_scram a, b;
    ck_assert(password_scram_parse(one, &a) && password_scram_parse(two, &b));
    ck_assert_str_eq(a.salt, b.salt);
}
END_TEST

START_TEST(an_alias_that_leads_astray_is_refused)
{
    fixture_account(&f, "ann@sqlite.example");
    fixture_alias(&f, "a@sqlite.example", "ann@sqlite.example");
    fixture_alias(&f, "b@sqlite.example", "a@sqlite.example");
    FAILS(&f, OUTCOME_EXISTS,
          accounts_alias_add(f.a, "A@sqlite.example", "ANN@sqlite.example", &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST,
          accounts_alias_add(f.a, "a@sqlite.example", "b@sqlite.example", &f.why));
    ck_assert_ptr_nonnull(strstr(f.why.text, "back to the alias"));
    FAILS(&f, OUTCOME_BAD_REQUEST,
          accounts_alias_add(f.a, "c@sqlite.example", "c@sqlite.example", &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST,
          accounts_alias_add(f.a, "c@sqlite.example", "someone@example.net", &f.why));
    ck_assert_ptr_nonnull(strstr(f.why.text, "our own domains"));
    FAILS(&f, OUTCOME_BAD_REQUEST,
          accounts_alias_add(f.a, "c@sqlite.example", "zed@sqlite.example", &f.why));
    ck_assert_ptr_nonnull(strstr(f.why.text, "add it first"));
    resolves("b@sqlite.example", "ann@sqlite.example/");
}
END_TEST

START_TEST(an_account_that_an_alias_leads_to_is_not_deleted)
{
    fixture_account(&f, "ann@sqlite.example");
    fixture_alias(&f, "a@sqlite.example", "ann@sqlite.example");
    FAILS(&f, OUTCOME_BAD_REQUEST, accounts_delete(f.a, "ann@sqlite.example", &f.why));
    ck_assert_ptr_nonnull(strstr(f.why.text, "a@sqlite.example"));
    OK(&f, accounts_alias_delete(f.a, "A@sqlite.example", "Ann@sqlite.example", &f.why));
    OK(&f, accounts_delete(f.a, "ann@sqlite.example", &f.why));
}
END_TEST

static bool
collect_alias(void *arg, const char *alias, const char *target)
{
    strcat(arg, alias);
    strcat(arg, ">");
    strcat(arg, target);
    strcat(arg, " ");
    return true;
}

START_TEST(aliases_are_listed_and_deleted)
{
    char list[1024] = "";
    fixture_account(&f, "ann@sqlite.example");
    fixture_account(&f, "bob@sqlite.example");
    fixture_alias(&f, "b@sqlite.example", "ann@sqlite.example");
    fixture_alias(&f, "a@sqlite.example", "bob@sqlite.example");
    fixture_alias(&f, "a@sqlite.example", "ann@sqlite.example");
    fixture_alias(&f, "c@any.example", "ann@sqlite.example");
    OK(&f, accounts_alias_list(f.a, "sqlite.example", collect_alias, list, &f.why));
    ck_assert_str_eq(list, "a@sqlite.example>ann@sqlite.example "
                           "a@sqlite.example>bob@sqlite.example "
                           "b@sqlite.example>ann@sqlite.example ");
    OK(&f, accounts_alias_delete(f.a, "a@sqlite.example", NULL, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, accounts_alias_delete(f.a, "a@sqlite.example", NULL, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND,
          accounts_alias_delete(f.a, "b@sqlite.example", "bob@sqlite.example", &f.why));
    list[0] = '\0';
    OK(&f, accounts_alias_list(f.a, NULL, collect_alias, list, &f.why));
    ck_assert_str_eq(list, "c@any.example>ann@sqlite.example "
                           "b@sqlite.example>ann@sqlite.example ");
    resolves("a@sqlite.example", "5.1.1");
}
END_TEST

START_TEST(too_deep_and_too_many_are_bounded)
{
    char name[64], before[64] = "ann@sqlite.example";
    fixture_account(&f, "ann@sqlite.example");
    for (int i = 1; i <= 11; i++) {
        snprintf(name, sizeof(name), "d%d@sqlite.example", i);
        fixture_alias(&f, name, before);
        strcpy(before, name);
    }
    resolves("d10@sqlite.example", "ann@sqlite.example/");
    resolves("d11@sqlite.example", "4.3.0");
    for (int i = 0; i <= ACCOUNT_TARGETS_MAX; i++) {
        snprintf(name, sizeof(name), "u%d@sqlite.example", i);
        fixture_account(&f, name);
        fixture_alias(&f, "all@sqlite.example", name);
    }
    resolves("all@sqlite.example", "4.3.0");
    OK(&f, accounts_alias_delete(f.a, "all@sqlite.example", "u7@sqlite.example", &f.why));
    struct account_targets targets;
    const struct address all = {.local = "all", .domain = "sqlite.example"};
    OK(&f, accounts_resolve(f.a, &all, &targets, &f.why));
    ck_assert_uint_eq(targets.count, ACCOUNT_TARGETS_MAX);
    account_targets_release(&targets);
}
END_TEST

/* insert_alias() - past all checks, as a restored or edited database might hold it. */
static void
insert_alias(const char *domain, const char *local, const char *target_domain,
             const char *target_local)
{
    char path[256];
    const struct db_options options = {.steps = accounts_steps, .step_count = accounts_step_count};
    snprintf(path, sizeof(path), "%s/accounts.sqlite", f.folder);
    accounts_close(f.a);
    struct db *db = db_open(path, &options, &f.why);
    ck_assert_msg(db != NULL, "%s", f.why.cause);
    struct db_statement *s = db_prepare(db, "INSERT INTO aliases VALUES (?, ?, ?, ?)", &f.why);
    db_bind_text(s, 1, domain);
    db_bind_text(s, 2, local);
    db_bind_text(s, 3, target_domain);
    db_bind_text(s, 4, target_local);
    OK(&f, db_run(s, &f.why));
    db_close(db);
    f.a = accounts_open(&f.settings, &f.why);
    ck_assert_msg(f.a != NULL, "%s", f.why.cause);
}

START_TEST(loops_made_behind_our_back_end)
{
    fixture_account(&f, "ann@sqlite.example");
    insert_alias("sqlite.example", "a", "sqlite.example", "b");
    insert_alias("sqlite.example", "b", "sqlite.example", "a");
    insert_alias("sqlite.example", "a", "none.example", "x");
    resolves("a@sqlite.example", "4.3.0"); /* leads to nobody: mail waits */
    insert_alias("sqlite.example", "b", "sqlite.example", "ann");
    resolves("a@sqlite.example", "ann@sqlite.example/");
    insert_alias("sqlite.example", "c", "sqlite.example", "c+x");
    resolves("c@sqlite.example", "4.3.0");
    insert_alias("sqlite.example", "d", "sqlite.example", "../d");
    resolves("d@sqlite.example", "4.3.0");
}
END_TEST

/* An MTA asks us what aliases lead to: mail for addresses elsewhere is its to send. */
static void
let_mta_ask(void)
{
    static struct settings_listen socketmap = {.protocol = LISTEN_SOCKETMAP};
    f.settings.listens = &socketmap;
    f.settings.listen_count = 1;
}

START_TEST(an_alias_leads_elsewhere_where_an_mta_asks)
{
    fixture_account(&f, "ann@sqlite.example");
    let_mta_ask();
    fixture_alias(&f, "a@sqlite.example", "Kim+x@EXAMPLE.net");
    resolves("a@sqlite.example", "4.3.0 ->Kim+x@example.net");
    fixture_alias(&f, "a@sqlite.example", "ann@sqlite.example");
    resolves("a+q@sqlite.example", "4.3.0 ann@sqlite.example/q ->Kim+x@example.net");
    fixture_alias(&f, "b@sqlite.example", "a@sqlite.example");
    fixture_alias(&f, "b@sqlite.example", "Kim+x@example.net");
    resolves("b@sqlite.example", "4.3.0 ann@sqlite.example/ ->Kim+x@example.net");
    FAILS(&f, OUTCOME_BAD_REQUEST,
          accounts_alias_add(f.a, "a@sqlite.example", "kim@@example.net", &f.why));
    OK(&f, accounts_alias_delete(f.a, "a@sqlite.example", "Kim+x@example.net", &f.why));
    OK(&f, accounts_alias_delete(f.a, "b@sqlite.example", "Kim+x@example.net", &f.why));
    resolves("b@sqlite.example", "ann@sqlite.example/");
}
END_TEST

START_TEST(an_alias_leads_to_so_many_addresses_elsewhere_and_no_more)
{
    char target[64];
    let_mta_ask();
    for (unsigned i = 0; i <= ACCOUNT_TARGETS_MAX; i++) {
        snprintf(target, sizeof(target), "u%u@example.net", i);
        fixture_alias(&f, "all@sqlite.example", target);
    }
    resolves("all@sqlite.example", "4.3.0");
    OK(&f, accounts_alias_delete(f.a, "all@sqlite.example", target, &f.why));
    ck_assert_ptr_nonnull(strstr(fixture_resolve(&f, "all@sqlite.example"), "->u7@example.net"));
}
END_TEST

START_TEST(catch_all_gets_what_nobody_has)
{
    fixture_account(&f, "ann@sqlite.example");
    fixture_account(&f, "Kim@strict.example");
    f.domains[DOMAIN_SQLITE].catch_all = "ann";
    f.domains[DOMAIN_FILE].catch_all = "Kim+lost@strict.example";
    f.domains[DOMAIN_STRICT].catch_all = "nobody-of-this-name";
    resolves("zed@sqlite.example", "ann@sqlite.example/");
    resolves("a/b@sqlite.example", "ann@sqlite.example/");
    resolves("zed+x@sqlite.example", "ann@sqlite.example/");
    resolves("ann+x@sqlite.example", "ann@sqlite.example/x");
    resolves("zed@file.example", "Kim@strict.example/lost");
    resolves("zed@strict.example", "4.3.0");
    resolves("postmaster@sqlite.example", "postmaster@sqlite.example/");
}
END_TEST

START_TEST(postmaster_is_always_somebody)
{
    fixture_account(&f, "ann@sqlite.example");
    f.domains[DOMAIN_SQLITE].postmaster = "ann";
    f.domains[DOMAIN_FILE].postmaster = "Ann@sqlite.example";
    f.domains[DOMAIN_STRICT].postmaster = "postmaster";
    resolves("postmaster", "ann@sqlite.example/");
    resolves("PostMaster+x@sqlite.example", "ann@sqlite.example/x");
    resolves("postmaster@file.example", "ann@sqlite.example/");
    resolves("POSTMASTER@strict.example", "postmaster@strict.example/");
    fixture_account(&f, "bob@sqlite.example");
    fixture_alias(&f, "postmaster@sqlite.example", "bob@sqlite.example");
    resolves("postmaster@sqlite.example", "bob@sqlite.example/");
    resolves("postmaster+x@sqlite.example", "bob@sqlite.example/x");
    f.domains[DOMAIN_ANY].postmaster = "ann@sqlite.example";
    resolves("postmaster@any.example", "ann@sqlite.example/");
    f.settings.domain_count = 0;
    resolves("postmaster", "5.7.1");
    f.settings.domain_count = FIXTURE_DOMAINS;
}
END_TEST

START_TEST(a_claim_remembers_who_had_mail)
{
    char list[1024] = "";
    OK(&f, accounts_any_claim(f.a, "one", "any.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "one", "any.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "postmaster", "sqlite.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "postmaster", "passwd.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "carl", "file.example", &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER, accounts_any_claim(f.a, "zed", "sqlite.example", &f.why));
    FAILS(&f, OUTCOME_NOT_OURS, accounts_any_claim(f.a, "zed", "none.example", &f.why));
    fixture_reopen(&f);
    OK(&f, accounts_list(f.a, "any.example", collect, list, &f.why));
    OK(&f, accounts_list(f.a, "sqlite.example", collect, list, &f.why));
    ck_assert_str_eq(list, "one@any.example postmaster@sqlite.example ");
}
END_TEST

START_TEST(mail_for_a_postmaster_nobody_made_can_be_found)
{
    struct account a;
    OK(&f, accounts_find(f.a, "Postmaster", "passwd.example", &a, &f.why));
    ck_assert_str_eq(a.user, "postmaster");
    ck_assert(strstr(a.home, "/accounts/passwd.example/postmaster") != NULL);
    OK(&f, accounts_find(f.a, "postmaster", "file.example", &a, &f.why));
    FAILS(&f, OUTCOME_NO_SUCH_USER,
          accounts_find(f.a, "postmaster", "sqlite.example", &a, &f.why)); /* before its claim */
    OK(&f, accounts_any_claim(f.a, "postmaster", "sqlite.example", &f.why));
    OK(&f, accounts_find(f.a, "postmaster", "sqlite.example", &a, &f.why));
}
END_TEST

START_TEST(accounts_max_bounds_what_mail_can_make)
{
    static const char *const users[] = {"one", "two", "three", "four"};
    for (int i = 0; i < 4; i++)
        OK(&f, accounts_any_claim(f.a, users[i], "any.example", &f.why));
    FAILS(&f, OUTCOME_OVERLOAD, accounts_any_claim(f.a, "five", "any.example", &f.why));
    resolves("five@any.example", "4.3.2");
    resolves("postmaster@any.example", "postmaster@any.example/");
    resolves("four@any.example", "four@any.example/");
    fixture_reopen(&f);
    FAILS(&f, OUTCOME_OVERLOAD, accounts_any_claim(f.a, "five", "any.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "two", "any.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "postmaster", "any.example", &f.why));
    OK(&f, accounts_delete(f.a, "postmaster@any.example", &f.why));
    OK(&f, accounts_delete(f.a, "two@any.example", &f.why));
    OK(&f, accounts_any_claim(f.a, "five", "any.example", &f.why));
}
END_TEST

START_TEST(any_accounts_can_be_limited_before_their_first_mail)
{
    struct account a;
    const struct account_change disable = {.set_enabled = true};
    const struct account_change limit = {.set_quota = true, .quota = 9};
    OK(&f, accounts_set(f.a, "spam@any.example", &disable, &f.why));
    OK(&f, accounts_set(f.a, "spam@any.example", &limit, &f.why));
    resolves("spam@any.example", "5.2.1");
    OK(&f, accounts_find(f.a, "spam", "any.example", &a, &f.why));
    ck_assert_uint_eq(a.quota, 9);
    fixture_account(&f, "a+b@any.example"); /* a name with a delimiter is nobody's until added */
    resolves("a+b@any.example", "a+b@any.example/");
    resolves("a+c@any.example", "a@any.example/c");
}
END_TEST

START_TEST(uid_validity_only_rises)
{
    uint32_t a, b, c;
    time_t now = time(NULL);
    OK(&f, accounts_uid_validity(f.a, 0, &a, &f.why));
    ck_assert_int_ge((int64_t)a, now);
    OK(&f, accounts_uid_validity(f.a, 0, &b, &f.why));
    ck_assert_uint_gt(b, a);
    OK(&f, accounts_uid_validity(f.a, b + 1000, &c, &f.why));
    ck_assert_uint_eq(c, b + 1001);
    OK(&f, accounts_uid_validity(f.a, 0, &a, &f.why)); /* of those that were set aside with it */
    ck_assert_uint_eq(a, c + 1);
    fixture_reopen(&f);
    OK(&f, accounts_uid_validity(f.a, 5, &b, &f.why));
    ck_assert_uint_gt(b, a);
    FAILS(&f, OUTCOME_SYSTEM, accounts_uid_validity(f.a, UINT32_MAX, &a, &f.why));
    OK(&f, accounts_uid_validity(f.a, UINT32_MAX - 1, &a, &f.why));
    FAILS(&f, OUTCOME_SYSTEM, accounts_uid_validity(f.a, 0, &a, &f.why));
}
END_TEST

START_TEST(the_generation_rises_with_each_change)
{
    uint64_t before = accounts_generation(f.a);
    resolves("ann@sqlite.example", "5.1.1");
    ck_assert(accounts_generation(f.a) == before);
    fixture_account(&f, "ann@sqlite.example");
    ck_assert(accounts_generation(f.a) > before);
    before = accounts_generation(f.a);
    fixture_alias(&f, "a@sqlite.example", "ann@sqlite.example");
    ck_assert(accounts_generation(f.a) > before);
}
END_TEST

START_TEST(an_unknown_driver_is_refused)
{
    accounts_close(f.a);
    f.domains[1].accounts = "ldap";
    f.a = accounts_open(&f.settings, &f.why);
    ck_assert_ptr_null(f.a);
    ck_assert_int_eq(f.why.kind, OUTCOME_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(f.why.cause, "ldap"));
}
END_TEST

START_TEST(a_cut_accounts_database_makes_mail_wait)
{
    char path[256];
    fixture_account(&f, "ann@sqlite.example");
    accounts_close(f.a);
    snprintf(path, sizeof(path), "%s/accounts.sqlite", f.folder);
    ck_assert_int_eq(truncate(path, 0), 0);
    f.a = accounts_open(&f.settings, &f.why);
    ck_assert_ptr_null(f.a); /* and not an empty one, in which everybody is unknown */
    ck_assert_int_eq(f.why.kind, OUTCOME_CORRUPT);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("accounts");
    TCase *t = tcase_create("accounts");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_account_has_what_was_set);
    tcase_add_test(t, an_account_is_at_home_where_it_was_set);
    tcase_add_loop_test(t, a_bad_name_is_refused_in_words, 0,
                        sizeof(bad_names) / sizeof(bad_names[0]));
    tcase_add_test(t, what_exists_or_not_is_told);
    tcase_add_test(t, accounts_are_listed_by_domain);
    tcase_add_test(t, passwords_are_argon2id_or_imported_hashes);
    tcase_add_test(t, secrets_of_accounts);
    tcase_add_loop_test(t, nobody_has_a_secret, 0, sizeof(nobodies) / sizeof(nobodies[0]));
    tcase_add_test(t, secrets_of_a_file);
    tcase_add_test(t, a_database_of_the_first_schema_is_upgraded);
    tcase_add_test(t, an_alias_that_leads_astray_is_refused);
    tcase_add_test(t, an_account_that_an_alias_leads_to_is_not_deleted);
    tcase_add_test(t, aliases_are_listed_and_deleted);
    tcase_add_test(t, an_alias_leads_elsewhere_where_an_mta_asks);
    tcase_add_test(t, an_alias_leads_to_so_many_addresses_elsewhere_and_no_more);
    tcase_add_test(t, too_deep_and_too_many_are_bounded);
    tcase_add_test(t, loops_made_behind_our_back_end);
    tcase_add_test(t, catch_all_gets_what_nobody_has);
    tcase_add_test(t, postmaster_is_always_somebody);
    tcase_add_test(t, a_claim_remembers_who_had_mail);
    tcase_add_test(t, mail_for_a_postmaster_nobody_made_can_be_found);
    tcase_add_test(t, accounts_max_bounds_what_mail_can_make);
    tcase_add_test(t, any_accounts_can_be_limited_before_their_first_mail);
    tcase_add_test(t, uid_validity_only_rises);
    tcase_add_test(t, the_generation_rises_with_each_change);
    tcase_add_test(t, an_unknown_driver_is_refused);
    tcase_add_test(t, a_cut_accounts_database_makes_mail_wait);
    suite_add_tcase(s, t);
    return s;
}

int
main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
