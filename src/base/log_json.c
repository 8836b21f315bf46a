/* SPDX-License-Identifier: MIT
 *
 * Values of a log line as JSON (RFC 8259). Only printing ASCII stands for itself: control octets,
 * and what could turn the direction of a terminal's text, are escaped.
 */
#include "log_priv.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

/* The octets of a character by its first one; 0: no character begins so. RFC 3629 4. */
static unsigned
sequence_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef)
        return 3;
    return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

/* The character at *s, which moves behind it; behind one octet where that is no UTF-8. */
static uint32_t
next_character(const char **s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)*s;
    unsigned length = sequence_length(at[0]);
    uint32_t c = length <= 1 ? at[0] : at[0] & (0x7fu >> length);

    for (unsigned i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) { /* the end of the string too */
            length = 0;
            break;
        }
        c = c << 6 | (at[i] & 0x3fu);
    }
    *s += length == 0 ? 1 : length;
    bool is_good = length > 0 && c >= least[length] && c <= 0x10ffff && (c & ~0x7ffu) != 0xd800;
    return is_good ? c : REPLACEMENT;
}

static size_t
print_character(uint32_t c, char piece[16])
{
    if (c == '"' || c == '\\')
        return (size_t)snprintf(piece, 16, "\\%c", (char)c);
    if (c >= ' ' && c < 127) {
        piece[0] = (char)c;
        return 1;
    }
    if (c < 0x10000)
        return (size_t)snprintf(piece, 16, "\\u%04x", (unsigned)c);
    c -= 0x10000;
    return (size_t)snprintf(piece, 16, "\\u%04x\\u%04x", (unsigned)(0xd800 + (c >> 10)),
                            (unsigned)(0xdc00 + (c & 0x3ff)));
}

bool
log_json_name(struct log_line *l, const char *key)
{
    size_t before = l->len;

    /* With room for the quotes of a value. */
    if (log_put(l, ",\"", 2) && log_put(l, key, strlen(key)) && log_put(l, "\":\"\"", 4)) {
        l->len -= 2;
        return true;
    }
    l->len = before;
    return false;
}

void
log_json_text(struct log_line *l, const char *value)
{
    char piece[16];

    log_put(l, "\"", 1);
    while (*value != '\0') {
        if (!log_put(l, piece, print_character(next_character(&value), piece))) {
            log_put_tail(l, "...");
            break;
        }
    }
    log_put_tail(l, "\"");
}
