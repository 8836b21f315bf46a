/* SPDX-License-Identifier: MIT
 *
 * What the tool prints of a stranger's mail: whatever the octets, the escaped text holds no control
 * and no broken UTF-8, and cutting keeps it so. The same octets as a BODYSTRUCTURE must be
 * survived.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <unistr.h>

#include "bodystructure_priv.h"
#include "text_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_safe(const struct buf *text)
{
    assert(u8_check((const uint8_t *)buf_str(text), text->len) == NULL);
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        assert(c >= 0x20 && c != 0x7f);
        assert(c != 0xc2 || (unsigned char)text->data[i + 1] >= 0xa0); /* C1 */
        assert(c != 0xe2 || memcmp(text->data + i, "\xe2\x80\xae", 3) != 0);
    }
}

static void
count_row(void *arg, json_t *row)
{
    assert(json_is_object(row));
    ++*(size_t *)arg;
}

/* What a person types, and dates of a daemon that may be lying. */
static void
try_typed(const uint8_t *data, size_t size)
{
    char typed[TEXT_NUMBER_SIZE] = "", out[TEXT_NUMBER_SIZE];
    uint64_t n;

    memcpy(typed, data, size < sizeof(typed) ? size : sizeof(typed) - 1);
    if (text_parse_size(typed, &n))
        assert(strlen(text_size(out, n)) < sizeof(out) && strlen(text_count(out, n)) < sizeof(out));
    if (text_parse_duration(typed, &n))
        assert(strlen(text_duration(out, n)) < sizeof(out));
    assert(strlen(text_date(out, typed)) < sizeof(out));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {(const char *)data, size};
    struct buf text;
    size_t rows = 0;

    buf_init(&text, 16 * size + 16);
    assert(text_escape(&text, input));
    check_safe(&text);
    size_t width = size % 97;
    text_cut(&text, width);
    check_safe(&text);
    assert(text_width(buf_span(&text)) <= width);
    buf_release(&text);
    try_typed(data, size);
    bodystructure_rows(input, count_row, &rows);
    assert(rows <= size);
    return 0;
}
