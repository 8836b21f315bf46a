/* SPDX-License-Identifier: MIT
 *
 * The value of a Content-Type or Content-Disposition field (RFC 2045 5.1, RFC 2183) and its
 * parameters, with the continuations of RFC 2231 joined. Names and values are spans into the field
 * or into the arena that is given; at most PARAMS_MAX parameters are taken.
 */
#ifndef DOORSTEP_PARAMS_H
#define DOORSTEP_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/charset.h"
#include "doorstep/span.h"

#define PARAMS_MAX 256

struct param {
    struct span name;  /* without "*" and section, where is_extended or joined */
    struct span value; /* unquoted; charset'language'%XX when is_extended */
    bool is_extended;  /* RFC 2231 4 */
};

struct params {
    size_t count;
    bool is_truncated; /* there were more, or memory ran out */
    struct param item[PARAMS_MAX];
};

/* content_parse() - split "type/subtype; params" (RFC 2045 5.1); *rest is what follows. False when
 * it is not of that form: RFC 2045 5.2 then makes it text/plain. */
bool content_parse(struct span value, struct span *type, struct span *subtype, struct span *rest);

/* params_parse() - in begins at the first ';'. What is no parameter is skipped. */
void params_parse(struct span in, struct arena *arena, struct params *out);

/* params_find() - the first parameter of that name, or NULL; borrowed from p. */
const struct param *params_find(const struct params *p, const char *name);

/* param_decode() - append what a value means, as UTF-8. RFC 2047 words in plain values are decoded
 * too: they are forbidden there, and much mail has them. False when out was too small. */
bool param_decode(struct charsets *set, const struct param *p, struct buf *out);

#endif
