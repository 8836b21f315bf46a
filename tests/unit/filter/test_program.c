/* SPDX-License-Identifier: MIT
 *
 * External programs: what they may say by header fields and exit statuses, what is made of the
 * variables in their arguments, and jobs on their way to a runner.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/program.h"
#include "output_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- output ---- */

static const struct output {
    const char *name;
    const char *text;
    const char *header; /* NULL: the output is refused */
    enum program_verdict verdict;
    const char *mailbox, *flags, *reply;
} outputs[] = {
    {"nothing", "", "", PROGRAM_ACCEPTS, "", "", ""},
    {"a field", "X-A: b\n", "X-A: b\r\n", PROGRAM_ACCEPTS, "", "", ""},
    {"a field without its end", "X-A: b", "X-A: b\r\n", PROGRAM_ACCEPTS, "", "", ""},
    {"fields that end as on the wire", "X-A: b\r\nX-B:\r\n", "X-A: b\r\nX-B:\r\n", PROGRAM_ACCEPTS,
     "", "", ""},
    {"a folded field", "X-A: b\n\tc\n", "X-A: b\r\n\tc\r\n", PROGRAM_ACCEPTS, "", "", ""},
    {"UTF-8", "X-A: \xc3\xa9\n", "X-A: \xc3\xa9\r\n", PROGRAM_ACCEPTS, "", "", ""},
    {"an empty line at the end", "X-A: b\n\n", "X-A: b\r\n", PROGRAM_ACCEPTS, "", "", ""},
    {"a mailbox", "Doorstep-Mailbox: Junk\n", "", PROGRAM_ACCEPTS, "Junk", "", ""},
    {"case does not matter", "doorstep-mailbox:  A/B \n", "", PROGRAM_ACCEPTS, "A/B", "", ""},
    {"all that can be said",
     "Doorstep-Verdict: refuse\nX-A: b\nDoorstep-Flags: \\Seen a\nDoorstep-Reply: 550 5.7.1 no\n",
     "X-A: b\r\n", PROGRAM_REFUSES, "", "\\Seen a", "550 5.7.1 no"},
    {"discard", "Doorstep-Verdict: discard\n", "", PROGRAM_DISCARDS, "", "", ""},
    {"defer", "Doorstep-Verdict: defer\n", "", PROGRAM_DEFERS, "", "", ""},
    {.name = "another verdict", .text = "Doorstep-Verdict: maybe\n"},
    {.name = "an empty mailbox", .text = "Doorstep-Mailbox:\n"},
    {.name = "an unknown saying", .text = "Doorstep-X: y\n"},
    {.name = "a saying that is folded", .text = "Doorstep-Reply: a\n b\n"},
    {.name = "no field", .text = "hello\n"},
    {.name = "a name with a blank", .text = "X A: b\n"},
    {.name = "an empty name", .text = ": b\n"},
    {.name = "no field to go on with", .text = " b\n"},
    {.name = "a line of blanks", .text = "X-A: b\n \n"},
    {.name = "a body", .text = "X-A: b\n\nbody\n"},
    {.name = "trace", .text = "Received: by x\n"},
    {.name = "trace in capitals", .text = "RETURN-PATH: <>\n"},
    {.name = "structure", .text = "Content-Type: text/html\n"},
    {.name = "results of others", .text = "Authentication-Results: x; spf=pass\n"},
    {.name = "what there is once", .text = "Subject: x\n"},
    {.name = "half of it is good", .text = "X-A: b\nFrom: x\n"},
    {.name = "an escape", .text = "X-A: \x1b[2J\n"},
    {.name = "a carriage return", .text = "X-A: a\rb\n"},
    {.name = "no UTF-8", .text = "X-A: \xff\n"},
};

START_TEST(outputs_are_read)
{
    const struct output *o = &outputs[_i];
    struct program_said said;
    struct arena arena;
    const char *why = NULL;

    arena_init(&arena, 1 << 20);
    bool good = program_output_read(span_of(o->text), &arena, &said, &why);
    ck_assert_msg(good == (o->header != NULL), "%s: %s", o->name, good ? "taken" : why);
    ck_assert_msg(good || (why != NULL && why[0] != '\0'), "%s: no reason", o->name);
    if (good) {
        ck_assert_msg(strcmp(buf_str(&said.header), o->header) == 0, "%s: '%s'", o->name,
                      buf_str(&said.header));
        ck_assert_int_eq(said.verdict, o->verdict);
        ck_assert_str_eq(said.mailbox, o->mailbox);
        ck_assert_str_eq(said.flags, o->flags);
        ck_assert_str_eq(said.reply, o->reply);
    }
    buf_release(&said.header);
    arena_release(&arena);
}
END_TEST

static bool
takes(struct span text)
{
    struct program_said said;
    struct arena arena;
    const char *why;

    arena_init(&arena, 1 << 20);
    bool good = program_output_read(text, &arena, &said, &why);
    buf_release(&said.header);
    arena_release(&arena);
    return good;
}

