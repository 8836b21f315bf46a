/* SPDX-License-Identifier: MIT
 *
 * See base64.h.
 */
#include "doorstep/base64.h"

bool
base64_print(struct span s, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bool ok = true;

    for (; ok && s.n > 0; s = span_skip(s, 3)) {
        unsigned char a = (unsigned char)s.p[0], b = s.n > 1 ? (unsigned char)s.p[1] : 0,
                      c = s.n > 2 ? (unsigned char)s.p[2] : 0;
        char group[4] = {digits[a >> 2], digits[(a & 3) << 4 | b >> 4],
                         s.n > 1 ? digits[(b & 15) << 2 | c >> 6] : '=',
                         s.n > 2 ? digits[c & 63] : '='};
        ok = buf_append(out, group, 4);
    }
    return ok;
}
