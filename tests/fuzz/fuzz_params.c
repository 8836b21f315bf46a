/* SPDX-License-Identifier: MIT
 *
 * MIME parameters: never more than the limit, and every value decodes to valid UTF-8.
 */
#include <stdlib.h>

#include "doorstep/params.h"

#define ARENA_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode_all(const struct params *p, size_t size)
{
    struct charsets *set = charsets_new();

    for (size_t i = 0; set != NULL && i < p->count; i++) {
        struct buf out;
        buf_init(&out, size * 4 + 64);
        param_decode(set, &p->item[i], &out);
        if (!utf8_is_valid(buf_span(&out)))
            abort();
        buf_release(&out);
    }
    charsets_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct params *p = malloc(sizeof *p);
    struct span type, subtype, rest = {(const char *)data, size};
    struct arena arena;

    if (p == NULL)
        return 0;
    arena_init(&arena, ARENA_MAX);
    content_parse(rest, &type, &subtype, &rest);
    params_parse(rest, &arena, p);
    if (p->count > PARAMS_MAX)
        abort();
    decode_all(p, size);
    arena_release(&arena);
    free(p);
    return 0;
}
