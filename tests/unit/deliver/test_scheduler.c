/* SPDX-License-Identifier: MIT
 *
 * From the queue to next hops and back, with a queue of its own and a relay role that says what
 * each test wants.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/db.h"

#include "live_priv.h"
#include "relay_role.h"
#include "scheduler_state_priv.h"
#include "suites.h"

#define DAY 86400

static char folder[64];
static struct settings settings;
static struct settings_route routes[2];
static struct loop *loop;
static struct loop_timer *tick;
static struct queue *queue;
static struct relay_link *relay;
static struct relay_role role;
static struct delivery_log *delivery_log;
static struct senders senders;
static struct scheduler *scheduler;
static struct outcome why;
static const char *slow[] = {"slow.example"}, *fast[] = {"fast.example"};

static void
on_replace(void *arg)
{
    (void)arg;
}

static void
on_connected(void *arg)
{
    (void)arg;
    if (scheduler != NULL)
        scheduler_look(scheduler);
}

static void
on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static struct settings_route
route(const char *name, const char **domains, uint64_t connections)
{
    return (struct settings_route){.name = name,
                                   .domains = domains,
                                   .domain_count = 1,
                                   .next_hop = {.text = "[192.0.2.1]:25"},
                                   .connections = connections,
                                   .recipients = 3};
}

static void
make_settings(void)
{
    routes[0] = route("slow", slow, 2);
    routes[1] = route("fast", fast, 4);
    settings = (struct settings){
        .hostname = "mail.example.org",
        .state_dir = folder,
        .routes = routes,
        .route_count = 2,
        .relay = {.retry = 300000,
                  .retry_max = 7200000,
                  .expire = UINT64_C(5) * DAY * 1000,
                  .expire_bounce = UINT64_C(1) * DAY * 1000,
                  .delay_report = 4 * 3600 * 1000,
                  .account_messages = 1000,
                  .messages = 100000},
    };
}

static void
start(void)
{
    const struct relay_link_hooks hooks = {on_replace, on_connected, NULL};

    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    relay = relay_link_new(loop, 60000, &hooks);
    senders_init(&senders, &settings);
    const struct scheduler_with with = {&settings, loop, queue, relay, delivery_log, &senders};
    scheduler = scheduler_start(&with);
    ck_assert_ptr_nonnull(scheduler);
    relay_role_connect(&role, relay);
}

/* A moment of the loop. */
static void
turn(void)
{
    loop_timer_start(tick, 2);
    loop_run(loop);
}

static void
stop(void)
{
    scheduler_drain(scheduler, 30, on_tick, NULL);
    loop_run(loop);
    relay_link_free(relay);
    scheduler_end(scheduler);
    scheduler = NULL;
    relay_role_close(&role);
    loop_timer_free(tick);
    loop_free(loop);
}