START_TEST(limits_of_output)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    for (int i = 0; i < OUTPUT_FIELDS_MAX; i++)
        buf_append_str(&text, "X-A: b\n");
    ck_assert(takes(buf_span(&text)));
    buf_append_str(&text, "X-A: b\n");
    ck_assert(!takes(buf_span(&text)));
    buf_reset(&text);
    buf_append_str(&text, "X:");
    while (text.len < OUTPUT_LINE_MAX)
        buf_append_char(&text, 'a');
    ck_assert(takes(buf_span(&text)));
    buf_append_char(&text, 'a');
    ck_assert(!takes(buf_span(&text)));
    ck_assert(!takes((struct span){"X-A: \0b\n", 8}));
    buf_release(&text);
}
END_TEST

START_TEST(exit_statuses)
{
    static const enum program_verdict wanted[256] = {
        [65] = PROGRAM_REFUSES, [67] = PROGRAM_REFUSES, [68] = PROGRAM_REFUSES,
        [69] = PROGRAM_REFUSES, [77] = PROGRAM_REFUSES, [75] = PROGRAM_DEFERS,
        [99] = PROGRAM_DISCARDS};

    for (int status = 1; status < 256; status++)
        ck_assert_int_eq(program_status_verdict(status),
                         wanted[status] == PROGRAM_ACCEPTS ? PROGRAM_SAYS_NOTHING : wanted[status]);
    ck_assert_int_eq(program_status_verdict(0), PROGRAM_ACCEPTS);
}
END_TEST

/* ---- arguments ---- */

static const struct template
{
    const char *text, *expanded; /* NULL: refused */
    bool begins, names_recipient;
}
templates[] = {
    {"", "", false, false},
    {"plain", "plain", false, false},
    {"%{sender}", "%{user}$(id)", true, false},
    {"--x=%{sender}", "--x=%{user}$(id)", false, false},
    {"%{user}@%{domain}", "ann@", true, true},
    {"100%%", "100%", false, false},
    {"%%{sender}", "%{sender}", false, false},
    {"%{detail}", "", true, true},
    {"%", NULL, false, false},
    {"%x", NULL, false, false},
    {"%{sender", NULL, false, false},
    {"%{Sender}", NULL, false, false},
    {"%{}", NULL, false, false},
};

START_TEST(arguments_are_expanded_once)
{
    const struct template *t = &templates[_i];
    const char *values[PROGRAM_VARIABLES] = {
        [PROGRAM_SENDER] = "%{user}$(id)", [PROGRAM_USER] = "ann"};
    struct program_template found;
    struct arena arena;
    struct buf why;

    buf_init(&why, 256);
    arena_init(&arena, 1 << 20);
    ck_assert_msg(program_template_check(t->text, &found, &why) == (t->expanded != NULL), "%s",
                  t->text);
    ck_assert((why.len > 0) == (t->expanded == NULL));
    if (t->expanded != NULL) {
        ck_assert_str_eq(program_expand(t->text, values, &arena), t->expanded);
        ck_assert(found.begins_with_variable == t->begins);
        ck_assert(found.names_recipient == t->names_recipient);
    }
    arena_release(&arena);
    buf_release(&why);
}
END_TEST

/* ---- jobs ---- */

START_TEST(values_of_a_job_are_clean)
{
    char value[PROGRAM_VALUE_MAX * 2];
    struct program_job job = {.program = "p", .file = "", .values = {value, "a\r\nb\x1b\x7f"}},
                       read;
    struct arena arena;
    struct unpack u;
    struct pack p;
    struct buf packed;

    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    job.arguments[job.argument_count++] = "-\ta";
    buf_init(&packed, PROGRAM_JOB_MAX);
    arena_init(&arena, 1 << 20);
    pack_init(&p, &packed);
    program_job_pack(&job, &p);
    ck_assert(!p.full);
    unpack_init(&u, buf_span(&packed));
    ck_assert(program_job_unpack(&read, &arena, &u) && unpack_done(&u));
    ck_assert_uint_eq(strlen(read.values[0]), PROGRAM_VALUE_MAX);
    ck_assert_str_eq(read.values[1], "a??b??");
    ck_assert_str_eq(read.values[PROGRAM_DETAIL], "");
    ck_assert_uint_eq(read.argument_count, 1);
    ck_assert_str_eq(read.arguments[0], "-\ta");
    for (size_t n = 0; n < packed.len; n++) {
        unpack_init(&u, (struct span){packed.data, n});
        ck_assert(!program_job_unpack(&read, &arena, &u));
    }
    arena_release(&arena);
    buf_release(&packed);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("program");
    TCase *t = tcase_create("program");

    tcase_add_loop_test(t, outputs_are_read, 0, (int)COUNT(outputs));
    tcase_add_test(t, limits_of_output);
    tcase_add_test(t, exit_statuses);
    tcase_add_loop_test(t, arguments_are_expanded_once, 0, (int)COUNT(templates));
    tcase_add_test(t, values_of_a_job_are_clean);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
