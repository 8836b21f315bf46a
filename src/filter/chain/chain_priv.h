/* SPDX-License-Identifier: MIT
 *
 * One session and all of its filters: each stage goes to one after the other, in their order, until
 * one refuses; the message goes through all of them, each sees what the one before made of it. What
 * a lost filter means is decided here. Requests are carried out in the order in which they come.
 * Pure, but for the octets that its owner carries.
 */
#ifndef FILTER_CHAIN_CHAIN_PRIV_H
#define FILTER_CHAIN_CHAIN_PRIV_H

#include "doorstep/settings.h"

#include "milter_priv.h"

struct chain;

struct chain_calls {
    /* Filter i is needed: connect; then chain_opened() or chain_lost(), not from inside. */
    void (*connect)(void *arg, unsigned i);
    bool (*send)(void *arg, unsigned i, struct span octets); /* as in struct milter_calls */
    /* What filter i is waited for may have changed. */
    void (*waits)(void *arg, unsigned i);
    /* The end of stage `ticket`; has_lost: a filter was lost since the session began. */
    void (*verdict)(void *arg, uint64_t ticket, bool has_lost, const struct outcome *why);
    /* The end of chain_message(); borrowed for the call. body: the new one of a result that has
     * one, borrowed too. */
    void (*result)(void *arg, const struct filter_result *result, struct message *body);
    /* chain_close() is carried out: the chain may be freed, not from inside. */
    void (*closed)(void *arg);
};

/* chain_new() - for these filters; settings and calls are borrowed as long as the chain lives, the
 * names are looked up at once. An unknown name is a filter that is lost. NULL without memory. */
struct chain *chain_new(const struct chain_calls *calls, void *arg, const struct settings *s,
                        const char *const *names, unsigned count);
void chain_free(struct chain *c); /* NULL is allowed */

/* Requests. false: too many wait, or no memory. */
bool chain_event(struct chain *c, uint64_t ticket, const struct filter_event *e);
/* chain_handed() - the session's message of this name belongs to the store now. */
bool chain_handed(struct chain *c, const char *name);
bool chain_abort(struct chain *c);
bool chain_close(struct chain *c);

/* chain_message() - the store asks about the message of this name, handed over before or after this
 * call; a reference is kept. false: it asks about another one already. */
bool chain_message(struct chain *c, const char *name, struct message *msg);

/* About filter i. */
const struct settings_milter *chain_settings(const struct chain *c, unsigned i);
unsigned chain_label(const struct chain *c, unsigned i); /* of metrics */
void chain_opened(struct chain *c, unsigned i);
void chain_lost(struct chain *c, unsigned i, const char *cause);
void chain_feed(struct chain *c, unsigned i, struct span octets);
void chain_resume(struct chain *c, unsigned i);
enum milter_wait chain_waits_for(const struct chain *c, unsigned i);
uint64_t chain_turn(const struct chain *c, unsigned i); /* milter_turn() */

#endif
