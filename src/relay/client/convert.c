/* SPDX-License-Identifier: MIT
 *
 * The first pass of a conversion: what the message holds, part by part, and what has to be done
 * with each. What is signed or encrypted is never touched: better refused than broken.
 */
#include "convert_priv.h"

#include <stdlib.h>

#include "doorstep/charset.h"
#include "doorstep/field.h"

#define READ_OCTETS 16384
#define OUT_MAX (8 * MIME_HEADER_MAX) /* a header block, its fields encoded */

/* ------------------------------------------------------------------ headers */

static void
look_at_field(struct convert *c, struct convert_part *part, const struct field *f)
{
    switch (convert_try_field(f)) {
    case CONVERT_CAN_SAY:
        break;
    case CONVERT_CANNOT_SAY:
        part->has_8bit_structure = true;
        break;
    case CONVERT_NO_MEMORY:
        c->has_no_memory = true;
        break;
    }
}

static void
look_at_fields(struct convert *c, struct convert_part *part, struct span block)
{
    struct span before = block;
    enum field_result result;
    struct field f;

    part->has_8bit_header = !utf8_is_ascii(block);
    while (part->has_8bit_header && (result = field_next(&block, &f)) != FIELD_END) {
        bool is_ascii = utf8_is_ascii((struct span){before.p, before.n - block.n});

        if (!is_ascii && result == FIELD_BROKEN)
            part->has_8bit_structure = true;
        else if (!is_ascii)
            look_at_field(c, part, &f);
        before = block;
    }
    if (!utf8_is_ascii(block)) /* behind a line that is a CR */
        part->has_8bit_structure = true;
}

static enum convert_label
label_of(struct span encoding)
{
    static const char *const names[] = {
        [LABEL_7BIT] = "7bit",     [LABEL_8BIT] = "8bit",
        [LABEL_BINARY] = "binary", [LABEL_QUOTED] = "quoted-printable",
        [LABEL_BASE64] = "base64",
    };

    encoding = span_trim(encoding);
    if (encoding.n == 0)
        return LABEL_7BIT;
    for (unsigned i = 0; i < LABEL_OTHER; i++) {
        if (span_equal_fold(encoding, span_of(names[i])))
            return (enum convert_label)i;
    }
    return LABEL_OTHER;
}

static bool
reserve_parts(struct convert *c, uint32_t part)
{
    uint32_t size = c->size == 0 ? 16 : c->size;
    struct convert_part *parts;

    while (size <= part)
        size *= 2;
    if (size == c->size)
        return true;
    parts = realloc(c->parts, size * sizeof(*parts));
    if (parts == NULL)
        return false;
    memset(parts + c->size, 0, (size - c->size) * sizeof(*parts));
    c->parts = parts;
    c->size = size;
    return true;
}

static bool
has_odd_boundary(const struct mime_header *header)
{
    const struct param *boundary = params_find(&header->params, "boundary");

    return boundary != NULL && span_find(boundary->value, CONVERT_FILL) < boundary->value.n;
}

static bool
on_header(void *arg, uint32_t part, const struct mime_header *header)
{
    struct convert *c = arg;
    struct convert_part *p;
    uint32_t count;

    if (!reserve_parts(c, part)) {
        c->has_no_memory = true;
        return false;
    }
    p = &c->parts[part];
    p->label = label_of(header->encoding);
    p->is_text = span_equal_fold(header->type, SPAN("text"));
    p->is_opaque = span_equal_fold(header->type, SPAN("message"));
    p->is_sealed = span_equal_fold(header->type, SPAN("multipart")) &&
                   (span_equal_fold(header->subtype, SPAN("signed")) ||
                    span_equal_fold(header->subtype, SPAN("encrypted")));
    p->is_odd = has_odd_boundary(header);
    look_at_fields(c, p, header->block);
    return mime_parts(c->mime, &count)[part].kind == MIME_LEAF;
}

static bool
has_nul(struct span octets)
{
    return span_find(octets, '\0') < octets.n;
}

static bool
on_body(void *arg, uint32_t part, struct span octets)
{
    struct convert *c = arg;
    struct convert_part *p = &c->parts[part];

    p->has_8bit = p->has_8bit || !utf8_is_ascii(octets);
    p->has_nul = p->has_nul || has_nul(octets);
    return true;
}

static void
on_end(void *arg, uint32_t part)
{
    (void)arg;
    (void)part;
}

/* ------------------------------------------------------------------ the first pass */

