/* SPDX-License-Identifier: MIT
 *
 * doorstep completion bash|zsh|fish: completion scripts made from the table of verbs, as they stand
 * in contrib/completion. They complete words, options and file names, and ask no daemon.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>

/* Is this the first verb with that first word? */
static bool
is_first_of_group(const struct verb *v)
{
    size_t n = strcspn(v->name, " ");

    for (const struct verb *w = verbs; w != v; w++) {
        if (strncmp(w->name, v->name, n) == 0 && (w->name[n] == ' ' || w->name[n] == '\0'))
            return false;
    }
    return true;
}

static void
print_first_words(const char *separator)
{
    const char *between = "";

    for (const struct verb *v = verbs; v->name != NULL; v++) {
        if (!is_first_of_group(v))
            continue;
        printf("%s%.*s", between, (int)strcspn(v->name, " "), v->name);
        between = separator;
    }
}

static void
print_second_words(const struct verb *first)
{
    size_t n = strcspn(first->name, " ");
    const char *between = "";

    for (const struct verb *v = first; v->name != NULL; v++) {
        if (strncmp(v->name, first->name, n + 1) != 0)
            continue;
        printf("%s%s", between, v->name + n + 1);
        between = " ";
    }
}

static void
print_options(const struct verb_option *o, const char *separator)
{
    for (; o->name != NULL; o++) {
        if (o->letter != 0)
            printf("%s-%c", separator, o->letter);
        printf("%s--%s", separator, o->name);
    }
}

/* ---- bash and zsh: one function that knows the words so far ---- */

/* case "$verb" in ... with the words that may follow. */
static void
print_cases(void)
{
    fputs("    '') choices='", stdout);
    print_first_words(" ");
    puts("' ;;");
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        int n = (int)strcspn(v->name, " ");
        if (v->name[n] != '\0' && is_first_of_group(v)) {
            printf("    %.*s) choices='", n, v->name);
            print_second_words(v);
            puts("' ;;");
        }
    }
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        bool is_completion = v->run == cmd_completion;
        if (v->options[0].name == NULL && !is_completion)
            continue;
        printf("    '%s') choices='%s", v->name, is_completion ? "bash zsh fish" : "");
        print_options(v->options, " ");
        puts("' ;;");
    }
}

static bool
is_first_with_option(const struct verb *v, const struct verb_option *o)
{
    for (const struct verb *w = verbs; w != v; w++) {
        for (const struct verb_option *p = w->options; p->name != NULL; p++) {
            if (strcmp(p->name, o->name) == 0)
                return false;
        }
    }
    return true;
}

/* Options whose value stands in the next word, as a pattern of the shell. */
static void
print_value_options(void)
{
    fputs("-c|--config", stdout);
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        for (const struct verb_option *o = v->options; o->name != NULL; o++) {
            if (o->value == NULL || !is_first_with_option(v, o))
                continue;
            if (o->letter != 0)
                printf("|-%c", o->letter);
            printf("|--%s", o->name);
        }
    }
}

/* The words of the verb so far into $verb, without options and their values. */
static void
print_verb_loop(const char *word, const char *from, const char *current)
{
    printf("    for ((i = %s; i < %s; i++)); do\n"
           "        case %s in\n"
           "        ",
           from, current, word);
    print_value_options();
    printf(") ((i++)) ;;\n"
           "        -*) ;;\n"
           "        *) case $count in\n"
           "            0) verb=%s ;;\n"
           "            1) case $verb in ",
           word);
    const char *between = "";
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        size_t n = strcspn(v->name, " ");
        if (v->name[n] != '\0' && is_first_of_group(v)) {
            printf("%s%.*s", between, (int)n, v->name);
            between = "|";
        }
    }
    printf(") verb=\"$verb \"%s ;; esac ;;\n"
           "            esac\n"
           "            ((count++)) ;;\n"
           "        esac\n"
           "    done\n",
           word);
}

