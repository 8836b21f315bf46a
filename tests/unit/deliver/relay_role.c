/* SPDX-License-Identifier: MIT
 *
 * A relay role for tests: see relay_role.h.
 */
#include "relay_role.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/door_frames.h"

void
relay_role_connect(struct relay_role *r, struct relay_link *l)
{
    int fds[2];

    memset(r, 0, sizeof *r);
    arena_init(&r->arena, 64u << 20);
    ck_assert(door_pair(fds));
    r->door = door_new(fds[1], 64u << 20);
    relay_link_connect(l, fds[0]);
}

void
relay_role_close(struct relay_role *r)
{
    for (unsigned i = 0; i < r->count; i++)
        close(r->heard[i].fd);
    door_free(r->door);
    arena_release(&r->arena);
    memset(r, 0, sizeof *r);
}

unsigned
relay_role_hear(struct relay_role *r)
{
    struct door_frame f;
    struct buf packed;
    struct unpack u;

    buf_init(&packed, RELAY_PACKED_MAX);
    while (r->count < HEARD_MAX && door_receive(r->door, &f) == DOOR_OK) {
        struct heard *h = &r->heard[r->count];

        if (f.type != RELAY_SEND)
            continue;
        ck_assert(buf_append_span(&packed, span_skip(f.body, 1)));
        if (f.body.p[0] == 1)
            continue;
        *h = (struct heard){.id = f.id, .fd = f.fd};
        unpack_init(&u, buf_span(&packed));
        relay_job_unpack(&h->job, &r->arena, &u);
        ck_assert(unpack_done(&u));
        ck_assert(h->job.is_question || h->fd >= 0);
        buf_reset(&packed);
        r->count++;
    }
    buf_release(&packed);
    return r->count;
}

void
relay_role_result(struct relay_role *r, uint64_t id, const struct relay_result *result)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u8(&p, 0);
    relay_result_pack(result, &p);
    ck_assert(!p.full);
    ck_assert(door_send(r->door, RELAY_RESULT, id, buf_span(&body), -1));
    buf_release(&body);
}

void
relay_role_say(struct relay_role *r, const struct heard *h, enum relay_state state, unsigned code,
               const char *enhanced, const char *text)
{
    struct relay_answer answers[16] = {0};
    struct relay_result result = {.host = "mx.example.net[192.0.2.1]:25",
                                  .tls = "",
                                  .answers = answers,
                                  .answer_count = h->job.recipient_count};

    ck_assert_uint_le(h->job.recipient_count, 16);
    for (uint32_t i = 0; i < h->job.recipient_count; i++) {
        answers[i] = (struct relay_answer){.state = state, .code = (uint16_t)code, .text = text};
        snprintf(answers[i].enhanced, sizeof answers[i].enhanced, "%s", enhanced);
    }
    relay_role_result(r, h->id, &result);
}