/* CR and LF that are no line end together. */
static bool
has_bare(struct convert *c, struct span octets)
{
    bool is_bare = false;

    for (size_t i = 0; i < octets.n; i++) {
        is_bare = is_bare || (octets.p[i] == '\n') != (c->last == '\r');
        c->last = octets.p[i];
    }
    return is_bare;
}

static bool
scan(struct convert *c)
{
    char octets[READ_OCTETS];
    uint64_t at = 0;
    ssize_t n;

    while ((n = source_read(&c->source, at, octets, sizeof(octets))) > 0) {
        struct span piece = {octets, (size_t)n};
        c->has_8bit = c->has_8bit || !utf8_is_ascii(piece);
        c->has_binary = has_bare(c, piece) || has_nul(piece) || c->has_binary;
        mime_feed(c->mime, piece);
        at += (uint64_t)n;
    }
    mime_finish(c->mime);
    c->has_binary = c->has_binary || c->last == '\r';
    c->rows = mime_parts(c->mime, &c->count);
    c->last = '\0';
    return n == 0 && !c->has_no_memory && c->size >= c->count;
}

struct convert *
convert_new(const struct source *source)
{
    static const struct mime_events events = {on_header, on_body, on_end};
    struct convert *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->source = *source;
    buf_init(&c->header, 2 * MIME_HEADER_MAX); /* with CRs, which the scanner drops */
    buf_init(&c->out, OUT_MAX);
    c->mime = mime_new(&events, c);
    if (c->mime != NULL && scan(c))
        return c;
    convert_free(c);
    return NULL;
}

void
convert_free(struct convert *c)
{
    if (c == NULL)
        return;
    mime_free(c->mime);
    free(c->parts);
    buf_release(&c->header);
    buf_release(&c->out);
    free(c);
}

bool
convert_has_8bit(const struct convert *c)
{
    return c->has_8bit;
}

bool
convert_has_8bit_header(const struct convert *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->parts[i].has_8bit_header)
            return true;
    }
    return false;
}

bool
convert_is_whole(const struct convert *c)
{
    return !mime_is_truncated(c->mime);
}

bool
convert_has_binary(const struct convert *c)
{
    return c->has_binary;
}

/* ------------------------------------------------------------------ the plan */

static bool
is_inside_seal(const struct convert *c, uint32_t part)
{
    for (uint32_t i = c->rows[part].parent; i != MIME_NO_PART; i = c->rows[i].parent) {
        if (c->parts[i].is_sealed)
            return true;
    }
    return false;
}

/* A body that must change. LABEL_OTHER and opaque ones were refused. */
static enum convert_action
encoding_for(const struct convert_part *p)
{
    switch (p->label) {
    case LABEL_QUOTED:
        return CONVERT_MEND_QUOTED;
    case LABEL_BASE64:
        return CONVERT_MEND_BASE64;
    case LABEL_7BIT:
    case LABEL_8BIT:
    case LABEL_BINARY:
    case LABEL_OTHER:
        break;
    }
    return p->is_text ? CONVERT_QUOTED : CONVERT_BASE64;
}

static bool
plan_part(struct convert *c, uint32_t i, const char **why)
{
    struct convert_part *p = &c->parts[i];
    bool is_leaf = c->rows[i].kind == MIME_LEAF;
    bool is_binary = p->label == LABEL_BINARY && c->has_binary;
    bool must_change = is_leaf && (p->has_8bit || p->has_nul || is_binary);

    if (p->has_8bit_structure)
        *why = "the next hop takes ASCII alone, and a header field cannot be encoded";
    else if (p->is_odd)
        *why = "the next hop takes ASCII alone, and a boundary is none";
    else if (must_change && (p->is_opaque || p->label == LABEL_OTHER))
        *why = "the next hop takes ASCII alone, and a part may not be encoded";
    else if ((must_change || p->has_8bit_header) && is_inside_seal(c, i))
        *why = "the next hop takes ASCII alone, and what is signed may not be changed";
    if (*why != NULL)
        return false;
    if (must_change)
        p->action = encoding_for(p);
    else if ((p->label == LABEL_8BIT || p->label == LABEL_BINARY) && !is_inside_seal(c, i))
        p->action = CONVERT_RELABEL;
    return true;
}

bool
convert_plan(struct convert *c, const char **why)
{
    *why = NULL;
    for (uint32_t i = 0; i < c->count && *why == NULL; i++)
        plan_part(c, i, why);
    return *why == NULL;
}
