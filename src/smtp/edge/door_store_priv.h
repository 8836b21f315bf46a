/* SPDX-License-Identifier: MIT
 *
 * The edge's side of its door to the store: questions and messages of all connections, as frames
 * (door_frames.h). When the store dies, messages under way are lost (451) and questions wait a
 * moment for the next store, so that peers do not see it restart.
 */
#ifndef DOORSTEP_SMTP_DOOR_STORE_PRIV_H
#define DOORSTEP_SMTP_DOOR_STORE_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "doorstep/auth.h"
#include "doorstep/envelope.h"
#include "doorstep/loop.h"
#include "doorstep/outcome.h"
#include "doorstep/rcpt.h"

struct door_store;
struct door_request;
struct managesieve_answer;
struct managesieve_request;

struct door_client_calls { /* on the loop's thread, never from inside a door_store_* call but
                              door_store_replace() */
    void (*rcpt_answer)(void *arg, uint64_t rcpt_id, const struct outcome *o);
    /* With a success: what the alias leads to, "a@b, c@d". */
    void (*alias_answer)(void *arg, uint64_t id, const struct outcome *o, struct span targets);
    void (*answer)(void *arg, uint32_t index, const struct outcome *o, const char *delivery_id);
    /* The message under way, or its missing answers, will not come: o says why. */
    void (*lost)(void *arg, const struct outcome *o);
    void (*auth_challenge)(void *arg, struct span octets);
    void (*auth_done)(void *arg, enum sasl_verdict verdict, const char *login);
    /* Of those who log in to their scripts. script_lost: the log-in went with the store. */
    void (*script_answer)(void *arg, const struct managesieve_answer *a);
    void (*script_lost)(void *arg);
    /* door_client.is_paused has changed; also from inside door_store_data(). */
    void (*paced)(void *arg);
};

struct door_client { /* one connection, as the door sees it; in the connection's memory */
    const struct door_client_calls *calls;
    void *arg;
    LIST_HEAD(, door_request) requests;
    struct door_request *message; /* the one under way, or NULL */
    struct door_request *auth;    /* the log-in under way, or NULL */
    struct door_request *scripts; /* the log-in to them, or NULL */
    LIST_ENTRY(door_client) sender;
    bool is_sender; /* between begin and end */
    bool is_paused; /* too much waits unsent: read no more of the message for now */
};

void door_client_init(struct door_client *c, const struct door_client_calls *calls, void *arg);

/* door_store_new() - without a store at first. NULL without memory. */
struct door_store *door_store_new(struct loop *l);

/* door_store_free() - all clients are gone before. */
void door_store_free(struct door_store *d);

/* door_store_replace() - a (new) store; takes fd. */
void door_store_replace(struct door_store *d, int fd);

/* door_store_ask_rcpt() - EDGE_RCPT. false: there is no store, or no room; nothing will be
 * answered. */
bool door_store_ask_rcpt(struct door_store *d, struct door_client *c, uint64_t rcpt_id,
                         enum rcpt_asker asker, const struct address *recipient,
                         const struct address *reverse_path, uint64_t size);

/* door_store_ask_alias() - EDGE_ALIAS. false: as above. A client that never asks needs no
 * alias_answer. */
bool door_store_ask_alias(struct door_store *d, struct door_client *c, uint64_t id,
                          const struct address *alias);

/* A message: begin, data, then end or abort. begin may refuse; what goes wrong afterwards is told
 * by lost(), a moment later. */
bool door_store_begin(struct door_store *d, struct door_client *c, uint64_t size);
void door_store_data(struct door_store *d, struct door_client *c, struct span octets);
void door_store_end(struct door_store *d, struct door_client *c, const struct envelope *e);
void door_store_abort(struct door_store *d, struct door_client *c);

/* A log-in: begin, then a step for each challenge, or abort; answered by auth_challenge() and
 * auth_done(). false: it cannot be now, and has ended. */
bool door_store_auth_begin(struct door_store *d, struct door_client *c,
                           const struct auth_client *client, const struct auth_begin *begin);
bool door_store_auth_step(struct door_store *d, struct door_client *c, struct span octets);
void door_store_auth_abort(struct door_store *d, struct door_client *c);

/* A log-in to scripts: as above, and when it has succeeded the store remembers it until
 * door_store_script_logout(). One request at a time, answered by script_answer(); false: it cannot
 * be now. */
bool door_store_script_login(struct door_store *d, struct door_client *c,
                             const struct auth_client *client, const struct auth_begin *begin);
bool door_store_script_ask(struct door_store *d, struct door_client *c,
                           const struct managesieve_request *r);
void door_store_script_logout(struct door_store *d, struct door_client *c);

/* door_store_is_disk_full() - the store says that a disk is nearly full: no new mail. */
bool door_store_is_disk_full(const struct door_store *d);

/* door_store_push() - send what door_store_data() gathered; at the end of each read. */
void door_store_push(struct door_store *d);

/* door_store_forget() - the client wants no answer any more. A message that has ended goes on. */
void door_store_forget(struct door_store *d, struct door_client *c);

#endif
