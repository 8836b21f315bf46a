/* SPDX-License-Identifier: MIT
 *
 * Who asks whether a recipient would be taken, and what follows from that: EDGE_RCPT carries it
 * from the edge to the store.
 */
#ifndef DOORSTEP_RCPT_H
#define DOORSTEP_RCPT_H

enum rcpt_asker {
    RCPT_ASKED_BY_CLIENT,    /* RCPT of a session: what is taken will be delivered here */
    RCPT_ASKED_BY_MTA,       /* before it accepts (listen policy): it sends on what aliases lead to
                              * elsewhere, so that one such address is enough */
    RCPT_ASKED_BY_MAP,       /* the same of existence alone (listen socketmap): full is no matter */
    RCPT_ASKED_BY_NEIGHBOUR, /* as a client does, but from a unix socket: strangers leave it room */
    RCPT_ASKERS
};

/* Addresses that one alias leads to, at most: accounts, and as many elsewhere. */
#define RCPT_ALIAS_TARGETS_MAX 200

#endif
