/* SPDX-License-Identifier: MIT
 *
 * Records of the journal: what is packed is unpacked again; what was cut or is of another version
 * is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "record_priv.h"
#include "rows_priv.h"
#include "suites.h"

#define BYTES "Subject: x\r\n\r\nbody\r\n"
#define FACTS "what the sorter said"
#define TRACE "Return-Path: <>\r\n"

static struct envelope_recipient recipients[] = {
    {.address = {"ann+a", "example.org", false, false}},
    {.address = {"ann+b", "example.org", false, false}},
};

static const struct facts facts = {.lines = 3};
static struct envelope envelope = {
    .reverse_path = {"eve", "example.net", false, false},
    .body = BODY_BINARYMIME,
    .require_tls = true,
    .recipients = recipients,
    .recipient_count = 2,
};
static struct delivery_source source;
static struct open_account oa = {.inbox_validity = 77};
static struct link second = {.recipient = 1};
static struct link first = {.recipient = 0, .next_of_parcel = &second};
static struct delivery one, two;
static struct buf out;
static struct arena arena;

static void
fill_delivery(struct delivery *d, const char *user, uint32_t uid)
{
    *d = (struct delivery){
        .source = &source, .account = &oa, .uid = uid, .is_durable = true, .links = &first};
    strcpy(d->target.account.user, user);
    strcpy(d->target.account.domain, "example.org");
    strcpy(d->target.account.home, "/home/x");
    d->target.account.uid = 1234;
    d->target.account.is_system = true;
    strcpy(d->ref.name, "1.M1.host,S=9");
    d->ref.stored_octets = 9;
    d->ref.wire_octets = 10;
    d->ref.trace_octets = sizeof TRACE - 1;
    d->ref.is_crlf = true;
    buf_init(&d->trace, 100);
    buf_append_str(&d->trace, TRACE);
}

static void
set_up(void)
{
    source = (struct delivery_source){
        .envelope = &envelope,
        .facts = &facts,
        .packed_facts = SPAN(FACTS),
        .msg = message_from_memory(SPAN(BYTES)),
        .mailbox = "INBOX",
        .received_from = &envelope.reverse_path,
        .id = "0abcdefghij",
        .received = {.tv_sec = 1700000000, .tv_nsec = 999999999},
        .from_queue = true,
    };
    ledger_look(source.msg, &source.known_by);
    fill_delivery(&one, "ann", 5);
    fill_delivery(&two, "bob", 6);
    buf_init(&out, RECORD_MAX);
    arena_init(&arena, 1024 * 1024);
}

static void
tear_down(void)
{
    message_unref(source.msg);
    buf_release(&one.trace);
    buf_release(&two.trace);
    buf_release(&out);
    arena_release(&arena);
}

static void
pack_both(void)
{
    struct delivery *list[] = {&one, &two};

    ck_assert(record_message_pack(&out, list, 2));
    ck_assert(buf_append_str(&out, BYTES));
}

static void
check_part(const struct record_part *p, const struct delivery *d)
{
    char key[INDEX_LEDGER_KEY_SIZE];

    ck_assert_str_eq(p->account.user, d->target.account.user);
    ck_assert_str_eq(p->account.domain, "example.org");
    ck_assert_str_eq(p->account.home, "/home/x");
    ck_assert(p->account.is_system && p->account.uid == 1234);
    ck_assert_str_eq(p->mailbox, "INBOX");
    ck_assert_uint_eq(p->uid_validity, 77);
    ck_assert_uint_eq(p->uid, d->uid);
    ck_assert(p->is_durable);
    ck_assert_str_eq(p->ref.name, d->ref.name);
    ck_assert(p->ref.stored_octets == 9 && p->ref.wire_octets == 10 && p->ref.is_crlf);
    ck_assert(span_equal(p->trace, SPAN(TRACE)));
    ck_assert_uint_eq(p->key_count, 2);
    rows_key(d, 1, key);
    ck_assert_str_eq(p->keys[1], key);
}

START_TEST(a_message_comes_back_as_it_was)
{
    struct record_message m;

    pack_both();
    ck_assert(record_message_unpack(&m, buf_span(&out), &arena));
    ck_assert_str_eq(m.id, source.id);
    ck_assert(m.received.tv_sec == 1700000000 && m.received.tv_nsec == 999999999);
    ck_assert_str_eq(m.return_path, "eve@example.net");
    ck_assert(m.keep_bytes && m.require_tls);
    ck_assert_uint_eq(m.body_lines, 3);
    ck_assert_str_eq(m.digest, message_digest(source.msg));
    ck_assert(span_equal(m.facts, SPAN(FACTS)));
    ck_assert_str_eq(m.spool, "");
    ck_assert(span_equal(m.bytes, SPAN(BYTES)));
    ck_assert_uint_eq(m.part_count, 2);
    check_part(&m.parts[0], &one);
    check_part(&m.parts[1], &two);
}
END_TEST

START_TEST(a_part_is_packed_again_with_another_uid)
{
    struct record_message m, again;
    struct buf repacked;

    pack_both();
    ck_assert(record_message_unpack(&m, buf_span(&out), &arena));
    buf_init(&repacked, RECORD_MAX);
    ck_assert(record_message_repack(&repacked, &m, &m.parts[1], 88, 9));
    ck_assert(buf_append_span(&repacked, m.bytes));
    ck_assert(record_message_unpack(&again, buf_span(&repacked), &arena));
    ck_assert_uint_eq(again.part_count, 1);
    ck_assert_uint_eq(again.parts[0].uid_validity, 88);
    ck_assert_uint_eq(again.parts[0].uid, 9);
    ck_assert_str_eq(again.parts[0].account.user, "bob");
    ck_assert_str_eq(again.parts[0].keys[0], m.parts[1].keys[0]);
    ck_assert(span_equal(again.bytes, SPAN(BYTES)));
    buf_release(&repacked);
}
END_TEST

/* Cut anywhere before the message begins, it is refused; nothing is read behind the cut. */
START_TEST(a_cut_record_is_refused)
{
    struct record_message m;

    pack_both();
    for (size_t n = 0; n < out.len - strlen(BYTES); n++) {
        char *cut = malloc(n + 1); /* exact, so that the sanitizer sees one octet too many */
        memcpy(cut, out.data, n);
        ck_assert_msg(!record_message_unpack(&m, (struct span){cut, n}, &arena), "%zu octets", n);
        free(cut);
    }
}
END_TEST

