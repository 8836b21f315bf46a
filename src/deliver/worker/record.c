/* SPDX-License-Identifier: MIT
 *
 * Records of the journal, packed and unpacked: see record_priv.h. Numbers are little-endian, texts
 * have their length in front (pack.h). The version comes first, so that a later release can read
 * what an earlier one left behind.
 */
#include "record_priv.h"

#include <string.h>

#include "ledger_priv.h"
#include "rows_priv.h"

#define RECORD_VERSION 2   /* of messages and the ledger: 1 had neither keywords nor effects */
#define RECORD_VERSION_1 1 /* of all others */
#define PARTS_MAX 1000000u /* of one message; each takes more than a hundred octets */
#define TEXT_MAX 4096u     /* of a path or name */

/* What the envelope asks for: one octet, of which earlier releases know the first bit. */
enum { ASKS_KEEP_BYTES = 1, ASKS_REQUIRE_TLS = 2, ASKS_ALL = 3 };

/* ---- pieces ---- */

bool
record_account_pack(struct pack *p, const struct account *a)
{
    pack_str(p, a->user);
    pack_str(p, a->domain);
    pack_str(p, a->home);
    pack_u8(p, a->is_system);
    pack_u32(p, (uint32_t)a->uid);
    pack_u32(p, (uint32_t)a->gid);
    return !p->full;
}

bool
record_account_unpack(struct account *a, struct unpack *u)
{
    *a = (struct account){.enabled = true, .quota = UINT64_MAX, .quota_messages = UINT64_MAX};
    unpack_str(u, a->user, sizeof a->user);
    unpack_str(u, a->domain, sizeof a->domain);
    unpack_str(u, a->home, sizeof a->home);
    a->is_system = unpack_u8(u) != 0;
    a->uid = (uid_t)unpack_u32(u);
    a->gid = (gid_t)unpack_u32(u);
    return !u->broken;
}

static void
pack_time(struct pack *p, struct timespec t)
{
    pack_u64(p, (uint64_t)t.tv_sec);
    pack_u32(p, (uint32_t)t.tv_nsec);
}

static struct timespec
unpack_time(struct unpack *u)
{
    struct timespec t = {.tv_sec = (time_t)unpack_u64(u)};
    uint32_t nanoseconds = unpack_u32(u);

    if (nanoseconds >= 1000000000)
        u->broken = true;
    t.tv_nsec = (long)nanoseconds;
    return t;
}

static void
pack_ref(struct pack *p, const struct store_ref *ref)
{
    pack_str(p, ref->name);
    pack_u64(p, ref->stored_octets);
    pack_u64(p, ref->wire_octets);
    pack_u32(p, ref->trace_octets);
    pack_u8(p, ref->is_crlf);
}

static void
unpack_ref(struct unpack *u, struct store_ref *ref)
{
    unpack_str(u, ref->name, sizeof ref->name);
    ref->stored_octets = unpack_u64(u);
    ref->wire_octets = unpack_u64(u);
    ref->trace_octets = unpack_u32(u);
    ref->is_crlf = unpack_u8(u) != 0;
    if (ref->name[0] == '\0')
        u->broken = true;
}

/* A text of at most `max` octets, terminated, from the arena. */
static const char *
unpack_text(struct unpack *u, struct arena *arena, size_t max)
{
    struct span s = unpack_span(u, max);
    char *text =
        u->broken || memchr(s.n > 0 ? s.p : "", '\0', s.n) != NULL ? NULL : arena_copy(arena, s);

    if (text == NULL)
        u->broken = true;
    return text;
}

static const char *const *
unpack_keys(struct unpack *u, struct arena *arena, uint32_t *count)
{
    *count = unpack_u32(u);
    if (*count > RECORD_KEYS_MAX)
        u->broken = true;
    if (u->broken || *count == 0)
        return NULL;
    const char **keys = arena_alloc(arena, *count * sizeof *keys);
    for (uint32_t i = 0; keys != NULL && i < *count; i++)
        keys[i] = unpack_text(u, arena, INDEX_LEDGER_KEY_SIZE - 1);
    u->broken = u->broken || keys == NULL;
    return keys;
}

static void
pack_keys_of(struct pack *p, const struct delivery *d)
{
    char key[INDEX_LEDGER_KEY_SIZE];
    uint32_t count = rows_key_count(d);

    pack_u32(p, count);
    for (const struct link *l = d->links; count > 0 && l != NULL; l = l->next_of_parcel, count--) {
        rows_key(d, l->recipient, key);
        pack_str(p, key);
    }
}

/* ---- a message ---- */

