/* SPDX-License-Identifier: MIT
 *
 * The file of penalties: what is read whole is bounded, and read again once it was written.
 */
#include <stdlib.h>

#include "penalty_file_priv.h"

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static bool
check(void *arg, const struct penalty *one)
{
    (void)arg;
    require(one->score >= 0 && one->key[0] != '\0');
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct settings_auth settings = {.queue = 1, .ban = 1000, .decay = 1000};
    struct penalties *p = penalties_new(&settings, 50);
    struct span in = {(const char *)data, size};
    struct buf again;

    buf_init(&again, PENALTY_FILE_MAX);
    if (p != NULL && penalty_file_unpack(p, in, 1000, 2000)) {
        penalties_each(p, 1000, check, NULL);
        penalty_file_pack(p, 1000, 2000, &again);
        require(penalty_file_unpack(p, buf_span(&again), 1000, 2000));
    }
    buf_release(&again);
    penalties_free(p);
    return 0;
}
