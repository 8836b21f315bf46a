/* SPDX-License-Identifier: MIT
 *
 * What store and relay role tell each other: a job, a result. The first octet chooses which; what
 * is read whole is packed again, to the same octets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/charset.h"
#include "doorstep/relay_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static void
require_line(const char *text)
{
    require(strpbrk(text, "\r\n\x1b\x7f") == NULL && utf8_is_valid(span_of(text)));
}

static void
job_again(struct arena *arena, struct unpack *u, struct pack *p)
{
    struct relay_job job;

    relay_job_unpack(&job, arena, u);
    if (u->broken)
        return;
    require_line(job.route);
    require_line(job.reverse_path);
    require_line(job.envid);
    require_line(job.by);
    require(job.recipient_count >= 1 && job.recipient_count <= RELAY_RECIPIENTS_MAX);
    for (uint32_t i = 0; i < job.recipient_count; i++) {
        require_line(job.recipients[i].address);
        require_line(job.recipients[i].orcpt);
    }
    require(job.head.n <= RELAY_HEAD_MAX);
    relay_job_pack(&job, p);
}

static void
result_again(struct arena *arena, struct unpack *u, struct pack *p)
{
    struct relay_result result;

    relay_result_unpack(&result, arena, u);
    if (u->broken)
        return;
    require_line(result.host);
    require_line(result.tls);
    for (uint32_t i = 0; i < result.answer_count; i++) {
        require_line(result.answers[i].text);
        require_line(result.answers[i].enhanced);
    }
    relay_result_pack(&result, p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct unpack u;
    struct pack p;
    struct buf out;

    if (size < 1)
        return 0;
    arena_init(&arena, 4 << 20);
    buf_init(&out, RELAY_PACKED_MAX);
    pack_init(&p, &out);
    unpack_init(&u, (struct span){(const char *)data + 1, size - 1});
    if (data[0] % 2 == 0)
        job_again(&arena, &u, &p);
    else
        result_again(&arena, &u, &p);
    if (unpack_done(&u)) {
        struct span in = {(const char *)data + 1, size - 1};
        require(!p.full && span_equal(buf_span(&out), in));
    }
    buf_release(&out);
    arena_release(&arena);
    return 0;
}
