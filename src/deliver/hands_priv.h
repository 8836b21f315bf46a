/* SPDX-License-Identifier: MIT
 *
 * Hands: processes with a system account's uid that main starts on request, so that the store never
 * needs that uid. A worker asks and looks again later; it does not wait.
 */
#ifndef DELIVER_HANDS_PRIV_H
#define DELIVER_HANDS_PRIV_H

#include "doorstep/accounts.h"
#include "doorstep/door.h"
#include "doorstep/loop.h"

struct hands;
struct hand_request;

enum hand_state { HAND_ASKED, HAND_THERE, HAND_REFUSED };

/* Carries STORE_WANT_HAND to main; false when it cannot. */
typedef bool (*hands_send_fn)(void *arg, uint64_t id, struct span body);

struct hands *hands_new(struct loop *loop, hands_send_fn send, void *arg);
void hands_free(struct hands *h);

/* hands_ask() - from any thread; NULL without memory. Freed by hand_request_free(), asker's thread.
 */
struct hand_request *hands_ask(struct hands *h, const struct account *a);
enum hand_state hand_request_state(const struct hand_request *r);
int hand_request_take(struct hand_request *r); /* the door's descriptor, once; the caller owns it */
void hand_request_free(struct hand_request *r);

/* hands_answer() - MAIN_HAND_DOOR came: fd (taken), or -1 when main refused. Loop's thread. */
void hands_answer(struct hands *h, uint64_t id, int fd);

#endif
