/* SPDX-License-Identifier: MIT
 *
 * The delivery log: what is written is found again, whatever stands in it; old files go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery_log_priv.h"
#include "suites.h"

static char folder[] = "/tmp/doorstep-log-XXXXXX";

static void
make_folder(void)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void
append(struct delivery_log *l, const char *to, const char *message_id)
{
    struct outcome why;

    outcome_set(&why, OUTCOME_DELIVERED, NULL);
    struct delivery_event e = {.id = "ID",
                               .from = "",
                               .to = to,
                               .message_id = message_id,
                               .uid = 7,
                               .octets = 12,
                               .why = &why};
    delivery_log_append(l, &e);
}

static bool
count_line(void *arg, json_t *line)
{
    int *count = arg;

    ck_assert_int_eq(json_integer_value(json_object_get(line, "uid")), 7);
    (*count)++;
    return true;
}

static int
count(const char *term)
{
    struct outcome why;
    int n = 0;

    ck_assert(delivery_log_search(folder, term, count_line, &n, &why));
    return n;
}

START_TEST(what_was_written_is_found)
{
    struct outcome why;
    struct delivery_log *l = delivery_log_open(folder, 86400000, &why);

    append(l, "ann@example.org", "<one@example.net>");
    append(l, "bob@example.org", "<\"q\\\x01\x7f\n@example.net>");
    delivery_log_close(l);
    l = delivery_log_open(folder, 86400000, &why); /* survives a restart */
    append(l, "ann@example.org", "<two@example.net>");
    delivery_log_close(l);
    ck_assert_int_eq(count("ANN@example"), 2);
    ck_assert_int_eq(count("bob"), 1);
    ck_assert_int_eq(count("<two@example.net>"), 1);
    ck_assert_int_eq(count("nobody"), 0);
    ck_assert_int_eq(count("250"), 0); /* no field that is searched */
}
END_TEST

static off_t
log_octets(void)
{
    struct stat st;
    char path[64];

    snprintf(path, sizeof path, "%s/delivery.log", folder);
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_size;
}

static void
stop_loop(void *arg)
{
    loop_stop(arg);
}

START_TEST(lines_wait_a_moment_for_others)
{
    struct outcome why;
    struct loop *loop = loop_new();
    struct loop_timer *timer = loop_timer_new(loop, stop_loop, loop);
    struct job_thread *writer = job_thread_start("writer", &(struct job_hooks){0}, NULL);
    struct delivery_log *l = delivery_log_open(folder, 86400000, &why);

    delivery_log_gather(l, loop, writer);
    append(l, "ann@example.org", "<one@x>");
    ck_assert_int_eq(log_octets(), 0);
    ck_assert_int_eq(count("ann"), 0);
    delivery_log_write(l); /* who searches has them written */
    ck_assert_int_eq(count("ann"), 1);
    append(l, "ann@example.org", "<two@x>");
    loop_timer_start(timer, 200); /* the moment is over before */
    loop_run(loop);
    delivery_log_gather(l, NULL, NULL);
    job_thread_end(writer);
    ck_assert_int_eq(count("ann"), 2);
    append(l, "ann@example.org", "<three@x>");
    ck_assert_int_eq(count("ann"), 3); /* at once again */
    delivery_log_close(l);
    loop_timer_free(timer);
    loop_free(loop);
}
END_TEST

START_TEST(many_lines_do_not_wait)
{
    struct outcome why;
    struct loop *loop = loop_new();
    struct job_thread *writer = job_thread_start("writer", &(struct job_hooks){0}, NULL);
    struct delivery_log *l = delivery_log_open(folder, 86400000, &why);

    delivery_log_gather(l, loop, writer);
    for (int i = 0; i < 5000; i++)
        append(l, "ann@example.org", "<many@x>");
    for (int i = 0; i < 5000 && log_octets() == 0; i++)
        usleep(1000);
    ck_assert_int_gt(log_octets(), 0);
    append(l, "bob@example.org", "<last@x>");
    delivery_log_gather(l, NULL, NULL);
    job_thread_end(writer);
    delivery_log_close(l); /* writes what still waits, behind the others */
    ck_assert_int_eq(count("ann"), 5000);
    ck_assert_int_eq(count("bob"), 1);
    loop_free(loop);
}
END_TEST

START_TEST(a_cut_line_hides_no_other)
{
    struct outcome why;
    struct delivery_log *l = delivery_log_open(folder, 86400000, &why);
    char path[64];

    append(l, "ann@example.org", "<one@x>");
    delivery_log_close(l);
    snprintf(path, sizeof path, "%s/delivery.log", folder);
    FILE *f = fopen(path, "a");
    fputs("{\"time\":\"2026-01-01T00:00:00Z\",\"to\":\"ann@exa\n", f);
    fclose(f);
    l = delivery_log_open(folder, 86400000, &why);
    append(l, "ann@example.org", "<two@x>");
    delivery_log_close(l);
    ck_assert_int_eq(count("ann@"), 2);
}
END_TEST

START_TEST(old_files_go_and_others_stay)
{
    static const char *const names[] = {"delivery.log-20200101", "delivery.log-29990101"};
    struct outcome why;
    char path[64];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        fclose(fopen(path, "w"));
    }
    delivery_log_close(delivery_log_open(folder, 86400000, &why));
    snprintf(path, sizeof path, "%s/%s", folder, names[0]);
    ck_assert_int_ne(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/%s", folder, names[1]);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(the_file_is_private)
{
    struct outcome why;
    struct stat st;
    char path[64];

    delivery_log_close(delivery_log_open(folder, 86400000, &why));
    snprintf(path, sizeof path, "%s/delivery.log", folder);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_ptr_null(delivery_log_open("/nonexistent", 1, &why));
    ck_assert(outcome_is_temporary(&why));
}
END_TEST

TCase *
delivery_log_tests(void)
{
    TCase *t = tcase_create("delivery log");

    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, what_was_written_is_found);
    tcase_add_test(t, lines_wait_a_moment_for_others);
    tcase_add_test(t, many_lines_do_not_wait);
    tcase_add_test(t, a_cut_line_hides_no_other);
    tcase_add_test(t, old_files_go_and_others_stay);
    tcase_add_test(t, the_file_is_private);
    return t;
}
