/* SPDX-License-Identifier: MIT
 *
 * Jobs and results of the relay through a door: what goes in comes out, and what a hijacked role
 * may send does not.
 */
#include <check.h>
#include <stdlib.h>

#include "doorstep/relay_job.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char long_text[RELAY_STRING_MAX + 2] = {[0 ... RELAY_STRING_MAX] = 'x'};

static struct relay_recipient recipients[2];
static struct relay_answer answers[2];

static struct relay_job
sample_job(void)
{
    recipients[0] =
        (struct relay_recipient){"ann@example.org", NOTIFY_FAILURE, "rfc822;ann@example.org"};
    recipients[1] = (struct relay_recipient){"j\xc3\xb6rg@b\xc3\xbc"
                                             "cher.example",
                                             0, ""};
    return (struct relay_job){
        .route = "backup",
        .reverse_path = "\"a b\"@example.com",
        .envid = "QQ314159",
        .ret = RET_HDRS,
        .body = BODY_8BITMIME,
        .smtputf8 = true,
        .require_tls = true,
        .by = "120;R",
        .recipients = recipients,
        .recipient_count = COUNT(recipients),
        .head = SPAN("Received: by mx.example.org\r\n"),
        .octets = UINT64_MAX,
        .is_question = true,
    };
}

static struct relay_result
sample_result(void)
{
    answers[0] = (struct relay_answer){RELAY_DELIVERED, 250, "2.1.5", "delivered"};
    answers[1] = (struct relay_answer){RELAY_DEFERRED, 0, "4.4.1", "connection refused"};
    return (struct relay_result){
        .host = "mx.example.net[192.0.2.1]:25",
        .tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
        .dsn = true,
        .answers = answers,
        .answer_count = COUNT(answers),
    };
}

static bool
read_job(struct span in, struct relay_job *job, struct arena *arena)
{
    struct unpack u;

    unpack_init(&u, in);
    relay_job_unpack(job, arena, &u);
    return unpack_done(&u);
}

static bool
read_result(struct span in, struct relay_result *result, struct arena *arena)
{
    struct unpack u;

    unpack_init(&u, in);
    relay_result_unpack(result, arena, &u);
    return unpack_done(&u);
}

static void
print_job(const struct relay_job *job, struct buf *out)
{
    struct pack p;

    buf_init(out, RELAY_PACKED_MAX);
    pack_init(&p, out);
    relay_job_pack(job, &p);
    ck_assert(!p.full);
}

static void
print_result(const struct relay_result *result, struct buf *out)
{
    struct pack p;

    buf_init(out, RELAY_PACKED_MAX);
    pack_init(&p, out);
    relay_result_pack(result, &p);
    ck_assert(!p.full);
}

START_TEST(a_job_comes_out_as_it_went_in)
{
    struct relay_job job = sample_job(), again;
    struct buf out, second;
    struct arena arena;

    arena_init(&arena, 65536);
    print_job(&job, &out);
    ck_assert(read_job(buf_span(&out), &again, &arena));
    ck_assert_str_eq(again.route, "backup");
    ck_assert_str_eq(again.reverse_path, "\"a b\"@example.com");
    ck_assert_str_eq(again.envid, "QQ314159");
    ck_assert_int_eq(again.ret, RET_HDRS);
    ck_assert_int_eq(again.body, BODY_8BITMIME);
    ck_assert(again.smtputf8 && again.require_tls);
    ck_assert_str_eq(again.by, "120;R");
    ck_assert_uint_eq(again.recipient_count, 2);
    ck_assert_str_eq(again.recipients[0].address, "ann@example.org");
    ck_assert_uint_eq(again.recipients[0].notify, NOTIFY_FAILURE);
    ck_assert_str_eq(again.recipients[0].orcpt, "rfc822;ann@example.org");
    ck_assert_str_eq(again.recipients[1].address, recipients[1].address);
    ck_assert(span_equal(again.head, job.head));
    ck_assert(again.octets == UINT64_MAX);
    ck_assert(again.is_question);
    print_job(&again, &second);
    ck_assert(span_equal(buf_span(&out), buf_span(&second)));
    buf_release(&out);
    buf_release(&second);
    arena_release(&arena);
}
END_TEST

