/* SPDX-License-Identifier: MIT
 *
 * The lines of the control socket: what is a request, what is a reply, and that each side reads
 * what the other prints.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "control_priv.h"

/* ---- Requests ---- */

static const struct {
    const char *name;
    const char *line;
    const char *op; /* NULL: refused */
} requests[] = {
    {"an operation alone", "{\"op\":\"ping\"}", "ping"},
    {"an operation with arguments", "{\"op\":\"a\",\"args\":{\"b\":1}}", "a"},
    {"unknown members are ignored", "{\"op\":\"a\",\"id\":7}", "a"},
    {"spaces around it", "  {\"op\":\"a\"}\r", "a"},
    {"nothing", "", NULL},
    {"no JSON", "ping", NULL},
    {"an array", "[\"ping\"]", NULL},
    {"a number", "1", NULL},
    {"no operation", "{}", NULL},
    {"an operation that is no text", "{\"op\":1}", NULL},
    {"arguments that are no object", "{\"op\":\"a\",\"args\":[]}", NULL},
    {"arguments that are null", "{\"op\":\"a\",\"args\":null}", NULL},
    {"the same member twice", "{\"op\":\"a\",\"op\":\"b\"}", NULL},
    {"something behind it", "{\"op\":\"a\"}{\"op\":\"b\"}", NULL},
    {"an open object", "{\"op\":\"a\"", NULL},
    {"a NUL in a text", "{\"op\":\"a\\u0000b\"}", NULL},
    {"broken UTF-8", "{\"op\":\"\xff\"}", NULL},
    {"half a surrogate", "{\"op\":\"\\ud800\"}", NULL},
    {"a number without end", "{\"op\":\"a\",\"args\":{\"n\":99999999999999999999}}", NULL},
};

START_TEST(request_is_parsed)
{
    struct control_call call;
    struct outcome why = {0};
    bool good = control_call_parse(span_of(requests[_i].line), &call, &why);

    ck_assert_msg(good == (requests[_i].op != NULL), "%s", requests[_i].name);
    if (good) {
        ck_assert_msg(strcmp(call.op, requests[_i].op) == 0, "%s", requests[_i].name);
        ck_assert_msg(json_is_object(call.args), "%s", requests[_i].name);
        control_call_release(&call);
    } else {
        ck_assert_msg(why.kind == OUTCOME_BAD_REQUEST, "%s", requests[_i].name);
        ck_assert_msg(outcome_text(&why)[0] != '\0', "%s", requests[_i].name);
    }
}
END_TEST

/* Deep nesting must end in an error, not in an exhausted stack. */
START_TEST(nesting_is_bounded)
{
    enum { DEPTH = 400000 };
    char *line = malloc(DEPTH + 16);
    struct control_call call;
    struct outcome why;

    ck_assert_ptr_nonnull(line);
    memcpy(line, "{\"op\":", 6);
    memset(line + 6, '[', DEPTH);
    ck_assert(!control_call_parse((struct span){line, DEPTH + 6}, &call, &why));
    free(line);
}
END_TEST

/* ---- Replies ---- */

static struct control_reply reply;
static json_t *root;
static struct buf line, bytes;

static void
setup(void)
{
    buf_init(&line, CONTROL_REPLY_MAX);
    buf_init(&bytes, CONTROL_REPLY_MAX);
}

static void
teardown(void)
{
    json_decref(root);
    root = NULL;
    buf_release(&line);
    buf_release(&bytes);
}

/* What was printed is one line, and a reply. */
static void
parse_printed(enum control_reply_kind kind)
{
    ck_assert_uint_gt(line.len, 0);
    ck_assert_uint_eq(span_find(buf_span(&line), '\n'), line.len - 1);
    ck_assert(control_reply_parse((struct span){line.data, line.len - 1}, &reply, &root, &bytes));
    ck_assert_int_eq(reply.kind, kind);
}

START_TEST(row_comes_back)
{
    json_t *row = json_pack("{s:s, s:n}", "name", "a\nb\xc3\xa9", "quota");

    ck_assert(control_print_row(&line, row));
    parse_printed(CONTROL_ROW);
    ck_assert(json_equal(reply.row, row));
    json_decref(row);
}
END_TEST

START_TEST(ok_comes_back)
{
    json_t *ok = json_object();

    ck_assert(control_print_ok(&line, ok));
    parse_printed(CONTROL_OK);
    ck_assert(json_equal(reply.row, ok));
    json_decref(ok);
}
END_TEST

START_TEST(progress_comes_back)
{
    ck_assert(control_print_progress(&line, 3, 1ull << 40));
    parse_printed(CONTROL_PROGRESS);
    ck_assert_uint_eq(reply.done, 3);
    ck_assert_uint_eq(reply.total, 1ull << 40);
}
END_TEST

