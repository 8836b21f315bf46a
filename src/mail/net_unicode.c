/* SPDX-License-Identifier: MIT
 *
 * Net-Unicode: see net_unicode.h.
 */
#include "doorstep/net_unicode.h"

#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>

#include "doorstep/charset.h"

#define BYTE_ORDER_MARK 0xfeff

static bool
may_be_sent(uint32_t c)
{
    return !(c >= 0x80 && c <= 0x9f) && !uc_is_general_category(c, UC_UNASSIGNED);
}

bool
net_unicode_check(struct span s)
{
    struct span first = s;

    if (!utf8_is_valid(s) || (s.n > 0 && utf8_next(&first) == BYTE_ORDER_MARK))
        return false;
    while (s.n > 0)
        if (!may_be_sent(utf8_next(&s)))
            return false;
    return true;
}

bool
net_unicode_print(struct span s, struct buf *out)
{
    size_t n = 0;

    if (utf8_is_ascii(s) || !utf8_is_valid(s))
        return buf_append_span(out, s);
    uint8_t *form = u8_normalize(UNINORM_NFC, (const uint8_t *)s.p, s.n, NULL, &n);
    bool ok = form != NULL && buf_append(out, (const char *)form, n);
    free(form);
    return ok;
}
