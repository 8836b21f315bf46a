/* SPDX-License-Identifier: MIT
 *
 * For tests of what is sent and when: a queue of its own, its scheduler, and a relay role that says
 * what each test wants. One at a time.
 */
#ifndef TEST_DELIVER_SCHEDULER_RIG_H
#define TEST_DELIVER_SCHEDULER_RIG_H

#include "live_priv.h"
#include "relay_role.h"
#include "scheduler_state_priv.h"

#define DAY 86400

struct rig {
    char folder[64];
    struct settings settings;
    struct settings_route routes[2]; /* slow.example, fast.example */
    struct loop *loop;
    struct loop_timer *tick;
    struct queue *queue;
    struct relay_link *relay;
    struct relay_role role;
    struct delivery_log *delivery_log;
    struct senders senders;
    struct scheduler *scheduler; /* NULL: stopped */
    struct outcome why;
};

extern struct rig rig;

/* A fixture. rig_stop() and rig_start() - another life of the store, with rig.settings. */
void rig_setup(void);
void rig_teardown(void);
void rig_start(void);
void rig_stop(void);

void rig_drain(uint64_t ms); /* what is under way ends, or is put off in ms */

void rig_turn(void); /* a moment of the loop */

/* rig_wait_jobs() - so many have come to the role; one that waits in vain runs out of time.
 * rig_expect_jobs() - and nothing more comes for a while. */
void rig_wait_jobs(unsigned count);
void rig_expect_jobs(unsigned count);

struct queue_counts rig_counts(void);
void rig_wait_items(uint64_t items);

/* rig_item() - a redirected message to these (borrowed), five days to live. */
struct queue_item rig_item(const char *once, const struct queue_recipient *to, size_t count);
struct queue_recipient rig_recipient(const char *address);
void rig_add(const char *once, const char *address, const char *account, const char *kind);
void rig_add_many(unsigned count, const char *address, const char *account, const char *kind);

struct seen { /* what waits, the last item of it */
    char kind[16], to[64], reply[256], reverse_path[64];
    char text[4096];
    unsigned attempts, items;
    bool is_delay_told;
    time_t next_attempt;
};

struct seen rig_see(void);

#endif
