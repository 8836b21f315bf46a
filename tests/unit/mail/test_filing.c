/* SPDX-License-Identifier: MIT
 *
 * Runs and results of Sieve as bytes: what is packed comes back, and what a sorter that was taken
 * over might send instead is refused.
 */
#include <check.h>
#include <string.h>

#include "doorstep/filing.h"

static struct arena arena;
static struct buf out;

static void
setup(void)
{
    arena_init(&arena, 4 * 1024 * 1024);
    buf_init(&out, FILING_PACKED_MAX);
}

static void
teardown(void)
{
    buf_release(&out);
    arena_release(&arena);
}

static const char *flags[] = {"\\Seen", "$Work"};
static struct filing_field fields[] = {{"to", "eve@example.net"}, {"text", "two\nlines"}};

/* One of each kind. */
static void
make(struct filing_result *r, struct filing_action *actions)
{
    for (uint32_t i = 0; i < FILING_KINDS; i++)
        actions[i] = (struct filing_action){.kind = (enum filing_kind)i,
                                            .line = i,
                                            .script = "main",
                                            .edition = i % 2,
                                            .mailbox = "Lists/\xc3\xa4",
                                            .special_use = "",
                                            .mailbox_id = "",
                                            .has_flags = true,
                                            .flags = flags,
                                            .flag_count = 2,
                                            .text = "no\r\nthanks",
                                            .key = "abc",
                                            .seconds = 60,
                                            .fields = fields,
                                            .field_count = 2};
    *r = (struct filing_result){.error = "main:3: it fails",
                                .status = FILING_FAILED,
                                .edition_count = 1,
                                .actions = actions,
                                .action_count = FILING_KINDS};
}

static void
pack_result(const struct filing_result *r)
{
    struct pack p;

    buf_reset(&out);
    pack_init(&p, &out);
    filing_result_pack(r, &p);
    ck_assert(!p.full);
}

static bool
unpack_result(struct filing_result *r, struct span in)
{
    struct unpack u;

    unpack_init(&u, in);
    filing_result_unpack(r, &arena, &u);
    return unpack_done(&u);
}

START_TEST(a_result_comes_back)
{
    struct filing_action actions[FILING_KINDS];
    struct filing_result r, back;

    make(&r, actions);
    pack_result(&r);
    ck_assert(unpack_result(&back, buf_span(&out)));
    ck_assert_uint_eq(back.action_count, FILING_KINDS);
    ck_assert_str_eq(back.error, r.error);
    const struct filing_action *a = &back.actions[FILING_VACATION];
    ck_assert_str_eq(a->mailbox, "Lists/\xc3\xa4");
    ck_assert_str_eq(a->flags[1], "$Work");
    ck_assert_str_eq(a->fields[1].value, "two\nlines");
    ck_assert_uint_eq(a->seconds, 60);
}
END_TEST

START_TEST(what_is_cut_is_none)
{
    struct filing_action actions[FILING_KINDS];
    struct filing_result r, back;

    make(&r, actions);
    pack_result(&r);
    for (size_t n = 0; n < out.len; n++)
        ck_assert_msg(!unpack_result(&back, (struct span){out.data, n}), "%zu octets", n);
}
END_TEST

static void
no_such_kind(struct filing_result *r)
{
    r->actions[0].kind = FILING_KINDS;
}

static void
no_such_edition(struct filing_result *r)
{
    r->actions[0].edition = 2;
}

static void
too_many_editions(struct filing_result *r)
{
    r->edition_count = FILING_ACTIONS_MAX + 1;
}

static void
control_octets_in_a_mailbox(struct filing_result *r)
{
    r->actions[0].mailbox = "a\nb";
}

static void
a_mailbox_that_is_no_utf8(struct filing_result *r)
{
    r->actions[0].mailbox = "a\xff";
}

static void
a_text_that_is_no_utf8(struct filing_result *r)
{
    r->actions[0].text = "a\xff";
}

static void
a_key_with_a_line_end(struct filing_result *r)
{
    r->actions[0].key = "a\r\n";
}

static void
a_flag_with_a_line_end(struct filing_result *r)
{
    static const char *bad[] = {"a\n", "b"};

    r->actions[0].flags = bad;
}

static void
no_such_status(struct filing_result *r)
{
    r->status = FILING_DEFERRED + 1;
}

static void
a_recipient_with_a_line_end(struct filing_result *r)
{
    static const char *bad[] = {"eve@example.net\r\nBcc: x"};

    r->actions[0].recipients = bad;
    r->actions[0].recipient_count = 1;
}

