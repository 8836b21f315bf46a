/* SPDX-License-Identifier: MIT
 *
 * Address lists: they end, groups are balanced, and no item is longer than the field.
 */
#include <stdint.h>
#include <stdlib.h>

#include "doorstep/addresslist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    int depth = 0;
    size_t items = 0;

    addresslist_init(&list, (struct span){(const char *)data, size});
    while ((kind = addresslist_next(&list, &item)) != ADDRESSLIST_END) {
        depth += (kind == ADDRESSLIST_GROUP_BEGIN) - (kind == ADDRESSLIST_GROUP_END);
        if (depth < 0 || depth > 1 || ++items > 2 * ADDRESSLIST_MAX)
            abort();
        if (item.name.n + item.route.n + item.local.n + item.domain.n > 2 * size)
            abort();
    }
    if (depth != 0)
        abort();
    addresslist_release(&list);
    return 0;
}
