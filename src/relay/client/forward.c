/* SPDX-License-Identifier: MIT
 *
 * The commands of XFORWARD: see forward_priv.h. Values are xtext, so that nothing of a stranger's
 * name begins another attribute, or another command.
 */
#include "forward_priv.h"

#include "xtext_priv.h"

#define LINE_MAX 510    /* octets without CRLF (RFC 5321 4.5.3.1.4) */
#define VALUE_MAX 255   /* octets; longer ones are no host's name, and say nothing */
#define PRINTED_MAX 800 /* such a value as xtext, behind its name */

static const char *const names[RELAY_FORWARD_ATTRIBUTES] = {
    [RELAY_FORWARD_NAME] = "NAME",     [RELAY_FORWARD_ADDR] = "ADDR",
    [RELAY_FORWARD_PORT] = "PORT",     [RELAY_FORWARD_PROTO] = "PROTO",
    [RELAY_FORWARD_HELO] = "HELO",     [RELAY_FORWARD_IDENT] = "IDENT",
    [RELAY_FORWARD_SOURCE] = "SOURCE",
};

unsigned
forward_bit(struct span word)
{
    for (unsigned i = 0; i < RELAY_FORWARD_ATTRIBUTES; i++)
        if (span_equal_fold(word, span_of(names[i])))
            return 1u << i;
    return 0;
}

static bool
end_line(struct buf *line, struct arena *arena, struct forward_lines *out)
{
    if (line->len == 0)
        return true;
    out->list[out->count] = arena_copy(arena, buf_span(line));
    buf_reset(line);
    return out->list[out->count++] != NULL;
}

static bool
add(struct buf *line, struct span printed, struct arena *arena, struct forward_lines *out)
{
    if (line->len > 0 && line->len + printed.n > LINE_MAX && !end_line(line, arena, out))
        return false;
    return (line->len > 0 || buf_append_str(line, "XFORWARD")) && buf_append_span(line, printed);
}

static bool
is_said(const struct relay_forward *f, unsigned i, unsigned announced)
{
    size_t n = span_of(f->values[i]).n;

    return (announced & 1u << i) != 0 && n > 0 && n <= VALUE_MAX;
}

bool
forward_plan(const struct relay_forward *f, unsigned announced, struct arena *arena,
             struct forward_lines *out)
{
    struct buf line, printed;
    bool good = true;

    *out = (struct forward_lines){.count = 0};
    buf_init(&line, 2 * PRINTED_MAX);
    buf_init(&printed, PRINTED_MAX);
    for (unsigned i = 0; f != NULL && good && i < RELAY_FORWARD_ATTRIBUTES; i++) {
        if (!is_said(f, i, announced))
            continue;
        buf_reset(&printed);
        good = buf_printf(&printed, " %s=", names[i]) &&
               xtext_print(span_of(f->values[i]), &printed) &&
               add(&line, buf_span(&printed), arena, out);
    }
    good = good && end_line(&line, arena, out);
    buf_release(&printed);
    buf_release(&line);
    return good;
}
