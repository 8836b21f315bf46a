/* SPDX-License-Identifier: MIT
 *
 * doorstep sieve suite PATH...: finds .svtest files and runs each in a process of its own, so that
 * one that ends badly, or not at all, costs the others nothing.
 */
#include "tool_priv.h"

#include <errno.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite/suite_priv.h"

#define FILE_SECONDS 120

struct counts { /* shared with the children */
    uint32_t passed, failed;
};

static void
run_child(const char *path, struct counts *counts)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        alarm(FILE_SECONDS);
        suite_run_file(path, stdout, &counts->passed, &counts->failed);
        exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return;
    counts->failed++;
    if (child > 0 && WIFSIGNALED(status))
        printf("not ok %s: ended by signal %d\n", path, WTERMSIG(status));
    else
        printf("not ok %s: ended with status %d\n", path, child < 0 ? -1 : WEXITSTATUS(status));
}

static bool
is_suite(const char *name)
{
    size_t n = strlen(name);

    return n > 7 && strcmp(name + n - 7, ".svtest") == 0;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A file is run whatever its name is; in folders those that are called .svtest. */
static bool
run_path(FTS *walk, struct counts *counts)
{
    bool found = false;

    for (FTSENT *e; (e = fts_read(walk)) != NULL;) {
        switch (e->fts_info) {
        case FTS_SL: /* to a file; what it is called counts, not where it lies */
        case FTS_F:
            if (e->fts_level > 0 && !is_suite(e->fts_name))
                break;
            found = true;
            fflush(stdout);
            run_child(e->fts_path, counts);
            break;
        case FTS_NS:
        case FTS_DNR:
        case FTS_ERR:
            counts->failed++;
            printf("not ok %s: %s\n", e->fts_path, strerror(e->fts_errno));
            break;
        }
    }
    return found;
}

int
cmd_sieve_suite(struct tool *t)
{
    struct counts *counts =
        mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* parse.c counts: a NULL stands behind the last argument. */
    FTS *walk =
        fts_open((char *const *)t->args, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);

    if (counts == MAP_FAILED || walk == NULL)
        return tool_error(EX_OSERR, "%s", strerror(errno));
    bool found = run_path(walk, counts);
    fts_close(walk);
    bool ok = counts->failed == 0;
    if (!found && ok) {
        munmap(counts, sizeof(*counts));
        return tool_error(EX_NOINPUT, "no .svtest files there");
    }
    printf("%u passed, %u failed\n", counts->passed, counts->failed);
    munmap(counts, sizeof(*counts));
    return ok ? EX_OK : TOOL_FAILED;
}
