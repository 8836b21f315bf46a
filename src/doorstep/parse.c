/* SPDX-License-Identifier: MIT
 *
 * The command line. Options stand anywhere behind the verb they belong to; those that every
 * verb takes (-c, --json, --help) stand anywhere at all. "--" ends them.
 */
#include "tool_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "text_priv.h"

struct words {
    char **argv;
    int argc;
    int next;
    bool no_more_options;
    const char *group; /* a first word that waits for its second, or NULL */
};

static void vcomplain(const char *format, va_list list) __attribute__((format(printf, 1, 0)));

static void
vcomplain(const char *format, va_list list)
{
    fputs("doorstep: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
}

int
tool_error(int code, const char *format, ...)
{
    va_list list;

    fflush(stdout); /* what was printed before stands before */
    va_start(list, format);
    vcomplain(format, list);
    va_end(list);
    return code;
}

int
tool_usage(const struct tool *t, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vcomplain(format, list);
    va_end(list);
    if (t->verb != NULL)
        fprintf(stderr, "usage: doorstep %s%s%s%s\n('doorstep help %s' says more)\n", t->verb->name,
                t->verb->options[0].name != NULL ? " [OPTION]..." : "",
                t->verb->args[0] != '\0' ? " " : "", t->verb->args, t->verb->name);
    else
        fputs("usage: doorstep [-c FILE] [--json] VERB ...\n('doorstep help' lists the verbs)\n",
              stderr);
    return EX_USAGE;
}

const char *
tool_option(const struct tool *t, const char *name)
{
    for (size_t i = t->option_count; i > 0; i--) {
        if (strcmp(t->options[i - 1].option->name, name) == 0)
            return t->options[i - 1].value;
    }
    return NULL;
}

const char *
tool_arg(const struct tool *t, size_t i)
{
    return i < t->arg_count ? t->args[i] : NULL;
}

/* An option that is known, with its value. */
static void
take_option(struct tool *t, const struct verb_option *o, const char *value)
{
    if (strcmp(o->name, "config") == 0)
        t->config_path = value;
    else if (strcmp(o->name, "json") == 0)
        t->json = true;
    else if (strcmp(o->name, "help") == 0)
        t->help = true;
    else
        t->options[t->option_count++] = (struct tool_option){o, value};
}

static int
check_text(const struct tool *t, const char *s)
{
    if (u8_check((const uint8_t *)s, strlen(s)) != NULL)
        return tool_usage(t, "an argument is not UTF-8");
    return EX_OK;
}

/* The value of o: behind the '=', behind the letter, or the next word. */
static int
parse_value(struct tool *t, struct words *w, const struct verb_option *o, const char *attached)
{
    if (o->value == NULL && attached != NULL)
        return tool_usage(t, "--%s takes no value", o->name);
    if (o->value != NULL && attached == NULL) {
        if (w->next >= w->argc)
            return tool_usage(t, "--%s needs a value: %s", o->name, o->value);
        attached = w->argv[w->next++];
    }
    take_option(t, o, attached == NULL ? "" : attached);
    return attached == NULL ? EX_OK : check_text(t, attached);
}

static int
unknown_option(const struct tool *t, const char *word)
{
    struct buf safe;

    buf_init(&safe, 512);
    text_escape(&safe, span_of(word));
    int code = tool_usage(t, "unknown option %s", buf_str(&safe));
    buf_release(&safe);
    return code;
}

static int
parse_long(struct tool *t, struct words *w, const char *word)
{
    const char *equals = strchr(word, '=');
    struct span name = {word + 2, equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2)};
    const struct verb_option *o = verb_option_find(t->verb, name, 0);

    if (o == NULL && span_equal(name, SPAN("version")) && t->verb == NULL) {
        t->verb = verb_find("version", NULL);
        return EX_OK;
    }
    if (o == NULL)
        return unknown_option(t, word);
    return parse_value(t, w, o, equals == NULL ? NULL : equals + 1);
}

/* -f VALUE, -fVALUE; switches may be joined. */
static int
parse_short(struct tool *t, struct words *w, const char *word)
{
    for (const char *at = word + 1; *at != '\0'; at++) {
        const struct verb_option *o = verb_option_find(t->verb, SPAN_NONE, *at);
        if (o == NULL)
            return unknown_option(t, word);
        if (o->value != NULL)
            return parse_value(t, w, o, at[1] == '\0' ? NULL : at + 1);
        take_option(t, o, "");
    }
    return EX_OK;
}

static int
unknown_verb(const struct tool *t, const char *first, const char *second)
{
    struct buf safe;

    buf_init(&safe, 512);
    text_escape(&safe, span_of(first));
    if (second != NULL && buf_append_char(&safe, ' '))
        text_escape(&safe, span_of(second));
    int code = tool_usage(t, "there is no verb '%s'", buf_str(&safe));
    buf_release(&safe);
    return code;
}

static int
parse_word(struct tool *t, struct words *w, const char *word)
{
    if (t->verb != NULL) {
        t->args[t->arg_count++] = word;
        return check_text(t, word);
    }
    if (w->group == NULL && verb_is_group(word)) {
        w->group = word;
        return EX_OK;
    }
    t->verb = w->group == NULL ? verb_find(word, NULL) : verb_find(w->group, word);
    if (t->verb != NULL)
        return EX_OK;
    return w->group == NULL ? unknown_verb(t, word, NULL) : unknown_verb(t, w->group, word);
}

/* -work, which takes the flag "work" away; but -c is the option everywhere. */
static bool
is_signed_word(const struct tool *t, const char *word)
{
    return verb_takes_signs(t->verb) && word[1] != '-' &&
           (word[2] != '\0' || verb_option_find(t->verb, SPAN_NONE, word[1]) == NULL);
}

static int
parse_one(struct tool *t, struct words *w)
{
    const char *word = w->argv[w->next++];

    if (w->no_more_options || word[0] != '-' || word[1] == '\0' || is_signed_word(t, word))
        return parse_word(t, w, word);
    if (word[1] != '-')
        return parse_short(t, w, word);
    if (word[2] != '\0')
        return parse_long(t, w, word);
    w->no_more_options = true;
    return EX_OK;
}

int
tool_parse(struct tool *t, int argc, char **argv)
{
    struct words w = {.argv = argv, .argc = argc, .next = 1};
    int code = EX_OK;

    t->args = calloc((size_t)argc + 1, sizeof(*t->args));
    /* One word may join many switches: as many as it has letters. */
    size_t letters = 1;
    for (int i = 1; i < argc; i++)
        letters += strlen(argv[i]);
    t->options = calloc(letters, sizeof(*t->options));
    if (t->args == NULL || t->options == NULL)
        return tool_error(EX_OSERR, "no memory");
    while (code == EX_OK && w.next < argc)
        code = parse_one(t, &w);
    if (code != EX_OK || t->verb != NULL)
        return code;
    if (!t->help)
        return w.group != NULL ? tool_usage(t, "'%s' needs a second word", w.group)
                               : tool_usage(t, "nothing to do");
    if (w.group != NULL)
        t->args[t->arg_count++] = w.group;
    t->verb = verb_find("help", NULL);
    t->help = false; /* the help that was asked for is this verb's work */
    return EX_OK;
}
