/* SPDX-License-Identifier: MIT
 *
 * Any text as a configuration: an error or settings, and settings that are printed are read back
 * and print the same again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print_again(const struct config *first)
{
    struct buf printed, again, errors;
    struct config *second;

    buf_init(&printed, 16 << 20);
    buf_init(&again, 16 << 20);
    buf_init(&errors, 4096);
    if (!config_print_json(first, &again))
        abort();
    buf_reset(&again);
    if (config_print(first, &printed) && printed.len < 512 << 10) {
        second = config_parse(buf_str(&printed), "printed", &errors);
        if (second == NULL || !config_print(second, &again) ||
            strcmp(buf_str(&printed), buf_str(&again)) != 0)
            abort();
        config_free(second);
    }
    buf_release(&errors);
    buf_release(&again);
    buf_release(&printed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct buf errors;
    struct config *c;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    buf_init(&errors, 4096);
    c = config_parse(text, "fuzz", &errors);
    if ((c == NULL) != (errors.len > 0))
        abort();
    if (c != NULL)
        print_again(c);
    config_free(c);
    buf_release(&errors);
    free(text);
    return 0;
}
