/* SPDX-License-Identifier: MIT
 *
 * Sections of external programs. Whatever a stranger could turn an argument into is refused here,
 * before there is any mail.
 */
#include "reader_priv.h"

#include <string.h>

#include "doorstep/program.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

struct checking {
    struct reader *r;
    struct settings_program *program;
    struct source_place at;
};

static void
refuse(const struct checking *c, const char *what)
{
    source_error(c->r->errors, c->at, "program '%s': %s", c->program->name, what);
}

/* ---- the command ---- */

/* A value at the begin of an argument could be an option, unless "--" has ended them. */
static void
check_argument(const struct checking *c, const char *text, bool has_options_ended)
{
    struct program_template found;
    struct buf why;

    buf_init(&why, 256);
    if (!program_template_check(text, &found, &why))
        source_error(c->r->errors, c->at, "program '%s': argument '%s' %s", c->program->name, text,
                     buf_str(&why));
    else if (found.begins_with_variable && !has_options_ended)
        source_error(c->r->errors, c->at,
                     "program '%s': a value that begins with '-' would make '%s' an option: put "
                     "\"--\" in front of it, write --option=%s, or use the environment",
                     c->program->name, text, text);
    if (found.names_recipient)
        c->program->once_per = PROGRAM_ONCE_PER_RECIPIENT;
    buf_release(&why);
}

static void
check_command(const struct checking *c)
{
    const struct settings_program *p = c->program;
    bool has_options_ended = false;

    if ((p->command_count == 0) == (p->folder[0] == '\0'))
        refuse(c, "needs either a command or a folder");
    if (p->command_count > 0 &&
        (p->command[0][0] != '/' || p->command[0][strlen(p->command[0]) - 1] == '/'))
        refuse(c, "its command does not begin with the whole path of a file");
    if (p->folder[0] != '\0' && p->sieve_count == 0)
        refuse(c, "a folder is for scripts: say by which commands, sieve = {pipe, ...}");
    for (size_t i = 1; i < p->command_count; i++) {
        check_argument(c, p->command[i], has_options_ended);
        has_options_ended = has_options_ended || strcmp(p->command[i], "--") == 0;
    }
}

/* ---- the environment ---- */

static bool
is_ours(struct span name)
{
    if (span_equal(name, SPAN("PATH")) || span_equal(name, SPAN("FILTER")))
        return true;
    for (unsigned v = 0; v < PROGRAM_VARIABLES; v++)
        if (span_equal_fold(name, span_of(program_variable_name((enum program_variable)v))))
            return true;
    return false;
}

static void
check_environment(const struct checking *c)
{
    for (size_t i = 0; i < c->program->environment_count; i++) {
        const char *text = c->program->environment[i];
        size_t n = strspn(text, NAME_CHARS);

        if (n == 0 || text[n] != '=')
            refuse(c, "its environment has what is not NAME=value");
        else if (is_ours((struct span){text, n}))
            source_error(c->r->errors, c->at, "program '%s': %.*s cannot be set", c->program->name,
                         (int)n, text);
    }
}

/* ---- who runs it ---- */

static void
choose_runner(struct settings *s, size_t i)
{
    uint32_t next = 0;

    for (size_t k = 0; k < i; k++) {
        if (strcmp(s->programs[k].user, s->programs[i].user) == 0) {
            s->programs[i].runner = s->programs[k].runner;
            return;
        }
        if (s->programs[k].runner >= next)
            next = s->programs[k].runner + 1;
    }
    s->programs[i].runner = next;
}

void
check_programs(struct reader *r)
{
    struct settings *s = r->settings;

    for (size_t i = 0; i < s->program_count; i++) {
        const struct checking c = {r, &s->programs[i], r->places[SECTION_PROGRAM][i]};

        check_command(&c);
        check_environment(&c);
        choose_runner(s, i);
    }
}
