/* SPDX-License-Identifier: MIT
 *
 * The ledger's key: the same for the same delivery, different for any other.
 */
#include <string.h>

#include "ledger_priv.h"
#include "suites.h"

#define FRONT_1                                                                                    \
    "Received: from mx.example.com ([192.0.2.1])\r\n\tby front.example (Doorstep front) with "     \
    "LMTP "                                                                                        \
    "id 1;\r\n\tMon, 1 Jan 2026 00:00:00 +0000\r\n"
#define FRONT_2                                                                                    \
    "Received: from x\r\n\tby other.example (Doorstep front) with ESMTP id 22\r\n\tfor "           \
    "<ann@x>;\r\n"                                                                                 \
    "\tMon, 1 Jan 2026 00:00:01 +0000\r\n"
#define OTHER                                                                                      \
    "Received: from x\r\n\tby front.example (Doorstep) with LMTP id 1;\r\n\tMon, 1 Jan 2026\r\n"

static const struct {
    const char *name;
    const char *local, *domain, *from_local, *from_domain, *bytes;
    bool same; /* as the first */
} rows[] = {
    {"the first", "ann+x", "example.org", "eve", "example.net", "A\r\n", true},
    {"the same again", "ann+x", "example.org", "eve", "example.net", "A\r\n", true},
    {"case of the recipient", "Ann+X", "example.org", "eve", "example.net", "A\r\n", true},
    {"another detail", "ann+y", "example.org", "eve", "example.net", "A\r\n", false},
    {"another recipient", "bob", "example.org", "eve", "example.net", "A\r\n", false},
    {"another sender", "ann+x", "example.org", "eva", "example.net", "A\r\n", false},
    {"the null sender", "ann+x", "example.org", "", "", "A\r\n", false},
    {"one octet differs", "ann+x", "example.org", "eve", "example.net", "B\r\n", false},
    {"one octet more", "ann+x", "example.org", "eve", "example.net", "A\r\n\n", false},
    {"a front's field above", "ann+x", "example.org", "eve", "example.net", FRONT_1 "A\r\n", true},
    {"another one of it", "ann+x", "example.org", "eve", "example.net", FRONT_2 "A\r\n", true},
    {"two of them", "ann+x", "example.org", "eve", "example.net", FRONT_1 FRONT_2 "A\r\n", true},
    {"somebody else's", "ann+x", "example.org", "eve", "example.net", OTHER "A\r\n", false},
    {"a front's below it", "ann+x", "example.org", "eve", "example.net", OTHER FRONT_1 "A\r\n",
     false},
    {"a front's and other bytes", "ann+x", "example.org", "eve", "example.net", FRONT_1 "B\r\n",
     false},
    {"one octet more below it", "ann+x", "example.org", "eve", "example.net", FRONT_1 "A\r\n\n",
     false},
    {"parts moved over a border", "ann", "+xexample.org", "eve", "example.net", "A\r\n", false},
};

static void
make_key(int row, char key[INDEX_LEDGER_KEY_SIZE])
{
    struct span bytes_of_it = span_of(rows[row].bytes);
    struct message *m = message_new(bytes_of_it.n, NULL, NULL);
    struct address to = {rows[row].local, rows[row].domain, false, false};
    struct address from = {rows[row].from_local, rows[row].from_domain, false, false};
    struct ledger_bytes bytes;
    struct outcome why;

    ck_assert(message_append(m, bytes_of_it.p, bytes_of_it.n, &why));
    ck_assert(!ledger_prepare(m, false)); /* it is too short to say */
    ck_assert(ledger_prepare(m, true));
    message_seal(m);
    ledger_look(m, &bytes);
    ledger_key(&to, &from, &bytes, key);
    message_unref(m);
}

START_TEST(key)
{
    char first[INDEX_LEDGER_KEY_SIZE], this[INDEX_LEDGER_KEY_SIZE];

    make_key(0, first);
    make_key(_i, this);
    ck_assert_uint_eq(strlen(this), INDEX_LEDGER_KEY_SIZE - 1);
    ck_assert_msg((strcmp(first, this) == 0) == rows[_i].same, "%s", rows[_i].name);
}
END_TEST

TCase *
ledger_tests(void)
{
    TCase *t = tcase_create("ledger");

    tcase_add_loop_test(t, key, 0, sizeof rows / sizeof rows[0]);
    return t;
}
