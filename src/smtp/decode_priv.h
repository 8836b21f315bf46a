/* SPDX-License-Identifier: MIT
 *
 * Message content as it crosses the wire to content as it is kept: dots of DATA taken away
 * (RFC 5321 4.5.2), bare CR and LF dealt with as configured.
 */
#ifndef DOORSTEP_SMTP_DECODE_PRIV_H
#define DOORSTEP_SMTP_DECODE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/settings.h"
#include "doorstep/span.h"

enum decode_state {
    DECODE_LINE_START, /* behind CRLF, or nothing came yet */
    DECODE_TEXT,       /* inside a line */
    DECODE_CR,         /* inside a line; a CR is held back until the next octet tells what it is */
    DECODE_DOT,        /* a line began with a dot, which is held back */
    DECODE_DOT_CR,     /* a line is so far dot, CR; both held back */
    DECODE_END         /* CRLF.CRLF was seen */
};

struct decode_sink {
    void (*octets)(void *arg, struct span octets);
    void *arg;
};

struct smtp_decode {
    enum decode_state state;
    enum bare_newline bare;
    bool has_dots; /* DATA; a chunk of BDAT has none */
    bool saw_bare; /* a bare CR or LF came (not looked for with BARE_KEEP) */
};

void smtp_decode_init(struct smtp_decode *d, enum bare_newline bare, bool has_dots);

/* smtp_decode_feed() - hand content to sink in pieces as large as can be. Returns how many octets
 * of `in` were used: all, or up to the end of data when d->state is DECODE_END. However a message
 * is split over calls, the same octets come out. */
size_t smtp_decode_feed(struct smtp_decode *d, struct span in, const struct decode_sink *sink);

/* smtp_decode_finish() - the last chunk of BDAT is over: what was held back is content. */
void smtp_decode_finish(struct smtp_decode *d, const struct decode_sink *sink);

#endif
