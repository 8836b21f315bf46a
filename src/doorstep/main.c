/* SPDX-License-Identifier: MIT
 *
 * doorstep, the operator's tool: finds the verb, reads its arguments, runs it. What the verbs are
 * stands in verbs.c; what each does in a file of its own.
 */
#include "tool_priv.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int
run(struct tool *t)
{
    if (t->help) {
        help_print_verb(t->verb);
        return EX_OK;
    }
    if (t->arg_count < t->verb->args_min)
        return tool_usage(t, "too few arguments");
    if (t->arg_count > t->verb->args_max)
        return tool_usage(t, "too many arguments");
    return t->verb->run(t);
}

int
main(int argc, char **argv)
{
    struct tool t = {.config_path = "/etc/doorstep/doorstep.conf", .offline_log = -1};

    setlocale(LC_TIME, "");
    tzset();
    signal(SIGPIPE,
           SIG_IGN); /* `doorstep ... | head` ends with an error of stdout, not with a signal */
    screen_look(&t.screen);
    int code = tool_parse(&t, argc, argv);
    if (code == EX_OK)
        code = run(&t);
    tool_disconnect(&t);
    config_free(t.config);
    free(t.args);
    free(t.options);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return code == EX_OK ? EX_IOERR : code;
    return code;
}
