/* SPDX-License-Identifier: MIT
 *
 * The edge's door to the outbound role: the stages of sessions whose listener has content filters.
 * When that role dies, what waits is decided by the filters' on_failure, and the next transaction
 * of a session is introduced to its successor.
 */
#ifndef DOORSTEP_SMTP_FILTER_LINK_PRIV_H
#define DOORSTEP_SMTP_FILTER_LINK_PRIV_H

#include "doorstep/filter.h"
#include "doorstep/loop.h"
#include "doorstep/settings.h"

struct filter_link;
struct filter_client; /* one session */

/* On the loop's thread; also from inside filter_client_ask(). */
typedef void (*filter_answer_fn)(void *arg, uint64_t ticket, const struct outcome *o);

/* filter_link_new() - without an outbound role at first. NULL without memory. */
struct filter_link *filter_link_new(struct loop *l);
void filter_link_free(struct filter_link *f); /* all clients are gone before */

/* filter_link_replace() - a (new) outbound role; takes fd. */
void filter_link_replace(struct filter_link *f, int fd);

/* filter_client_new() - for a session of this listener; its key is drawn. NULL without memory.
 * settings are borrowed. */
struct filter_client *filter_client_new(struct filter_link *f, const struct settings *s,
                                        const struct settings_listen *listen, filter_answer_fn fn,
                                        void *arg);
void filter_client_free(struct filter_client *c); /* NULL is allowed */

const char *filter_client_key(const struct filter_client *c); /* lives as long as the client */

/* filter_client_must() - one of its filters has on_failure = tempfail. */
bool filter_client_must(const struct filter_client *c);

/* filter_client_ask() - answered once, unless the event is late. */
void filter_client_ask(struct filter_client *c, uint64_t ticket, const struct filter_event *e);

/* filter_client_handed() - the store will ask about the message of this name. */
void filter_client_handed(struct filter_client *c, const char *name);
void filter_client_abort(struct filter_client *c);

/* filter_client_forget() - no answer is wanted any more. */
void filter_client_forget(struct filter_client *c);

#endif
