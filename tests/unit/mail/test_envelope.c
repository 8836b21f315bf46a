/* SPDX-License-Identifier: MIT
 *
 * Envelopes through a door: what goes in comes out, and what a hijacked edge may send does not.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/envelope.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct envelope_recipient recipients[] = {
    {{"ann", "example.org", false, false}, "rfc822;ann@example.org", NOTIFY_FAILURE | NOTIFY_DELAY},
    {{"j\xc3\xb6rg b", "xn--mnchen-3ya.example", false, true}, "", NOTIFY_NEVER},
    {{"postmaster", "", false, false}, "", 0},
};

static struct envelope
sample(void)
{
    return (struct envelope){
        .reverse_path = {"", "", true, false},
        .body = BODY_BINARYMIME,
        .protocol = PROTOCOL_LMTP,
        .ret = RET_HDRS,
        .smtputf8 = true,
        .size = UINT64_MAX,
        .envid = "QQ314159",
        .helo = "mx.example.org",
        .client_ip = "IPv6:::1",
        .client_name = "localhost",
        .client_port = "4711",
        .client_protocol = "ESMTP",
        .client_source = "REMOTE",
        .queue_id = "4F1B2",
        .session = "s1",
        .login = "ann@example.org",
        .auth_sender = "<>",
        .require_tls = true,
        .tls_version = "TLSv1.3",
        .tls_cipher = "TLS_AES_256_GCM_SHA384",
        .recipients = recipients,
        .recipient_count = COUNT(recipients),
    };
}

static void
packed(const struct envelope *e, struct buf *out)
{
    struct pack p;

    pack_init(&p, out);
    envelope_pack(e, &p);
    ck_assert(!p.full);
}

static bool
unpacked(struct span in, struct envelope *e, struct arena *arena)
{
    struct unpack u;

    unpack_init(&u, in);
    return envelope_unpack(e, arena, &u) && unpack_done(&u);
}

START_TEST(round_trip)
{
    struct envelope e = sample(), again;
    struct arena arena;
    struct buf out, out_again;

    arena_init(&arena, 65536);
    buf_init(&out, 65536);
    buf_init(&out_again, 65536);
    packed(&e, &out);
    ck_assert(unpacked(buf_span(&out), &again, &arena));
    ck_assert(again.reverse_path.is_null);
    ck_assert_int_eq(again.body, BODY_BINARYMIME);
    ck_assert_int_eq(again.protocol, PROTOCOL_LMTP);
    ck_assert_int_eq(again.ret, RET_HDRS);
    ck_assert(again.smtputf8);
    ck_assert(again.size == UINT64_MAX);
    ck_assert_str_eq(again.envid, "QQ314159");
    ck_assert_str_eq(again.session, "s1");
    ck_assert_str_eq(again.login, "ann@example.org");
    ck_assert_str_eq(again.auth_sender, "<>");
    ck_assert(again.require_tls);
    ck_assert_str_eq(again.tls_version, "TLSv1.3");
    ck_assert_str_eq(again.tls_cipher, "TLS_AES_256_GCM_SHA384");
    ck_assert_uint_eq(again.recipient_count, 3);
    ck_assert_str_eq(again.recipients[0].orcpt, "rfc822;ann@example.org");
    ck_assert_uint_eq(again.recipients[0].notify, NOTIFY_FAILURE | NOTIFY_DELAY);
    ck_assert_str_eq(again.recipients[1].address.local, "j\xc3\xb6rg b");
    ck_assert(again.recipients[1].address.is_utf8);
    ck_assert_str_eq(again.recipients[2].address.local, "postmaster");
    packed(&again, &out_again);
    ck_assert(span_equal(buf_span(&out), buf_span(&out_again)));
    buf_release(&out);
    buf_release(&out_again);
    arena_release(&arena);
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    struct envelope e = sample(), again;
    struct arena arena;
    struct buf out;

    buf_init(&out, 65536);
    packed(&e, &out);
    for (size_t n = 0; n < out.len; n++) {
        arena_init(&arena, 65536);
        ck_assert(!unpacked((struct span){out.data, n}, &again, &arena));
        arena_release(&arena);
    }
    buf_append_char(&out, '\0');
    arena_init(&arena, 65536);
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    arena_release(&arena);
    buf_release(&out);
}
END_TEST

static void
with_crlf_in_helo(struct envelope *e)
{
    e->helo = "x\r\nBcc: everybody";
}

static void
with_lf_in_orcpt(struct envelope *e)
{
    e->recipients[0].orcpt = "rfc822;a\nb";
}

static void
with_escape_in_envid(struct envelope *e)
{
    e->envid = "\x1b[2J";
}

static void
with_long_queue_id(struct envelope *e)
{
    static const char line[2000] = {[0 ... 1998] = 'x'};

    e->queue_id = line;
}

static void
with_body_unknown(struct envelope *e)
{
    e->body = (enum envelope_body)(BODY_BINARYMIME + 1);
}

static void
with_protocol_unknown(struct envelope *e)
{
    e->protocol = (enum envelope_protocol)(PROTOCOL_LMTP + 1);
}

static void
with_ret_unknown(struct envelope *e)
{
    e->ret = (enum envelope_ret)(RET_HDRS + 1);
}

static void
with_never_and_success(struct envelope *e)
{
    e->recipients[0].notify = NOTIFY_NEVER | NOTIFY_SUCCESS;
}

static void
with_notify_unknown(struct envelope *e)
{
    e->recipients[0].notify = 16;
}

static void
with_null_recipient(struct envelope *e)
{
    e->recipients[0].address = (struct address){"", "", true, false};
}

static void
with_path_in_domain(struct envelope *e)
{
    e->recipients[0].address.domain = "../../etc";
}

static const struct {
    const char *name;
    void (*spoil)(struct envelope *e);
} hostile[] = {
    {"a header field in the HELO name", with_crlf_in_helo},
    {"a line end in ORCPT", with_lf_in_orcpt},
    {"a terminal escape in ENVID", with_escape_in_envid},
    {"an endless queue id", with_long_queue_id},
    {"an unknown body", with_body_unknown},
    {"an unknown protocol", with_protocol_unknown},
    {"an unknown RET", with_ret_unknown},
    {"NEVER and SUCCESS", with_never_and_success},
    {"an unknown NOTIFY", with_notify_unknown},
    {"a null recipient", with_null_recipient},
    {"a path as domain", with_path_in_domain},
};

START_TEST(hostile_envelope)
{
    struct envelope e = sample(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 65536);
    buf_init(&out, 65536);
    hostile[_i].spoil(&e);
    packed(&e, &out);
    ck_assert_msg(!unpacked(buf_span(&out), &again, &arena), "%s", hostile[_i].name);
    ck_assert_uint_eq(again.recipient_count, 0);
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(a_count_that_cannot_be_true_allocates_nothing)
{
    struct envelope e = sample(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, (size_t)1 << 30);
    buf_init(&out, 65536);
    e.recipient_count = 0;
    packed(&e, &out);
    memcpy(out.data + out.len - 4, "\x50\xc3\0\0", 4); /* 50,000, the maximum */
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    ck_assert_uint_lt(arena.used, 1024);
    memcpy(out.data + out.len - 4, "\xff\xff\xff\xff", 4);
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(without_memory)
{
    struct envelope e = sample(), again;
    struct buf out;

    buf_init(&out, 65536);
    packed(&e, &out);
    for (size_t max = 0; max < 64; max += 16) {
        struct arena arena;
        arena_init(&arena, max);
        ck_assert(!unpacked(buf_span(&out), &again, &arena));
        arena_release(&arena);
    }
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("envelope");
    TCase *t = tcase_create("envelope");

    tcase_add_test(t, round_trip);
    tcase_add_test(t, every_prefix_is_refused);
    tcase_add_loop_test(t, hostile_envelope, 0, COUNT(hostile));
    tcase_add_test(t, a_count_that_cannot_be_true_allocates_nothing);
    tcase_add_test(t, without_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
