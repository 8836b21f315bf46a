/* SPDX-License-Identifier: MIT
 *
 * What scripts send, applied again and again, as a replay does: after a power cut that took the
 * queue's rows, the account's, both or neither, each message waits once, or was sent and waits no
 * more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/db.h"

#include "effects_priv.h"
#include "suites.h"

#define NOW 1000000

static char folder[64];
static struct settings settings;
static struct worker worker;
static struct open_account *oa;
static struct buf packed;
static struct outcome why;

static void
in_folder(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", folder, name);
}

static void
open_queue(const char *name)
{
    char path[128];

    queue_close(worker.with.queue);
    in_folder(name, path);
    worker.with.queue = queue_open(path, &why);
    ck_assert_msg(worker.with.queue != NULL, "%s", why.cause);
}

static void
open_index(const char *name)
{
    char path[128];

    index_close(oa->index);
    in_folder(name, path);
    oa->index = index_open(path, true, &why);
    ck_assert_msg(oa->index != NULL, "%s", why.cause);
}

static void
setup(void)
{
    char path[128];

    db_setup();
    strcpy(folder, "/tmp/test_effects.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (const char *name = "ab"; *name != '\0'; name++) {
        in_folder((const char[]){*name, '\0'}, path);
        ck_assert_int_eq(mkdir(path, 0700), 0);
    }
    settings.relay.expire = 5000;
    settings.relay.expire_bounce = 1000;
    worker = (struct worker){.with.settings = &settings};
    oa = calloc(1, sizeof *oa + 32);
    strcpy(oa->key, "ann@example.org");
    buf_init(&packed, 100000);
    open_queue("a");
    open_index("a");
}

static void
teardown(void)
{
    char command[128];

    queue_close(worker.with.queue);
    index_close(oa->index);
    free(oa);
    buf_release(&packed);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ------------------------------------------------------------------ effects */

static void
pack(const struct effect *e)
{
    ck_assert(effects_pack(e, &packed));
}

static void
pack_sent(const char *once, const char *key, const char *reverse_path)
{
    const struct queue_recipient to = {.address = "eve@example.net", .orcpt = ""};

    pack(&(struct effect){.kind = EFFECT_SEND,
                          .key = key,
                          .until = NOW + 100,
                          .text = "",
                          .item = {.once = once,
                                   .kind = "vacation",
                                   .reverse_path = reverse_path,
                                   .envid = "",
                                   .by = "",
                                   .text = span_of("Subject: a\r\n\r\n"),
                                   .file = "",
                                   .recipients = &to,
                                   .recipient_count = 1}});
}

static void
apply(void)
{
    ck_assert(index_begin(oa->index, &why));
    ck_assert_msg(effects_apply(&worker, oa, buf_span(&packed), "ID", NOW, &why), "%s", why.cause);
    ck_assert(index_commit(oa->index, &why));
}

static uint64_t
waiting(void)
{
    struct queue_counts counts;

    ck_assert(queue_count(worker.with.queue, &counts, &why));
    return counts.items;
}

/* Another reply to the same sender, by a later message. */
static void
apply_another(void)
{
    buf_reset(&packed);
    pack_sent("2/0/0", "key", "");
    apply();
}

/* ------------------------------------------------------------------ tests */

START_TEST(a_sender_is_answered_once)
{
    pack_sent("1/0/0", "key", "");
    apply();
    ck_assert_uint_eq(waiting(), 1);
    apply_another();
    ck_assert_uint_eq(waiting(), 1);
}
END_TEST

START_TEST(a_replay_adds_nothing)
{
    pack_sent("1/0/0", "key", "");
    pack_sent("1/0/1", "", "bob@example.com");
    apply();
    apply();
    ck_assert_uint_eq(waiting(), 2);
}
END_TEST

START_TEST(a_reply_that_the_queue_has_lost_is_queued_again)
{
    pack_sent("1/0/0", "key", "");
    apply();
    open_queue("b"); /* which has nothing */
    apply();
    ck_assert_uint_eq(waiting(), 1);
    apply_another();
    ck_assert_uint_eq(waiting(), 1);
}
END_TEST

