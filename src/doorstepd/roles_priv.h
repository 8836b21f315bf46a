/* SPDX-License-Identifier: MIT
 *
 * What the files about roles share: roles.c starts them, role_doors.c connects them, role_events.c
 * hears what they say and sees them end.
 */
#ifndef DOORSTEPD_ROLES_PRIV_H
#define DOORSTEPD_ROLES_PRIV_H

#include "supervise_priv.h"

/* --- roles.c --- */

bool role_has_process(const struct role *r); /* NULL is allowed */

/* What the settings want. */
bool roles_want_outbound(const struct daemon *d);
bool roles_need_auth(const struct daemon *d);
bool roles_want_relay(const struct daemon *d);
bool roles_want_passthrough(const struct daemon *d);
uint32_t roles_runner_count(const struct daemon *d);

/* roles_open_edges() - those that have no listeners yet, once all are there who decide about mail.
 */
void roles_open_edges(struct daemon *d);

/* --- role_doors.c --- */

void role_send_number(struct role *r, enum door_frame_type type, uint32_t number, int fd);
void role_send_settings(struct role *r);
void role_send_go(struct role *r);
/* role_send_listener() - the address `index` of its settings, where this host has its family. */
void role_send_listener(struct role *r, uint32_t index, const struct settings_address *a);

/* role_connect_edge() - a door to the store for it; without one, logged, it answers 451. */
void role_connect_edge(struct role *edge);

/* role_connect_helper() - a door to the store; its end waits in helper->store_end, -1: none. */
void role_connect_helper(struct role *helper);

/* role_connect_outbound() - a door to the outbound role for an edge or the store. */
void role_connect_outbound(struct role *r);

#endif
