/* SPDX-License-Identifier: MIT
 *
 * What an external program writes, as header fields, and a job as a runner reads it. The first
 * octet chooses. Of what is taken no line ends where none may, and nothing bears a name that is
 * ours.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/field.h"
#include "doorstep/program.h"
#include "output_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static bool
is_ours(const struct field *f)
{
    return field_is(f, "Received") || field_is(f, "Return-Path") || field_is(f, "Delivered-To") ||
           field_is(f, "Authentication-Results") || field_is(f, "From") ||
           span_has_prefix_fold(f->name, SPAN("Content-"));
}

static void
check_header(struct span header, uint32_t count)
{
    struct field f;
    uint32_t found = 0;

    require(header.n == 0 || (header.n > 2 && memcmp(header.p + header.n - 2, "\r\n", 2) == 0));
    require(header.n == 0 || memchr(header.p, '\0', header.n) == NULL);
    while (header.n > 0) {
        require(field_next(&header, &f) == FIELD_OK && !is_ours(&f));
        found++;
    }
    require(found == count);
}

static void
read_output(struct span text, struct arena *arena)
{
    struct program_said said;
    const char *why = NULL;

    if (program_output_read(text, arena, &said, &why)) {
        check_header(buf_span(&said.header), said.count);
        require(strpbrk(said.mailbox, "\r\n") == NULL && strpbrk(said.flags, "\r\n") == NULL &&
                strpbrk(said.reply, "\r\n") == NULL);
    } else {
        require(why != NULL);
    }
    buf_release(&said.header);
}

static void
read_job(struct span packed, struct arena *arena)
{
    struct program_job job;
    struct unpack u;

    unpack_init(&u, packed);
    if (!program_job_unpack(&job, arena, &u))
        return;
    require(job.argument_count <= PROGRAM_ARGUMENTS_MAX && job.use < PROGRAM_USES);
    for (unsigned v = 0; v < PROGRAM_VARIABLES; v++)
        require(strpbrk(job.values[v], "\r\n") == NULL);
    require(program_expand("%{sender}%{recipient}%%", job.values, arena) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    if (size == 0 || size > 65536)
        return 0;
    arena_init(&arena, 4 << 20);
    struct span rest = {(const char *)data + 1, size - 1};
    if (data[0] % 2 == 0)
        read_output(rest, &arena);
    else
        read_job(rest, &arena);
    arena_release(&arena);
    return 0;
}
