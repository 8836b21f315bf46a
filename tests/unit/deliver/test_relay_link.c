/* SPDX-License-Identifier: MIT
 *
 * The store's door to the relay role, with one behind it that lies, breaks off, is slow or gone:
 * each job that was taken ends once, with a result that is possible or without any.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/door_frames.h"

#include "relay_role.h"
#include "suites.h"

static struct loop *loop;
static struct relay_link *relay;
static struct relay_role role;
static int ended, without, replaced, connected, message;

static void
on_replace(void *arg)
{
    (void)arg;
    replaced++;
}

static void
on_connected(void *arg)
{
    (void)arg;
    connected++;
}

static void
on_result(void *arg, const struct relay_result *result)
{
    (void)arg;
    ended++;
    without += result == NULL;
    loop_stop(loop);
}

static void
run_until(int wanted)
{
    while (ended < wanted)
        loop_run(loop);
}

static void
begin(uint64_t job_ms)
{
    const struct relay_link_hooks hooks = {on_replace, on_connected, NULL};

    loop = loop_new();
    relay = relay_link_new(loop, job_ms, &hooks);
    ended = without = replaced = connected = 0;
    message = memfd_create("message", MFD_CLOEXEC);
    relay_role_connect(&role, relay);
    ck_assert_int_eq(connected, 1);
}

static void
finish(void)
{
    relay_link_free(relay);
    relay_role_close(&role);
    loop_free(loop);
    close(message);
}

static bool
send_job(uint32_t recipients, size_t head)
{
    static char text[RELAY_HEAD_MAX];
    struct relay_recipient list[8];
    struct relay_job job = {.route = "a",
                            .reverse_path = "ann@example.org",
                            .envid = "",
                            .by = "",
                            .recipients = list,
                            .recipient_count = recipients,
                            .head = {text, head}};

    memset(text, 'x', sizeof text);
    memcpy(text + head - (head >= 2 ? 2 : 0), "\r\n", head >= 2 ? 2 : 0);
    for (uint32_t i = 0; i < recipients; i++)
        list[i] = (struct relay_recipient){"bob@example.net", 0, ""};
    return relay_link_send(relay, &job, message, on_result, NULL);
}

START_TEST(a_job_is_answered)
{
    begin(60000);
    ck_assert(send_job(2, 0));
    ck_assert_uint_eq(relay_role_hear(&role), 1);
    ck_assert_str_eq(role.heard[0].job.route, "a");
    relay_role_say(&role, &role.heard[0], RELAY_DELIVERED, 250, "2.0.0", "ok");
    run_until(1);
    ck_assert(without == 0 && replaced == 0);
    finish();
}
END_TEST

START_TEST(a_long_job_goes_in_pieces)
{
    begin(60000);
    ck_assert(send_job(1, RELAY_HEAD_MAX));
    ck_assert_uint_eq(relay_role_hear(&role), 1);
    ck_assert_uint_eq(role.heard[0].job.head.n, RELAY_HEAD_MAX);
    finish();
}
END_TEST

/* ---- what no relay role says ---- */

static const struct {
    const char *name;
    const char *raw; /* in place of a result */
    size_t octets;
    uint16_t type;
    uint32_t answers;
    bool is_strange; /* of a job that there never was */
} lies[] = {
    {"one answer too few", NULL, 0, RELAY_RESULT, 1, false},
    {"one too many", NULL, 0, RELAY_RESULT, 3, false},
    {"none", NULL, 0, RELAY_RESULT, 0, false},
    {"nonsense", "\0nonsense", 9, RELAY_RESULT, 0, false},
    {"an empty frame", "", 0, RELAY_RESULT, 0, false},
    {"a flag that is none", "\2", 1, RELAY_RESULT, 0, false},
    {"another role's frame", "\0", 1, FILTER_RESULT, 0, false},
    {"the frame that it is asked by", "\0", 1, RELAY_SEND, 0, false},
    {"an answer to what nobody asked", "\0", 1, RELAY_RESULT, 0, true},
};

START_TEST(the_role_says)
{
    struct relay_answer answers[3] = {{.text = ""}, {.text = ""}, {.text = ""}};
    struct relay_result result = {
        .host = "", .tls = "", .answers = answers, .answer_count = lies[_i].answers};

    begin(60000);
    ck_assert(send_job(2, 0));
    ck_assert_uint_eq(relay_role_hear(&role), 1);
    if (lies[_i].raw == NULL)
        relay_role_result(&role, role.heard[0].id, &result);
    else
        ck_assert(door_send(role.door, lies[_i].type, role.heard[0].id + lies[_i].is_strange * 7u,
                            (struct span){lies[_i].raw, lies[_i].octets}, -1));
    run_until(1);
    ck_assert_msg(without == 1 && replaced == 1, "%s", lies[_i].name);
    ck_assert(!relay_link_is_connected(relay));
    ck_assert(!send_job(1, 0));
    finish();
}
END_TEST

/* ---- when ---- */

START_TEST(the_role_goes_away)
{
    begin(60000);
    ck_assert(send_job(1, 0));
    ck_assert(send_job(1, 0));
    relay_role_close(&role);
    run_until(2);
    ck_assert(without == 2 && replaced == 0);
    ck_assert(!send_job(1, 0));
    relay_role_connect(&role, relay);
    ck_assert_int_eq(connected, 2);
    ck_assert(send_job(1, 0));
    relay_role_hear(&role);
    relay_role_say(&role, &role.heard[0], RELAY_FAILED, 550, "", "no");
    run_until(3);
    ck_assert_int_eq(without, 2);
    finish();
}
END_TEST

START_TEST(the_role_is_too_slow)
{
    begin(20);
    ck_assert(send_job(1, 0));
    relay_role_hear(&role);
    run_until(1);
    ck_assert_int_eq(without, 1);
    relay_role_say(&role, &role.heard[0], RELAY_DELIVERED, 250, "", "late"); /* nobody's */
    ck_assert(send_job(1, 0));
    relay_role_hear(&role);
    relay_role_say(&role, &role.heard[1], RELAY_DELIVERED, 250, "", "in time");
    run_until(2);
    ck_assert(without == 1 && replaced == 0);
    finish();
}
END_TEST

START_TEST(another_role_comes)
{
    struct relay_role first;

    begin(60000);
    ck_assert(send_job(1, 0));
    first = role;
    relay_role_connect(&role, relay);
    ck_assert(ended == 1 && without == 1);
    relay_role_close(&first);
    finish();
}
END_TEST

START_TEST(the_store_ends)
{
    begin(60000);
    ck_assert(send_job(1, 0));
    finish();
    ck_assert(ended == 1 && without == 1);
}
END_TEST

TCase *
relay_link_tests(void)
{
    TCase *t = tcase_create("relay_link");

    tcase_add_test(t, a_job_is_answered);
    tcase_add_test(t, a_long_job_goes_in_pieces);
    tcase_add_loop_test(t, the_role_says, 0, sizeof lies / sizeof lies[0]);
    tcase_add_test(t, the_role_goes_away);
    tcase_add_test(t, the_role_is_too_slow);
    tcase_add_test(t, another_role_comes);
    tcase_add_test(t, the_store_ends);
    return t;
}
