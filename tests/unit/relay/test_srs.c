/* SPDX-License-Identifier: MIT
 *
 * SRS: what is rewritten comes back to its sender, whatever an MTA does to its case; what nobody
 * here has made does not.
 */
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "doorstep/srs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1700000000
#define DAY 86400
#define SECRET "a secret of sixteen octets\n"

static struct arena arena;
static struct srs ours;

static void
setup(void)
{
    arena_init(&arena, (size_t)1 << 20);
    ours.domain = "example.org";
    ours.local_max = ADDRESS_SENDER_LOCAL_MAX;
    ck_assert(srs_set_secrets(&ours, SPAN(SECRET)));
}

static void
teardown(void)
{
    arena_release(&arena);
}

static struct address
parse(const char *text)
{
    struct address a;

    ck_assert_msg(address_parse_mailbox(span_of(text), ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8,
                                        &arena, &a) == ADDRESS_OK,
                  "%s", text);
    return a;
}

static const char *
print(const struct address *a)
{
    struct buf out;

    buf_init(&out, ADDRESS_PATH_MAX);
    ck_assert(address_print(a, &out));
    const char *text = arena_copy(&arena, buf_span(&out));
    buf_release(&out);
    return text;
}

static const char *
forward(const char *sender)
{
    struct address a = parse(sender), out;

    return srs_forward(&ours, &a, NOW, &arena, &out) ? print(&out) : NULL;
}

static enum srs_result
reverse(const char *text, time_t now, const char **out)
{
    struct address a = parse(text), sender;
    enum srs_result result = srs_reverse(&ours, &a, now, &arena, &sender);

    if (out != NULL)
        *out = result == SRS_OK ? print(&sender) : NULL;
    return result;
}

static const char *
changed(const char *text, int (*change)(int))
{
    char *copy = arena_copy(&arena, span_of(text));

    for (char *c = copy; *c != '\0'; c++)
        *c = (char)change((unsigned char)*c);
    return copy;
}

/* ------------------------------------------------------------------ there and back */

static const struct {
    const char *sender, *begin, *end, *back; /* back: NULL as the sender */
} trips[] = {
    {"bob@example.com", "SRS0=", "=example.com=bob@example.org", NULL},
    {"Bob.X@example.com", "SRS0=", "=example.com=Bob.X@example.org", NULL},
    {"a=b=c@example.com", "SRS0=", "=example.com=a=b=c@example.org", NULL},
    {"\"a b\"@example.com", "\"SRS0=", "=example.com=a b\"@example.org", NULL},
    {"bob@[192.0.2.1]", "\"SRS0=", "=[192.0.2.1]=bob\"@example.org", NULL},
    {"J\xc3\xb8rn@example.com", "SRS0=", "=example.com=J\xc3\xb8rn@example.org", NULL},
    {"list-return-1-ann=example.org@example.com",
     "SRS0=", "=example.com=list-return-1-ann=example.org@example.org", NULL},
    {"SRS0=abcd=XY=example.com=bob@relay.example",
     "SRS1=", "=relay.example==abcd=XY=example.com=bob@example.org", NULL},
    {"srs0+abcd=XY=example.com=bob@relay.example",
     "SRS1=", "=relay.example=+abcd=XY=example.com=bob@example.org",
     "SRS0+abcd=XY=example.com=bob@relay.example"},
    {"SRS1=abcd=relay.example==hash=XY=example.com=bob@second.example",
     "SRS1=", "=relay.example==hash=XY=example.com=bob@example.org",
     "SRS0=hash=XY=example.com=bob@relay.example"},
    {"SRS1=abcd=re|ay==hash=XY=example.com=bob@second.example",
     "SRS0=", "=second.example=SRS1=abcd=re|ay==hash=XY=example.com=bob@example.org", NULL},
    {"SRS1=broken@second.example", "SRS0=", "=second.example=SRS1=broken@example.org", NULL},
    {"SRS2=x@second.example", "SRS0=", "=second.example=SRS2=x@example.org", NULL},
};

START_TEST(there_and_back)
{
    const char *made = forward(trips[_i].sender), *back;
    const char *wanted = trips[_i].back == NULL ? trips[_i].sender : trips[_i].back;

    ck_assert_ptr_nonnull(made);
    size_t n = strlen(made), end = strlen(trips[_i].end);
    ck_assert_msg(strncmp(made, trips[_i].begin, strlen(trips[_i].begin)) == 0, "%s", made);
    ck_assert_msg(n > end && strcmp(made + n - end, trips[_i].end) == 0, "%s", made);
    ck_assert_int_eq(reverse(made, NOW, &back), SRS_OK);
    ck_assert_str_eq(back, wanted);
    ck_assert_int_eq(reverse(changed(made, tolower), NOW, &back), SRS_OK);
    ck_assert_msg(strcasecmp(back, wanted) == 0, "%s", back);
    ck_assert_int_eq(reverse(changed(made, toupper), NOW, &back), SRS_OK);
    ck_assert_msg(strcasecmp(back, wanted) == 0, "%s", back);
}
END_TEST

START_TEST(what_is_not_rewritten)
{
    char text[320];

    ck_assert_ptr_null(forward(""));
    ck_assert_str_eq(forward("ann@example.org"), "ann@example.org");
    ck_assert_ptr_null(forward("bob@[tag:a=b]")); /* where would it end? */
    ck_assert_ptr_null(forward("\"\"@example.com"));
    memset(text, 'a', 240);
    snprintf(text + 240, sizeof(text) - 240, "@example.com");
    ck_assert_ptr_null(forward(text));
}
END_TEST

/* ------------------------------------------------------------------ what others make */

