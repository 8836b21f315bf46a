/* SPDX-License-Identifier: MIT
 *
 * Inside a look-up's connection: what the two protocols do each their own way (policy.c,
 * socketmap.c), and what is the same (lookup.c).
 */
#ifndef DOORSTEP_SMTP_LOOKUP_PROTOCOL_PRIV_H
#define DOORSTEP_SMTP_LOOKUP_PROTOCOL_PRIV_H

#include "doorstep/arena.h"
#include "lookup_priv.h"
#include "netstring_priv.h"
#include "policy_parse_priv.h"

#define LOOKUP_REPLY_MAX (NETSTRING_MAX + 16)

/* A request that is whole: what to ask the store, or the answer at once. */
struct lookup_request {
    struct arena arena; /* holds the addresses */
    struct address recipient, sender;
    uint64_t size;
    enum listen_unknown unknown; /* what is said of those */
    enum { LOOKUP_NOTHING, LOOKUP_RCPT, LOOKUP_EXISTS, LOOKUP_ALIAS } question;
};

enum lookup_result { LOOKUP_MORE, LOOKUP_DONE, LOOKUP_BAD };

union lookup_parser {
    struct policy_parser policy;
    struct netstring netstring;
};

struct lookup_protocol {
    void (*init)(union lookup_parser *p);
    void (*release)(union lookup_parser *p);
    enum lookup_result (*take)(union lookup_parser *p, struct span in, size_t *used);
    /* The request that is whole. With LOOKUP_NOTHING the answer is printed already; false: no
     * memory, or a request that none can answer. */
    bool (*read)(const union lookup_parser *p, const struct settings *settings,
                 struct lookup_request *r, struct buf *reply);
    /* The store's answer to it. false: no memory. */
    bool (*print)(const struct lookup_request *r, const struct outcome *o, struct span targets,
                  struct buf *reply);
};

/* lookup_read_address() - as in a message's envelope, or as Postfix keeps it: without the quotes of
 * a quoted local part. false: it is no address. */
bool lookup_read_address(struct span text, struct arena *arena, struct address *out);

extern const struct lookup_protocol lookup_policy;
extern const struct lookup_protocol lookup_socketmap;

#endif
