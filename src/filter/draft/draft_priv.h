/* SPDX-License-Identifier: MIT
 *
 * A message as filters see and change it: its header fields, each the octets that came, its body,
 * and what becomes of its envelope. A filter works on a copy, which takes the place of the draft
 * only when the filter has said its last word: half of its changes never exist. Pure.
 */
#ifndef FILTER_DRAFT_DRAFT_PRIV_H
#define FILTER_DRAFT_DRAFT_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/filter.h"
#include "doorstep/message.h"

/* Octets for everything that filters bring into one message, besides a new body. */
#define DRAFT_MEMORY (16 * 1024 * 1024)

/* Octets of one field that a filter brings, folding included. */
#define MILTER_FIELD_MAX (512 * 1024)

struct draft_field {
    struct span octets; /* the whole field, with its line ends */
    size_t name_length; /* 0: a line that is no field; it is kept, and nobody sees it */
};

struct draft {
    struct arena *arena;        /* borrowed: texts of fields and addresses */
    struct draft_field *fields; /* owned */
    uint32_t count, size;
    size_t header_octets;     /* of all fields */
    struct message *original; /* a reference */
    uint64_t body_offset;     /* of the original's body, in it */
    bool has_empty_line;      /* between its header and its body */
    struct message *body;     /* a reference to a new one, or NULL */
    uint64_t body_max;
    bool body_ends_in_cr; /* of the new one, so far */
    bool is_body_closed;  /* the new one is whole: another filter would begin its own */
    bool is_changed;      /* header or body */
    bool has_sender;
    const char *sender; /* without brackets */
    const char *added[FILTER_RECIPIENTS_MAX];
    uint32_t added_count;
    const char *deleted[FILTER_RECIPIENTS_MAX];
    uint32_t deleted_count;
    const char *quarantine; /* mailbox, or NULL */
    const char *reason;
};

enum draft_result { DRAFT_OK, DRAFT_NO_MEMORY, DRAFT_HEADER_TOO_LARGE };

/* draft_open() - of a sealed message; a reference is kept. arena: as long as the draft and its
 * copies. body_max: octets that a new body may have. */
enum draft_result draft_open(struct draft *d, struct message *original, uint64_t body_max,
                             struct arena *arena);
void draft_close(struct draft *d);

/* draft_copy() - changes of the copy do not show in the original. false without memory. */
bool draft_copy(const struct draft *from, struct draft *to);

/* --- what a filter sees --- */

/* draft_field_name() / draft_field_value() - the value without its last line end, LF between lines;
 * has_space: with what stands behind the colon, otherwise without one blank there. */
struct span draft_field_name(const struct draft_field *f);
bool draft_field_value(const struct draft_field *f, bool has_space, struct buf *out);

uint64_t draft_body_octets(const struct draft *d);
ssize_t draft_body_read(const struct draft *d, uint64_t offset, void *out, size_t n);

/* --- what it changes; false: no memory, a limit, or a name that none is --- */

bool draft_add(struct draft *d, struct span name, struct span value, bool has_space);
/* draft_insert() - in front of the field at `index`, counted from 0 over all fields; behind the
 * last when there are fewer. */
bool draft_insert(struct draft *d, uint32_t index, struct span name, struct span value,
                  bool has_space);
/* draft_change() - the index-th field of that name, counted from 1; an empty value deletes it. Is
 * there none, a field is added. */
bool draft_change(struct draft *d, uint32_t index, struct span name, struct span value,
                  bool has_space);
/* draft_replace_body() - a piece; a filter's first one begins a new body. LF alone becomes CRLF. */
bool draft_replace_body(struct draft *d, struct span piece);
bool draft_add_recipient(struct draft *d, struct span address);
bool draft_delete_recipient(struct draft *d, struct span address);
bool draft_set_sender(struct draft *d, struct span address);
bool draft_set_quarantine(struct draft *d, const char *mailbox, struct span reason);

/* draft_remove_results() - Authentication-Results fields with this authserv-id (RFC 8601 5). */
void draft_remove_results(struct draft *d, const char *authserv_id);

/* draft_print_header() - all fields and, behind them, the empty line where a body follows. */
bool draft_print_header(const struct draft *d, struct buf *out);

#endif
