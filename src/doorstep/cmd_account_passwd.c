/* SPDX-License-Identifier: MIT
 *
 * doorstep account passwd: a new password, typed twice on a terminal without echo, or one line of
 * standard input. It travels only in the request, and is wiped here.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 1024

/* One line without its end. false: too long, nothing there, or given up with Ctrl-C. */
static bool
read_line(char out[PASSWORD_MAX])
{
    size_t n = 0;
    char c;
    ssize_t got;

    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n' && c != '\003') {
        if (n + 1 >= PASSWORD_MAX)
            return false;
        out[n++] = c;
    }
    if (n > 0 && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    return n > 0 && (got == 0 || c == '\n');
}

/* The prompt comes when the terminal is mute already: who types fast is not shown either. Signals
 * are off too: Ctrl-C must not leave it mute. */
static bool
read_hidden(const char *prompt, char out[PASSWORD_MAX])
{
    struct termios before, quiet;

    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_lflag |= ICANON | ECHONL;
    quiet.c_cc[VEOL] = '\003'; /* Ctrl-C ends the line, so that it is seen at once */
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
        return false;
    fputs(prompt, stderr);
    bool good = read_line(out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    return good;
}

static int
ask_twice(char password[PASSWORD_MAX])
{
    char again[PASSWORD_MAX];
    int code = EX_OK;

    if (!read_hidden("New password: ", password) || !read_hidden("Again: ", again))
        code = tool_error(TOOL_FAILED, "no password was given; nothing is changed");
    else if (strcmp(password, again) != 0)
        code = tool_error(TOOL_FAILED, "the two differ; nothing is changed");
    explicit_bzero(again, sizeof(again));
    return code;
}

int
cmd_account_passwd(struct tool *t)
{
    char password[PASSWORD_MAX];
    int code = EX_OK;

    if (isatty(STDIN_FILENO) == 1)
        code = ask_twice(password);
    else if (!read_line(password))
        code =
            tool_error(EX_DATAERR, "standard input holds no password (one line, at most %d octets)",
                       PASSWORD_MAX - 1);
    json_t *args =
        code == EX_OK ? json_pack("{s:s, s:s}", "name", t->args[0], "password", password) : NULL;
    explicit_bzero(password, sizeof(password));
    if (code == EX_OK && args == NULL)
        code = tool_error(EX_DATAERR, "the password is not UTF-8");
    return code != EX_OK ? code
                         : tool_do(t, "account.passwd", args, "password of %s set", t->args[0]);
}