static void
setup(void)
{
    db_setup();
    strcpy(folder, "/tmp/doorstep-scheduler-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    make_settings();
    queue = queue_open(folder, &why);
    delivery_log = delivery_log_open(folder, UINT64_MAX, &why);
    ck_assert(queue != NULL && delivery_log != NULL);
    start();
}

static void
remove_all(const char *path)
{
    char name[512];
    DIR *d = opendir(path);

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && unlink(name) != 0)
            remove_all(name);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static void
teardown(void)
{
    if (scheduler != NULL)
        stop();
    delivery_log_close(delivery_log);
    queue_close(queue);
    remove_all(folder);
}

/* So many jobs have come; a test that waits in vain runs out of time. */
static void
wait_jobs(unsigned count)
{
    while (relay_role_hear(&role) < count)
        turn();
}

/* Nothing more comes for a while. */
static void
expect_jobs(unsigned count)
{
    for (int i = 0; i < 20; i++)
        turn();
    ck_assert_uint_eq(relay_role_hear(&role), count);
}

static struct queue_counts
counts(void)
{
    struct queue_counts c;

    ck_assert(queue_count(queue, &c, &why));
    return c;
}

static void
wait_items(uint64_t items)
{
    while (counts().items != items)
        turn();
}

static struct queue_item
item(const char *once, const struct queue_recipient *to, size_t count)
{
    return (struct queue_item){.once = once,
                               .kind = "redirect",
                               .account = "ann@example.org",
                               .delivery_id = "D1",
                               .queued = time(NULL),
                               .expires = time(NULL) + 5 * DAY,
                               .reverse_path = "bob@example.com",
                               .envid = "",
                               .by = "",
                               .head = span_of("X-Head: 1\r\n"),
                               .text = span_of("Subject: a\r\n\r\nbody\r\n"),
                               .file = "",
                               .octets = 20,
                               .recipients = to,
                               .recipient_count = count};
}

static struct queue_recipient
recipient(const char *address)
{
    return (struct queue_recipient){
        .address = address, .orcpt = "", .last_reply = "", .last_host = ""};
}

static void
add(const char *once, const char *address, const char *account, const char *kind)
{
    const struct queue_recipient r = recipient(address);
    struct queue_item i = item(once, &r, 1);

    i.account = account;
    i.kind = kind;
    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
}

static void
add_many(unsigned count, const char *address, const char *account, const char *kind)
{
    static unsigned number;
    char once[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(once, sizeof once, "many-%u", number++);
        add(once, address, account, kind);
    }
}

struct seen { /* what waits, the last item of it */
    char kind[16], to[64], reply[256], reverse_path[64];
    char text[4096];
    unsigned attempts, items;
    bool is_delay_told;
    time_t next_attempt;
};

static bool
on_seen(void *arg, const struct queue_item *i)
{
    struct seen *s = arg;

    s->items++;
    snprintf(s->kind, sizeof s->kind, "%s", i->kind);
    snprintf(s->to, sizeof s->to, "%s", i->recipients[0].address);
    snprintf(s->reply, sizeof s->reply, "%s", i->recipients[0].last_reply);
    snprintf(s->reverse_path, sizeof s->reverse_path, "%s", i->reverse_path);
    s->attempts = i->recipients[0].attempts;
    s->next_attempt = i->recipients[0].next_attempt;
    s->is_delay_told = i->recipients[0].is_delay_told;
    return true;
}

static struct seen
see(void)
{
    struct seen s = {0};

    ck_assert(queue_list(queue, 0, 1000, on_seen, &s, &why));
    return s;
}

/* ---- one message ---- */

START_TEST(what_is_delivered_is_gone)
{
    char text[64] = "";

    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    ck_assert_str_eq(role.heard[0].job.route, "fast");
    ck_assert_str_eq(role.heard[0].job.reverse_path, "bob@example.com");
    ck_assert_int_eq(read(role.heard[0].fd, text, sizeof text), 20);
    ck_assert_str_eq(text, "Subject: a\r\n\r\nbody\r\n");
    ck_assert_int_lt(write(role.heard[0].fd, "x", 1), 0);
    relay_role_say(&role, &role.heard[0], RELAY_DELIVERED, 250, "2.0.0", "queued as 7");
    wait_items(0);
}
END_TEST

static bool
on_line(void *arg, json_t *line)
{
    const char *text = json_string_value(json_object_get(line, "text"));

    snprintf(arg, 256, "%s %s", json_string_value(json_object_get(line, "outcome")),
             text == NULL ? "" : text);
    return true;
}

START_TEST(the_delivery_log_follows_it)
{
    char found[256] = "";

    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    relay_role_say(&role, &role.heard[0], RELAY_DELIVERED, 250, "2.0.0", "queued as 7");
    wait_items(0);
    while (found[0] == '\0') {
        turn();
        delivery_log_write(delivery_log);
        ck_assert(delivery_log_search(folder, "D1", on_line, found, &why));
    }
    ck_assert_str_eq(found, "250 2.0.0 relayed to x@fast.example by "
                            "mx.example.net[192.0.2.1]:25: 250 2.0.0 queued as 7");
}
END_TEST

START_TEST(what_is_deferred_is_tried_later)
{
    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    relay_role_say(&role, &role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while (see().attempts == 0)
        turn();
    struct seen s = see();
    ck_assert_str_eq(s.reply, "451 4.2.0 later");
    ck_assert_int_ge(s.next_attempt, time(NULL) + 200);
    ck_assert_int_le(s.next_attempt, time(NULL) + 376);
    expect_jobs(1);
}
END_TEST

START_TEST(what_becomes_due_is_sent_then)
{
    struct queue_recipient r = recipient("x@fast.example");

    r.next_attempt = time(NULL) + 2;
    const struct queue_item i = item("a", &r, 1);
    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(1);
    ck_assert_int_ge(time(NULL), r.next_attempt);
}
END_TEST

START_TEST(a_retry_by_hand_is_heard)
{
    uint64_t changed;

    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    relay_role_say(&role, &role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while (see().attempts == 0)
        turn();
    ck_assert(queue_retry(queue, QUEUE_ALL, time(NULL), &changed, &why));
    wait_jobs(2);
}
END_TEST

static const struct {
    const char *name, *reverse_path;
    unsigned notify;
    enum relay_state state;
    bool takes_dsn, is_owed;
} reports[] = {
    {"a failure", "bob@example.com", 0, RELAY_FAILED, false, true},
    {"a failure, NOTIFY=FAILURE", "bob@example.com", NOTIFY_FAILURE, RELAY_FAILED, true, true},
    {"a failure, NOTIFY=NEVER", "bob@example.com", NOTIFY_NEVER, RELAY_FAILED, false, false},
    {"a failure of what has the null sender", "", NOTIFY_FAILURE, RELAY_FAILED, false, false},
    {"a success", "bob@example.com", 0, RELAY_DELIVERED, false, false},
    {"NOTIFY=SUCCESS", "bob@example.com", NOTIFY_SUCCESS, RELAY_DELIVERED, false, true},
    {"NOTIFY=SUCCESS, and the next hop does it", "bob@example.com", NOTIFY_SUCCESS, RELAY_DELIVERED,
     true, false},
};

START_TEST(who_is_owed_a_report)
{
    struct queue_recipient r = recipient("x@fast.example");
    struct relay_answer a = {.state = reports[_i].state, .text = "said"};
    const struct relay_result result = {
        .host = "", .tls = "", .answers = &a, .answer_count = 1, .dsn = reports[_i].takes_dsn};

    r.notify = reports[_i].notify;
    a.code = a.state == RELAY_FAILED ? 550 : 250;
    struct queue_item i = item("a", &r, 1);
    i.reverse_path = reports[_i].reverse_path;
    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(1);
    relay_role_result(&role, role.heard[0].id, &result);
    while (see().items > 0 && strcmp(see().kind, "dsn") != 0)
        turn();
    struct seen s = see();
    ck_assert_msg((s.items == 1) == reports[_i].is_owed, "%s", reports[_i].name);
    if (!reports[_i].is_owed)
        return;
    ck_assert_str_eq(s.reverse_path, "");
    ck_assert_str_eq(s.to, "bob@example.com");
}
END_TEST

START_TEST(what_expires_is_reported)
{
    struct queue_recipient r = recipient("x@fast.example");
    struct queue_item i = item("a", &r, 1);

    i.expires = time(NULL) + 1;
    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(1);
    while (time(NULL) < i.expires)
        turn();
    relay_role_say(&role, &role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while (strcmp(see().kind, "dsn") != 0)
        turn();
    ck_assert_uint_eq(see().items, 1);
}
END_TEST

/* Its route takes nothing, so nobody would ever ask about it. */
START_TEST(what_expires_without_an_attempt_is_reported_too)
{
    struct queue_recipient r = recipient("x@nowhere.example");
    struct queue_item i = item("a", &r, 1);

    i.expires = time(NULL) - 1;
    i.queued = time(NULL) - 5 * DAY;
    stop();
    ck_assert(queue_add(queue, &i, 1, &why));
    start();
    while (strcmp(see().kind, "dsn") != 0)
        turn();
    ck_assert_uint_eq(see().items, 1);
}
END_TEST

/* Nothing leaves at all: it does not wait for ever. */
START_TEST(what_expires_without_any_route_is_reported_too)
{
    struct queue_recipient r = recipient("x@slow.example");
    struct queue_item i = item("a", &r, 1);

    i.expires = time(NULL) - 1;
    i.queued = time(NULL) - 5 * DAY;
    stop();
    settings.route_count = 0;
    ck_assert(queue_add(queue, &i, 1, &why));
    start();
    while (strcmp(see().kind, "dsn") != 0)
        turn();
    ck_assert_uint_eq(see().items, 1);
}
END_TEST

/* And the report, which nobody can be sent either. */
START_TEST(a_report_without_any_route_expires)
{
    struct queue_recipient r = recipient("bob@example.com");
    struct queue_item i = item("a", &r, 1);

    i.kind = "dsn";
    i.reverse_path = "";
    i.expires = time(NULL) - 1;
    stop();
    settings.route_count = 0;
    ck_assert(queue_add(queue, &i, 1, &why));
    start();
    wait_items(0);
}
END_TEST

START_TEST(a_delay_is_told_once)
{
    struct queue_recipient r = recipient("x@fast.example");
    struct queue_item i = item("a", &r, 1);
    struct seen s;

    i.queued = time(NULL) - 5 * 3600;
    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(1);
    relay_role_say(&role, &role.heard[0], RELAY_DEFERRED, 451, "4.2.0", "later");
    while ((s = see()).items < 2 || counts().untried != 1) /* the report */
        turn();
    ck_assert_str_eq(s.kind, "dsn");
    uint64_t changed;
    ck_assert(queue_retry(queue, 1, time(NULL), &changed, &why));
    wait_jobs(2);
    relay_role_say(&role, &role.heard[1], RELAY_DEFERRED, 451, "4.2.0", "later");
    expect_jobs(2);
    ck_assert_uint_eq(see().items, 2);
}
END_TEST

/* ---- DELIVERBY (RFC 2852) ---- */

static const struct {
    const char *name, *by;
    time_t age; /* seconds since it was queued */
    enum relay_state state;
    unsigned notify;
    bool takes_by;
    const char *says; /* what stands in the report; NULL: there is none */
} timed[] = {
    {"too late to come back in time", "60;R", 70, RELAY_DEFERRED, 0, true,
     "Action: failed\r\nStatus: 5.4.7\r\n"},
    {"in time", "60;R", 10, RELAY_DEFERRED, 0, true, NULL},
    {"late, with NOTIFY=NEVER", "60;R", 70, RELAY_DEFERRED, NOTIFY_NEVER, true, NULL},
    {"later than its sender named", "60;N", 70, RELAY_DEFERRED, 0, true,
     "Action: delayed\r\nStatus: 4.4.7\r\n"},
    {"not yet", "60;N", 10, RELAY_DEFERRED, 0, true, NULL},
    {"late, but he has named another time", "50000;N", 20000, RELAY_DEFERRED, 0, true, NULL},
    {"late, without NOTIFY=DELAY", "60;N", 70, RELAY_DEFERRED, NOTIFY_FAILURE, true, NULL},
    {"to who counts on", "60;N", 10, RELAY_DELIVERED, 0, true, NULL},
    {"to who does not count", "60;N", 10, RELAY_DELIVERED, NOTIFY_FAILURE, false,
     "Action: relayed\r\nStatus: 2."},
    {"to who does not count, late", "60;N", 70, RELAY_DELIVERED, 0, false, NULL},
    {"to who does not count, with NOTIFY=NEVER", "60;N", 10, RELAY_DELIVERED, NOTIFY_NEVER, false,
     NULL},
    {"a trace", "60;RT", 10, RELAY_DELIVERED, NOTIFY_FAILURE, true,
     "Action: relayed\r\nStatus: 2."},
};

static bool
on_report(void *arg, const struct queue_item *i)
{
    struct seen *s = arg;

    snprintf(s->text, sizeof s->text, "%.*s", (int)i->text.n, i->text.p);
    return true;
}

static void
expect_report(time_t date, const char *says)
{
    char line[80];
    struct seen s;

    ck_assert(queue_show(queue, 2, on_report, &s, &why));
    ck_assert_msg(strstr(s.text, says) != NULL, "%s", s.text);
    strftime(line, sizeof line, "\r\nDeliver-By-Date: %a, %d %b %Y %H:%M:%S ", gmtime(&date));
    ck_assert_msg(strstr(s.text, line) != NULL, "%s in %s", line, s.text);
}

/* It is settled: gone, or no longer in flight. */
static bool
is_settled(void)
{
    struct seen s = see();

    return s.items == 0 || s.attempts > 0 || strcmp(s.kind, "dsn") == 0;
}

START_TEST(time_that_is_named_is_kept)
{
    struct queue_recipient r = recipient("x@fast.example");
    struct relay_answer a = {.state = timed[_i].state, .text = "said"};
    const struct relay_result result = {.host = "",
                                        .tls = "",
                                        .answers = &a,
                                        .answer_count = 1,
                                        .dsn = true,
                                        .deliverby = timed[_i].takes_by};
    const time_t seconds = strtol(timed[_i].by, NULL, 10);

    r.notify = timed[_i].notify;
    a.code = a.state == RELAY_DEFERRED ? 451 : 250;
    struct queue_item i = item("a", &r, 1);
    i.by = timed[_i].by;
    i.queued = time(NULL) - timed[_i].age;
    if (strchr(i.by, 'R') != NULL)
        i.expires = i.queued + seconds;
    settings.relay.delay_report = 3 * 3600 * 1000;
    while (scheduler->is_taking) /* it looks for what is overdue, and then not for a while */
        turn();
    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(1);
    relay_role_result(&role, role.heard[0].id, &result);
    while (!is_settled())
        turn();
    bool is_reported = strcmp(see().kind, "dsn") == 0;
    ck_assert_msg(is_reported == (timed[_i].says != NULL), "%s", timed[_i].name);
    if (is_reported)
        expect_report(i.queued + seconds, timed[_i].says);
}
END_TEST

START_TEST(what_is_left_of_the_time_is_said)
{
    struct queue_recipient r = recipient("x@fast.example");
    struct queue_item i = item("a", &r, 1);

    i.by = "60;RT";
    i.queued = time(NULL) - 20;
    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(1);
    long left = strtol(role.heard[0].job.by, NULL, 10);
    ck_assert_int_le(left, 40);
    ck_assert_int_gt(left, 10);
    ck_assert_str_eq(strchr(role.heard[0].job.by, ';'), ";RT");
}
END_TEST

START_TEST(without_a_route_it_waits)
{
    add("a", "x@nowhere.example", "ann@example.org", "redirect");
    expect_jobs(0);
    ck_assert_uint_eq(see().attempts, 0);
    add("b", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
}
END_TEST

/* ---- several ---- */

START_TEST(recipients_of_one_route_go_together)
{
    const struct queue_recipient to[] = {
        recipient("a@fast.example"), recipient("b@slow.example"), recipient("c@fast.example"),
        recipient("d@fast.example"), recipient("e@fast.example"), recipient("f@nowhere.example"),
    };
    const struct queue_item i = item("a", to, 6);
    unsigned sum = 0;

    ck_assert(queue_add(queue, &i, 1, &why));
    wait_jobs(3); /* fast: 3 and 1, slow: 1 */
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_uint_le(role.heard[n].job.recipient_count, 3);
        sum += role.heard[n].job.recipient_count;
        relay_role_say(&role, &role.heard[n], RELAY_DELIVERED, 250, "", "ok");
    }
    ck_assert_uint_eq(sum, 5);
    while (counts().recipients != 1)
        turn();
    ck_assert_str_eq(see().to, "f@nowhere.example");
}
END_TEST

START_TEST(not_more_than_connections_at_once)
{
    add_many(20, "x@slow.example", "", "redirect");
    wait_jobs(2);
    expect_jobs(2);
    relay_role_say(&role, &role.heard[0], RELAY_DELIVERED, 250, "", "ok");
    wait_jobs(3);
    expect_jobs(3);
}
END_TEST

START_TEST(a_slow_hop_holds_nobody)
{
    add_many(1000, "x@slow.example", "", "redirect");
    add_many(8, "x@fast.example", "", "redirect");
    for (unsigned n = 0; n < 10; n++) {
        wait_jobs(n + 1);
        if (strcmp(role.heard[n].job.route, "fast") == 0)
            relay_role_say(&role, &role.heard[n], RELAY_DELIVERED, 250, "", "ok");
    }
    wait_items(1000);
}
END_TEST

START_TEST(a_hop_that_is_silent_puts_its_messages_off)
{
    add_many(20, "x@slow.example", "", "redirect");
    wait_jobs(2);
    relay_role_say(&role, &role.heard[0], RELAY_DEFERRED, 0, "4.4.1", "connection refused");
    wait_jobs(3); /* one says little */
    relay_role_say(&role, &role.heard[1], RELAY_DEFERRED, 0, "4.4.1", "connection refused");
    relay_role_say(&role, &role.heard[2], RELAY_DEFERRED, 0, "4.4.1", "connection refused");
    expect_jobs(3);
    ck_assert_uint_eq(counts().untried, 17);
    scheduler_try_now(scheduler);
    wait_jobs(4);
    expect_jobs(4); /* one probes */
    relay_role_say(&role, &role.heard[3], RELAY_DELIVERED, 250, "", "ok");
    wait_jobs(6); /* it answers again */
}
END_TEST

START_TEST(accounts_take_turns)
{
    add_many(100, "x@fast.example", "flood@example.org", "redirect");
    add_many(2, "x@fast.example", "bob@example.org", "redirect");
    unsigned at = 0, bobs = 0;
    while (bobs < 2 && at < 20) {
        wait_jobs(at + 1);
        relay_role_say(&role, &role.heard[at++], RELAY_DELIVERED, 250, "", "ok");
        turn();
        bobs = 102 - (unsigned)counts().items > at ? bobs : bobs;
        uint64_t items, octets;
        ck_assert(queue_usage(queue, "bob@example.org", &items, &octets, &why));
        bobs = 2 - (unsigned)items;
    }
    ck_assert_uint_lt(at, 20); /* long before the hundred */
}
END_TEST

START_TEST(an_account_over_its_hour_waits)
{
    stop();
    settings.relay.account_messages = 3;
    start();
    add_many(5, "x@fast.example", "ann@example.org", "redirect");
    add_many(5, "x@fast.example", "bob@example.org", "vacation");
    for (unsigned n = 0; n < 6; n++) {
        wait_jobs(n + 1);
        relay_role_say(&role, &role.heard[n], RELAY_DELIVERED, 250, "", "ok");
    }
    wait_items(2); /* ann's: redirects wait, bob's vacations make no sense later */
    struct seen s = see();
    ck_assert_str_eq(s.kind, "redirect");
    ck_assert_uint_eq(s.attempts, 0);
    ck_assert_int_gt(s.next_attempt, time(NULL) + 600);
    ck_assert_ptr_nonnull(strstr(s.reply, "too much"));
    expect_jobs(6);
}
END_TEST

/* ---- trouble ---- */

START_TEST(a_role_that_dies_costs_one_attempt)
{
    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    relay_role_close(&role);
    while (see().attempts == 0)
        turn();
    ck_assert_uint_eq(see().attempts, 1);
    relay_role_connect(&role, relay);
    expect_jobs(0); /* it may be what the role died of */
    add("b", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1); /* the next hop has nothing to do with it */
}
END_TEST

START_TEST(what_is_under_way_when_the_store_ends_is_as_before)
{
    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    stop();
    ck_assert_uint_eq(see().attempts, 0);
    queue_close(queue); /* who is in flight is forgotten with the process */
    queue = queue_open(folder, &why);
    start();
    wait_jobs(1);
}
END_TEST

START_TEST(what_was_answered_before_the_end_is_settled)
{
    add("a", "x@fast.example", "ann@example.org", "redirect");
    wait_jobs(1);
    relay_role_say(&role, &role.heard[0], RELAY_DELIVERED, 250, "", "ok");
    scheduler_drain(scheduler, 60000, on_tick, NULL);
    loop_run(loop);
    ck_assert_uint_eq(counts().items, 0);
}
END_TEST

START_TEST(a_drain_ends_though_nothing_answers)
{
    add_many(20, "x@slow.example", "", "redirect");
    wait_jobs(2);
    scheduler_drain(scheduler, 30, on_tick, NULL);
    loop_run(loop);
    ck_assert_uint_eq(relay_role_hear(&role), 2);
}
END_TEST

START_TEST(a_message_that_is_gone_is_an_attempt)
{
    const struct queue_recipient r = recipient("x@fast.example");
    struct queue_item i = item("a", &r, 1);

    i.text = SPAN_NONE;
    i.file = "0123456789abcdef";
    ck_assert_msg(queue_add(queue, &i, 1, &why), "%s", why.cause);
    while (see().attempts == 0)
        turn();
    expect_jobs(0);
    ck_assert_int_gt(see().next_attempt, time(NULL) + 100);
}
END_TEST

/* ---- those that somebody waits for ---- */

struct waiter {
    struct live_job live; /* first */
    unsigned answers;
    unsigned code;
    char enhanced[12], text[128];
};

static const struct relay_recipient nobody = {"x@fast.example", 0, ""};

static bool
fill_question(struct live_job *j, struct relay_job *out, int *fd)
{
    (void)j;
    (void)fd;
    *out = (struct relay_job){.route = "fast",
                              .reverse_path = "",
                              .envid = "",
                              .by = "",
                              .recipients = &nobody,
                              .recipient_count = 1,
                              .is_question = true};
    return true;
}

static void
on_waiter(struct live_job *j, const struct relay_result *result, const struct relay_answer *lost)
{
    const struct relay_answer *a = result != NULL ? &result->answers[0] : lost;
    struct waiter *w = (struct waiter *)j;

    w->answers++;
    w->code = a->code;
    strcpy(w->enhanced, a->enhanced);
    snprintf(w->text, sizeof w->text, "%s", a->text);
}

static const struct live_job_calls waiter_calls = {fill_question, on_waiter};

static void
ask(struct waiter *w)
{
    *w = (struct waiter){0};
    live_job_send(scheduler, &w->live, &routes[1], 60000, &waiter_calls);
}

static void
wait_answer(const struct waiter *w)
{
    while (w->answers == 0)
        turn();
    ck_assert_uint_eq(w->answers, 1);
}

static void
say(unsigned place, unsigned code)
{
    relay_role_say(&role, &role.heard[place],
                   code / 100 == 2   ? RELAY_DELIVERED
                   : code / 100 == 5 ? RELAY_FAILED
                                     : RELAY_DEFERRED,
                   code, "", code == 0 ? "connection refused" : "well");
}

START_TEST(a_question_is_answered)
{
    struct waiter w;

    ask(&w);
    wait_jobs(1);
    ck_assert(role.heard[0].job.is_question && role.heard[0].fd < 0);
    say(0, 550);
    wait_answer(&w);
    ck_assert_uint_eq(w.code, 550);
}
END_TEST

START_TEST(questions_and_the_queue_share_connections)
{
    struct waiter w[3];

    add_many(3, "x@fast.example", "", "redirect");
    wait_jobs(3);
    for (size_t i = 0; i < 3; i++)
        ask(&w[i]);
    expect_jobs(4); /* of four connections */
    ck_assert(role.heard[3].job.is_question);
    say(0, 250);
    wait_jobs(5);
    ck_assert(role.heard[4].job.is_question);
    say(1, 250);
    wait_jobs(6);
    for (unsigned i = 2; i < 6; i++)
        say(i, 250);
    for (size_t i = 0; i < 3; i++)
        wait_answer(&w[i]);
    wait_items(0);
}
END_TEST

START_TEST(a_question_and_the_queue_take_turns)
{
    struct waiter w[8];
    unsigned questions = 0;

    for (size_t i = 0; i < 8; i++)
        ask(&w[i]);
    wait_jobs(4);
    add_many(4, "x@fast.example", "", "redirect");
    while (scheduler->hops[1].ready_count < 4)
        turn();
    for (unsigned i = 0; i < 4; i++)
        say(i, 250);
    wait_jobs(8);
    for (unsigned i = 4; i < 8; i++)
        questions += role.heard[i].job.is_question;
    ck_assert_uint_eq(questions, 2);
    for (unsigned i = 4; i < 12; i++) {
        wait_jobs(i + 1);
        say(i, 250);
    }
    wait_items(0);
}
END_TEST

START_TEST(a_hop_that_is_down_is_tried_by_one_who_waits)
{
    struct waiter w[4];

    for (unsigned i = 0; i < 2; i++) {
        ask(&w[i]);
        wait_jobs(i + 1);
        say(i, 0);
        wait_answer(&w[i]);
        ck_assert_str_eq(w[i].text, "connection refused");
    }
    ask(&w[2]);
    ask(&w[3]); /* at once */
    wait_answer(&w[3]);
    ck_assert_uint_eq(w[3].code, 0);
    ck_assert_str_eq(w[3].enhanced, "4.4.1");
    ck_assert_str_eq(w[3].text, "connection refused");
    expect_jobs(3);
    add("a", "x@fast.example", "", "redirect"); /* it is put off: */
    expect_jobs(3);
    say(2, 450); /* it answers again */
    wait_answer(&w[2]);
    wait_jobs(4);
    say(3, 250);
    wait_items(0);
}
END_TEST

START_TEST(a_hop_that_is_late_is_down_until_it_answers)
{
    struct waiter w[5];

    for (size_t i = 0; i < 4; i++)
        ask(&w[i]);
    wait_jobs(4);
    for (size_t i = 0; i < 3; i++)
        for (int again = 0; again < 2; again++)
            live_job_late(&w[i].live, "too late");
    ask(&w[4]); /* the fourth is under way still, and tries it */
    wait_answer(&w[4]);
    ck_assert_str_eq(w[4].text, "too late");
    live_job_late(&w[3].live, "too late");
    ask(&w[4]); /* of four connections none is free; but nobody waits for those */
    wait_jobs(5);
    say(0, 0); /* it was counted */
    wait_answer(&w[0]);
    say(1, 250);
    wait_answer(&w[1]);
    ck_assert(hop_is_up(&scheduler->hops[1].hop));
    for (unsigned i = 2; i < 5; i++) {
        say(i, 250);
        wait_answer(&w[i]);
    }
    ck_assert_uint_eq(scheduler->hops[1].hop.under_way, 0);
    ck_assert_uint_eq(scheduler->hops[1].late, 0);
}
END_TEST

START_TEST(who_waits_hears_that_the_role_has_gone)
{
    struct waiter w[6];

    for (size_t i = 0; i < 6; i++)
        ask(&w[i]);
    wait_jobs(4);
    relay_role_close(&role);
    for (size_t i = 0; i < 6; i++) {
        wait_answer(&w[i]);
        ck_assert_str_eq(w[i].enhanced, "4.3.0");
    }
    ask(&w[0]);
    wait_answer(&w[0]);
    ck_assert_str_eq(w[0].enhanced, "4.3.0");
    relay_role_connect(&role, relay);
    ask(&w[0]);
    wait_jobs(1);
    say(0, 250);
    wait_answer(&w[0]);
    ck_assert_uint_eq(w[0].code, 250);
}
END_TEST

START_TEST(nobody_waits_longer_than_he_may)
{
    struct waiter w[5];

    for (size_t i = 0; i < 4; i++)
        ask(&w[i]);
    wait_jobs(4);
    w[4] = (struct waiter){0};
    live_job_send(scheduler, &w[4].live, &routes[1], 5, &waiter_calls);
    wait_answer(&w[4]);
    ck_assert_str_eq(w[4].enhanced, "4.4.5");
    for (unsigned i = 0; i < 4; i++)
        say(i, 250);
    for (size_t i = 0; i < 4; i++)
        wait_answer(&w[i]);
}
END_TEST

START_TEST(who_does_not_want_to_wait_any_more_is_not_told)
{
    struct waiter w[5];

    for (size_t i = 0; i < 5; i++)
        ask(&w[i]);
    wait_jobs(4);
    ck_assert(live_job_withdraw(&w[4].live));
    ck_assert(!live_job_withdraw(&w[0].live));
    for (unsigned i = 0; i < 4; i++)
        say(i, 250);
    for (size_t i = 0; i < 4; i++)
        wait_answer(&w[i]);
    expect_jobs(4);
    ck_assert_uint_eq(w[4].answers, 0);
}
END_TEST

TCase *
scheduler_tests(void)
{
    TCase *t = tcase_create("scheduler");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_delivered_is_gone);
    tcase_add_test(t, the_delivery_log_follows_it);
    tcase_add_test(t, what_is_deferred_is_tried_later);
    tcase_add_test(t, what_becomes_due_is_sent_then);
    tcase_add_test(t, a_retry_by_hand_is_heard);
    tcase_add_loop_test(t, who_is_owed_a_report, 0, sizeof reports / sizeof reports[0]);
    tcase_add_test(t, what_expires_is_reported);
    tcase_add_test(t, what_expires_without_an_attempt_is_reported_too);
    tcase_add_test(t, what_expires_without_any_route_is_reported_too);
    tcase_add_test(t, a_report_without_any_route_expires);
    tcase_add_test(t, a_delay_is_told_once);
    tcase_add_loop_test(t, time_that_is_named_is_kept, 0, sizeof timed / sizeof timed[0]);
    tcase_add_test(t, what_is_left_of_the_time_is_said);
    tcase_add_test(t, without_a_route_it_waits);
    tcase_add_test(t, recipients_of_one_route_go_together);
    tcase_add_test(t, not_more_than_connections_at_once);
    tcase_add_test(t, a_slow_hop_holds_nobody);
    tcase_add_test(t, a_hop_that_is_silent_puts_its_messages_off);
    tcase_add_test(t, accounts_take_turns);
    tcase_add_test(t, an_account_over_its_hour_waits);
    tcase_add_test(t, a_role_that_dies_costs_one_attempt);
    tcase_add_test(t, what_is_under_way_when_the_store_ends_is_as_before);
    tcase_add_test(t, what_was_answered_before_the_end_is_settled);
    tcase_add_test(t, a_drain_ends_though_nothing_answers);
    tcase_add_test(t, a_message_that_is_gone_is_an_attempt);
    tcase_add_test(t, a_question_is_answered);
    tcase_add_test(t, questions_and_the_queue_share_connections);
    tcase_add_test(t, a_question_and_the_queue_take_turns);
    tcase_add_test(t, a_hop_that_is_down_is_tried_by_one_who_waits);
    tcase_add_test(t, a_hop_that_is_late_is_down_until_it_answers);
    tcase_add_test(t, who_waits_hears_that_the_role_has_gone);
    tcase_add_test(t, nobody_waits_longer_than_he_may);
    tcase_add_test(t, who_does_not_want_to_wait_any_more_is_not_told);
    return t;
}
