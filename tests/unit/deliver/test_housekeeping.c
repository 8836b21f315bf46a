/* SPDX-License-Identifier: MIT
 *
 * Housekeeping of an account: what is old goes, what is not stays.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "housekeeping_priv.h"
#include "suites.h"

#define HOUR 3600

static const char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static const struct {
    const char *name;
    time_t later;
    bool has_remains, has_ledger_row;
} rows[] = {
    {"at once", 0, true, true},
    {"after 35 hours", 35 * HOUR, true, true},
    {"after 37 hours", 37 * HOUR, false, true},
    {"after 6 days", 6 * 24 * HOUR, false, false},
};

static bool
ledger_has(struct index *ix)
{
    char id[ID_SIZE];
    struct outcome why;

    return index_ledger_find(ix, key, 0, id, &why);
}

START_TEST(what_is_old_goes)
{
    char folder[] = "/tmp/test_housekeeping.XXXXXX";
    char path[64], remains[128], command[64];
    struct outcome why;
    time_t now = clock_wall().tv_sec;

    ck_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/%%{user}", folder);
    const struct settings settings = {.ledger_window = 5 * 24 * HOUR * 1000ull};
    const struct settings_store in = {
        .driver = "maildir", .path = path, .tmp_max_age = 36 * HOUR * 1000ull};
    const struct store_account ann = {"ann", "example.org", ""};
    struct open_account oa = {.index = index_open(folder, true, &why)};
    snprintf(remains, sizeof remains, "%s/ann", folder);
    ck_assert(mkdir(remains, 0700) == 0);
    snprintf(remains, sizeof remains, "%s/ann/tmp", folder);
    ck_assert(mkdir(remains, 0700) == 0);
    snprintf(remains, sizeof remains, "%s/ann/tmp/1.left", folder);
    close(open(remains, O_WRONLY | O_CREAT, 0600));
    oa.store = store_open(&in, "", &ann, &why);
    ck_assert_msg(oa.store != NULL && oa.index != NULL, "%s", why.cause);
    ck_assert(index_begin(oa.index, &why) && index_ledger_add(oa.index, key, "ID", now, &why) &&
              index_commit(oa.index, &why));

    housekeeping_do(&settings, &oa, now + rows[_i].later);
    ck_assert_msg((access(remains, F_OK) == 0) == rows[_i].has_remains, "%s", rows[_i].name);
    ck_assert_msg(ledger_has(oa.index) == rows[_i].has_ledger_row, "%s", rows[_i].name);

    store_close(oa.store);
    index_close(oa.index);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

TCase *
housekeeping_tests(void)
{
    TCase *t = tcase_create("housekeeping");

    tcase_add_loop_test(t, what_is_old_goes, 0, sizeof rows / sizeof rows[0]);
    return t;
}
