/* SPDX-License-Identifier: MIT
 *
 * Whose is an address: one table over accounts, aliases, subaddresses, postmaster and catch-all.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;

static void
setup(void)
{
    static const char *const accounts[] = {
        "ann@sqlite.example",
        "bob@sqlite.example",
        "ann+own@sqlite.example",
        "gone@sqlite.example",
        "Ann@strict.example",
        "j\xc3\xbcrgen@sqlite.example",
        "\"O'Neil; --\"@sqlite.example",
    };
    static const char *const aliases[][2] = {
        {"team@sqlite.example", "ann@sqlite.example"},
        {"team@sqlite.example", "bob@sqlite.example"},
        {"everybody@sqlite.example", "team@sqlite.example"},
        {"everybody@sqlite.example", "bob@sqlite.example"},
        {"lists@sqlite.example", "ann+lists@sqlite.example"},
        {"bob@sqlite.example", "bob@sqlite.example"},
        {"bob@sqlite.example", "ann@sqlite.example"},
        {"carl@file.example", "ann@sqlite.example"},
        {"shadow@sqlite.example", "gone@sqlite.example"},
        {"some@sqlite.example", "gone@sqlite.example"},
        {"some@sqlite.example", "ann@sqlite.example"},
        {"sales+vip@sqlite.example", "bob+vip@sqlite.example"},
    };
    const struct account_change disable = {.set_enabled = true};
    fixture_init(&f);
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++)
        fixture_account(&f, accounts[i]);
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        fixture_alias(&f, aliases[i][0], aliases[i][1]);
    OK(&f, accounts_set(f.a, "gone@sqlite.example", &disable, &f.why));
}

static void
teardown(void)
{
    fixture_release(&f);
}

struct row {
    const char *name, *address, *expected;
};

static const struct row rows[] = {
    {"an account", "ann@sqlite.example", "ann@sqlite.example/"},
    {"case does not matter", "ANN@sqlite.example", "ann@sqlite.example/"},
    {"case matters where it was set so", "ann@strict.example", "5.1.1"},
    {"case as kept", "Ann@strict.example", "Ann@strict.example/"},
    {"NFC and NFD are one name", "ju\xcc\x88rgen@sqlite.example", "j\xc3\xbcrgen@sqlite.example/"},
    {"capital umlaut", "J\xc3\x9cRGEN@sqlite.example", "j\xc3\xbcrgen@sqlite.example/"},
    {"nobody", "zed@sqlite.example", "5.1.1"},
    {"a domain that is not ours", "ann@example.net", "5.7.1"},
    {"an address literal", "ann@[127.0.0.1]", "5.7.1"},
    {"a detail is split off", "ann+news@sqlite.example", "ann@sqlite.example/news"},
    {"any octet of the delimiter set splits", "ann-news@sqlite.example", "ann@sqlite.example/news"},
    {"the first delimiter splits", "ann-a+b-c@sqlite.example", "ann@sqlite.example/a+b-c"},
    {"the detail keeps its case", "Ann+News@sqlite.example", "ann@sqlite.example/News"},
    {"an empty detail", "ann+@sqlite.example", "ann@sqlite.example/"},
    {"a whole name with a delimiter wins", "ann+own@sqlite.example", "ann+own@sqlite.example/"},
    {"a detail may hold what a name may not", "ann+../x@sqlite.example", "ann@sqlite.example/../x"},
    {"nothing before the delimiter", "+news@sqlite.example", "5.1.1"},
    {"subaddress of nobody", "zed+news@sqlite.example", "5.1.1"},
    {"a path is no name", "../ann@sqlite.example", "5.1.1"},
    {"a leading dot is no name", ".ann@sqlite.example", "5.1.1"},
    {"an empty local part", "@sqlite.example", "5.1.1"},
    {"SQL in a name is a name", "o'neil; --@sqlite.example", "o'neil; --@sqlite.example/"},
    {"SQL in an unknown name", "' OR 1=1; --@sqlite.example", "5.1.1"},
    {"an alias to two accounts", "team@sqlite.example", "ann@sqlite.example/ bob@sqlite.example/"},
    {"an alias of an alias, each account once", "everybody@sqlite.example",
     "ann@sqlite.example/ bob@sqlite.example/"},
    {"a detail goes through an alias", "team+q3@sqlite.example",
     "ann@sqlite.example/q3 bob@sqlite.example/q3"},
    {"an alias to a subaddress", "lists@sqlite.example", "ann@sqlite.example/lists"},
    {"the target's own detail wins", "lists+x@sqlite.example", "ann@sqlite.example/lists"},
    {"an alias with a delimiter in its name", "sales+vip@sqlite.example", "bob@sqlite.example/vip"},
    {"an alias that names its own account keeps a copy", "bob@sqlite.example",
     "ann@sqlite.example/ bob@sqlite.example/"},
    {"an alias before an account, across domains", "carl@file.example", "ann@sqlite.example/"},
    {"a disabled account", "gone@sqlite.example", "5.2.1"},
    {"a disabled account's subaddress", "gone+x@sqlite.example", "5.2.1"},
    {"an alias to a disabled account alone", "shadow@sqlite.example", "5.2.1"},
    {"an alias to a disabled account and another", "some@sqlite.example", "ann@sqlite.example/"},
    {"any: every name is an account", "whoever@any.example", "whoever@any.example/"},
    {"any: a detail is split off", "whoever+x@any.example", "whoever@any.example/x"},
    {"any: a bad name is nobody", "../x@any.example", "5.1.1"},
    {"file: a line", "carl+x@file.example", "carl@file.example/x"},
    {"file: nobody", "zed@file.example", "5.1.1"},
    {"passwd: below uid_min", "root@passwd.example", "5.1.1"},
    {"passwd: nobody has no home", "nobody@passwd.example", "5.1.1"},
    {"postmaster without a domain is the first domain's", "postmaster",
     "postmaster@sqlite.example/"},
    {"postmaster in any case", "PostMaster@strict.example", "postmaster@strict.example/"},
    {"postmaster with a detail", "postmaster+x@sqlite.example", "postmaster@sqlite.example/x"},
    {"postmaster of system users", "postmaster@passwd.example", "postmaster@passwd.example/"},
};

START_TEST(an_address_belongs_to)
{
    const struct row *row = &rows[_i];
    const char *result = fixture_resolve(&f, row->address);
    ck_assert_msg(strcmp(result, row->expected) == 0, "%s: %s: %s, not %s (%s)", row->name,
                  row->address, result, row->expected, f.why.cause);
}
END_TEST

struct own_row {
    const char *user, *expected; /* aliases, a space behind each */
};

