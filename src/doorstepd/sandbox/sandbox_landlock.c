/* SPDX-License-Identifier: MIT
 *
 * Landlock: rights over files that are taken from this process by itself (landlock(7)). The kernel
 * says which ABI it has; a right that it does not know must not be named. The numbers are
 * the kernel's interface and stand here because the headers of a build host may be older than
 * the kernel that runs: Debian 12 builds with the headers of ABI 2.
 */
#include "sandbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RIGHT_TRUNCATE (1ULL << 14)     /* ABI 3 */
#define RIGHT_DEVICE_IOCTL (1ULL << 15) /* ABI 5 */
#define RIGHT_BIND 1ULL                 /* the first of them */
#define RIGHT_CONNECT 2ULL
#define RIGHTS_NET 3ULL /* ABI 4: bind and connect of TCP */
#define RULE_PORT 2     /* the same: LANDLOCK_RULE_NET_PORT */
#define SCOPES 3ULL     /* ABI 6: abstract sockets, signals */
#define SCOPE_SIGNALS 2ULL

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* What a store does to mail folders: regular files and folders, nothing else. */
#define RIGHTS_MAIL                                                                                \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_REFER | RIGHT_TRUNCATE)
#define RIGHTS_ALL                                                                                 \
    (RIGHTS_READ | RIGHTS_MAIL | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |       \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
     LANDLOCK_ACCESS_FS_MAKE_SYM | RIGHT_DEVICE_IOCTL)

/* All that changes a file or a folder. */
#define RIGHTS_CHANGE                                                                              \
    (RIGHTS_ALL & ~(RIGHTS_READ | LANDLOCK_ACCESS_FS_EXECUTE | RIGHT_DEVICE_IOCTL))

struct ruleset { /* struct landlock_ruleset_attr as of ABI 6; an older kernel accepts zeros behind
                    its own end */
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

static long
landlock_abi(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t
rights_of_abi(long abi, uint64_t wanted)
{
    if (abi < 2)
        wanted &= ~LANDLOCK_ACCESS_FS_REFER;
    if (abi < 3)
        wanted &= ~RIGHT_TRUNCATE;
    if (abi < 5)
        wanted &= ~RIGHT_DEVICE_IOCTL;
    return wanted;
}

/* A descriptor of a ruleset that handles these rights, or -1. */
static int
ruleset_new(long abi, uint64_t rights, bool connects)
{
    struct ruleset attr = {
        .files = rights_of_abi(abi, rights),
        .net = abi < 4    ? 0
               : connects ? RIGHT_BIND
                          : RIGHTS_NET,
        .scoped = abi >= 6 ? SCOPES : 0,
    };

    return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
}

/* Takes the ruleset. */
static int
ruleset_enforce(int ruleset)
{
    int error = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : errno;

    close(ruleset);
    return error;
}

/* A right over folders cannot be given for a file. */
static int
ruleset_allow(int ruleset, uint64_t rights, const char *path)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};
    struct stat st;
    int error = 0;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT ? 0 : errno;
    if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &=
            LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        error = errno;
    close(rule.parent_fd);
    return error;
}

struct port_rule { /* struct landlock_net_port_attr */
    uint64_t allowed;
    uint64_t port;
};

static int
ruleset_allow_ports(int ruleset, const struct sandbox_roots *roots)
{
    for (size_t i = 0; i < roots->port_count; i++) {
        const struct port_rule rule = {RIGHT_CONNECT, roots->ports[i]};

        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) != 0)
            return errno;
    }
    return 0;
}

int
sandbox_landlock_none(bool connects)
{
    long abi = landlock_abi();
    int ruleset = abi < 1 ? -1 : ruleset_new(abi, RIGHTS_ALL, connects);

    return ruleset < 0 ? errno : ruleset_enforce(ruleset);
}

int
sandbox_landlock_roots(const struct sandbox_roots *roots)
{
    long abi = landlock_abi();
    uint64_t full = rights_of_abi(abi, RIGHTS_READ | RIGHTS_MAIL);
    int ruleset, error = 0;

    if (abi == 1 && roots->count > 0)
        return EOPNOTSUPP;
    ruleset = abi < 1 ? -1 : ruleset_new(abi, RIGHTS_ALL, false);
    if (ruleset < 0)
        return errno;
    for (size_t i = 0; i < roots->count && error == 0; i++)
        error = ruleset_allow(ruleset, full, roots->paths[i]);
    for (size_t i = 0; i < roots->readable_count && error == 0; i++)
        error = ruleset_allow(ruleset, RIGHTS_READ, roots->readable[i]);
    if (error == 0 && abi >= 4)
        error = ruleset_allow_ports(ruleset, roots);
    if (error != 0) {
        close(ruleset);
        return error;
    }
    return ruleset_enforce(ruleset);
}

static int
allow_changes(int ruleset, const struct sandbox_roots *roots, long abi)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"};
    uint64_t rights = rights_of_abi(abi, RIGHTS_CHANGE);
    int error = 0;

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]) && error == 0; i++)
        error = ruleset_allow(ruleset, LANDLOCK_ACCESS_FS_WRITE_FILE, devices[i]);
    for (size_t i = 0; i < roots->count && error == 0; i++)
        error = ruleset_allow(ruleset, rights, roots->paths[i]);
    return error;
}

int
sandbox_landlock_programs(const struct sandbox_roots *roots)
{
    long abi = landlock_abi();
    const struct ruleset attr = {.files = rights_of_abi(abi, RIGHTS_CHANGE),
                                 .scoped = abi >= 6 ? SCOPE_SIGNALS : 0};
    int ruleset, error;

    if (abi < 0)
        return errno;
    if (abi < 2)
        return EOPNOTSUPP;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return errno;
    error = allow_changes(ruleset, roots, abi);
    if (error == 0)
        return ruleset_enforce(ruleset);
    close(ruleset);
    return error;
}
