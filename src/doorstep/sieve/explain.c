/* SPDX-License-Identifier: MIT
 *
 * A run told step by step: the line of each command, the values that its tests compared, what they
 * said, and behind each action the conditions that led there.
 */
#include "script_priv.h"

#include <stdio.h>
#include <string.h>

#include "../text_priv.h"

#define VALUE_OCTETS 120 /* of a value that are shown */

/* ------------------------------------------------------------------ pieces */

static void
print_quoted(FILE *out, struct span s)
{
    struct span cut = utf8_cut(s, VALUE_OCTETS);
    struct buf safe;

    buf_init(&safe, 16 * VALUE_OCTETS);
    text_escape(&safe, cut);
    fprintf(out, "\"%s%s\"", buf_str(&safe), cut.n < s.n ? "..." : "");
    buf_release(&safe);
}

static void
indent(const struct explain *e, uint32_t depth)
{
    fprintf(e->out, "%*s", (int)(depth > 40 ? 40 : depth) * 2 + 6, "");
}

/* The line that a place lies in, trimmed. */
static struct span
source_line(const struct explain *e, const struct sieve_trace *t)
{
    struct span text = buf_span(&e->script->text);
    uint32_t begin = t->at.offset;

    if (strcmp(t->script, e->script->path) != 0 || begin >= text.n)
        return SPAN_NONE;
    while (begin > 0 && text.p[begin - 1] != '\n')
        begin--;
    struct span line = span_skip(text, begin);
    line.n = span_find(line, '\n');
    return span_trim(line);
}

static struct explain_step *
step_at(struct explain *e, uint32_t depth)
{
    return &e->steps[depth < EXPLAIN_DEPTH ? depth : EXPLAIN_DEPTH - 1];
}

/* ------------------------------------------------------------------ commands and tests */

/* An elsif or else behind a test that was true: nothing of it is looked at. */
static bool
is_passed_over(const struct explain_step *s, const char *name)
{
    return s->test != NULL && s->is_true &&
           (strcmp(name, "elsif") == 0 || strcmp(name, "else") == 0);
}

static void
begin_command(struct explain *e, const struct sieve_trace *t)
{
    struct span line = source_line(e, t);
    struct buf safe;

    if (is_passed_over(step_at(e, t->depth), t->name))
        return;
    *step_at(e, t->depth) = (struct explain_step){.at = t->at, .name = t->name};
    if (strcmp(t->name, "require") == 0)
        return;
    buf_init(&safe, 65536);
    text_escape(&safe, utf8_cut(line, 2 * VALUE_OCTETS));
    if (line.n > 0)
        fprintf(e->out, "%5u %*s%s\n", t->at.line, (int)(t->depth > 1 ? t->depth - 1 : 0) * 2, "",
                buf_str(&safe));
    else
        fprintf(e->out, "%s:%u %s\n", t->script, t->at.line, t->name);
    buf_release(&safe);
}

/* The outermost test of a command says whether its block runs. */
static void
end_test(struct explain *e, const struct sieve_trace *t)
{
    struct explain_step *s = step_at(e, t->depth);

    s->test = t->name;
    s->is_true = t->is_true;
    indent(e, t->depth);
    fprintf(e->out, "%s is %s\n", t->name, t->is_true ? "true" : "false");
}

static void
compared(const struct explain *e, const struct sieve_trace *t)
{
    indent(e, t->depth);
    fprintf(e->out, "%s: ", t->name);
    print_quoted(e->out, t->value);
    fputs(t->is_true ? " matches " : " does not match ", e->out);
    print_quoted(e->out, t->key);
    fputc('\n', e->out);
}

/* ------------------------------------------------------------------ actions */

/* if, elsif and else that this command lies in, from the outside in. */
static void
print_reasons(struct explain *e, uint32_t depth)
{
    bool is_first = true;

    for (uint32_t i = 0; i < depth && i < EXPLAIN_DEPTH; i++) {
        const struct explain_step *s = &e->steps[i];
        if (s->name == NULL)
            continue;
        fputs(is_first ? ", because " : " and ", e->out);
        is_first = false;
        if (s->test != NULL)
            fprintf(e->out, "%s in line %u is %s", s->test, s->at.line,
                    s->is_true ? "true" : "false");
        else if (strcmp(s->name, "else") == 0)
            fprintf(e->out, "nothing before the else in line %u was true", s->at.line);
        else
            fprintf(e->out, "%s in line %u runs", s->name, s->at.line);
    }
    if (is_first)
        fputs(", without a condition", e->out);
}

static void
took_action(struct explain *e, const struct sieve_trace *t)
{
    indent(e, t->depth);
    fprintf(e->out, "=> %.*s", (int)t->value.n, t->value.p);
    print_reasons(e, t->depth);
    fputc('\n', e->out);
}

static void
told(const struct explain *e, const struct sieve_trace *t, const char *before)
{
    indent(e, t->depth);
    fputs(before, e->out);
    print_quoted(e->out, t->value);
    fputc('\n', e->out);
}

/* ------------------------------------------------------------------ for programs */

static json_t *
json_span(struct span s)
{
    json_t *value = json_stringn(s.p == NULL ? "" : s.p, s.n);
    struct buf safe;

    if (value != NULL)
        return value;
    buf_init(&safe, (size_t)1 << 20);
    text_escape(&safe, s);
    value = json_string(buf_str(&safe));
    buf_release(&safe);
    return value;
}

static void
add_json(json_t *steps, const struct sieve_trace *t)
{
    static const char *const kinds[] = {
        [SIEVE_TRACE_COMMAND] = "command", [SIEVE_TRACE_VALUE] = "value",
        [SIEVE_TRACE_TEST] = "test",       [SIEVE_TRACE_ACTION] = "action",
        [SIEVE_TRACE_SET] = "set",         [SIEVE_TRACE_NOTE] = "note",
    };
    json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:i}", "kind", kinds[t->kind], "script", t->script,
                          "line", (int)t->at.line, "name", t->name, "depth", (int)t->depth);

    if (t->kind != SIEVE_TRACE_COMMAND && t->kind != SIEVE_TRACE_TEST)
        json_object_set_new(o, "value", json_span(t->value));
    if (t->kind == SIEVE_TRACE_VALUE)
        json_object_set_new(o, "key", json_span(t->key));
    if (t->kind == SIEVE_TRACE_VALUE || t->kind == SIEVE_TRACE_TEST)
        json_object_set_new(o, "is_true", json_boolean(t->is_true));
    json_array_append_new(steps, o);
}

/* ------------------------------------------------------------------ all of them */

void
explain_trace(void *arg, const struct sieve_trace *t)
{
    struct explain *e = arg;

    if (e->json != NULL) {
        add_json(e->json, t);
        return;
    }
    switch (t->kind) {
    case SIEVE_TRACE_COMMAND:
        if (!t->is_test)
            begin_command(e, t);
        break;
    case SIEVE_TRACE_VALUE:
        compared(e, t);
        break;
    case SIEVE_TRACE_TEST:
        end_test(e, t);
        break;
    case SIEVE_TRACE_ACTION:
        took_action(e, t);
        break;
    case SIEVE_TRACE_SET:
        told(e, t, "the value is ");
        break;
    case SIEVE_TRACE_NOTE:
        told(e, t, "note: ");
        break;
    }
}
