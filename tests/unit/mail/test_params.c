/* SPDX-License-Identifier: MIT
 *
 * MIME parameters (RFC 2045 5.1, RFC 2231): as written, joined, and decoded.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/params.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    const char *in;       /* from the first ';' on */
    const char *expected; /* "name=value;", "name*=value;" an extended one */
    const char *decoded;  /* of the first; NULL: there is none */
} table[] = {
    {"none", "", "", NULL},
    {"one", "; charset=utf-8", "charset=utf-8;", "utf-8"},
    {"several", ";a=1;b=2; c=3;", "a=1;b=2;c=3;", "1"},
    {"quoted", "; name=\"a b; c\"", "name=a b; c;", "a b; c"},
    {"quoted with escapes", "; name=\"a\\\"b\"", "name=a\"b;", "a\"b"},
    {"quote without an end", "; name=\"a b", "name=a b;", "a b"},
    {"comments", " (x); (y) a (z) = (;) 1 (w)", "a=1;", "1"},
    {"junk between", "; junk; ;; a=1; =2; \"x\"=3; b=4", "a=1;b=4;", "1"},
    {"junk behind a value", "; a=1 2 3; b=4", "a=1;b=4;", "1"},
    {"specials in a plain value", "; boundary=a/b=c:d?", "boundary=a/b=c:d?;", "a/b=c:d?"},
    {"empty value", "; a=; b=\"\"", "a=;b=;", ""},
    {"extended", "; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
     "title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A;", "This is ***fun***"},
    {"continued", "; url*0=\"ftp://\"; url*1=\"cs.utk.edu/pub\"", "url=ftp://cs.utk.edu/pub;",
     "ftp://cs.utk.edu/pub"},
    {"continued and extended",
     "; t*0*=us-ascii'en'This%20is%20even%20more%20; t*1*=%2A%2A%2Afun%2A%2A%2A%20; t*2=\"isn't "
     "it!\"",
     "t*=us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!;",
     "This is even more ***fun*** isn't it!"},
    {"sections out of order", "; x=1; n*1=b; n*0=a; y=2", "x=1;n=ab;y=2;", "1"},
    {"a gap", "; n*0=a; n*2=c", "n=a;n*2=c;", "a"},
    {"no beginning", "; n*1=b; x=1", "n*1=b;x=1;", "b"},
    {"a section twice", "; n*0=a; n*0=b; n*1=c", "n=a;n=bc;", "a"},
    {"a leading zero is no section", "; n*00=a", "n*00=a;", "a"},
    {"extended behind plain", "; n*0=a%; n*1*=%C3%A4", "n*=''a%25%C3%A4;", "a%\xc3\xa4"},
    {"extended in Latin-1", "; n*=iso-8859-1''%E4", "n*=iso-8859-1''%E4;", "\xc3\xa4"},
    {"extended in an unknown charset", "; n*=x-none''%E4", "n*=x-none''%E4;", "\xc3\xa4"},
    {"extended without quotes", "; n*=%C3%A4b", "n*=%C3%A4b;",
     "\xc3\xa4"
     "b"},
    {"percent signs without digits", "; n*=utf-8''%zz%4", "n*=utf-8''%zz%4;", "%zz%4"},
    {"encoded word", "; n=\"=?utf-8?q?=C3=A4?=\"", "n==?utf-8?q?=C3=A4?=;", "\xc3\xa4"},
    {"a star alone", "; *=a; *0=b", "*=a;*0=b;", "a"},
};

static void
print_params(const struct params *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++) {
        ck_assert(buf_append_span(out, p->item[i].name));
        ck_assert(buf_append_str(out, p->item[i].is_extended ? "*=" : "="));
        ck_assert(buf_append_span(out, p->item[i].value));
        ck_assert(buf_append_char(out, ';'));
    }
}

START_TEST(parses)
{
    struct params *p = malloc(sizeof *p);
    struct charsets *set = charsets_new();
    struct arena arena;
    struct buf out;

    arena_init(&arena, 65536);
    buf_init(&out, 1024);
    params_parse(span_of(table[_i].in), &arena, p);
    print_params(p, &out);
    ck_assert_msg(strcmp(buf_str(&out), table[_i].expected) == 0, "%s: %s", table[_i].name,
                  buf_str(&out));
    ck_assert(!p->is_truncated);
    ck_assert_msg((p->count > 0) == (table[_i].decoded != NULL), "%s", table[_i].name);
    if (p->count > 0) {
        buf_reset(&out);
        ck_assert(param_decode(set, &p->item[0], &out));
        ck_assert_msg(strcmp(buf_str(&out), table[_i].decoded) == 0, "%s: %s", table[_i].name,
                      buf_str(&out));
    }
    buf_release(&out);
    arena_release(&arena);
    charsets_free(set);
    free(p);
}
END_TEST

START_TEST(no_more_than_the_limit)
{
    struct params *p = malloc(sizeof *p);
    struct arena arena;
    struct buf in;

    arena_init(&arena, 65536);
    buf_init(&in, 65536);
    for (int i = 0; i < PARAMS_MAX + 5; i++)
        ck_assert(buf_printf(&in, "; n*%d=x", PARAMS_MAX + 4 - i));
    params_parse(buf_span(&in), &arena, p);
    ck_assert(p->is_truncated);
    ck_assert_uint_eq(p->count, PARAMS_MAX);
    buf_release(&in);
    arena_release(&arena);
    free(p);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    const char *expected; /* "type|subtype|rest"; NULL: no type */
} types[] = {
    {"usual", "text/plain; charset=x", "text|plain|; charset=x"},
    {"no parameters", "text/plain", "text|plain|"},
    {"white space and comments", " (a) text (b) / (c) plain (d) ;x", "text|plain|;x"},
    {"no slash", "text", NULL},
    {"no subtype", "text/", NULL},
    {"no subtype but parameters", "text/; a=b", NULL},
    {"no type", "/plain", NULL},
    {"empty", "", NULL},
    {"words", "text plain", NULL},
};

START_TEST(content_type)
{
    struct span type, subtype, rest;
    struct buf out;
    bool ok = content_parse(span_of(types[_i].in), &type, &subtype, &rest);

    ck_assert_msg(ok == (types[_i].expected != NULL), "%s", types[_i].name);
    if (!ok)
        return;
    buf_init(&out, 256);
    ck_assert(buf_append_span(&out, type) && buf_append_char(&out, '|'));
    ck_assert(buf_append_span(&out, subtype) && buf_append_char(&out, '|'));
    ck_assert(buf_append_span(&out, rest));
    ck_assert_msg(strcmp(buf_str(&out), types[_i].expected) == 0, "%s: %s", types[_i].name,
                  buf_str(&out));
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("params");
    TCase *cases = tcase_create("params");

    tcase_add_loop_test(cases, parses, 0, COUNT(table));
    tcase_add_test(cases, no_more_than_the_limit);
    tcase_add_loop_test(cases, content_type, 0, COUNT(types));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
