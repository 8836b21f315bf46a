/* SPDX-License-Identifier: MIT
 *
 * SMTP's one answer for many recipients, for every mixture, in every order of arrival; and which
 * peers are trusted.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "../../../src/smtp/fold_priv.h"
#include "../../../src/smtp/edge/peer_priv.h"

#define D OUTCOME_DELIVERED
#define A OUTCOME_DUPLICATE
#define T OUTCOME_BUSY
#define Q OUTCOME_OVER_QUOTA
#define P OUTCOME_NO_SUCH_USER
#define B OUTCOME_BAD_CONTENT

static const struct {
    const char *name;
    enum outcome_kind answers[3];
    int code;
    const char *enhanced;
    uint32_t speaker;
} rows[] = {
    {"all delivered", {D, D, D}, 250, "2.1.5", 0},
    {"delivered and known already", {A, D, D}, 250, "2.1.5", 0},
    {"one temporary", {D, T, D}, 451, "4.2.0", 1},
    {"a temporary 452 is folded to 451", {D, D, Q}, 451, "4.2.2", 2},
    {"the first temporary one speaks", {P, Q, T}, 451, "4.2.2", 1},
    {"temporary beats permanent", {P, P, T}, 451, "4.2.0", 2},
    {"all permanent: the first one's code", {B, P, P}, 554, "5.6.0", 0},
    {"all permanent, the other way", {P, B, B}, 550, "5.1.1", 0},
    {"permanent and delivered: the sender hears of the refusal", {D, B, P}, 554, "5.6.0", 1},
};

START_TEST(folds_as_the_policy_says)
{
    static const uint32_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct outcome o;
        struct fold f;
        uint32_t index;

        fold_init(&f);
        for (int j = 0; j < 3; j++) {
            uint32_t n = orders[i][j];

            outcome_set(&o, rows[_i].answers[n], NULL);
            fold_add(&f, n, &o, n == 0 ? "FIRST" : "OTHER");
        }
        ck_assert_msg(fold_result(&f, &o, &index) == rows[_i].code, "%s", rows[_i].name);
        ck_assert_str_eq(outcome_enhanced(&o), rows[_i].enhanced);
        ck_assert_uint_eq(index, rows[_i].speaker);
        if (rows[_i].code == 250)
            ck_assert_str_eq(f.delivery_id, "FIRST");
    }
}
END_TEST

START_TEST(a_partial_refusal_says_who_has_the_message)
{
    struct outcome o;
    struct fold f;
    uint32_t index;

    fold_init(&f);
    for (uint32_t i = 0; i < 3; i++) {
        outcome_set(&o, rows[8].answers[i], NULL);
        fold_add(&f, i, &o, "ID");
    }
    fold_result(&f, &o, &index);
    ck_assert_ptr_nonnull(strstr(outcome_text(&o), "(1 of 3 recipients have the message)"));
}
END_TEST

/* --- peers --- */

static struct settings_network networks[] = {
    {.family = AF_INET, .bytes = {127}, .bits = 8},
    {.family = AF_INET, .bytes = {192, 0, 2, 64}, .bits = 27},
    {.family = AF_INET6, .bytes = {[15] = 1}, .bits = 128},
    {.family = AF_INET6, .bytes = {0x20, 0x01, 0x0d, 0xb8, 0x80}, .bits = 33},
};
static const struct settings_listen listener = {
    .trusted = networks, .trusted_count = sizeof(networks) / sizeof(networks[0])};

static const struct {
    const char *address, *printed;
    bool is_trusted;
} peers[] = {
    {"127.0.0.1", "127.0.0.1", true},
    {"127.255.0.1", "127.255.0.1", true},
    {"128.0.0.1", "128.0.0.1", false},
    {"192.0.2.64", "192.0.2.64", true},
    {"192.0.2.95", "192.0.2.95", true},
    {"192.0.2.96", "192.0.2.96", false},
    {"192.0.2.63", "192.0.2.63", false},
    {"::1", "IPv6:::1", true},
    {"::2", "IPv6:::2", false},
    {"2001:db8:8000::1", "IPv6:2001:db8:8000::1", true},
    {"2001:db8:7fff::1", "IPv6:2001:db8:7fff::1", false},
    {"::ffff:127.0.0.1", "127.0.0.1", true},
    {"::ffff:128.0.0.1", "128.0.0.1", false},
};

START_TEST(peers_are_printed_and_trusted_by_network)
{
    struct sockaddr_storage peer = {0};
    char text[PEER_TEXT_SIZE];

    if (strchr(peers[_i].address, ':') == NULL) {
        peer.ss_family = AF_INET;
        inet_pton(AF_INET, peers[_i].address, &((struct sockaddr_in *)&peer)->sin_addr);
    } else {
        peer.ss_family = AF_INET6;
        inet_pton(AF_INET6, peers[_i].address, &((struct sockaddr_in6 *)&peer)->sin6_addr);
    }
    peer_print(&peer, text);
    ck_assert_str_eq(text, peers[_i].printed);
    ck_assert_msg(peer_is_trusted(&peer, &listener) == peers[_i].is_trusted, "%s",
                  peers[_i].address);
}
END_TEST

START_TEST(unix_sockets_are_trusted_and_have_no_address)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    struct settings_listen none = {0};
    char text[PEER_TEXT_SIZE];

    peer_print(&peer, text);
    ck_assert_str_eq(text, "");
    ck_assert(peer_is_trusted(&peer, &none));
    peer.ss_family = AF_UNSPEC;
    ck_assert(!peer_is_trusted(&peer, &none));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("fold");
    TCase *cases = tcase_create("fold");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_add_loop_test(cases, folds_as_the_policy_says, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(cases, a_partial_refusal_says_who_has_the_message);
    tcase_add_loop_test(cases, peers_are_printed_and_trusted_by_network, 0,
                        sizeof(peers) / sizeof(peers[0]));
    tcase_add_test(cases, unix_sockets_are_trusted_and_have_no_address);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
