/* SPDX-License-Identifier: MIT
 *
 * The body of every message: made once, shared by all sessions, sent from its end so that each
 * message, whatever the length of its own header, is of the size that was asked for.
 */
#include "load_priv.h"

#include <stdlib.h>
#include <string.h>

#define LINE 72
#define END_OF_DATA ".\r\n" /* behind the CRLF of the last line */

bool
content_init(struct content *c, size_t size)
{
    static const char letters[] = "abcdefghij klmnopqrst uvwxyz";

    c->size = size;
    c->octets = malloc(size + sizeof(END_OF_DATA));
    if (c->octets == NULL)
        return false;
    for (size_t i = 0; i < size; i++) { /* counted from the end: the last line is whole */
        size_t column = (size - 1 - i) % LINE;
        c->octets[i] = column == 0   ? '\n'
                       : column == 1 ? '\r'
                                     : letters[(i * 7 + i / LINE) % (sizeof(letters) - 1)];
    }
    memcpy(c->octets + size, END_OF_DATA, sizeof(END_OF_DATA));
    return true;
}

void
content_release(struct content *c)
{
    free(c->octets);
}

const char *
content_tail(const struct content *c, size_t header, size_t *n)
{
    size_t body = header < c->size ? c->size - header : LINE;

    if (body % LINE == 1) /* would begin with a bare LF */
        body--;
    *n = body + strlen(END_OF_DATA);
    return c->octets + c->size - body;
}
