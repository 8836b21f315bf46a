/* SPDX-License-Identifier: MIT
 *
 * Hashes of every kind, their renewal, and that nobody's password is checked like anybody's.
 */
#include <check.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/auth/pool_priv.h"

static const struct password_cost cheap = {1, 8192}, dearer = {2, 16384};

/* Of "correct horse", by crypt(3) of libxcrypt. */
static const char *const foreign[] = {"$6$saltsalt$", "$5$saltsalt$", "$1$saltsalt$",
                                      "$y$j75$F5Jx5fExrKuPp53xLKQ..1$",
                                      "$2b$04$abcdefghijklmnopqrstuu"};

START_TEST(foreign_hashes_are_verified_and_renewed)
{
    struct pool_job job = {.has_password = true, .secret = {.is_allowed = true}};
    char dummy[PASSWORD_HASH_SIZE];
    struct crypt_data data = {.initialized = 0};
    const char *made = crypt_r("correct horse", foreign[_i], &data);

    ck_assert_msg(made != NULL && made[0] != '*', "%s", foreign[_i]);
    ck_assert(password_hash("nobody's", &cheap, dummy));
    snprintf(job.secret.hash, sizeof(job.secret.hash), "%s", made);
    strcpy(job.password, "wrong");
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_REFUSED);
    ck_assert_str_eq(job.result.hash, "");
    strcpy(job.password, "correct horse");
    job.secret.wants_scram = true;
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_ACCEPTED);
    ck_assert_int_eq(strncmp(job.result.hash, "$argon2id$", 10), 0);
    ck_assert_int_eq(password_verify(job.result.hash, "correct horse"), PASSWORD_RIGHT);
    ck_assert_int_eq(strncmp(job.result.scram, "SCRAM-SHA-256$", 14), 0);
}
END_TEST

START_TEST(a_hash_with_other_costs_is_renewed)
{
    struct pool_job job = {.has_password = true, .secret = {.is_allowed = true}};

    strcpy(job.password, "word");
    ck_assert(password_hash("word", &cheap, job.secret.hash));
    pool_check(&job, job.secret.hash, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_ACCEPTED);
    ck_assert_str_eq(job.result.hash, "");
    pool_check(&job, job.secret.hash, &dearer);
    ck_assert_int_eq(job.result.verdict, SASL_ACCEPTED);
    ck_assert(job.result.hash[0] != '\0' && !password_is_stale(job.result.hash, &dearer));
}
END_TEST

/* Even with the dummy's own password. */
START_TEST(nobody_gets_in)
{
    struct pool_job job = {.has_password = true};
    char dummy[PASSWORD_HASH_SIZE];

    ck_assert(password_hash("word", &cheap, dummy));
    strcpy(job.password, "word");
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_REFUSED);
    strcpy(job.secret.hash, dummy); /* the account is disabled */
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_REFUSED);
    job.secret = (struct auth_secret){.is_allowed = true}; /* it has no password */
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_REFUSED);
    strcpy(job.secret.hash, dummy);
    job.has_password = false; /* an empty one was said */
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_REFUSED);
}
END_TEST

static const char *const broken[] = {
    "",
    "x",
    "*",
    "!",
    "!$6$saltsalt$",
    "$6$",
    "$9$salt$hash",
    "$argon2id$",
    "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
    "$argon2id$v=19$m=1,t=1,p=1$$",
    "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA",
    "{SSHA}abcdef",
    "plain",
};

START_TEST(what_is_no_hash_lets_nobody_in)
{
    struct pool_job job = {.has_password = true, .secret = {.is_allowed = true}};
    char dummy[PASSWORD_HASH_SIZE];

    ck_assert(password_hash("nobody's", &cheap, dummy));
    snprintf(job.secret.hash, sizeof(job.secret.hash), "%s", broken[_i]);
    strcpy(job.password, broken[_i][0] == '\0' ? "x" : broken[_i]);
    pool_check(&job, dummy, &cheap);
    ck_assert_int_eq(job.result.verdict, SASL_REFUSED);
}
END_TEST

START_TEST(passwords_are_prepared)
{
    char out[PASSWORD_SIZE], in[PASSWORD_SIZE + 1];

    ck_assert(password_prepare("a\xc2\xa0z", out)); /* a no-break space */
    ck_assert_str_eq(out, "a z");
    ck_assert(password_prepare("\xef\xac\x81", out)); /* a ligature */
    ck_assert_str_eq(out, "fi");
    ck_assert(password_prepare("\x07", out)); /* forbidden there: as it is */
    ck_assert_str_eq(out, "\x07");
    ck_assert(!password_prepare("", out));
    memset(in, 'x', sizeof(in));
    in[PASSWORD_SIZE - 1] = '\0';
    ck_assert(password_prepare(in, out));
    in[PASSWORD_SIZE - 1] = 'x';
    in[PASSWORD_SIZE] = '\0';
    ck_assert(!password_prepare(in, out));
}
END_TEST

START_TEST(fake_keys_have_one_face)
{
    static const uint8_t key[PASSWORD_KEY_SIZE] = {7}, other[PASSWORD_KEY_SIZE] = {8};
    char one[PASSWORD_SCRAM_SIZE], two[PASSWORD_SCRAM_SIZE];
    struct password_scram a, b, c, real;

    password_scram_fake(key, "zoe@example.org", one);
    password_scram_fake(key, "zoe@example.org", two);
    ck_assert(password_scram_parse(one, &a) && password_scram_parse(two, &b));
    ck_assert_str_eq(a.salt, b.salt);
    ck_assert_str_ne(a.stored_key, b.stored_key);
    password_scram_fake(other, "zoe@example.org", two);
    ck_assert(password_scram_parse(two, &c));
    ck_assert_str_ne(a.salt, c.salt);
    ck_assert(password_scram_make("word", two) && password_scram_parse(two, &real));
    ck_assert_str_eq(a.iterations, real.iterations);
    ck_assert_uint_eq(strlen(a.salt), strlen(real.salt));
}
END_TEST

static const char *const no_keys[] = {
    "",
    "SCRAM-SHA-256$",
    "SCRAM-SHA-1$10000:AAAA$AAAA:AAAA",
    "SCRAM-SHA-256$10000:AAAA$AAAA:AAAA",
    "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
    "SCRAM-SHA-256$10000:!$x:y",
    "SCRAM-SHA-256$99999999999999:AAAA$A:A",
};

START_TEST(what_are_no_scram_keys)
{
    struct password_scram keys;

    ck_assert(!password_scram_parse(no_keys[_i], &keys));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("password");
    TCase *t = tcase_create("password");
    SRunner *r = srunner_create(s);

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, foreign_hashes_are_verified_and_renewed, 0,
                        sizeof(foreign) / sizeof(foreign[0]));
    tcase_add_test(t, a_hash_with_other_costs_is_renewed);
    tcase_add_test(t, nobody_gets_in);
    tcase_add_loop_test(t, what_is_no_hash_lets_nobody_in, 0, sizeof(broken) / sizeof(broken[0]));
    tcase_add_test(t, passwords_are_prepared);
    tcase_add_test(t, fake_keys_have_one_face);
    tcase_add_loop_test(t, what_are_no_scram_keys, 0, sizeof(no_keys) / sizeof(no_keys[0]));
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
