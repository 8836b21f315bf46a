/* SPDX-License-Identifier: MIT
 *
 * The parameters of MAIL and RCPT: what is accepted holds no control octet, since it goes into
 * records.
 */
#include <stdint.h>
#include <stdlib.h>

#include "parameters_priv.h"

static void
require_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope_recipient r = {.orcpt = ""};
    struct envelope e = {.envid = ""};
    struct arena arena;
    struct span in;

    if (size < 1)
        return 0;
    in = (struct span){(const char *)data + 1, size - 1};
    arena_init(&arena, 65536);
    if (parameters_parse_mail(in, (data[0] & 1) | ((data[0] >> 1) & 2), &arena, &e) == REPLY_NONE)
        require_clean(e.envid);
    if (parameters_parse_rcpt(in, data[0] & 1, (data[0] & 2) != 0, &arena, &r) == REPLY_NONE)
        require_clean(r.orcpt);
    arena_release(&arena);
    return 0;
}
