/* SPDX-License-Identifier: MIT
 *
 * Authentication-Results (RFC 8601 2.2): who claims to have written one. A field that bears our own
 * name and was in the message when it came was not written by us, nor by a filter of ours.
 */
#include "draft_priv.h"

#include <string.h>

#include "doorstep/field.h"

#define FIELD_NAME "Authentication-Results"

/* [CFWS] authserv-id, a token or a quoted string. */
static bool
bears_name(struct span value, const char *authserv_id)
{
    struct span name;
    struct buf quoted;
    bool is_ours;

    buf_init(&quoted, 1024);
    token_skip_cfws(&value, NULL);
    if (value.n > 0 && value.p[0] == '"') {
        /* what is too long for the buffer is no name of ours */
        name = token_take_quoted(&value, &quoted) ? buf_span(&quoted) : SPAN_NONE;
    } else {
        name = token_take_until(&value, ";(");
    }
    while (name.n > 0 && name.p[name.n - 1] == '.') /* the root's dot names the same host */
        name.n--;
    is_ours = span_equal_fold(name, span_of(authserv_id));
    buf_release(&quoted);
    return is_ours;
}

static bool
is_forged(const struct draft_field *field, const char *authserv_id)
{
    struct span block = field->octets;
    struct field f;

    return field_next(&block, &f) == FIELD_OK && field_is(&f, FIELD_NAME) &&
           bears_name(f.value, authserv_id);
}

void
draft_remove_results(struct draft *d, const char *authserv_id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        if (is_forged(&d->fields[i], authserv_id)) {
            d->header_octets -= d->fields[i].octets.n;
            d->is_changed = true;
        } else {
            d->fields[kept++] = d->fields[i];
        }
    }
    d->count = kept;
}