static void
pack_head(struct pack *p, const struct record_message *m, uint32_t part_count)
{
    pack_u8(p, RECORD_VERSION);
    pack_str(p, m->id);
    pack_time(p, m->received);
    pack_str(p, m->return_path);
    pack_u8(p, (m->keep_bytes ? ASKS_KEEP_BYTES : 0) | (m->require_tls ? ASKS_REQUIRE_TLS : 0));
    pack_u64(p, m->body_lines);
    pack_str(p, m->digest);
    pack_span(p, m->facts);
    pack_str(p, m->spool);
    pack_u32(p, part_count);
}

/* All of a part before its ledger keys. */
static void
pack_part(struct pack *p, const struct record_part *part)
{
    record_account_pack(p, &part->account);
    pack_str(p, part->mailbox);
    pack_u32(p, part->uid_validity);
    pack_u32(p, part->uid);
    pack_u32(p, part->flags);
    pack_u8(p, part->is_durable);
    pack_ref(p, &part->ref);
    pack_span(p, part->trace);
    pack_span(p, part->place);
    pack_str(p, part->keywords);
    pack_span(p, part->effects);
}

static bool
pack_delivery(struct pack *p, const struct delivery *d)
{
    struct buf place;

    buf_init(&place, RECORD_PLACE_MAX);
    bool ok = d->is_durable || store_place(d->account->store, d->staged, &place);
    const struct record_part part = {
        .account = d->target.account,
        .mailbox = delivery_mailbox(d),
        .uid_validity = d->mailbox != 0 ? d->uid_validity : d->account->inbox_validity,
        .uid = d->uid,
        .is_durable = d->is_durable,
        .ref = d->ref,
        .trace = buf_span(&d->trace),
        .place = buf_span(&place),
        .flags = d->flags,
        .keywords = d->keywords,
        .effects = d->effects,
    };
    pack_part(p, &part);
    pack_keys_of(p, d);
    buf_release(&place);
    return ok && !p->full;
}

static bool
shares_record(const struct delivery *d, const struct delivery *copy)
{
    return copy->source == d->source && !copy->is_merged;
}

static uint32_t
count_parts(struct delivery *const *list, size_t count)
{
    uint32_t parts = (uint32_t)count;

    for (size_t i = 0; i < count; i++)
        for (uint32_t n = 0; n < list[i]->copy_count; n++)
            parts += shares_record(list[i], &list[i]->copies[n]);
    return parts;
}

/* In the same account: with the delivery in one record, so that a crash takes all or none. */
static bool
pack_copies(struct pack *p, const struct delivery *d)
{
    bool ok = true;

    for (uint32_t n = 0; ok && n < d->copy_count; n++)
        if (shares_record(d, &d->copies[n]))
            ok = pack_delivery(p, &d->copies[n]);
    return ok;
}

bool
record_message_pack(struct buf *out, struct delivery *const *list, size_t count)
{
    const struct delivery_source *source = list[0]->source;
    struct record_message m = {
        .received = source->received,
        .keep_bytes = source->envelope->body == BODY_BINARYMIME,
        .require_tls = source->envelope->require_tls,
        .body_lines = rows_body_lines(source),
        .facts = rows_packed_facts(source),
        .spool = source->spool != NULL ? source->id : "",
    };
    struct buf sender;
    struct pack p;

    memcpy(m.id, source->id, sizeof m.id);
    memcpy(m.digest, message_digest(source->msg), sizeof m.digest);
    buf_init(&sender, ADDRESS_PATH_MAX);
    address_print(&source->envelope->reverse_path, &sender);
    m.return_path = buf_str(&sender);
    pack_init(&p, out);
    pack_head(&p, &m, count_parts(list, count));
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = pack_delivery(&p, list[i]) && pack_copies(&p, list[i]);
    buf_release(&sender);
    return ok && !p.full;
}

bool
record_message_repack(struct buf *out, const struct record_message *m,
                      const struct record_part *part, uint32_t uid_validity, uint32_t uid)
{
    struct record_part again = *part;
    struct pack p;

    again.uid_validity = uid_validity;
    again.uid = uid;
    pack_init(&p, out);
    pack_head(&p, m, 1);
    pack_part(&p, &again);
    pack_u32(&p, again.key_count);
    for (uint32_t i = 0; i < again.key_count; i++)
        pack_str(&p, again.keys[i]);
    return !p.full;
}

