/* SPDX-License-Identifier: MIT
 *
 * Passwords and authorities on their way to the relay role: they come through whole, or not at all.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/relay_secrets.h"

static const struct relay_secret secrets[] = {
    {"", {"pass\0word", 9}, {NULL, 0}},
    {"branch", {NULL, 0}, {"-----BEGIN", 10}},
};

static void
pack_all(struct buf *out)
{
    struct pack p;

    buf_init(out, 4096);
    pack_init(&p, out);
    relay_secrets_pack_head(SPAN("system"), 2, &p);
    relay_secret_pack(&secrets[0], &p);
    relay_secret_pack(&secrets[1], &p);
    ck_assert(!p.full);
}

/* How many come out of so many octets; -1: something is wrong with them. */
static int
unpack_all(struct span in)
{
    char name[RELAY_ROUTE_SIZE];
    struct relay_secret found;
    struct span system;
    struct unpack u;
    uint32_t count;

    unpack_init(&u, in);
    count = relay_secrets_unpack_head(&system, &u);
    for (uint32_t i = 0; i < count && !u.broken; i++) {
        relay_secret_unpack(&found, name, &u);
        if (u.broken)
            break;
        ck_assert_str_eq(found.route, secrets[i].route);
        ck_assert(span_equal(found.password, secrets[i].password));
        ck_assert(span_equal(found.authorities, secrets[i].authorities));
    }
    ck_assert(u.broken || span_equal(system, SPAN("system")));
    return unpack_done(&u) ? (int)count : -1;
}

START_TEST(secrets_come_through)
{
    struct buf packed;

    pack_all(&packed);
    ck_assert_int_eq(unpack_all(buf_span(&packed)), 2);
    buf_release(&packed);
}
END_TEST

START_TEST(a_part_is_nothing)
{
    struct buf packed;

    pack_all(&packed);
    for (size_t n = 0; n < packed.len; n++)
        ck_assert_int_eq(unpack_all((struct span){packed.data, n}), -1);
    buf_append_char(&packed, 'x');
    ck_assert_int_eq(unpack_all(buf_span(&packed)), -1);
    buf_release(&packed);
}
END_TEST

static const struct {
    const char *name;
    size_t route, password, authorities;
    uint32_t count;
} too_much[] = {
    {"a name of a route", RELAY_ROUTE_SIZE, 1, 1, 1},
    {"a password", 1, RELAY_PASSWORD_MAX + 1, 1, 1},
    {"authorities", 1, 1, RELAY_AUTHORITIES_MAX + 1, 1},
    {"routes", 1, 1, 1, RELAY_ROUTES_MAX + 1},
};

START_TEST(too_much_is_refused)
{
    size_t room = 2 * RELAY_AUTHORITIES_MAX;
    char *text = malloc(room), name[RELAY_ROUTE_SIZE];
    struct relay_secret found;
    struct span system;
    struct unpack u;
    struct buf packed;
    struct pack p;

    ck_assert_ptr_nonnull(text);
    memset(text, 'a', room);
    buf_init(&packed, 2 * room);
    pack_init(&p, &packed);
    relay_secrets_pack_head(SPAN_NONE, too_much[_i].count, &p);
    pack_span(&p, (struct span){text, too_much[_i].route});
    pack_span(&p, (struct span){text, too_much[_i].password});
    pack_span(&p, (struct span){text, too_much[_i].authorities});
    ck_assert(!p.full);
    unpack_init(&u, buf_span(&packed));
    relay_secrets_unpack_head(&system, &u);
    relay_secret_unpack(&found, name, &u);
    ck_assert_msg(u.broken, "%s: it was taken", too_much[_i].name);
    buf_release(&packed);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay secrets");
    TCase *tcase = tcase_create("secrets");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, secrets_come_through);
    tcase_add_test(tcase, a_part_is_nothing);
    tcase_add_loop_test(tcase, too_much_is_refused, 0, sizeof(too_much) / sizeof(too_much[0]));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
