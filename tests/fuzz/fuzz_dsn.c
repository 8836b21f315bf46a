/* SPDX-License-Identifier: MIT
 *
 * Reports about anything: their lines are short and end in CRLF, nothing adds a part, and without
 * SMTPUTF8 the status is ASCII; so it is with what a script refuses. The input is a line each of
 * options, address, original recipient, reply, remote, envelope id, and then the message.
 */
#include <stdlib.h>

#include "doorstep/arena.h"
#include "doorstep/dsn.h"

#define ID "f00d"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
next_line(struct span *in, struct arena *arena)
{
    size_t n = span_find(*in, '\n');
    const char *line = arena_copy(arena, (struct span){in->p, n});

    if (line == NULL)
        abort();
    *in = span_skip(*in, n + 1);
    return line;
}

static unsigned
digit(const char *options, size_t i, unsigned n)
{
    return i < strlen(options) ? (unsigned char)options[i] % n : 0;
}

/* Lines of any "--N=f00d": one of them alone is the boundary. */
static bool
is_boundary(struct span line, struct span *boundary)
{
    size_t n = 2;

    if (boundary->n > 0)
        return line.n >= boundary->n && memcmp(line.p, boundary->p, boundary->n) == 0;
    if (line.n < 2 + strlen(ID) || line.p[0] != '-' || line.p[1] != '-')
        return false;
    while (n < line.n && line.p[n] >= '0' && line.p[n] <= '9')
        n++;
    if (n + 1 + strlen(ID) > line.n || memcmp(line.p + n, "=" ID, strlen(ID) + 1) != 0)
        return false;
    *boundary = (struct span){line.p, n + 1 + strlen(ID)};
    return true;
}

static void
check(struct span out)
{
    struct span boundary = SPAN_NONE;
    unsigned parts = 0;

    while (out.n > 0) {
        size_t n = span_find(out, '\n');
        if (n == out.n || n == 0 || n > 999 || memchr(out.p, '\r', n) != out.p + n - 1)
            abort();
        parts += is_boundary((struct span){out.p, n}, &boundary);
        out = span_skip(out, n + 1);
    }
    if (parts != 4)
        abort();
}

static void
print(const struct dsn *d)
{
    struct buf out;

    buf_init(&out, (size_t)8 << 20);
    if (!dsn_print(d, &out))
        abort();
    check(buf_span(&out));
    buf_reset(&out);
    if (!dsn_print_refusal(d, d->recipients[0].text, &out))
        abort();
    check(buf_span(&out));
    buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct arena arena;

    arena_init(&arena, size * 2 + 65536);
    const char *options = next_line(&in, &arena);
    struct dsn_recipient r = {
        .address = next_line(&in, &arena),
        .orcpt = next_line(&in, &arena),
        .text = next_line(&in, &arena),
        .remote = next_line(&in, &arena),
        .enhanced = "5.1.1",
        .action = (enum dsn_action)digit(options, 0, 5),
        .code = (uint16_t)(digit(options, 1, 2) * 550),
    };
    struct dsn d = {
        .hostname = "mx.example.org",
        .postmaster = "postmaster@example.org",
        .id = ID,
        .sender = digit(options, 2, 2) == 0 ? "a@example.net" : r.address,
        .envid = next_line(&in, &arena),
        .received_from = r.remote,
        .ret = (enum envelope_ret)digit(options, 3, 3),
        .may_utf8 = digit(options, 4, 2) == 1,
        .original = in,
        .original_octets = in.n,
        .recipients = &r,
        .recipient_count = 1,
    };
    print(&d);
    arena_release(&arena);
    return 0;
}