START_TEST(one_octet_changed)
{
    const char *made = forward("bob@example.com");
    size_t at = strcspn(made, "@");

    for (size_t i = 5; i < at; i++) {
        char *copy = arena_copy(&arena, span_of(made));
        copy[i] = copy[i] == 'x' ? 'y' : 'x';
        if (made[i] == '=' || tolower(made[i]) == copy[i])
            continue;
        ck_assert_msg(reverse(copy, NOW, NULL) == SRS_FORGED, "%s is believed", copy);
    }
}
END_TEST

static const struct {
    const char *address;
    enum srs_result result;
} strangers[] = {
    {"bob@example.org", SRS_NONE},
    {"SRS0@example.org", SRS_NONE},
    {"SRS0=x@example.com", SRS_NONE},
    {"SRS00000@example.org", SRS_NONE},
    {"SRS2=a=b=c=d@example.org", SRS_NONE},
    {"SRS0=@example.org", SRS_NONE},
    {"SRS0=x@example.org", SRS_FORGED},
    {"SRS0====@example.org", SRS_FORGED},
    {"SRS0=AAAAAAAA=AA=example.com=bob@example.org", SRS_FORGED},
    {"SRS0=AAAAAAAA=AA=example.com=@example.org", SRS_FORGED},
    {"SRS0=AAAA=AA=example.com=bob@example.org", SRS_FORGED},
    {"SRS1=x@example.org", SRS_FORGED},
    {"SRS1=AAAAAAAA=relay.example==x@example.org", SRS_FORGED},
    {"SRS1=AAAAAAAA===x@example.org", SRS_FORGED},
};

START_TEST(strangers_are_told)
{
    ck_assert_msg(reverse(strangers[_i].address, NOW, NULL) == strangers[_i].result, "%s",
                  strangers[_i].address);
}
END_TEST

/* The first rewriter's own hash is not ours. */
START_TEST(a_hash_is_good_for_its_kind)
{
    const char *one = forward("SRS0=abcd=XY=example.com=bob@relay.example");
    char text[256];

    snprintf(text, sizeof(text), "SRS0%s", one + 4);
    ck_assert_int_eq(reverse(text, NOW, NULL), SRS_FORGED);
}
END_TEST

/* ------------------------------------------------------------------ time */

static const struct {
    int days; /* after it was made */
    enum srs_result result;
} ages[] = {
    {0, SRS_OK},        {1, SRS_OK},         {SRS_DAYS, SRS_OK}, {SRS_DAYS + 1, SRS_EXPIRED},
    {100, SRS_EXPIRED}, {1000, SRS_EXPIRED}, {-1, SRS_OK},       {-2, SRS_EXPIRED},
    {1024, SRS_OK},     {1022, SRS_EXPIRED},
};

/* Of 64 octets, and of one more. */
START_TEST(no_longer_than_they_may_be)
{
    char sender[128];
    const char *made;

    ours.local_max = ADDRESS_LOCAL_MAX;
    snprintf(sender, sizeof(sender), "%.*s@example.com", 35,
             "abcdefghijklmnopqrstuvwxyz0123456789");
    made = forward(sender);
    ck_assert_ptr_nonnull(made);
    ck_assert_uint_eq(strcspn(made, "@"), ADDRESS_LOCAL_MAX);
    snprintf(sender, sizeof(sender), "a%.*s@example.com", 35,
             "abcdefghijklmnopqrstuvwxyz0123456789");
    ck_assert_ptr_null(forward(sender));
}
END_TEST

START_TEST(they_expire)
{
    const char *made = forward("bob@example.com");

    ck_assert_int_eq(reverse(made, NOW + (time_t)ages[_i].days * DAY, NULL), ages[_i].result);
}
END_TEST

/* ------------------------------------------------------------------ secrets */

START_TEST(old_secrets_are_believed)
{
    const char *made = forward("bob@example.com"), *now;

    ck_assert(srs_set_secrets(&ours, SPAN("\n  another secret, a new one\r\n" SECRET)));
    now = forward("bob@example.com");
    ck_assert_str_ne(made, now);
    ck_assert_int_eq(reverse(made, NOW, NULL), SRS_OK);
    ck_assert_int_eq(reverse(now, NOW, NULL), SRS_OK);
    ck_assert(srs_set_secrets(&ours, SPAN("another secret, a new one")));
    ck_assert_int_eq(reverse(made, NOW, NULL), SRS_FORGED);
    ck_assert_int_eq(reverse(now, NOW, NULL), SRS_OK);
}
END_TEST

START_TEST(secrets_that_are_none)
{
    struct buf many;

    ck_assert(!srs_set_secrets(&ours, SPAN("")));
    ck_assert(!srs_set_secrets(&ours, SPAN("\n \n")));
    ck_assert(!srs_set_secrets(&ours, SPAN(SECRET "short\n")));
    ck_assert_ptr_null(forward("bob@example.com"));
    buf_init(&many, 4096);
    for (int i = 0; i <= SRS_KEYS_MAX; i++)
        buf_append_str(&many, SECRET);
    ck_assert(!srs_set_secrets(&ours, buf_span(&many)));
    buf_release(&many);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("srs");
    TCase *cases = tcase_create("srs");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, there_and_back, 0, COUNT(trips));
    tcase_add_test(cases, what_is_not_rewritten);
    tcase_add_test(cases, one_octet_changed);
    tcase_add_loop_test(cases, strangers_are_told, 0, COUNT(strangers));
    tcase_add_test(cases, a_hash_is_good_for_its_kind);
    tcase_add_test(cases, no_longer_than_they_may_be);
    tcase_add_loop_test(cases, they_expire, 0, COUNT(ages));
    tcase_add_test(cases, old_secrets_are_believed);
    tcase_add_test(cases, secrets_that_are_none);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