static void
print_bash(void)
{
    puts("# bash completion for doorstep(1). Made by `doorstep completion bash`.\n"
         "_doorstep() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} verb='' choices='' count=0 i");
    print_verb_loop("${COMP_WORDS[i]}", "1", "COMP_CWORD");
    puts("    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == @(-c|--config) ]]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
         "        return\n"
         "    fi\n"
         "    case $verb in");
    print_cases();
    fputs("    esac\n"
          "    [[ $cur == -* ]] && choices+='",
          stdout);
    print_options(verb_options_everywhere, " ");
    puts("'\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")\n"
         "}\n"
         "complete -o default -F _doorstep doorstep");
}

static void
print_zsh(void)
{
    puts("#compdef doorstep\n"
         "# zsh completion for doorstep(1). Made by `doorstep completion zsh`.\n"
         "_doorstep() {\n"
         "    local verb='' given count=0 i\n"
         "    local -a candidates\n"
         "    given=(\"${words[@]}\")\n"
         "    local choices=''");
    print_verb_loop("${given[i]}", "2", "CURRENT");
    puts("    if [[ ${given[CURRENT - 1]} == (-c|--config) ]]; then\n"
         "        _files\n"
         "        return\n"
         "    fi\n"
         "    case $verb in");
    print_cases();
    fputs("    esac\n"
          "    choices+='",
          stdout);
    print_options(verb_options_everywhere, " ");
    puts("'\n"
         "    candidates=(${=choices})\n"
         "    compadd -a candidates || _files\n"
         "}\n"
         "if [[ $funcstack[1] == _doorstep ]]; then\n"
         "    _doorstep \"$@\"\n"
         "else\n"
         "    compdef _doorstep doorstep\n"
         "fi");
}

/* ---- fish: one line a candidate ---- */

/* The description behind a candidate, and the line's end. */
static void
print_fish_text(const char *text)
{
    fputs(" -d '", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            putchar('\\');
        putchar(*text);
    }
    puts("'");
}

static void
print_fish_option(const char *condition, const struct verb_option *o)
{
    printf("complete -c doorstep%s", condition);
    if (o->letter != 0)
        printf(" -s %c", o->letter);
    printf(" -l %s", o->name);
    if (o->value != NULL)
        fputs(strcmp(o->value, "FILE") == 0 ? " -r -F" : " -x", stdout);
    print_fish_text(o->help);
}

static void
print_fish_verb(const struct verb *v)
{
    size_t n = strcspn(v->name, " ");
    char condition[160];

    if (v->name[n] == '\0') {
        printf("complete -c doorstep -n __fish_use_subcommand -x -a %s", v->name);
        print_fish_text(v->summary);
        snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'", v->name);
    } else {
        if (is_first_of_group(v))
            printf("complete -c doorstep -n __fish_use_subcommand -x -a %.*s\n", (int)n, v->name);
        printf("complete -c doorstep -n '__fish_seen_subcommand_from %.*s; and not "
               "__fish_seen_subcommand_from ",
               (int)n, v->name);
        for (const struct verb *w = verbs; w->name != NULL; w++) {
            if (strncmp(w->name, v->name, n + 1) == 0)
                printf("%s ", w->name + n + 1);
        }
        printf("' -x -a %s", v->name + n + 1);
        print_fish_text(v->summary);
        snprintf(condition, sizeof(condition),
                 " -n '__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s'",
                 (int)n, v->name, v->name + n + 1);
    }
    for (const struct verb_option *o = v->options; o->name != NULL; o++)
        print_fish_option(condition, o);
    if (v->run == cmd_completion)
        printf("complete -c doorstep%s -x -a 'bash zsh fish'\n", condition);
}

static void
print_fish(void)
{
    puts("# fish completion for doorstep(1). Made by `doorstep completion fish`.");
    for (const struct verb_option *o = verb_options_everywhere; o->name != NULL; o++)
        print_fish_option("", o);
    for (const struct verb *v = verbs; v->name != NULL; v++)
        print_fish_verb(v);
}

int
cmd_completion(struct tool *t)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(t->args[0], shells[i].shell) == 0) {
            shells[i].print();
            return EX_OK;
        }
    }
    return tool_usage(t, "the shells known are bash, zsh and fish");
}
