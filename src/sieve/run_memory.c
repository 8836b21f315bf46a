/* SPDX-License-Identifier: MIT
 *
 * What a run holds: made, emptied and lent to the next message, freed; and what commands and
 * extensions take from it meanwhile, within its budget.
 */
#include "run_priv.h"

#include <stdlib.h>

#define SCRATCH_MAX (4 * 1024 * 1024)
#define KEPT_MAX (64 * 1024) /* octets of a buffer, from one message to the next */
#define MESSAGE_FACTOR 4     /* line ends, decoded, in UTF-8, without HTML */

/* Empty; what one large message has made of it is given back. */
static struct buf
emptied(struct buf *b)
{
    if (b->size > KEPT_MAX)
        buf_release(b);
    buf_reset(b);
    return *b;
}

void
sieve_run_end(struct sieve_run *r)
{
    if (r == NULL)
        return;
    release_addresses(r);
    arena_reset(&r->arena);
    arena_reset(&r->message_arena);
    *r = (struct sieve_run){
        .arena = r->arena,
        .message_arena = r->message_arena,
        .scratch = emptied(&r->scratch),
        .folded = emptied(&r->folded),
        .extents = emptied(&r->extents),
        .actions = r->actions,
        .action_size = r->action_size,
    };
}

bool
sieve_run_again(struct sieve_run *r, const struct sieve_input *in)
{
    r->in = *in;
    r->work_left = in->limits->work_max;
    r->arena.max = in->limits->memory_max;
    r->message_arena.max = in->limits->memory_max + MESSAGE_FACTOR * in->message.n;
    r->scratch.max = SCRATCH_MAX;
    r->folded.max = in->limits->memory_max + in->message.n;
    r->extents.max = in->limits->memory_max + in->message.n;
    r->first = r->edition = edition_new(r, in->message);
    return r->edition != NULL;
}

struct sieve_run *
sieve_run_new(const struct sieve_input *in)
{
    struct sieve_run *r = calloc(1, sizeof(*r));

    if (r == NULL || sieve_run_again(r, in))
        return r;
    sieve_run_free(r);
    return NULL;
}

void
sieve_run_free(struct sieve_run *r)
{
    if (r == NULL)
        return;
    buf_release(&r->scratch);
    buf_release(&r->folded);
    buf_release(&r->extents);
    release_addresses(r);
    arena_release(&r->arena);
    arena_release(&r->message_arena);
    free(r->actions);
    free(r);
}

void
sieve_run_reset(struct sieve_run *r)
{
    r->action_count = r->script_begin = 0;
    r->redirects = r->notifies = 0;
    r->is_keep_cancelled = r->has_explicit_keep = r->is_finished = false;
    r->status = SIEVE_OK;
    r->steps = 0;
    r->work_left = r->in.limits->work_max;
    r->edition = r->first;
}

/* ------------------------------------------------------------------ taken from it */

void *
sieve_run_state(struct sieve_run *r, const struct sieve_extension *e)
{
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        if (r->states[i].extension == e)
            return r->states[i].memory;
        if (r->states[i].extension != NULL)
            continue;
        r->states[i].extension = e;
        r->states[i].memory = sieve_run_alloc(r, e->state);
        return r->states[i].memory;
    }
    return NULL;
}

void *
sieve_run_alloc(struct sieve_run *r, size_t n)
{
    void *memory = arena_alloc(&r->arena, n == 0 ? 1 : n);

    if (memory == NULL)
        sieve_run_fail(r, NULL, "the script needs too much memory for one message");
    return memory;
}

const char *
sieve_run_copy(struct sieve_run *r, struct span s)
{
    const char *kept = arena_copy(&r->arena, s);

    if (kept == NULL)
        sieve_run_fail(r, NULL, "the script needs too much memory for one message");
    return kept;
}

struct buf *
sieve_run_buf(struct sieve_run *r)
{
    buf_reset(&r->scratch);
    return &r->scratch;
}
