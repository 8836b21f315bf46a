/* SPDX-License-Identifier: MIT
 *
 * Address lists (RFC 5322 3.4 and 4.4): its own examples of appendix A, what real programs send,
 * and lists made to hurt.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/addresslist.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    const char *in;
    const char *expected; /* "[name]route<local|domain>", "{group", "}"; no "[]" without a name */
} table[] = {
    {"nothing", "", ""},
    {"an address", "a@b.example", "<a|b.example>"},
    {"in brackets", "<a@b.example>", "<a|b.example>"},
    {"with a name", "John Doe <jdoe@machine.example>", "[John Doe]<jdoe|machine.example>"},
    {"with a quoted name", "\"Joe Q. Public\" <john.q.public@example.com>",
     "[Joe Q. Public]<john.q.public|example.com>"},
    {"with an escaped name", "\"Giant; \\\"Big\\\" Box\" <s@example.net>",
     "[Giant; \"Big\" Box]<s|example.net>"},
    {"with an empty name", "\"\" <a@b.example>", "[]<a|b.example>"},
    {"three", "Mary Smith <m@x.test>, jdoe@example.org, Who? <one@y.test>",
     "[Mary Smith]<m|x.test><jdoe|example.org>[Who?]<one|y.test>"},
    {"dots in a name without quotes", "Joe Q. Public <j@example.com>",
     "[Joe Q. Public]<j|example.com>"},
    {"quoted and plain words", "\"A B\" C <a@b.example>", "[A B C]<a|b.example>"},
    {"an encoded word stays", "=?utf-8?q?Zo=C3=AB?= <z@b.example>",
     "[=?utf-8?q?Zo=C3=AB?=]<z|b.example>"},
    {"raw UTF-8", "Zo\xc3\xab <z@\xc3\xa4.example>", "[Zo\xc3\xab]<z|\xc3\xa4.example>"},
    {"folded", "John\r\n Doe\r\n <a@b.example>", "[John Doe]<a|b.example>"},
    {"a comment for a name", "a@b.example (John Doe)", "[John Doe]<a|b.example>"},
    {"a comment behind brackets", "<a@b.example> (John)", "[John]<a|b.example>"},
    {"comments everywhere", "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
     "[Pete]<pete|silly.test>"},
    {"a group", "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
     "{A Group[Ed Jones]<c|a.test><joe|where.test>[John]<jdoe|one.test>}"},
    {"an empty group", "Undisclosed recipients:;", "{Undisclosed recipients}"},
    {"a group and more", "g: a@b.example;, c@d.example", "{g<a|b.example>}<c|d.example>"},
    {"a group without an end", "g: a@b.example", "{g<a|b.example>}"},
    {"a group without a name", ": a@b.example;", "{<a|b.example>}"},
    {"a group in a group", "g: h: a@b.example; , c@d.example;", "{g<a|b.example>}<c|d.example>"},
    {"ends of groups that were not open", ";;a@b.example;", "<a|b.example>"},
    {"a route", "Mary <@node.test,@other.test:mary@example.net>",
     "[Mary]@node.test,@other.test<mary|example.net>"},
    {"a route with nothing between commas", "<@a.test,,@b.test:c@d.test>",
     "@a.test,@b.test<c|d.test>"},
    {"nothing between commas", ", a@b.example,,c@d.example,", "<a|b.example><c|d.example>"},
    {"a quoted local part", "\"john doe\"@b.example", "<john doe|b.example>"},
    {"a local part with white space", "pete . p (c) @ silly . test", "[c]<pete.p|silly.test>"},
    {"a literal", "a@[192.0.2.1]", "<a|[192.0.2.1]>"},
    {"a literal without an end", "a@[192.0.2.1, b@c.example", "<a|[192.0.2.1, b@c.example>"},
    {"the null address", "<>", "<|>"},
    {"no domain", "root", "<root|>"},
    {"no domain in brackets", "<root>", "<root|>"},
    {"no local part", "@b.example", "<|b.example>"},
    {"words without an address", "John Doe, a@b.example", "<John Doe|><a|b.example>"},
    {"two ats", "a@b@c.example, d@e.example", "<a|b><d|e.example>"},
    {"junk behind the address", "a@b.example c d, e@f.example", "<a|b.example><e|f.example>"},
    {"junk behind the bracket", "<a@b.example> junk, e@f.example", "<a|b.example><e|f.example>"},
    {"a bracket without an end", "John <a@b.example, e@f.example",
     "[John]<a|b.example><e|f.example>"},
    {"brackets in brackets", "<<a@b.example>>, c@d.example", "<<a|b.example><c|d.example>"},
    {"a bracket that was not open", "> a@b.example", "<> a|b.example>"},
    {"a quote without an end", "\"John <a@b.example>", "<John <a@b.example>|>"},
    {"a comment without an end", "a@b.example (John, c@d.example",
     "[John, c@d.example]<a|b.example>"},
    {"a backslash at the end of a comment", "a@b.example (John\\", "[John\\]<a|b.example>"},
    {"a comma in quotes behind the address", "a@b.example \"x, y\", c@d.example",
     "<a|b.example><c|d.example>"},
    {"control octets", "\x01@\x02, a@b.example", "<\x01|\x02><a|b.example>"},
};

