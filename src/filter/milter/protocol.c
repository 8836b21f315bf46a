/* SPDX-License-Identifier: MIT
 *
 * Packets of the milter protocol: see protocol_priv.h. Pure.
 */
#include "protocol_priv.h"

#include <string.h>

#define LENGTH_SIZE 4

/* --- reading --- */

static uint32_t
read_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static bool
take_u32(struct span *in, uint32_t *out)
{
    if (in->n < 4)
        return false;
    *out = read_u32(in->p);
    *in = span_skip(*in, 4);
    return true;
}

/* Up to its NUL, which must be there. */
static bool
take_string(struct span *in, struct span *out)
{
    size_t n = span_find(*in, '\0');

    if (n == in->n)
        return false;
    *out = (struct span){in->p, n};
    *in = span_skip(*in, n + 1);
    return true;
}

/* "stage, names" pairs behind the numbers. */
static bool
take_macros(struct span *in, struct milter_reply *out)
{
    while (in->n > 0) {
        struct span names;
        uint32_t stage;

        if (!take_u32(in, &stage) || stage >= MACROS_STAGES || !take_string(in, &names))
            return false;
        out->macros[stage] = names;
    }
    return true;
}

static bool
take_header(struct span *in, struct milter_reply *out)
{
    return take_string(in, &out->name) && take_string(in, &out->value);
}

static bool
take_address(struct span *in, struct milter_reply *out)
{
    return take_string(in, &out->name) && (in->n == 0 || take_string(in, &out->value));
}

static bool
take_data(struct span in, struct milter_reply *out)
{
    bool good = true;

    switch (out->kind) {
    case MILTER_SHUTDOWN:
    case MILTER_ACCEPT:
    case MILTER_CONTINUE:
    case MILTER_DISCARD:
    case MILTER_FAIL:
    case MILTER_PROGRESS:
    case MILTER_REJECT:
    case MILTER_SKIP:
    case MILTER_TEMPFAIL:
        break;
    case MILTER_QUARANTINE:
    case MILTER_REPLY_CODE:
        good = take_string(&in, &out->value);
        break;
    case MILTER_ADD_RCPT:
    case MILTER_DELETE_RCPT:
        good = take_string(&in, &out->name);
        break;
    case MILTER_ADD_RCPT_WITH:
    case MILTER_CHANGE_FROM:
        good = take_address(&in, out);
        break;
    case MILTER_ADD_HEADER:
        good = take_header(&in, out);
        break;
    case MILTER_INSERT_HEADER:
    case MILTER_CHANGE_HEADER:
        good = take_u32(&in, &out->index) && take_header(&in, out);
        break;
    case MILTER_REPLACE_BODY:
        out->data = in;
        return true;
    case MILTER_NEGOTIATED:
        good = take_u32(&in, &out->version) && take_u32(&in, &out->actions) &&
               take_u32(&in, &out->steps) && take_macros(&in, out);
        break;
    default:
        return false;
    }
    return good && in.n == 0;
}

enum milter_parse
milter_parse(struct span in, struct milter_reply *out, size_t *used)
{
    uint32_t length;

    *used = 0;
    if (in.n < LENGTH_SIZE)
        return MILTER_PARSE_MORE;
    length = read_u32(in.p);
    if (length == 0 || length > MILTER_REPLY_MAX)
        return MILTER_PARSE_BROKEN;
    if (in.n - LENGTH_SIZE < length)
        return MILTER_PARSE_MORE;
    *used = LENGTH_SIZE + length;
    *out = (struct milter_reply){.kind = (enum milter_reply_kind)(unsigned char)in.p[LENGTH_SIZE]};
    return take_data((struct span){in.p + LENGTH_SIZE + 1, length - 1}, out) ? MILTER_PARSE_OK
                                                                             : MILTER_PARSE_BROKEN;
}

/* --- writing --- */

bool
milter_put_u16(struct buf *out, uint16_t v)
{
    const unsigned char octets[] = {(unsigned char)(v >> 8), (unsigned char)v};

    return buf_append(out, octets, sizeof(octets));
}

bool
milter_put_u32(struct buf *out, uint32_t v)
{
    return milter_put_u16(out, (uint16_t)(v >> 16)) && milter_put_u16(out, (uint16_t)v);
}

bool
milter_put_string(struct buf *out, struct span text)
{
    size_t at = out->len;

    if (!buf_append_span(out, text) || !buf_append_char(out, '\0'))
        return false;
    for (; at + 1 < out->len; at++)
        if (out->data[at] == '\0')
            out->data[at] = ' ';
    return true;
}

size_t
milter_packet_begin(struct buf *out, enum milter_command command)
{
    size_t at = out->len;

    milter_put_u32(out, 0);
    buf_append_char(out, (char)command); /* what does not fit is noticed at the end */
    return at;
}

bool
milter_packet_end(struct buf *out, size_t at)
{
    uint32_t length;

    if (out->len < at + LENGTH_SIZE + 1)
        return false;
    length = (uint32_t)(out->len - at - LENGTH_SIZE);
    for (unsigned i = 0; i < LENGTH_SIZE; i++)
        out->data[at + i] = (char)(length >> (24 - 8 * i));
    return length <= MILTER_DATA_MAX + 1;
}