static void
too_many_recipients(struct filing_result *r)
{
    static const char *many[FILING_RECIPIENTS_MAX + 1];

    for (size_t i = 0; i <= FILING_RECIPIENTS_MAX; i++)
        many[i] = "x";
    r->actions[0].recipients = many;
    r->actions[0].recipient_count = FILING_RECIPIENTS_MAX + 1;
}

static void (*const spoils[])(struct filing_result *) = {
    no_such_kind,
    no_such_edition,
    too_many_editions,
    control_octets_in_a_mailbox,
    a_mailbox_that_is_no_utf8,
    a_text_that_is_no_utf8,
    a_key_with_a_line_end,
    a_flag_with_a_line_end,
    a_recipient_with_a_line_end,
    too_many_recipients,
    no_such_status,
};

START_TEST(a_lie_is_none)
{
    struct filing_action actions[FILING_KINDS];
    struct filing_result r, back;

    make(&r, actions);
    spoils[_i](&r);
    pack_result(&r);
    ck_assert(!unpack_result(&back, buf_span(&out)));
}
END_TEST

static const struct {
    const char *name, *head;
    bool is_good;
} heads[] = {
    {"nothing", "", true},
    {"one field", "X-A: b\r\n", true},
    {"a folded one", "X-A: b\r\n\tc\r\nX-B: d\r\n", true},
    {"no line end", "X-A: b", false},
    {"a bare LF", "X-A: b\nX-B: c\r\n", false},
    {"a bare CR", "X-A: b\rX-B: c\r\n", false},
    {"a CR at the end", "X-A: b\r", false},
    {"an empty line", "X-A: b\r\n\r\nbody\r\n", false},
    {"a continuation of nothing", " b\r\n", false},
    {"an octet above 127", "X-A: \xc3\xa4\r\n", false},
    {"a control octet", "X-A: \x01\r\n", false},
};

START_TEST(a_head_is_whole_fields)
{
    struct filing_action actions[FILING_KINDS];
    struct filing_result r, back;

    make(&r, actions);
    actions[FILING_REDIRECT].head = heads[_i].head;
    pack_result(&r);
    ck_assert_msg(unpack_result(&back, buf_span(&out)) == heads[_i].is_good, "%s", heads[_i].name);
}
END_TEST

START_TEST(a_run_comes_back)
{
    const char *aliases[] = {"a@example.org", "b@example.org"};
    struct filing_script scripts[] = {{"before", "hash1", FILING_BEFORE},
                                      {"main", "hash2", FILING_PERSONAL}};
    const struct filing_run run = {.sender = "bob@example.com",
                                   .recipient = "ann+x@example.org",
                                   .original_recipient = "",
                                   .login = "",
                                   .notify = "NEVER",
                                   .orcpt = "rfc822;ann@example.org",
                                   .ret = "FULL",
                                   .envid = "1",
                                   .remote_ip = "192.0.2.1",
                                   .remote_host = "mx.example.com",
                                   .address = "ann@example.org",
                                   .user = "ann",
                                   .delimiters = "+",
                                   .aliases = aliases,
                                   .alias_count = 2,
                                   .scripts = scripts,
                                   .script_count = 2};
    struct filing_run back;
    struct unpack u;
    struct pack p;

    pack_init(&p, &out);
    filing_run_pack(&run, &p);
    unpack_init(&u, buf_span(&out));
    filing_run_unpack(&back, &arena, &u);
    ck_assert(unpack_done(&u));
    ck_assert_str_eq(back.recipient, "ann+x@example.org");
    ck_assert_str_eq(back.remote_ip, "192.0.2.1");
    ck_assert_str_eq(back.remote_host, "mx.example.com");
    ck_assert_str_eq(back.aliases[1], "b@example.org");
    ck_assert_str_eq(back.scripts[1].hash, "hash2");
    ck_assert_int_eq(back.scripts[1].layer, FILING_PERSONAL);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("filing");
    TCase *t = tcase_create("filing");
    SRunner *r = srunner_create(s);

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_result_comes_back);
    tcase_add_test(t, what_is_cut_is_none);
    tcase_add_loop_test(t, a_lie_is_none, 0, sizeof spoils / sizeof spoils[0]);
    tcase_add_loop_test(t, a_head_is_whole_fields, 0, (int)(sizeof heads / sizeof heads[0]));
    tcase_add_test(t, a_run_comes_back);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
