/* SPDX-License-Identifier: MIT
 *
 * The start of a role, in its own process: who it is, what main hands it, how it locks itself in.
 */
#ifndef DOORSTEPD_ROLE_PRIV_H
#define DOORSTEPD_ROLE_PRIV_H

#include <stdbool.h>

#include "doorstep/door.h"
#include "doorstep/settings.h"

/* role_main() - doorstepd --role NAME [--as UID:GID[:G,G]] [--root DIR] [--quiet]; the exit status.
 */
int role_main(int argc, char **argv);

struct role_start {                   /* what a sorter, a hand and auth are sent before MAIN_GO */
    struct door *main_door;           /* owned */
    const struct settings *settings;  /* stay for good */
    int store_door;                   /* owned by the caller */
    int secrets;                      /* the same; -1: none were sent */
    int returns[FILTER_SECTIONS_MAX]; /* the same; by settings.filters */
};

/* role_read_start() - blocks until MAIN_GO. main_fd is taken. False: main is gone or broke the
 * rules. */
bool role_read_start(int main_fd, const struct settings *(*parse)(int fd), struct role_start *out);

/* role_say_ready() - ROLE_READY to main. */
bool role_say_ready(struct role_start *start);

/* The `confine` hook of each role: sandbox_enter() with what its settings say. */
/* role_limit_memory() - of this process, before it is confined. false: logged, and it must end. */
enum role_memory {
    ROLE_MEMORY_EDGE,
    ROLE_MEMORY_STORE,
    ROLE_MEMORY_HAND,
    ROLE_MEMORY_AUTH,
    ROLE_MEMORY_OUTBOUND,
    ROLE_MEMORY_RELAY,
    ROLE_MEMORY_PASSTHROUGH
};
bool role_limit_memory(enum role_memory role, const struct settings *s);

bool role_confine_edge(const struct settings *s);
bool role_confine_sorter(const struct settings *s);
bool role_confine_store(const struct settings *s);
bool role_confine_hand(const struct settings *s);
bool role_confine_metrics(const struct settings *s);
bool role_confine_auth(const struct settings *s);
bool role_confine_outbound(const struct settings *s);
bool role_confine_relay(const struct settings *s);
bool role_confine_passthrough(const struct settings *s);
bool role_confine_runner(const struct settings *s);

struct settings_program;
/* role_confine_program() - in the process of a program, which no thread of the runner shares. */
bool role_confine_program(const struct settings *s, const struct settings_program *p);

struct charsets;
int role_run_sorter(int main_fd, const struct settings *(*parse)(int fd),
                    struct charsets *charsets);
struct auth_library;
int role_run_auth(int main_fd, const struct settings *(*parse)(int fd),
                  struct auth_library *library);
int role_run_passthrough(int main_fd, const struct settings *(*parse)(int fd));
int role_run_relay(int main_fd, const struct settings *(*parse)(int fd));
int role_run_hand(int main_fd, const struct settings *(*parse)(int fd));
int role_run_runner(int main_fd, const struct settings *(*parse)(int fd));
int role_run_metrics(int main_fd, const struct settings *(*parse)(int fd));

#endif
