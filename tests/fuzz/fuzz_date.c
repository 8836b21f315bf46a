/* SPDX-License-Identifier: MIT
 *
 * Dates: what is one can be printed, and what was printed has the shape that sorts.
 */
#include <stdlib.h>
#include <string.h>

#include "doorstep/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[DATE_RFC3339_SIZE];
    struct date d;

    if (!date_parse((struct span){(const char *)data, size}, &d))
        return 0;
    date_print_rfc3339(&d, text);
    if (strlen(text) != DATE_RFC3339_SIZE - 1 || text[10] != 'T' || text[22] != ':')
        abort();
    return 0;
}
