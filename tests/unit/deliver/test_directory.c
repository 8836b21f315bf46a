/* SPDX-License-Identifier: MIT
 *
 * What the directory remembers: nothing longer than it is true, and a known account costs no trip
 * to the thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "directory_priv.h"
#include "suites.h"

static char folder[] = "/tmp/doorstep-directory-XXXXXX";
static char file[64];
static struct settings_domain domain = {.name = "file.example",
                                        .accounts = "file",
                                        .accounts_file = file,
                                        .recipient_delimiter = "+",
                                        .catch_all = "",
                                        .postmaster = "",
                                        .store = "maildir",
                                        .quota = UINT64_MAX,
                                        .quota_messages = UINT64_MAX,
                                        .forward = ""};
static struct settings settings = {
    .state_dir = folder, .uid_min = 1000, .domains = &domain, .domain_count = 1};
static struct loop *loop;
static struct directory *directory;

struct heard {
    bool waits; /* the loop runs */
    bool done;
    bool found;
};

static void
write_file(const char *text)
{
    FILE *f = fopen(file, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void
setup(void)
{
    struct outcome why;

    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/accounts", folder);
    write_file("ann\n");
    loop = loop_new();
    directory = directory_new(&settings, loop, &why);
    ck_assert_msg(directory != NULL, "%s", why.cause);
}

static void
teardown(void)
{
    char command[64];

    directory_free(directory);
    loop_free(loop);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void
on_answer(void *arg, const struct account_targets *targets, const struct outcome *why)
{
    struct heard *h = arg;

    h->done = true;
    h->found = outcome_is_success(why);
    ck_assert_int_eq(h->found, targets->count == 1);
    if (h->waits)
        loop_stop(loop);
}

static void
stop_loop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Is there such an account? *at_once: it was known. */
static bool
ask(const char *local, bool *at_once)
{
    struct address to = {.local = local, .domain = "file.example"};
    struct loop_timer *alive = loop_timer_new(loop, stop_loop, NULL);
    struct heard h = {0};

    directory_resolve(directory, &to, on_answer, &h);
    *at_once = h.done;
    loop_timer_start(alive, 5000);
    h.waits = !h.done;
    if (h.waits)
        loop_run(loop);
    loop_timer_free(alive);
    ck_assert(h.done);
    return h.found;
}

static void
a_moment(void)
{
    usleep(1100 * 1000); /* accounts are looked at once a second */
}

START_TEST(a_known_account_is_answered_at_once)
{
    bool at_once;

    ck_assert(ask("ann", &at_once) && !at_once);
    ck_assert(ask("ann", &at_once) && at_once);
    ck_assert(!ask("bob", &at_once) && !at_once);
    ck_assert(!ask("bob", &at_once) && at_once);
    a_moment();
    ck_assert(ask("ann", &at_once) && !at_once);  /* looks whether anything changed: */
    ck_assert(ask("ann", &at_once) && at_once);   /* no */
    ck_assert(!ask("bob", &at_once) && !at_once); /* refusals are asked anew all the same */
    directory_forget(directory);
    ck_assert(ask("ann", &at_once) && !at_once);
}
END_TEST

START_TEST(a_change_is_seen)
{
    bool at_once;

    ck_assert(ask("ann", &at_once) && ask("ann", &at_once) && at_once);
    write_file("bob\n");
    a_moment();
    ck_assert(ask("bob", &at_once));
    ck_assert(!ask("ann", &at_once) && !at_once); /* all that was known is forgotten */
}
END_TEST

TCase *
directory_tests(void)
{
    TCase *t = tcase_create("directory");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_known_account_is_answered_at_once);
    tcase_add_test(t, a_change_is_seen);
    return t;
}
