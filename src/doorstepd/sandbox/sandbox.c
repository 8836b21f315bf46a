/* SPDX-License-Identifier: MIT
 *
 * The order in which a role locks itself in: resource limits, then Landlock, then seccomp (which
 * would refuse the calls of the others). no_new_privs was set before exec; it is asserted here,
 * because both mechanisms need it.
 */
#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "privileges.h"
#include "sandbox_priv.h"

#define MIB (1024ULL * 1024)

struct sandbox_row {
    const char *name;
    bool has_files;     /* Landlock with roots; otherwise none at all */
    bool connects;      /* to sockets that others listen on */
    bool fills;         /* files: of its roots, or in memory */
    bool runs_programs; /* whatever is refused to it is refused to them */
    bool has_threads;   /* or programs: RLIMIT_NPROC counts all of a user, so no number would do */
    rlim_t memory;      /* octets of address space, RLIM_INFINITY: no limit */
    rlim_t cpu;         /* seconds in its whole life */
    rlim_t files;       /* descriptors; RLIM_INFINITY: as inherited */
};

#define FREE RLIM_INFINITY

static const struct sandbox_row rows[] = {
    [SANDBOX_EDGE] = {"edge", false, false, false, false, false, FREE, FREE, FREE},
    [SANDBOX_SORTER] = {"sorter", false, false, false, false, false, 512 * MIB, 600, 32},
    [SANDBOX_AUTH] = {"auth", false, false, false, false, true, FREE, FREE, 32},
    [SANDBOX_STORE] = {"store", true, false, true, false, true, FREE, FREE, FREE},
    [SANDBOX_HAND] = {"hand", true, false, true, false, false, FREE, FREE, 256},
    [SANDBOX_METRICS] = {"metrics", false, false, false, false, false, 256 * MIB, FREE, 512},
    [SANDBOX_RUNNER] = {"runner", true, true, true, true, true, FREE, FREE, FREE},
    [SANDBOX_OUTBOUND] = {"outbound", false, true, true, false, false, FREE, FREE, FREE},
    [SANDBOX_PASSTHROUGH] = {"passthrough", true, true, true, false, false, FREE, FREE, FREE},
    [SANDBOX_RELAY] = {"relay", true, true, false, false, false, FREE, FREE, FREE},
    [SANDBOX_RELAY_NAMES] = {"relay", true, true, false, false, true, FREE, FREE, FREE},
};

static bool
limit(int resource, rlim_t value)
{
    const struct rlimit both = {value, value};

    return value == RLIM_INFINITY || setrlimit(resource, &both) == 0;
}

/* A limit of 0 on the size of files would kill us at the first log line, where standard error is
 * one. */
static bool
logs_to_file(void)
{
    struct stat st;

    return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

static bool
limit_resources(const struct sandbox_row *row)
{
    if (!DOORSTEP_SANITIZED && !limit(RLIMIT_AS, row->memory))
        return false;
    if (!DOORSTEP_SANITIZED && !row->has_threads && !limit(RLIMIT_NPROC, 0))
        return false; /* a sanitizer looks for leaks in a process of its own */
    if (!row->fills && !logs_to_file() && !limit(RLIMIT_FSIZE, 0))
        return false;
    return limit(RLIMIT_CPU, row->cpu) && limit(RLIMIT_NOFILE, row->files);
}

/* What to do with the result of a mechanism: 0 is well, a kernel without it is well unless
 * required. */
static bool
accept_result(const struct sandbox_row *row, const char *mechanism, int error, bool is_required)
{
    bool is_missing = error == ENOSYS || error == EOPNOTSUPP;

    if (error == 0)
        return true;
    log_event(is_missing && !is_required ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "sandbox",
              "mechanism", mechanism, "for", row->name, "error", strerror(error), "hint",
              is_required ? "sandbox = best_effort goes on without" : "going on without", NULL);
    return is_missing && !is_required;
}

static int
landlock_of(const struct sandbox_row *row, const struct sandbox_roots *roots)
{
    if (row->runs_programs)
        return sandbox_landlock_programs(roots);
    return row->has_files ? sandbox_landlock_roots(roots) : sandbox_landlock_none(row->connects);
}

bool
sandbox_enter(enum sandbox_role role, const struct sandbox_roots *roots, bool is_required)
{
    const struct sandbox_row *row = &rows[role];

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !limit_resources(row))
        return accept_result(row, "limits", errno, true);
    if (!accept_result(row, "landlock", landlock_of(row, roots), is_required))
        return false;
    return row->runs_programs ||
           accept_result(row, "seccomp", sandbox_seccomp(role, roots != NULL && roots->asks_users),
                         is_required);
}

bool
sandbox_enter_program(const struct sandbox_roots *roots, bool is_required)
{
    int error = sandbox_landlock_programs(roots);

    if (error == 0 || ((error == ENOSYS || error == EOPNOTSUPP) && !is_required))
        return true;
    errno = error;
    return false;
}

bool
sandbox_enter_main(bool is_required)
{
    static const struct sandbox_row row = {.name = "main"};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !privileges_keep_for_roles())
        return accept_result(&row, "privileges", errno, true);
    return accept_result(&row, "seccomp", sandbox_seccomp_main(), is_required);
}