static void
print_mailbox(const struct addresslist_item *item, struct buf *out)
{
    if (item->has_name)
        ck_assert(buf_append_char(out, '[') && buf_append_span(out, item->name) &&
                  buf_append_char(out, ']'));
    ck_assert(buf_append_span(out, item->route));
    ck_assert(buf_append_char(out, '<') && buf_append_span(out, item->local));
    ck_assert(buf_append_char(out, '|') && buf_append_span(out, item->domain));
    ck_assert(buf_append_char(out, '>'));
}

static void
print_list(struct span in, struct buf *out)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;

    addresslist_init(&list, in);
    while ((kind = addresslist_next(&list, &item)) != ADDRESSLIST_END) {
        if (kind == ADDRESSLIST_GROUP_END)
            ck_assert(buf_append_char(out, '}'));
        else if (kind == ADDRESSLIST_GROUP_BEGIN)
            ck_assert(buf_append_char(out, '{') && buf_append_span(out, item.name));
        else
            print_mailbox(&item, out);
    }
    addresslist_release(&list);
}

START_TEST(lists)
{
    struct buf out;

    buf_init(&out, 1024);
    print_list(span_of(table[_i].in), &out);
    ck_assert_msg(strcmp(buf_str(&out), table[_i].expected) == 0, "%s: %s", table[_i].name,
                  buf_str(&out));
    buf_release(&out);
}
END_TEST

static const struct {
    const char *name;
    const char *piece;
    const char *head;
} floods[] = {
    {"nested groups", "g:", ""},
    {"commas", ",", ""},
    {"open brackets", "<", ""},
    {"open comments", "(", ""},
    {"open literals", "[", "a@"},
    {"quotes", "\"", ""},
    {"escaped quotes", "\\\"", "\""},
    {"ats", "@", ""},
    {"routes", "@a,", "<"},
    {"dots", ".", ""},
    {"ends of groups", ";", ""},
    {"short addresses", "a@b,", ""},
    {"words", "a ", ""},
    {"backslashes", "\\", "("},
    {"closing brackets", ">", ""},
    {"groups one by one", "g:;", ""},
};

/* 64 KiB, as much as one field may have: it ends, and gives no more than the limit. */
START_TEST(floods_end)
{
    struct addresslist list;
    struct addresslist_item item;
    struct buf in;
    size_t items = 0;

    buf_init(&in, 65536);
    ck_assert(buf_append_str(&in, floods[_i].head));
    while (buf_append_str(&in, floods[_i].piece))
        continue;
    addresslist_init(&list, buf_span(&in));
    while (addresslist_next(&list, &item) != ADDRESSLIST_END)
        items++;
    ck_assert_msg(items <= 2 * ADDRESSLIST_MAX, "%s: %zu items", floods[_i].name, items);
    ck_assert_msg(list.is_truncated == (list.count == ADDRESSLIST_MAX), "%s", floods[_i].name);
    addresslist_release(&list);
    buf_release(&in);
}
END_TEST

START_TEST(the_first_of_a_header)
{
    struct span block =
        SPAN("Subject: x\r\nTo: undisclosed:;\r\nto: Bob <\"b o\"@example.com>, c@d\r\n"
             "Cc: nobody\r\n\r\nFrom: a@b\r\n");
    struct buf out;

    buf_init(&out, 64);
    ck_assert(addresslist_first(block, "To", &out));
    ck_assert_str_eq(buf_str(&out), "b o@example.com");
    ck_assert(!addresslist_first(block, "From", &out));
    ck_assert(!addresslist_first(block, "Bcc", &out));
    ck_assert_uint_eq(out.len, 15);
    buf_release(&out);
    buf_init(&out, 8);
    ck_assert(!addresslist_first(block, "To", &out));
    ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("addresslist");
    TCase *cases = tcase_create("addresslist");

    tcase_add_loop_test(cases, lists, 0, COUNT(table));
    tcase_add_loop_test(cases, floods_end, 0, COUNT(floods));
    tcase_add_test(cases, the_first_of_a_header);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
