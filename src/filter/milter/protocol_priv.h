/* SPDX-License-Identifier: MIT
 *
 * The milter protocol, version 6, as the MTA's side sees it: a packet is a length in network order,
 * an octet that says what it is, and data. Numbers and letters are those that sendmail's filter
 * library and all filters in use agree on. Decoding trusts nothing.
 */
#ifndef FILTER_MILTER_PROTOCOL_PRIV_H
#define FILTER_MILTER_PROTOCOL_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

#define MILTER_VERSION 6
#define MILTER_VERSION_MIN 2

/* Octets of data in one packet to a filter: their library takes no more. */
#define MILTER_DATA_MAX 65535
/* And of one from it: header fields may be longer than its pieces of a body. */
#define MILTER_REPLY_MAX (256 * 1024)

enum milter_command { /* to the filter */
                      MILTER_ABORT = 'A',
                      MILTER_BODY = 'B',
                      MILTER_CONNECT = 'C',
                      MILTER_MACROS = 'D',
                      MILTER_END = 'E', /* of the message */
                      MILTER_HELO = 'H',
                      MILTER_HEADER = 'L',
                      MILTER_MAIL = 'M',
                      MILTER_END_OF_HEADER = 'N',
                      MILTER_NEGOTIATE = 'O',
                      MILTER_QUIT = 'Q',
                      MILTER_RCPT = 'R',
                      MILTER_DATA = 'T',
                      MILTER_UNKNOWN = 'U'
};

enum milter_reply_kind { /* from the filter */
                         MILTER_ADD_RCPT = '+',
                         MILTER_DELETE_RCPT = '-',
                         MILTER_ADD_RCPT_WITH = '2', /* and ESMTP parameters */
                         MILTER_SHUTDOWN = '4',
                         MILTER_ACCEPT = 'a',
                         MILTER_REPLACE_BODY = 'b',
                         MILTER_CONTINUE = 'c',
                         MILTER_DISCARD = 'd',
                         MILTER_CHANGE_FROM = 'e',
                         MILTER_FAIL = 'f', /* end the client's connection */
                         MILTER_ADD_HEADER = 'h',
                         MILTER_INSERT_HEADER = 'i',
                         MILTER_CHANGE_HEADER = 'm',
                         MILTER_NEGOTIATED = 'O',
                         MILTER_PROGRESS = 'p',
                         MILTER_QUARANTINE = 'q',
                         MILTER_REJECT = 'r',
                         MILTER_SKIP = 's',
                         MILTER_TEMPFAIL = 't',
                         MILTER_REPLY_CODE = 'y'
};

enum milter_actions { /* what a filter may change */
                      MILTER_MAY_ADD_HEADERS = 0x1,
                      MILTER_MAY_CHANGE_BODY = 0x2,
                      MILTER_MAY_ADD_RCPT = 0x4,
                      MILTER_MAY_DELETE_RCPT = 0x8,
                      MILTER_MAY_CHANGE_HEADERS = 0x10,
                      MILTER_MAY_QUARANTINE = 0x20,
                      MILTER_MAY_CHANGE_FROM = 0x40,
                      MILTER_MAY_ADD_RCPT_WITH = 0x80,
                      MILTER_MAY_CHOOSE_MACROS = 0x100,
                      MILTER_ACTIONS = 0x1ff
};

enum milter_steps { /* what it does not want to hear, or not to answer */
                    MILTER_NO_CONNECT = 0x1,
                    MILTER_NO_HELO = 0x2,
                    MILTER_NO_MAIL = 0x4,
                    MILTER_NO_RCPT = 0x8,
                    MILTER_NO_BODY = 0x10,
                    MILTER_NO_HEADERS = 0x20,
                    MILTER_NO_END_OF_HEADER = 0x40,
                    MILTER_SILENT_HEADERS = 0x80,
                    MILTER_NO_UNKNOWN = 0x100,
                    MILTER_NO_DATA = 0x200,
                    MILTER_MAY_SKIP = 0x400,
                    MILTER_WANTS_REJECTED = 0x800, /* recipients that we refuse: not offered */
                    MILTER_SILENT_CONNECT = 0x1000,
                    MILTER_SILENT_HELO = 0x2000,
                    MILTER_SILENT_MAIL = 0x4000,
                    MILTER_SILENT_RCPT = 0x8000,
                    MILTER_SILENT_DATA = 0x10000,
                    MILTER_SILENT_UNKNOWN = 0x20000,
                    MILTER_SILENT_END_OF_HEADER = 0x40000,
                    MILTER_SILENT_BODY = 0x80000,
                    MILTER_LEADING_SPACE =
                        0x100000, /* header values as they are, space behind the colon too */
                    MILTER_STEPS = 0x1fffff & ~MILTER_WANTS_REJECTED
};

enum milter_macro_stage {
    MACROS_CONNECT,
    MACROS_HELO,
    MACROS_MAIL,
    MACROS_RCPT,
    MACROS_DATA,
    MACROS_END,
    MACROS_END_OF_HEADER,
    MACROS_STAGES
};

struct milter_reply { /* borrowed from the packet */
    enum milter_reply_kind kind;
    struct span name;  /* of a header field; an address */
    struct span value; /* of a header field; parameters; a reply's text; a reason */
    uint32_t index;
    struct span data; /* a piece of a body */
    uint32_t version, actions, steps;
    struct span macros[MACROS_STAGES]; /* names separated by spaces; p NULL: as we like */
};

enum milter_parse { MILTER_PARSE_OK, MILTER_PARSE_MORE, MILTER_PARSE_BROKEN };

/* milter_parse() - the packet at the front of `in`; *used is its length. */
enum milter_parse milter_parse(struct span in, struct milter_reply *out, size_t *used);

/* milter_packet_begin() / milter_packet_end() - what is appended in between is the packet's data.
 * end is false when something did not fit. */
size_t milter_packet_begin(struct buf *out, enum milter_command command);
bool milter_packet_end(struct buf *out, size_t at);

/* milter_put_string() - with its terminating NUL; a NUL inside becomes a space. */
bool milter_put_string(struct buf *out, struct span text);
bool milter_put_u16(struct buf *out, uint16_t v);
bool milter_put_u32(struct buf *out, uint32_t v);

#endif
