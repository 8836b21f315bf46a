/* SPDX-License-Identifier: MIT
 *
 * What an edge may say about scripts: without a log-in that the store saw succeed, nothing; with
 * one, only requests.
 */
#include <string.h>
#include <unistd.h>

#include "doorstep/managesieve.h"
#include "script_sessions_priv.h"
#include "suites.h"

static const struct account ann = {.user = "ann", .domain = "example.org", .enabled = true};

struct store { /* as much of one as these need */
    struct settings settings;
    struct deliver deliver;
    struct edge edge;
    int other_end;
};

static void
open_store(struct store *s)
{
    int fds[2];

    memset(s, 0, sizeof(*s));
    s->settings.limits.connections = 2;
    s->settings.sieve.script_size = 1000;
    s->deliver.settings = &s->settings;
    s->edge.deliver = &s->deliver;
    s->edge.references = 1;
    ck_assert(door_pair(fds));
    s->edge.keeper.door = door_new(fds[0], 65536);
    ck_assert(s->edge.keeper.door != NULL);
    s->other_end = fds[1];
}

static void
close_store(struct store *s)
{
    script_sessions_close_all(&s->edge);
    ck_assert_ptr_null(s->edge.scripts);
    ck_assert_uint_eq(s->edge.references, 1);
    door_free(s->edge.keeper.door);
    close(s->other_end);
}

static bool
ask(struct store *s, uint64_t id, bool has_more, struct span octets)
{
    char body[4096];

    ck_assert(octets.n < sizeof(body));
    body[0] = has_more;
    memcpy(body + 1, octets.p, octets.n);
    return script_session_ask(&s->edge, id, (struct span){body, octets.n + 1});
}

START_TEST(who_has_not_logged_in_cannot_ask)
{
    const struct managesieve_request list = {.verb = MANAGESIEVE_LIST};
    struct store s;
    struct buf body;
    struct pack p;

    open_store(&s);
    buf_init(&body, 4096);
    pack_init(&p, &body);
    managesieve_request_pack(&list, &p);
    ck_assert(!ask(&s, 1, false, buf_span(&body)));
    ck_assert(script_session_open(&s.edge, 1, &ann));
    ck_assert(!ask(&s, 2, false, buf_span(&body))); /* another's number */
    script_session_close(&s.edge, 1);
    ck_assert(!script_session_is_open(&s.edge, 1));
    ck_assert(!ask(&s, 1, false, buf_span(&body))); /* it has logged out */
    ck_assert(!ask(&s, 1, true, SPAN("x")));
    buf_release(&body);
    close_store(&s);
}
END_TEST

START_TEST(what_is_no_request_breaks_the_edge)
{
    static const char verb[] = {MANAGESIEVE_VERBS};
    char octets[2000] = "";
    struct store s;

    open_store(&s);
    ck_assert(script_session_open(&s.edge, 7, &ann));
    ck_assert(!script_session_ask(&s.edge, 7, SPAN_NONE));
    ck_assert(!script_session_ask(&s.edge, 7, SPAN("\2x")));
    ck_assert(!ask(&s, 7, false, SPAN("")));
    ck_assert(!ask(&s, 7, false, (struct span){verb, 1}));
    ck_assert(ask(&s, 7, true, SPAN("")));
    for (unsigned i = 0; i < 2; i++) /* a script and its names, but no more than these */
        ck_assert(ask(&s, 7, true, (struct span){octets, sizeof(octets)}));
    ck_assert(!ask(&s, 7, true, (struct span){octets, sizeof(octets)}));
    close_store(&s);
}
END_TEST

START_TEST(a_name_that_would_be_cut_breaks_the_edge)
{
    char long_name[600];
    const struct span names[] = {SPAN("a\0b"), {long_name, sizeof(long_name)}};

    memset(long_name, 'x', sizeof(long_name));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct managesieve_request from = {.verb = MANAGESIEVE_GET, .name = names[i]};
        const struct managesieve_request to = {.verb = MANAGESIEVE_RENAME, .to = names[i]};
        const struct managesieve_request *requests[] = {&from, &to};

        for (size_t j = 0; j < 2; j++) {
            struct store s;
            struct buf body;
            struct pack p;

            open_store(&s);
            buf_init(&body, 4096);
            pack_init(&p, &body);
            managesieve_request_pack(requests[j], &p);
            ck_assert(script_session_open(&s.edge, 1, &ann));
            ck_assert(!ask(&s, 1, false, buf_span(&body)));
            buf_release(&body);
            close_store(&s);
        }
    }
}
END_TEST

START_TEST(there_are_no_more_than_connections)
{
    struct store s;

    open_store(&s);
    ck_assert(script_session_open(&s.edge, 1, &ann));
    ck_assert(script_session_open(&s.edge, 2, &ann));
    ck_assert(!script_session_open(&s.edge, 3, &ann));
    script_session_close(&s.edge, 1);
    script_session_close(&s.edge, 1);
    ck_assert(script_session_open(&s.edge, 3, &ann));
    close_store(&s);
}
END_TEST

TCase *
script_sessions_tests(void)
{
    TCase *t = tcase_create("script sessions");

    tcase_add_test(t, who_has_not_logged_in_cannot_ask);
    tcase_add_test(t, what_is_no_request_breaks_the_edge);
    tcase_add_test(t, a_name_that_would_be_cut_breaks_the_edge);
    tcase_add_test(t, there_are_no_more_than_connections);
    return t;
}
