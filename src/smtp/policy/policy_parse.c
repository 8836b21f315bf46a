/* SPDX-License-Identifier: MIT
 *
 * The lines of policy requests: see policy_parse_priv.h.
 */
#include "policy_parse_priv.h"

#include <stddef.h>

struct attribute {
    struct span name;
    size_t offset, size; /* of its field, NUL included */
};

#define ATTRIBUTE(text, field)                                                                     \
    {                                                                                              \
        SPAN(text), offsetof(struct policy_request, field),                                        \
            sizeof(((struct policy_request *)NULL)->field)                                         \
    }

static const struct attribute attributes[] = {
    ATTRIBUTE("request", type),  ATTRIBUTE("protocol_state", state),
    ATTRIBUTE("sender", sender), ATTRIBUTE("recipient", recipient),
    ATTRIBUTE("size", size),
};

void
policy_parser_init(struct policy_parser *p)
{
    *p = (struct policy_parser){.octets = 0};
    buf_init(&p->line, POLICY_LINE_MAX);
}

void
policy_parser_release(struct policy_parser *p)
{
    buf_release(&p->line);
}

static void
begin(struct policy_parser *p)
{
    p->request = (struct policy_request){.type = ""};
    p->octets = 0;
    p->is_done = false;
}

static const struct attribute *
find_attribute(struct span name)
{
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (span_equal(attributes[i].name, name))
            return &attributes[i];
    }
    return NULL;
}

/* A whole line that is not empty, without its end. */
static bool
take_line(struct policy_parser *p, struct span line, bool is_cut)
{
    size_t n = span_find(line, '=');
    const struct attribute *a = find_attribute((struct span){line.p, n});
    struct span value = span_skip(line, n + 1);
    char *field;

    if (n == 0 || n == line.n || span_find(line, '\0') < line.n)
        return false;
    if (a == NULL)
        return true;
    if (is_cut || value.n >= a->size)
        return false;
    field = (char *)&p->request + a->offset;
    if (value.n > 0)
        memcpy(field, value.p, value.n);
    field[value.n] = '\0';
    return true;
}

/* A piece of a line whose end has not come; what does not fit is skipped. */
static bool
keep(struct policy_parser *p, struct span piece)
{
    size_t room = POLICY_LINE_MAX - p->line.len;

    if (piece.n > room) {
        p->is_skipping = true;
        piece.n = room;
    }
    return buf_append_span(&p->line, piece);
}

/* The line under way ends. */
static enum policy_result
end_line(struct policy_parser *p, struct span rest)
{
    bool done = keep(p, rest);

    if (done && p->line.len == 0) {
        p->is_done = true;
        return POLICY_DONE;
    }
    done = done && take_line(p, buf_span(&p->line), p->is_skipping);
    buf_reset(&p->line);
    p->is_skipping = false;
    return done ? POLICY_MORE : POLICY_BAD;
}

enum policy_result
policy_take(struct policy_parser *p, struct span in, size_t *used)
{
    enum policy_result result = POLICY_MORE;

    *used = 0;
    if (p->is_done)
        begin(p);
    while (result == POLICY_MORE && *used < in.n) {
        struct span rest = span_skip(in, *used);
        size_t n = span_find(rest, '\n');
        bool has_end = n < rest.n;

        *used += n + has_end;
        p->octets += n + has_end;
        if (p->octets > POLICY_REQUEST_MAX)
            return POLICY_BAD;
        if (has_end)
            result = end_line(p, (struct span){rest.p, n});
        else if (!keep(p, rest))
            return POLICY_BAD;
    }
    return result;
}