static const size_t piece_sizes[] = {1, 2, 3, 4, 255, CONTROL_BYTES_MAX};

START_TEST(bytes_come_back)
{
    size_t n = piece_sizes[_i];
    char *piece = malloc(n);

    ck_assert_ptr_nonnull(piece);
    for (size_t i = 0; i < n; i++)
        piece[i] = (char)(i * 7);
    ck_assert(control_print_bytes(&line, (struct span){piece, n}));
    parse_printed(CONTROL_BYTES);
    ck_assert(span_equal(reply.bytes, (struct span){piece, n}));
    free(piece);
}
END_TEST

START_TEST(error_comes_back)
{
    ck_assert(control_print_error(&line, 550, "5.1.1", "no such mailbox", "open /x: EACCES"));
    parse_printed(CONTROL_ERROR);
    ck_assert_int_eq(reply.code, 550);
    ck_assert_str_eq(reply.enhanced, "5.1.1");
    ck_assert_str_eq(reply.text, "no such mailbox");
    ck_assert_str_eq(reply.cause, "open /x: EACCES");
}
END_TEST

/* A cause may quote a file name in any charset. */
START_TEST(error_with_broken_utf8_is_sent_all_the_same)
{
    ck_assert(control_print_error(&line, 451, "4.3.0", "failed", "open /m\xe9l"));
    parse_printed(CONTROL_ERROR);
    ck_assert_str_eq(reply.cause, "open /m?l");
}
END_TEST

START_TEST(line_that_does_not_fit_leaves_nothing)
{
    struct buf small;
    json_t *row = json_pack("{s:s}", "text", "more than thirty-two octets of text");

    buf_init(&small, 32);
    ck_assert(buf_append_str(&small, "x"));
    ck_assert(!control_print_row(&small, row));
    ck_assert(!control_print_error(&small, 451, "4.3.0", "this is too long for it", ""));
    ck_assert(!control_print_bytes(&small, SPAN("abcdefghijklmnopqrstuvwxyz")));
    ck_assert_str_eq(buf_str(&small), "x");
    json_decref(row);
    buf_release(&small);
}
END_TEST

static const struct {
    const char *name;
    const char *line;
} no_replies[] = {
    {"nothing", ""},
    {"no JSON", "ok"},
    {"no known member", "{\"what\":{}}"},
    {"a row that is no object", "{\"row\":[]}"},
    {"an ok that is no object", "{\"ok\":true}"},
    {"bytes that are no text", "{\"bytes\":1}"},
    {"bytes with a foreign letter", "{\"bytes\":\"ab*=\"}"},
    {"bytes cut short", "{\"bytes\":\"abc\"}"},
    {"progress below zero", "{\"progress\":{\"done\":-1,\"total\":1}}"},
    {"progress without total", "{\"progress\":{\"done\":1}}"},
    {"an error without a code", "{\"error\":{\"text\":\"x\"}}"},
    {"a code out of range", "{\"error\":{\"code\":6000}}"},
};

START_TEST(no_reply_is_refused)
{
    ck_assert_msg(!control_reply_parse(span_of(no_replies[_i].line), &reply, &root, &bytes), "%s",
                  no_replies[_i].name);
}
END_TEST

START_TEST(long_error_text_is_cut)
{
    char text[2000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert(control_print_error(&line, 451, "4.3.0", text, text));
    parse_printed(CONTROL_ERROR);
    ck_assert_uint_eq(strlen(reply.text), sizeof(reply.text) - 1);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

int
main(void)
{
    Suite *suite = suite_create("control protocol");
    TCase *calls = tcase_create("requests");
    TCase *replies = tcase_create("replies");

    tcase_add_loop_test(calls, request_is_parsed, 0, COUNT(requests));
    tcase_add_test(calls, nesting_is_bounded);
    tcase_add_checked_fixture(replies, setup, teardown);
    tcase_add_test(replies, row_comes_back);
    tcase_add_test(replies, ok_comes_back);
    tcase_add_test(replies, progress_comes_back);
    tcase_add_loop_test(replies, bytes_come_back, 0, COUNT(piece_sizes));
    tcase_add_test(replies, error_comes_back);
    tcase_add_test(replies, error_with_broken_utf8_is_sent_all_the_same);
    tcase_add_test(replies, line_that_does_not_fit_leaves_nothing);
    tcase_add_loop_test(replies, no_reply_is_refused, 0, COUNT(no_replies));
    tcase_add_test(replies, long_error_text_is_cut);
    suite_add_tcase(suite, calls);
    suite_add_tcase(suite, replies);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
