/* SPDX-License-Identifier: MIT
 *
 * Facts as bytes: packed by a sorter, which parsed a hostile message and may be its puppet by
 * now; read by the store. So counts are held against the octets that are there before anything
 * is allocated for them. How facts are found out is the business of sort/ and the MIME scanner.
 */
#include "doorstep/facts.h"

#include "doorstep/unpack_string.h"

#define FACTS_FLAGS_ALL                                                                            \
    (FACTS_HAS_ATTACHMENT | FACTS_TRUNCATED | FACTS_HEADER_BROKEN | FACTS_UNKNOWN |                \
     FACTS_TLS_OPTIONAL)

#define FACTS_STRING_MAX (4 * 1024 * 1024) /* a BODYSTRUCTURE of 10,000 parts */
#define FACTS_HEADER_PACKED_MIN (4 + 4)    /* two lengths */
#define FACTS_PART_PACKED_MIN (4 + 5 * 8)  /* a length and five numbers */

static void
facts_pack_headers(const struct facts *f, struct pack *p)
{
    pack_u32(p, f->header_count);
    for (uint32_t i = 0; i < f->header_count; i++) {
        pack_str(p, f->headers[i].name);
        pack_str(p, f->headers[i].value);
    }
}

static void
facts_pack_parts(const struct facts *f, struct pack *p)
{
    pack_u32(p, f->part_count);
    for (uint32_t i = 0; i < f->part_count; i++) {
        const struct facts_part *part = &f->parts[i];
        pack_str(p, part->number);
        pack_u64(p, part->header_start);
        pack_u64(p, part->body_start);
        pack_u64(p, part->body_octets);
        pack_u64(p, part->body_lines);
        pack_u64(p, part->lines_before);
    }
}

void
facts_pack(const struct facts *f, struct pack *p)
{
    pack_u32(p, f->flags);
    pack_u64(p, f->octets);
    pack_u64(p, f->lines);
    pack_u64(p, f->header_octets);
    pack_u32(p, f->received_count);
    pack_str(p, f->message_id);
    pack_str(p, f->subject);
    pack_str(p, f->base_subject);
    pack_str(p, f->from);
    pack_str(p, f->references);
    pack_str(p, f->list_id);
    pack_str(p, f->date);
    pack_str(p, f->envelope);
    pack_str(p, f->bodystructure);
    pack_str(p, f->preview);
    facts_pack_headers(f, p);
    facts_pack_parts(f, p);
}

static const char *
facts_string(struct unpack *u, struct arena *arena)
{
    return unpack_string(u, arena, FACTS_STRING_MAX);
}

/* A count of rows that can be true: so many would fit into what is left. */
static uint32_t
facts_unpack_count(struct unpack *u, size_t packed_min)
{
    uint32_t n = unpack_u32(u);

    if (n > u->rest.n / packed_min)
        u->broken = true;
    return u->broken ? 0 : n;
}

static void
facts_unpack_headers(struct facts *f, struct arena *arena, struct unpack *u)
{
    uint32_t n = facts_unpack_count(u, FACTS_HEADER_PACKED_MIN);

    f->header_count = 0;
    f->headers = n > 0 ? arena_alloc(arena, n * sizeof(*f->headers)) : NULL;
    if (n > 0 && f->headers == NULL)
        u->broken = true;
    for (uint32_t i = 0; i < n && !u->broken; i++) {
        f->headers[i].name = facts_string(u, arena);
        f->headers[i].value = facts_string(u, arena);
    }
    f->header_count = u->broken ? 0 : n;
}

static void
facts_unpack_parts(struct facts *f, struct arena *arena, struct unpack *u)
{
    uint32_t n = facts_unpack_count(u, FACTS_PART_PACKED_MIN);

    f->part_count = 0;
    f->parts = n > 0 ? arena_alloc(arena, n * sizeof(*f->parts)) : NULL;
    if (n > 0 && f->parts == NULL)
        u->broken = true;
    for (uint32_t i = 0; i < n && !u->broken; i++) {
        struct facts_part *part = &f->parts[i];
        part->number = facts_string(u, arena);
        part->header_start = unpack_u64(u);
        part->body_start = unpack_u64(u);
        part->body_octets = unpack_u64(u);
        part->body_lines = unpack_u64(u);
        part->lines_before = unpack_u64(u);
    }
    f->part_count = u->broken ? 0 : n;
}

bool
facts_unpack(struct facts *f, struct arena *arena, struct unpack *u)
{
    f->flags = unpack_u32(u);
    if (f->flags > FACTS_FLAGS_ALL)
        u->broken = true;
    f->octets = unpack_u64(u);
    f->lines = unpack_u64(u);
    f->header_octets = unpack_u64(u);
    f->received_count = unpack_u32(u);
    f->message_id = facts_string(u, arena);
    f->subject = facts_string(u, arena);
    f->base_subject = facts_string(u, arena);
    f->from = facts_string(u, arena);
    f->references = facts_string(u, arena);
    f->list_id = facts_string(u, arena);
    f->date = facts_string(u, arena);
    f->envelope = facts_string(u, arena);
    f->bodystructure = facts_string(u, arena);
    f->preview = facts_string(u, arena);
    facts_unpack_headers(f, arena, u);
    facts_unpack_parts(f, arena, u);
    return !u->broken;
}
