/* SPDX-License-Identifier: MIT
 *
 * What the header of a part says about it (RFC 2045, 2183, 3282, 2557, 1864).
 */
#include <stddef.h>
#include <string.h>

#include "doorstep/field.h"

#include "mime_priv.h"

static void
take_first(struct span *where, struct span value)
{
    if (where->p == NULL)
        *where = value;
}

struct header_row {
    struct span name; /* behind "Content-" */
    size_t offset;    /* of the span in struct mime_header */
};

#define ROW(text, member)                                                                          \
    {                                                                                              \
        {"" text, sizeof(text) - 1}, offsetof(struct mime_header, member)                          \
    }

static const struct header_row rows[] = {
    ROW("Type", type), /* split later */
    ROW("Transfer-Encoding", encoding),
    ROW("ID", id),
    ROW("Description", description),
    ROW("MD5", md5),
    ROW("Disposition", disposition),
    ROW("Language", language),
    ROW("Location", location),
};

static void
take_field(const struct field *f, struct mime_header *out)
{
    struct span name = span_skip(f->name, sizeof "Content-" - 1);

    if (!span_has_prefix_fold(f->name, SPAN("Content-")))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_equal_fold(name, rows[i].name))
            take_first((struct span *)(void *)((char *)out + rows[i].offset), f->value);
}

/* Text without a charset is US-ASCII (RFC 2046 4.1.2); what it really is, is guessed when it is
 * decoded. */
static void
set_default_charset(struct mime_header *h)
{
    bool is_text = span_equal_fold(h->type, SPAN("text"));

    if (!is_text || h->params.count == PARAMS_MAX || params_find(&h->params, "charset") != NULL)
        return;
    h->params.item[h->params.count++] = (struct param){SPAN("charset"), SPAN("us-ascii"), false};
}

static void
set_default_type(struct mime_header *h, bool in_digest)
{
    h->type = in_digest ? SPAN("message") : SPAN("text");
    h->subtype = in_digest ? SPAN("rfc822") : SPAN("plain");
    h->params.count = 0;
    if (!in_digest)
        set_default_charset(h);
}

/* A multipart needs a usable boundary; without one its Content-Type is not well-formed, and RFC
 * 2045 5.2 makes it plain text, which shows its reader what is there. */
static bool
is_well_formed(const struct mime_header *h)
{
    const struct param *boundary = params_find(&h->params, "boundary");

    if (!span_equal_fold(h->type, SPAN("multipart")))
        return true;
    return boundary != NULL && boundary->value.n > 0 && boundary->value.n <= MIME_BOUNDARY_MAX;
}

void
mime_header_parse(struct span block, bool in_digest, struct arena *arena, struct mime_header *out)
{
    struct span rest = block, params;
    struct field f;
    enum field_result result;

    memset(out, 0, offsetof(struct mime_header, params)); /* not the 10 KiB of parameters */
    out->block = block;
    out->params.count = 0;
    out->params.is_truncated = false;
    while ((result = field_next(&rest, &f)) != FIELD_END)
        if (result == FIELD_OK)
            take_field(&f, out);
    struct span written = out->type;
    if (written.p == NULL) {
        set_default_type(out, in_digest);
        return;
    }
    if (!content_parse(written, &out->type, &out->subtype, &params)) {
        set_default_type(out, false);
        return;
    }
    params_parse(params, arena, &out->params);
    if (!is_well_formed(out))
        set_default_type(out, false);
    set_default_charset(out);
}
