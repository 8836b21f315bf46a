/* SPDX-License-Identifier: MIT
 *
 * Messages on their way to a sorter: what Sieve is to run on each, then its octets, in frames or as
 * a descriptor. The answers are read in sorters_take.c.
 */
#include "sorters_pool_priv.h"

#include <unistd.h>

#include <utlist.h>

/* Messages that one sorter gets at once, in one packet: a wake-up for each costs as much as sorting
 * it, but one that hangs delays those behind it. */
#define GIVEN_MAX 8
#define GIVEN_OCTETS_MAX (DOOR_BODY_MAX - GIVEN_MAX * 64) /* and their frames' heads */

static bool
send_by_descriptor(struct sorter *so, const struct request *r, struct span head)
{
    int fd = door_open_readonly(message_fd(r->msg));
    bool ok = fd >= 0 && door_keeper_send(&so->keeper, SORT_MESSAGE, r->id, head, fd);

    if (fd >= 0)
        close(fd);
    return ok;
}

static bool
send_inline(struct sorter *so, const struct request *r, struct span head, struct span bytes)
{
    bool ok =
        door_keeper_put(&so->keeper, r->name == NULL ? SORT_MESSAGE : SORT_CHECK, r->id, head);

    while (ok && bytes.n > 0) {
        struct span piece = {bytes.p, bytes.n < DOOR_BODY_MAX ? bytes.n : DOOR_BODY_MAX};
        ok = bytes.n < GIVEN_OCTETS_MAX
                 ? door_keeper_put(&so->keeper, SORT_MORE, r->id, piece)
                 : door_keeper_send(&so->keeper, SORT_MORE, r->id, piece, -1);
        bytes = span_skip(bytes, piece.n);
    }
    return ok;
}

/* Before the message: what Sieve is to say of it. */
static bool
send_runs(struct sorter *so, struct request *r)
{
    bool ok = true;

    r->first = r->filed_count;
    for (uint32_t i = r->first; ok && i < r->filing->count; i++) {
        ok = door_keeper_put(&so->keeper, SORT_RUN, r->id, r->filing->runs[i]);
        if (ok && door_queued(so->keeper.door) > SORTER_QUEUE_MAX / 8)
            ok = door_flush(so->keeper.door) != DOOR_CLOSED;
    }
    return ok;
}

static bool
send_message(struct sorter *so, struct request *r)
{
    bool spilled;
    struct span bytes = message_inline(r->msg, &spilled);
    struct buf head;
    struct pack p;

    if (r->filing != NULL && !send_runs(so, r))
        return false;
    buf_init(&head, SORT_NAME_SIZE + 16);
    pack_init(&p, &head);
    if (r->name == NULL)
        pack_u8(&p, spilled ? 1 : 0);
    else
        pack_str(&p, r->name);
    pack_u64(&p, message_traits(r->msg)->octets);
    bool ok = !p.full && (spilled ? send_by_descriptor(so, r, buf_span(&head))
                                  : send_inline(so, r, buf_span(&head), bytes));
    buf_release(&head);
    return ok;
}

/* A packet of small messages, or one large one. */
void
sorter_give(struct sorter *so)
{
    struct sorters *s = so->pool;
    uint64_t octets = 0;
    bool ok = true;

    sorter_watch_next(so);
    for (unsigned n = 0; ok && n < GIVEN_MAX && s->waiting != NULL; n++) {
        struct request *r = s->waiting;
        octets += message_traits(r->msg)->octets + (r->filing != NULL ? r->filing->octets : 0);
        if (n > 0 && octets > GIVEN_OCTETS_MAX)
            break;
        DL_DELETE(s->waiting, r);
        DL_APPEND(so->given, r);
        ok = send_message(so, r);
    }
    if (!ok)
        sorter_lose(so, "cannot send");
}
