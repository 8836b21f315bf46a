/* SPDX-License-Identifier: MIT
 *
 * What a trusted peer says about the client behind it: Postfix's XCLIENT and XFORWARD.
 */
#ifndef DOORSTEP_SMTP_XCLIENT_PRIV_H
#define DOORSTEP_SMTP_XCLIENT_PRIV_H

#define XCLIENT_ATTRIBUTES                                                                         \
    "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT "                                           \
    "SESSION TTL TIMEOUT FORWARD CLIENT-TRANSPORT DESTNAME"
#define XFORWARD_ATTRIBUTES "NAME ADDR PORT PROTO HELO IDENT SOURCE"

enum proxy_fact {
    FACT_IP,
    FACT_NAME,
    FACT_PORT,
    FACT_PROTOCOL,
    FACT_HELO,
    FACT_LOGIN,
    FACT_QUEUE_ID,
    FACT_SOURCE,
    FACT_SESSION, /* the proxy's own id of the session */
    FACT_COUNT
};

struct proxy_facts {
    char *text[FACT_COUNT]; /* owned; NULL: nothing was said, "": it is said to be unknown */
};

void proxy_facts_release(struct proxy_facts *f);

#endif
