/* SPDX-License-Identifier: MIT
 *
 * Envelopes from any bytes: what is accepted must pack to the bytes that it came from. And one
 * whose fields are the input's lines: it must come back as it was, so that this knows every new
 * field.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/envelope.h"

#define RECIPIENTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unpacks and packs again; false: it is no envelope. */
static bool
there_and_back(struct span in)
{
    struct envelope e;
    struct arena arena;
    struct unpack u;
    struct buf out;
    struct pack p;

    arena_init(&arena, 1024 * 1024);
    unpack_init(&u, in);
    bool ok = envelope_unpack(&e, &arena, &u) && unpack_done(&u);
    if (ok) {
        buf_init(&out, in.n);
        pack_init(&p, &out);
        envelope_pack(&e, &p);
        if (p.full || !span_equal(buf_span(&out), in))
            abort();
        buf_release(&out);
    }
    arena_release(&arena);
    return ok;
}

/* The next line without its end, printable as every peer's words are in an envelope. */
static const char *
next_line(struct span *in, struct arena *arena)
{
    size_t n = span_find(*in, '\n');
    char *line = arena_copy(arena, (struct span){in->p, n < 200 ? n : 200});

    if (line == NULL)
        abort();
    *in = span_skip(*in, n + 1);
    for (char *p = line; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = 'x';
    }
    return line;
}

static bool
fill(struct envelope *e, struct span in, struct arena *arena)
{
    struct span rest;
    struct span from = span_of(next_line(&in, arena));

    if (address_parse_path(from, ADDRESS_ALLOW_NULL, arena, &e->reverse_path, &rest) != ADDRESS_OK)
        return false;
    e->body = (enum envelope_body)(in.n % 3);
    e->protocol = (enum envelope_protocol)(in.n / 3 % 3);
    e->ret = (enum envelope_ret)(in.n / 9 % 3);
    e->smtputf8 = in.n % 2 == 1;
    e->size = in.n;
    const char **texts[] = {
        &e->envid,           &e->helo,          &e->client_ip, &e->client_name, &e->client_port,
        &e->client_protocol, &e->client_source, &e->login,     &e->auth_sender, &e->queue_id,
        &e->session,         &e->tls_version,   &e->tls_cipher};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = next_line(&in, arena);
    for (; e->recipient_count < RECIPIENTS && in.n > 0; e->recipient_count++) {
        struct envelope_recipient *r = &e->recipients[e->recipient_count];
        struct span to = span_of(next_line(&in, arena));
        if (address_parse_path(to, 0, arena, &r->address, &rest) != ADDRESS_OK)
            return false;
        r->orcpt = next_line(&in, arena);
        r->notify = (unsigned)(in.n % 16);
    }
    return e->recipient_count > 0;
}

static void
try_filled(struct span in)
{
    struct envelope_recipient recipients[RECIPIENTS] = {0};
    struct envelope e = {.recipients = recipients};
    struct arena arena;
    struct buf out;
    struct pack p;

    arena_init(&arena, 1024 * 1024);
    buf_init(&out, 1024 * 1024);
    if (fill(&e, in, &arena)) {
        pack_init(&p, &out);
        envelope_pack(&e, &p);
        (void)there_and_back(buf_span(&out)); /* fields that no edge would send are refused */
    }
    buf_release(&out);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};

    (void)there_and_back(in);
    try_filled(in);
    return 0;
}
