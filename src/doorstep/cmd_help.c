/* SPDX-License-Identifier: MIT
 *
 * doorstep help and version, printed from the table of verbs.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>

static void
print_option(const struct verb_option *o)
{
    char left[64], letter[8] = "    ";

    if (o->letter != 0)
        snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
             o->value != NULL ? o->value : "");
    printf("  %-28s %s\n", left, o->help);
}

void
help_print_verb(const struct verb *v)
{
    printf("usage: doorstep %s%s%s%s\n\n%s\n", v->name,
           v->options[0].name != NULL ? " [OPTION]..." : "", v->args[0] != '\0' ? " " : "", v->args,
           v->summary);
    if (v->detail[0] != '\0')
        printf("\n%s\n", v->detail);
    putchar('\n');
    for (const struct verb_option *o = v->options; o->name != NULL; o++)
        print_option(o);
    for (const struct verb_option *o = verb_options_everywhere; o->name != NULL; o++)
        print_option(o);
}

static bool
print_verbs(const char *group)
{
    bool any = false;

    for (const struct verb *v = verbs; v->name != NULL; v++) {
        size_t n = group == NULL ? 0 : strlen(group);
        char left[64];
        if (n > 0 && (strncmp(v->name, group, n) != 0 || v->name[n] != ' '))
            continue;
        snprintf(left, sizeof(left), "%s%s%s", v->name, v->args[0] != '\0' ? " " : "", v->args);
        printf("  %-35s %s\n", left, v->summary);
        any = true;
    }
    return any;
}

static int
help_all(void)
{
    puts("usage: doorstep [-c FILE] [--json] VERB ...\n\n"
         "Steers and looks into doorstepd. Where no daemon runs, most verbs start one for "
         "themselves.\n");
    print_verbs(NULL);
    putchar('\n');
    for (const struct verb_option *o = verb_options_everywhere; o->name != NULL; o++)
        print_option(o);
    puts("\nExit codes: 0 done, 1 failed or nothing found, 64 usage, 67 no such account,\n"
         "69 no daemon, 75 try again, 77 not allowed, 78 configuration. See doorstep(1).");
    return EX_OK;
}

int
cmd_help(struct tool *t)
{
    const char *first = tool_arg(t, 0);

    if (first == NULL)
        return help_all();
    const struct verb *v = verb_find(first, tool_arg(t, 1));
    if (v != NULL) {
        help_print_verb(v);
        return EX_OK;
    }
    if (t->arg_count == 1 && print_verbs(first))
        return EX_OK;
    return tool_usage(&(struct tool){0}, "there is no such verb");
}

int
cmd_version(struct tool *t)
{
    if (t->json)
        puts("{\"version\": \"" DOORSTEP_VERSION "\"}");
    else
        puts("doorstep " DOORSTEP_VERSION);
    return EX_OK;
}