START_TEST(a_key_that_the_index_has_lost_is_set_again)
{
    pack_sent("1/0/0", "key", "");
    apply();
    open_index("b");
    apply();
    apply_another();
    ck_assert_uint_eq(waiting(), 1);
}
END_TEST

START_TEST(what_was_sent_is_not_queued_again)
{
    pack_sent("1/0/0", "key", "");
    apply();
    ck_assert(queue_delete(worker.with.queue, 1, NOW, &why));
    open_index("b");
    apply();
    ck_assert_uint_eq(waiting(), 0);
}
END_TEST

START_TEST(what_the_index_rolls_back_is_done_again)
{
    pack_sent("1/0/0", "key", "");
    ck_assert(index_begin(oa->index, &why));
    ck_assert(effects_apply(&worker, oa, buf_span(&packed), "ID", NOW, &why));
    index_rollback(oa->index);
    apply();
    ck_assert_uint_eq(waiting(), 1);
    apply_another();
    ck_assert_uint_eq(waiting(), 1);
}
END_TEST

static bool
take_expiry(void *arg, const struct queue_item *item)
{
    *(time_t *)arg = item->expires - item->queued;
    ck_assert_str_eq(item->account, "ann@example.org");
    ck_assert_str_eq(item->delivery_id, "ID");
    return true;
}

START_TEST(bounces_wait_less_long)
{
    time_t lifetime;

    pack_sent("1/0/0", "", "");
    pack_sent("1/0/1", "", "bob@example.com");
    apply();
    ck_assert(queue_show(worker.with.queue, 1, take_expiry, &lifetime, &why));
    ck_assert_int_eq(lifetime, 1);
    ck_assert(queue_show(worker.with.queue, 2, take_expiry, &lifetime, &why));
    ck_assert_int_eq(lifetime, 5);
}
END_TEST

static const struct {
    const char *by;
    time_t lifetime;
} times[] = {{"3;R", 3}, {"3;RT", 3}, {"3;N", 5}, {"-3;N", 5}, {"7;R", 5}, {"R", 5}};

/* RFC 2852 4.1.3, 4: it makes nothing wait longer. */
START_TEST(what_is_to_come_back_in_time_waits_no_longer)
{
    const struct queue_recipient to = {.address = "eve@example.net", .orcpt = ""};
    time_t lifetime;

    pack(&(struct effect){.kind = EFFECT_SEND,
                          .key = "",
                          .text = "",
                          .item = {.once = "1/0/0",
                                   .kind = "redirect",
                                   .reverse_path = "bob@example.com",
                                   .envid = "",
                                   .by = times[_i].by,
                                   .text = span_of("Subject: a\r\n\r\n"),
                                   .file = "",
                                   .recipients = &to,
                                   .recipient_count = 1}});
    apply();
    ck_assert(queue_show(worker.with.queue, 1, take_expiry, &lifetime, &why));
    ck_assert_int_eq(lifetime, times[_i].lifetime);
}
END_TEST

START_TEST(what_is_cut_is_none_of_ours)
{
    pack(&(struct effect){.kind = EFFECT_MARK, .key = "k", .until = NOW + 9, .text = ""});
    size_t whole = packed.len;
    pack_sent("1/0/0", "", "");
    packed.len -= 1;
    apply();
    ck_assert_uint_eq(waiting(), 0);
    ck_assert(index_seen_find(oa->index, "k", NOW, &why)); /* what came before it holds */
    packed.len = whole;
    apply();
}
END_TEST

TCase *
effects_tests(void)
{
    TCase *t = tcase_create("effects");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_sender_is_answered_once);
    tcase_add_test(t, a_replay_adds_nothing);
    tcase_add_test(t, a_reply_that_the_queue_has_lost_is_queued_again);
    tcase_add_test(t, a_key_that_the_index_has_lost_is_set_again);
    tcase_add_test(t, what_was_sent_is_not_queued_again);
    tcase_add_test(t, what_the_index_rolls_back_is_done_again);
    tcase_add_test(t, bounces_wait_less_long);
    tcase_add_loop_test(t, what_is_to_come_back_in_time_waits_no_longer, 0,
                        sizeof times / sizeof times[0]);
    tcase_add_test(t, what_is_cut_is_none_of_ours);
    return t;
}
