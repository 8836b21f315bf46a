/* SPDX-License-Identifier: MIT
 *
 * SRS: no address that we did not make is believed, and each sender that can be rewritten comes
 * back.
 */
#include <stdlib.h>
#include <strings.h>

#include "doorstep/srs.h"

#define NOW 1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
there_and_back(const struct srs *s, const struct address *sender, struct arena *arena)
{
    struct address made, back;

    if (!srs_forward(s, sender, NOW, arena, &made) || address_equal(&made, sender, false))
        return;
    if (srs_reverse(s, &made, NOW, arena, &back) != SRS_OK)
        abort();
    bool is_again = strncmp(made.local, "SRS1", 4) == 0;
    if (!is_again &&
        (strcmp(back.local, sender->local) != 0 || strcasecmp(back.domain, sender->domain) != 0))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct srs s = {.domain = "example.org", .local_max = ADDRESS_SENDER_LOCAL_MAX};
    struct arena arena;
    struct address a, out;

    arena_init(&arena, 65536);
    if (!srs_set_secrets(&s, SPAN("sixteen octets and more")))
        abort();
    if (address_parse_mailbox((struct span){(const char *)data, size},
                              ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8, &arena, &a) == ADDRESS_OK) {
        if (srs_reverse(&s, &a, NOW, &arena, &out) == SRS_OK)
            abort();
        there_and_back(&s, &a, &arena);
    }
    arena_release(&arena);
    return 0;
}