static void
unpack_part(struct unpack *u, struct arena *arena, struct record_part *part, uint8_t version)
{
    record_account_unpack(&part->account, u);
    part->mailbox = unpack_text(u, arena, STORE_MAILBOX_SIZE - 1);
    part->uid_validity = unpack_u32(u);
    part->uid = unpack_u32(u);
    part->flags = unpack_u32(u);
    part->is_durable = unpack_u8(u) != 0;
    unpack_ref(u, &part->ref);
    part->trace = unpack_span(u, RECORD_TRACE_MAX);
    part->place = unpack_span(u, RECORD_PLACE_MAX);
    part->keywords = version == RECORD_VERSION_1 ? "" : unpack_text(u, arena, TEXT_MAX);
    part->effects = version == RECORD_VERSION_1 ? SPAN_NONE : unpack_span(u, RECORD_EFFECTS_MAX);
    part->keys = unpack_keys(u, arena, &part->key_count);
    if (part->uid == 0 || part->uid_validity == 0)
        u->broken = true;
}

static uint8_t
unpack_head(struct unpack *u, struct arena *arena, struct record_message *m)
{
    uint8_t version = unpack_u8(u);

    if (version != RECORD_VERSION && version != RECORD_VERSION_1)
        u->broken = true;
    unpack_str(u, m->id, sizeof m->id);
    m->received = unpack_time(u);
    m->return_path = unpack_text(u, arena, TEXT_MAX);
    unsigned asks = unpack_u8(u);
    if (asks > ASKS_ALL)
        u->broken = true;
    m->keep_bytes = (asks & ASKS_KEEP_BYTES) != 0;
    m->require_tls = (asks & ASKS_REQUIRE_TLS) != 0;
    m->body_lines = unpack_u64(u);
    unpack_str(u, m->digest, sizeof m->digest);
    m->facts = unpack_span(u, RECORD_FACTS_MAX);
    m->spool = unpack_text(u, arena, ID_SIZE - 1);
    m->part_count = unpack_u32(u);
    if (m->part_count == 0 || m->part_count > PARTS_MAX || m->part_count > u->rest.n)
        u->broken = true;
    return version;
}

bool
record_message_unpack(struct record_message *out, struct span record, struct arena *arena)
{
    struct unpack u;

    *out = (struct record_message){0};
    unpack_init(&u, record);
    uint8_t version = unpack_head(&u, arena, out);
    if (u.broken)
        return false;
    out->parts = arena_alloc(arena, out->part_count * sizeof *out->parts);
    for (uint32_t i = 0; out->parts != NULL && !u.broken && i < out->part_count; i++)
        unpack_part(&u, arena, &out->parts[i], version);
    out->bytes = u.rest; /* what remains is the message */
    return out->parts != NULL && !u.broken && (*out->spool == '\0' || u.rest.n == 0);
}

/* ---- a cancel ---- */

bool
record_cancel_pack(struct buf *out, const struct delivery *d)
{
    struct pack p;

    pack_init(&p, out);
    pack_u8(&p, RECORD_VERSION_1);
    pack_str(&p, d->target.account.user);
    pack_str(&p, d->target.account.domain);
    pack_str(&p, d->ref.name);
    return !p.full;
}

bool
record_cancel_unpack(struct record_cancel *out, struct span record)
{
    struct unpack u;

    *out = (struct record_cancel){0};
    unpack_init(&u, record);
    bool is_known = unpack_u8(&u) == RECORD_VERSION_1;
    unpack_str(&u, out->user, sizeof out->user);
    unpack_str(&u, out->domain, sizeof out->domain);
    unpack_str(&u, out->name, sizeof out->name);
    return is_known && unpack_done(&u);
}

/* ---- the ledger alone ---- */

bool
record_ledger_pack(struct buf *out, const struct delivery *d)
{
    struct pack p;

    pack_init(&p, out);
    pack_u8(&p, RECORD_VERSION);
    record_account_pack(&p, &d->target.account);
    pack_str(&p, d->source->id);
    pack_u64(&p, (uint64_t)d->source->received.tv_sec);
    pack_keys_of(&p, d);
    pack_span(&p, d->effects);
    return !p.full;
}

bool
record_ledger_unpack(struct record_ledger *out, struct span record, struct arena *arena)
{
    struct unpack u;

    *out = (struct record_ledger){0};
    unpack_init(&u, record);
    uint8_t version = unpack_u8(&u);
    record_account_unpack(&out->account, &u);
    unpack_str(&u, out->id, sizeof out->id);
    out->when = (int64_t)unpack_u64(&u);
    out->keys = unpack_keys(&u, arena, &out->key_count);
    if (version == RECORD_VERSION)
        out->effects = unpack_span(&u, RECORD_EFFECTS_MAX);
    return (version == RECORD_VERSION || version == RECORD_VERSION_1) && unpack_done(&u);
}
