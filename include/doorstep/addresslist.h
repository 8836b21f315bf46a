/* SPDX-License-Identifier: MIT
 *
 * Address lists of header fields (RFC 5322 3.4, obsolete forms 4.4): mailboxes and groups, one at a
 * time, with the display name as it was sent (RFC 2047 words are not decoded here). Broken lists
 * give what can be made out of them; nesting costs a counter, never the stack. The addresses of the
 * SMTP envelope are address.h's.
 */
#ifndef DOORSTEP_ADDRESSLIST_H
#define DOORSTEP_ADDRESSLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

#define ADDRESSLIST_MAX 10000 /* mailboxes and groups in one list */

enum addresslist_kind {
    ADDRESSLIST_MAILBOX,
    ADDRESSLIST_GROUP_BEGIN, /* name is the group's */
    ADDRESSLIST_GROUP_END,   /* also for a group that the field leaves open */
    ADDRESSLIST_END
};

struct addresslist_item { /* spans are borrowed from the list until the next call */
    struct span name;   /* display name: words unquoted, one space between; else the last comment */
    bool has_name;      /* "" <a@b> has an empty one */
    struct span route;  /* "@a,@b" of an obsolete route, or nothing */
    struct span local;  /* unquoted; nothing in <> */
    bool is_quoted;     /* local was written with quotes, at least in part */
    struct span domain; /* as written without comments; nothing when there is none */
};

struct addresslist {
    struct span rest; /* borrowed */
    bool in_group;
    bool has_quotes;   /* local, so far */
    bool is_truncated; /* ADDRESSLIST_MAX was passed, or memory ran out */
    size_t count;
    struct buf phrase, local, domain, route; /* of the current item */
};

/* addresslist_init() - value is a field's value, folded or not; borrowed until release. */
void addresslist_init(struct addresslist *list, struct span value);
void addresslist_release(struct addresslist *list);

enum addresslist_kind addresslist_next(struct addresslist *list, struct addresslist_item *out);

/* addresslist_first() - append the first mailbox of the first field `name` in a header block that
 * has one, as local@domain without quotes. False: none has, or out is full; out is then as it was.
 */
bool addresslist_first(struct span block, const char *name, struct buf *out);

#endif
