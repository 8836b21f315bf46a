/* SPDX-License-Identifier: MIT
 *
 * A scheduler between a queue and a role of the test's own: see scheduler_rig.h.
 */
#include "scheduler_rig.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/db.h"

struct rig rig;
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
    if (rig.scheduler != NULL)
        scheduler_look(rig.scheduler);
}

static void
on_tick(void *arg)
{
    (void)arg;
    loop_stop(rig.loop);
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
    rig.routes[0] = route("slow", slow, 2);
    rig.routes[1] = route("fast", fast, 4);
    rig.settings = (struct settings){
        .hostname = "mail.example.org",
        .state_dir = rig.folder,
        .routes = rig.routes,
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

void
rig_start(void)
{
    const struct relay_link_hooks hooks = {on_replace, on_connected, NULL};

    rig.loop = loop_new();
    rig.tick = loop_timer_new(rig.loop, on_tick, NULL);
    rig.relay = relay_link_new(rig.loop, 60000, &hooks);
    senders_init(&rig.senders, &rig.settings);
    const struct scheduler_with with = {&rig.settings, rig.loop,         rig.queue,
                                        rig.relay,     rig.delivery_log, &rig.senders};
    rig.scheduler = scheduler_start(&with);
    ck_assert_ptr_nonnull(rig.scheduler);
    relay_role_connect(&rig.role, rig.relay);
}

/* A moment of the loop. */
void
rig_turn(void)
{
    loop_timer_start(rig.tick, 2);
    loop_run(rig.loop);
}

void
rig_drain(uint64_t ms)
{
    scheduler_drain(rig.scheduler, ms, on_tick, NULL);
    loop_run(rig.loop);
}

void
rig_stop(void)
{
    rig_drain(30);
    relay_link_free(rig.relay);
    scheduler_end(rig.scheduler);
    rig.scheduler = NULL;
    relay_role_close(&rig.role);
    loop_timer_free(rig.tick);
    loop_free(rig.loop);
}

void
rig_setup(void)
{
    db_setup();
    strcpy(rig.folder, "/tmp/doorstep-scheduler-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig.folder));
    make_settings();
    rig.queue = queue_open(rig.folder, &rig.why);
    rig.delivery_log = delivery_log_open(rig.folder, UINT64_MAX, &rig.why);
    ck_assert(rig.queue != NULL && rig.delivery_log != NULL);
    rig_start();
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

void
rig_teardown(void)
{
    if (rig.scheduler != NULL)
        rig_stop();
    delivery_log_close(rig.delivery_log);
    queue_close(rig.queue);
    remove_all(rig.folder);
}

/* So many jobs have come; a test that waits in vain runs out of time. */
void
rig_wait_jobs(unsigned count)
{
    while (relay_role_hear(&rig.role) < count)
        rig_turn();
}

/* Nothing more comes for a while. */
void
rig_expect_jobs(unsigned count)
{
    for (int i = 0; i < 20; i++)
        rig_turn();
    ck_assert_uint_eq(relay_role_hear(&rig.role), count);
}

struct queue_counts
rig_counts(void)
{
    struct queue_counts c;

    ck_assert(queue_count(rig.queue, &c, &rig.why));
    return c;
}

void
rig_wait_items(uint64_t items)
{
    while (rig_counts().items != items)
        rig_turn();
}

struct queue_item
rig_item(const char *once, const struct queue_recipient *to, size_t count)
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

struct queue_recipient
rig_recipient(const char *address)
{
    return (struct queue_recipient){
        .address = address, .orcpt = "", .last_reply = "", .last_host = ""};
}

void
rig_add(const char *once, const char *address, const char *account, const char *kind)
{
    const struct queue_recipient r = rig_recipient(address);
    struct queue_item i = rig_item(once, &r, 1);

    i.account = account;
    i.kind = kind;
    ck_assert_msg(queue_add(rig.queue, &i, 1, &rig.why), "%s", rig.why.cause);
}

void
rig_add_many(unsigned count, const char *address, const char *account, const char *kind)
{
    static unsigned number;
    char once[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(once, sizeof once, "many-%u", number++);
        rig_add(once, address, account, kind);
    }
}

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

struct seen
rig_see(void)
{
    struct seen s = {0};

    ck_assert(queue_list(rig.queue, 0, 1000, on_seen, &s, &rig.why));
    return s;
}