START_TEST(another_version_is_refused)
{
    struct record_message m;

    pack_both();
    out.data[0]++;
    ck_assert(!record_message_unpack(&m, buf_span(&out), &arena));
}
END_TEST

START_TEST(a_cancel_comes_back)
{
    struct record_cancel c;

    ck_assert(record_cancel_pack(&out, &two));
    ck_assert(record_cancel_unpack(&c, buf_span(&out)));
    ck_assert_str_eq(c.user, "bob");
    ck_assert_str_eq(c.domain, "example.org");
    ck_assert_str_eq(c.name, two.ref.name);
    ck_assert(!record_cancel_unpack(&c, (struct span){out.data, out.len - 1}));
}
END_TEST

START_TEST(ledger_keys_come_back)
{
    struct record_ledger l;

    one.remember = true;
    source.from_queue = false;
    ck_assert(record_ledger_pack(&out, &one));
    ck_assert(record_ledger_unpack(&l, buf_span(&out), &arena));
    ck_assert_str_eq(l.account.user, "ann");
    ck_assert_str_eq(l.id, source.id);
    ck_assert_int_eq(l.when, 1700000000);
    ck_assert_uint_eq(l.key_count, 2);
    ck_assert(!record_ledger_unpack(&l, (struct span){out.data, out.len - 1}, &arena));
}
END_TEST

TCase *
record_tests(void)
{
    TCase *t = tcase_create("record");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_message_comes_back_as_it_was);
    tcase_add_test(t, a_part_is_packed_again_with_another_uid);
    tcase_add_test(t, a_cut_record_is_refused);
    tcase_add_test(t, another_version_is_refused);
    tcase_add_test(t, a_cancel_comes_back);
    tcase_add_test(t, ledger_keys_come_back);
    return t;
}
