/* SPDX-License-Identifier: MIT
 *
 * A mailbox of an envelope or of a tool's argument: RFC 5321 4.1.2 path grammar with RFC 6531
 * (UTF-8 local parts, U-labels). Parsed once at the edge; everything behind it sees the parts.
 */
#ifndef DOORSTEP_ADDRESS_H
#define DOORSTEP_ADDRESS_H

#include <stdbool.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/pack.h"
#include "doorstep/span.h"

/* Octets. Local part and domain as RFC 5321 4.5.3.1 has them; a sender's local part may be longer,
 * as VERP and SRS make it every day, and it is only carried, never looked up; what begins as
 * an address of SRS may be as long when it comes back. A path has 256 at
 * least; UTF-8 and source routes need more. */
#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_SENDER_LOCAL_MAX 256
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_PATH_MAX 1024

struct address {
    const char *local;  /* unquoted: what the quoted string means; "" in <>, "postmaster" (in lower
                         * case) in <postmaster> */
    const char *domain; /* lower case A-labels, or "[...]"; "" in <> and <postmaster> */
    bool is_null;       /* <> */
    bool is_utf8;       /* came with an octet above 127: needs SMTPUTF8 */
};

enum address_result { ADDRESS_OK, ADDRESS_SYNTAX, ADDRESS_TOO_LONG, ADDRESS_NO_MEMORY };

enum address_flags {
    ADDRESS_ALLOW_NULL = 1,       /* a reverse-path: <> and long local parts */
    ADDRESS_ALLOW_POSTMASTER = 2, /* <postmaster> without a domain (forward-path) */
    ADDRESS_ALLOW_UTF8 = 4,       /* SMTPUTF8 was asked for */
};

/* address_parse_path() - an angle-bracketed path at the start of `in`; source routes are accepted
 * and dropped (RFC 5321 4.1.1.3, appendix C). *rest is what follows the '>'. Memory comes from
 * arena. */
enum address_result address_parse_path(struct span in, unsigned flags, struct arena *arena,
                                       struct address *out, struct span *rest);

/* address_parse_mailbox() - local@domain without brackets, whole of `in` (tool, configuration);
 * with the flags, "" is the null address and "postmaster" stands alone. */
enum address_result address_parse_mailbox(struct span in, unsigned flags, struct arena *arena,
                                          struct address *out);

/* address_print() - as a peer would write it, quoted where it must be, without brackets;
 * nothing for <>. false when out is full. */
bool address_print(const struct address *a, struct buf *out);

/* address_text() - the same in the arena; NULL: no memory. */
const char *address_text(const struct address *a, struct arena *arena);

bool address_equal(const struct address *a, const struct address *b, bool fold_local);

/* domain_normalize() - lower case A-labels of a domain in any spelling (IDNA2008, RFC 5890); false
 * when it is no domain. Address literals are checked and kept. */
bool domain_normalize(struct span in, char *out, size_t size);

/* address_unpack() - memory from arena; the parts are checked again, as a peer's. */
void address_pack(const struct address *a, struct pack *p);
bool address_unpack(struct address *a, struct arena *arena, struct unpack *u);

/* account_name_check() - may this (already UTF-8) local part name an account, and so a folder?
 * Refuses '/', NUL, control octets, ".", "..", a leading '.', empty, over 64 octets, bad UTF-8,
 * invisible, bidirectional or unassigned characters, and spaces except ASCII ones between others.
 * The one place where that is decided. */
bool account_name_check(struct span name);

/* account_name_fold() - NFC and, with fold_case, case folded (Unicode simple folding); the
 * form under which an account is kept. false: not a name (account_name_check). */
bool account_name_fold(struct span name, bool fold_case, char *out, size_t size);

#endif
