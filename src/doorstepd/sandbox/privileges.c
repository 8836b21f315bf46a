/* SPDX-License-Identifier: MIT
 *
 * Giving up root. Every call is checked, and the result is read back: programs that did not check
 * setuid() have stayed root (CVE-2011-0017), others kept the groups of root (CVE-2010-0301).
 * Capabilities go by the raw calls: two structs do not need a library.
 */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/span.h"

#define CAPABILITY(name) (1ULL << (name))

/* The role that was just started changes its identity and root folder with these and drops them;
 * main itself makes folders and sockets for others, reads keys, binds ports and ends who hangs. */
#define KEPT_BY_MAIN                                                                               \
    (CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_SETPCAP) |                   \
     CAPABILITY(CAP_SYS_CHROOT) | CAPABILITY(CAP_KILL) | CAPABILITY(CAP_DAC_OVERRIDE) |            \
     CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_NET_BIND_SERVICE))

bool
identity_find(const char *name, struct identity *out)
{
    struct passwd *user = getpwnam(name);
    int count = IDENTITY_GROUPS_MAX;

    memset(out, 0, sizeof(*out));
    if (user == NULL)
        return false;
    out->uid = user->pw_uid;
    out->gid = user->pw_gid;
    if (getgrouplist(name, user->pw_gid, out->groups, &count) < 0)
        count = IDENTITY_GROUPS_MAX;
    out->group_count = (size_t)count;
    return true;
}

struct identity
identity_of_owner(uid_t uid, gid_t gid)
{
    return (struct identity){.uid = uid, .gid = gid};
}

void
identity_print(const struct identity *who, char out[IDENTITY_TEXT_SIZE])
{
    size_t n =
        (size_t)snprintf(out, IDENTITY_TEXT_SIZE, "%u:%u", (unsigned)who->uid, (unsigned)who->gid);

    for (size_t i = 0; i < who->group_count; i++)
        n += (size_t)snprintf(out + n, IDENTITY_TEXT_SIZE - n, "%c%u", i == 0 ? ':' : ',',
                              (unsigned)who->groups[i]);
}

/* The number before `end` (or up to the end of the text, where end is not found). */
static bool
take_number(struct span *text, char end, unsigned *out)
{
    size_t n = span_find(*text, end);
    unsigned long long v;

    /* (uid_t)-1 means "leave as it is" to the kernel: it is no identity. */
    if (!span_parse_u64((struct span){text->p, n}, UINT32_MAX - 1ULL, &v))
        return false;
    *text = span_skip(*text, n + 1);
    *out = (unsigned)v;
    return true;
}

bool
identity_parse(const char *text, struct identity *out)
{
    struct span rest = span_of(text);
    unsigned number;

    memset(out, 0, sizeof(*out));
    if (span_find(rest, ':') == rest.n || !take_number(&rest, ':', &number))
        return false;
    out->uid = number;
    if (!take_number(&rest, ':', &number))
        return false;
    out->gid = number;
    while (rest.n > 0) {
        if (out->group_count == IDENTITY_GROUPS_MAX || !take_number(&rest, ',', &number))
            return false;
        out->groups[out->group_count++] = number;
    }
    return true;
}

bool
privileges_harden(void)
{
    const struct rlimit none = {0, 0};

    /* The leak sanitizer looks at its own process through ptrace(2). */
    if (prctl(PR_SET_DUMPABLE, DOORSTEP_SANITIZED ? 1 : 0, 0, 0, 0) != 0)
        return false;
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return false;
    return true;
}

bool
privileges_drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

    memset(none, 0, sizeof(none));
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return false;
    return syscall(SYS_capset, &header, none) == 0;
}

/* The bounding set: what an exec of a root process could get back. Needs CAP_SETPCAP, which a
 * container may have taken from root; no_new_privs then still stands in the way. */
static void
limit_bounding_set(uint64_t kept)
{
    for (unsigned long cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if ((kept >> cap & 1) == 0)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
}

bool
privileges_keep_for_roles(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    uint32_t dropped = 0;

    limit_bounding_set(KEPT_BY_MAIN);
    memset(sets, 0, sizeof(sets));
    if (syscall(SYS_capget, &header, sets) != 0)
        return false;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t kept = sets[i].permitted & (uint32_t)(KEPT_BY_MAIN >> (32 * i));

        dropped |= (sets[i].permitted ^ kept) | sets[i].inheritable;
        sets[i] = (struct __user_cap_data_struct){.effective = kept, .permitted = kept};
    }
    /* Who has none need not ask: a service manager may have forbidden the call. */
    return dropped == 0 || syscall(SYS_capset, &header, sets) == 0;
}

static bool
has_no_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    memset(sets, 0, sizeof(sets));
    if (syscall(SYS_capget, &header, sets) != 0)
        return false;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if (sets[i].effective != 0 || sets[i].permitted != 0 || sets[i].inheritable != 0)
            return false;
    }
    return true;
}

static bool
has_become(const struct identity *who)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    if (getresuid(&real, &effective, &saved) != 0 ||
        getresgid(&real_group, &effective_group, &saved_group) != 0)
        return false;
    return real == who->uid && effective == who->uid && saved == who->uid &&
           real_group == who->gid && effective_group == who->gid && saved_group == who->gid &&
           getgroups(0, NULL) == (int)who->group_count;
}

/* True when root is out of reach, found by trying. */
static bool
cannot_return(const struct identity *who)
{
    if (who->uid == 0)
        return true; /* stays uid 0; has_no_capabilities() says that it means little */
    return setresuid(0, 0, 0) != 0 && setresgid(0, 0, 0) != 0 && setgroups(0, NULL) != 0;
}

static bool
refuse(const char *step)
{
    log_event(LOG_LEVEL_ERROR, "privileges", "step", step, "error", strerror(errno), NULL);
    return false;
}

bool
privileges_become(const struct identity *who)
{
    limit_bounding_set(0);
    if (setgroups(who->group_count, who->groups) != 0)
        return refuse("setgroups");
    if (setresgid(who->gid, who->gid, who->gid) != 0)
        return refuse("setresgid");
    if (setresuid(who->uid, who->uid, who->uid) != 0)
        return refuse("setresuid");
    if (!privileges_drop_capabilities())
        return refuse("capset");
    errno = EPERM;
    if (!has_become(who) || !has_no_capabilities() || !cannot_return(who))
        return refuse("verify");
    /* A change of uid turned this back to the system's default. */
    return privileges_harden() || refuse("harden");
}