START_TEST(a_result_comes_out_as_it_went_in)
{
    struct relay_result result = sample_result(), again;
    struct buf out, second;
    struct arena arena;

    arena_init(&arena, 65536);
    print_result(&result, &out);
    ck_assert(read_result(buf_span(&out), &again, &arena));
    ck_assert_str_eq(again.host, "mx.example.net[192.0.2.1]:25");
    ck_assert_str_eq(again.tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
    ck_assert(again.dsn);
    ck_assert_uint_eq(again.answer_count, 2);
    ck_assert_int_eq(again.answers[0].state, RELAY_DELIVERED);
    ck_assert_uint_eq(again.answers[0].code, 250);
    ck_assert_str_eq(again.answers[0].enhanced, "2.1.5");
    ck_assert_str_eq(again.answers[1].text, "connection refused");
    print_result(&again, &second);
    ck_assert(span_equal(buf_span(&out), buf_span(&second)));
    buf_release(&out);
    buf_release(&second);
    arena_release(&arena);
}
END_TEST

START_TEST(every_beginning_and_every_surplus_is_refused)
{
    struct relay_job job = sample_job();
    struct relay_result result = sample_result();
    struct arena arena;
    struct buf out;

    arena_init(&arena, 1 << 20);
    print_job(&job, &out);
    for (size_t n = 0; n < out.len; n++)
        ck_assert(!read_job((struct span){out.data, n}, &job, &arena));
    buf_append_char(&out, '\0');
    ck_assert(!read_job(buf_span(&out), &job, &arena));
    buf_release(&out);
    print_result(&result, &out);
    for (size_t n = 0; n < out.len; n++)
        ck_assert(!read_result((struct span){out.data, n}, &result, &arena));
    buf_append_char(&out, '\0');
    ck_assert(!read_result(buf_span(&out), &result, &arena));
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(without_memory_there_is_no_job)
{
    struct relay_job job = sample_job();
    struct relay_result result = sample_result();
    struct buf packed_job, packed_result;

    print_job(&job, &packed_job);
    print_result(&result, &packed_result);
    for (size_t max = 0; max < 128; max += 8) {
        struct arena arena;
        arena_init(&arena, max);
        ck_assert(!read_job(buf_span(&packed_job), &job, &arena));
        arena_release(&arena);
    }
    for (size_t max = 0; max < 64; max += 8) {
        struct arena arena;
        arena_init(&arena, max);
        ck_assert(!read_result(buf_span(&packed_result), &result, &arena));
        arena_release(&arena);
    }
    buf_release(&packed_job);
    buf_release(&packed_result);
}
END_TEST

/* ------------------------------------------------------------------ what is no job */

static void
crlf_in_sender(struct relay_job *job)
{
    job->reverse_path = "a@example.org>\r\nRCPT TO:<everybody";
}

static void
nul_in_route(struct relay_job *job)
{
    job->route = "\x01";
}

static void
bad_utf8_in_recipient(struct relay_job *job)
{
    recipients[1].address = "\xc3(@example.org";
    (void)job;
}

static void
null_recipient(struct relay_job *job)
{
    recipients[0].address = "";
    (void)job;
}

static void
long_recipient(struct relay_job *job)
{
    recipients[0].address = long_text;
    (void)job;
}

static void
escape_in_orcpt(struct relay_job *job)
{
    recipients[0].orcpt = "rfc822;\x1b[2J";
    (void)job;
}

static void
never_and_success(struct relay_job *job)
{
    recipients[0].notify = NOTIFY_NEVER | NOTIFY_SUCCESS;
    (void)job;
}

static void
unknown_notify(struct relay_job *job)
{
    recipients[0].notify = 16;
    (void)job;
}

static void
nobody(struct relay_job *job)
{
    job->recipient_count = 0;
}

static void
unknown_ret(struct relay_job *job)
{
    job->ret = (enum envelope_ret)(RET_HDRS + 1);
}

static void
unknown_body(struct relay_job *job)
{
    job->body = (enum envelope_body)(BODY_BINARYMIME + 1);
}

static void
half_a_line(struct relay_job *job)
{
    job->head = SPAN("Received: by mx.example.org");
}

static void
one_octet_of_head(struct relay_job *job)
{
    job->head = SPAN("\n");
}

static void
long_by(struct relay_job *job)
{
    job->by = "0000000000000000000000000000000000120;R";
}

static const struct {
    const char *name;
    void (*spoil)(struct relay_job *job);
} bad_jobs[] = {
    {"a line end in the reverse-path", crlf_in_sender},
    {"a control octet in the route", nul_in_route},
    {"a recipient that is not UTF-8", bad_utf8_in_recipient},
    {"a recipient without an address", null_recipient},
    {"an address that is too long", long_recipient},
    {"an escape sequence in ORCPT", escape_in_orcpt},
    {"NOTIFY=NEVER,SUCCESS", never_and_success},
    {"an unknown bit in NOTIFY", unknown_notify},
    {"no recipient at all", nobody},
    {"an unknown RET", unknown_ret},
    {"an unknown BODY", unknown_body},
    {"a head that ends inside a line", half_a_line},
    {"a head of one octet", one_octet_of_head},
    {"a BY that is too long", long_by},
};

START_TEST(what_is_no_job_is_refused)
{
    struct relay_job job = sample_job(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 65536);
    bad_jobs[_i].spoil(&job);
    print_job(&job, &out);
    ck_assert_msg(!read_job(buf_span(&out), &again, &arena), "%s", bad_jobs[_i].name);
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *name;
    struct relay_answer answer;
} bad_answers[] = {
    {"an unknown state", {(enum relay_state)(RELAY_FAILED + 1), 250, "", "ok"}},
    {"a reply that says: go on", {RELAY_DELIVERED, 199, "", "ok"}},
    {"a reply of six hundred", {RELAY_DEFERRED, 600, "", "what"}},
    {"an enhanced code of words", {RELAY_DEFERRED, 450, "4.x.1", "later"}},
    {"two lines of text", {RELAY_DEFERRED, 450, "4.2.1", "a\r\nb"}},
    {"a text that is not UTF-8", {RELAY_DEFERRED, 450, "4.2.1", "\xff"}},
    {"a text that is too long", {RELAY_DEFERRED, 450, "4.2.1", long_text}},
};

START_TEST(what_is_no_result_is_refused)
{
    struct relay_result result = sample_result(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 65536);
    answers[1] = bad_answers[_i].answer;
    print_result(&result, &out);
    ck_assert_msg(!read_result(buf_span(&out), &again, &arena), "%s", bad_answers[_i].name);
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(the_largest_job_fits_and_a_larger_one_does_not)
{
    static struct relay_recipient many[RELAY_RECIPIENTS_MAX + 1];
    struct relay_job job = sample_job(), again;
    struct arena arena;
    struct buf out;

    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct relay_recipient){long_text + 1, 0, long_text + 1};
    job.recipients = many;
    job.recipient_count = RELAY_RECIPIENTS_MAX;
    arena_init(&arena, 2 * RELAY_PACKED_MAX);
    print_job(&job, &out);
    ck_assert(read_job(buf_span(&out), &again, &arena));
    ck_assert_uint_eq(again.recipient_count, RELAY_RECIPIENTS_MAX);
    buf_release(&out);
    job.recipient_count++;
    print_job(&job, &out);
    ck_assert(!read_job(buf_span(&out), &again, &arena));
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay_job");
    TCase *tc = tcase_create("frames");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_job_comes_out_as_it_went_in);
    tcase_add_test(tc, a_result_comes_out_as_it_went_in);
    tcase_add_test(tc, every_beginning_and_every_surplus_is_refused);
    tcase_add_test(tc, without_memory_there_is_no_job);
    tcase_add_loop_test(tc, what_is_no_job_is_refused, 0, COUNT(bad_jobs));
    tcase_add_loop_test(tc, what_is_no_result_is_refused, 0, COUNT(bad_answers));
    tcase_add_test(tc, the_largest_job_fits_and_a_larger_one_does_not);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
