/* SPDX-License-Identifier: MIT
 *
 * A hand does the file work of one system account with that account's uid. The store asks for it
 * and is not believed: main itself looks the user up, and starts a hand only for who that look-up
 * says, in a configuration that has system accounts at all, never for a uid below uid_min.
 */
#include "supervise_priv.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

#define HANDS_MAX 64
#define USER_SIZE 257
#define HOME_SIZE 1024

struct request {
    uint32_t uid, gid;
    char user[USER_SIZE];
    char home[HOME_SIZE];
};

static bool
has_system_accounts(const struct settings *s)
{
    for (size_t i = 0; i < s->domain_count; i++) {
        if (strcmp(s->domains[i].accounts, "passwd") == 0)
            return true;
    }
    return false;
}

/* NULL: granted, `who` is filled; else why not. */
static const char *
judge(struct daemon *d, const struct request *request, struct identity *who)
{
    const struct passwd *user;

    if (!d->is_root)
        return "main is not root";
    if (!has_system_accounts(d->settings))
        return "no domain has system accounts";
    if (supervise_count(d, ROLE_HAND) >= HANDS_MAX)
        return "too many hands";
    user = getpwnam(request->user);
    if (user == NULL)
        return "no such user";
    if (user->pw_uid != request->uid || user->pw_gid != request->gid)
        return "uid or gid is another one's";
    if (strcmp(user->pw_dir, request->home) != 0)
        return "home is another one";
    if (user->pw_uid < d->settings->uid_min)
        return "uid is below uid_min";
    return identity_find(request->user, who) ? NULL : "no such user";
}

/* The end of the door that the store gets, or -1, logged. */
static int
start_hand(struct daemon *d, const struct identity *who)
{
    struct role *hand = supervise_add(d, ROLE_HAND, 0);
    int ends[2];

    if (hand == NULL)
        return -1;
    if (!door_pair(ends)) {
        supervise_remove(hand);
        return -1;
    }
    if (!supervise_spawn(hand, who)) {
        supervise_remove(hand);
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    supervise_send(hand, MAIN_SETTINGS, 0, SPAN_NONE, d->settings_fd);
    supervise_send(hand, MAIN_STORE_DOOR, 0, SPAN_NONE, ends[1]);
    supervise_send(hand, MAIN_GO, 0, SPAN("\0"), -1);
    hand->has_go = true;
    close(ends[1]);
    return ends[0];
}

static void
answer(struct role *store, uint64_t id, uint32_t uid, int fd)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 16);
    pack_init(&p, &body);
    pack_u32(&p, uid);
    supervise_send(store, MAIN_HAND_DOOR, id, buf_span(&body), fd);
    buf_release(&body);
}

static bool
read_request(struct span body, struct request *out)
{
    struct unpack u;

    unpack_init(&u, body);
    out->uid = unpack_u32(&u);
    out->gid = unpack_u32(&u);
    unpack_str(&u, out->user, sizeof(out->user));
    unpack_str(&u, out->home, sizeof(out->home));
    return unpack_done(&u);
}

void
hands_open(struct role *store, const struct door_frame *frame)
{
    struct request request;
    struct identity who;
    const char *refusal = "the request is malformed";
    int fd = -1;

    memset(&request, 0, sizeof(request));
    if (read_request(frame->body, &request))
        refusal = judge(store->daemon, &request, &who);
    if (refusal == NULL)
        fd = start_hand(store->daemon, &who);
    else
        log_event(LOG_LEVEL_WARNING, "hand_refused", "user", request.user, "uid",
                  log_num(request.uid), "why", refusal, NULL);
    answer(store, frame->id, request.uid, fd);
    if (fd >= 0)
        close(fd);
}