static const struct own_row own_rows[] = {
    {"ann", "carl@file.example me@sqlite.example some@sqlite.example i@sqlite.example "
            "myself@any.example "},
    {"bob", ""}, /* who is ann as well */
    {"ann+own", ""},
    {"o'neil; --", ""},
};

START_TEST(own_aliases_of)
{
    const struct own_row *row = &own_rows[_i];
    struct account account;
    struct buf out;

    fixture_alias(&f, "me@sqlite.example", "ann@sqlite.example");
    fixture_alias(&f, "i@sqlite.example", "me@sqlite.example");
    fixture_alias(&f, "myself@any.example", "i@sqlite.example");
    OK(&f, accounts_find(f.a, row->user, "sqlite.example", &account, &f.why));
    buf_init(&out, 1000);
    OK(&f, accounts_own_aliases(f.a, &account, &out, &f.why));
    for (size_t i = 0; i < out.len; i++)
        out.data[i] = out.data[i] == '\0' ? ' ' : out.data[i];
    ck_assert_str_eq(out.len == 0 ? "" : buf_str(&out), row->expected);
    buf_release(&out);
}
END_TEST

START_TEST(own_aliases_have_an_end)
{
    struct account account;
    struct buf out;
    char alias[64];

    for (int i = 0; i < 50; i++) {
        snprintf(alias, sizeof alias, "alias%d@sqlite.example", i);
        fixture_alias(&f, alias, "ann@sqlite.example");
    }
    OK(&f, accounts_find(f.a, "ann", "sqlite.example", &account, &f.why));
    buf_init(&out, 100);
    OK(&f, accounts_own_aliases(f.a, &account, &out, &f.why));
    ck_assert_uint_gt(out.len, 50);
    ck_assert_int_eq(out.data[out.len - 1], '\0');
    buf_release(&out);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("resolve");
    TCase *t = tcase_create("table");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, an_address_belongs_to, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_loop_test(t, own_aliases_of, 0, sizeof(own_rows) / sizeof(own_rows[0]));
    tcase_add_test(t, own_aliases_have_an_end);
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
