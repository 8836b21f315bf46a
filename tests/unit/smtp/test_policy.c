/* SPDX-License-Identifier: MIT
 *
 * An MTA asks: what each request of the policy protocol and of socketmap is answered, whatever
 * pieces it comes in and whatever order the store answers in; and what is no request.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dense.h"
#include "doorstep/arena.h"
#include "lookup_priv.h"
#include "netstring_priv.h"

#define OUTPUT_MAX (1 << 20)
#define QUESTIONS_MAX LOOKUP_WINDOW

enum order { AT_ONCE, LATER, BACKWARDS };

struct fake { /* the owner of a look-up, and the store */
    struct lookup *lookup;
    struct buf output;
    enum order order;
    struct {
        uint64_t id;
        struct outcome outcome;
        char targets[256];
    } questions[QUESTIONS_MAX];
    unsigned count;
    unsigned closed;
    char reason[64];
    char asked[128]; /* the last one */
};

static const struct settings_domain domains[] = {{.name = "d.test"}, {.name = "e.test"}};
static const struct settings settings = {
    .domains = (struct settings_domain *)domains,
    .domain_count = 2,
    .limits = {.message_size = 1000},
};

/* --- the store: what becomes of a name is in the name --- */

static void
decide(const char *local, struct outcome *o)
{
    static const struct {
        const char *local;
        enum outcome_kind kind;
    } names[] = {
        {"nobody", OUTCOME_NO_SUCH_USER},  {"full", OUTCOME_OVER_QUOTA},
        {"hard", OUTCOME_OVER_QUOTA_HARD}, {"off", OUTCOME_DISABLED},
        {"away", OUTCOME_SYSTEM},          {"late", OUTCOME_TIMEOUT},
        {"often", OUTCOME_ACCOUNT_RATE},   {"over", OUTCOME_OVERLOAD},
        {"foreign", OUTCOME_NOT_OURS},
    };

    outcome_set(o, OUTCOME_RCPT_OK, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i].local, local) == 0)
            outcome_set(o, names[i].kind, "a cause that nobody is to see");
    }
}

static void
ask(struct fake *f, uint64_t id, const struct outcome *o, const char *targets)
{
    if (f->order == AT_ONCE) {
        lookup_answer(f->lookup, id, o, span_of(targets));
        return;
    }
    DENSE_CHECK(f->count < QUESTIONS_MAX);
    f->questions[f->count].id = id;
    f->questions[f->count].outcome = *o;
    snprintf(f->questions[f->count].targets, sizeof(f->questions[0].targets), "%s", targets);
    f->count++;
}

static void
on_ask_rcpt(void *arg, uint64_t id, enum rcpt_asker asker, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    struct fake *f = arg;
    struct outcome o;

    decide(recipient->local, &o);
    snprintf(f->asked, sizeof(f->asked), "%d %s@%s <%s> %llu", (int)asker, recipient->local,
             recipient->domain, reverse_path->local, (unsigned long long)size);
    ask(f, id, &o, "");
}

static void
on_ask_alias(void *arg, uint64_t id, const struct address *alias)
{
    struct fake *f = arg;
    struct outcome o;
    bool is_alias = strcmp(alias->local, "team") == 0;

    decide(alias->local, &o);
    if (outcome_is_success(&o) && !is_alias)
        outcome_set(&o, OUTCOME_NOT_FOUND, NULL);
    ask(f, id, &o, is_alias ? "ann@d.test, kim@elsewhere.test" : "");
}

static void
on_reply(void *arg, struct span octets)
{
    struct fake *f = arg;

    DENSE_CHECK(f->closed == 0); /* nothing behind the end */
    DENSE_CHECK(buf_append_span(&f->output, octets));
}

static void
on_close(void *arg, const char *reason)
{
    struct fake *f = arg;

    DENSE_CHECK(f->closed++ == 0);
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

static const struct lookup_calls calls = {on_reply, on_ask_rcpt, on_ask_alias, on_close};

static struct settings_listen listens[] = {
    {.protocol = LISTEN_POLICY},
    {.protocol = LISTEN_SOCKETMAP},
    {.protocol = LISTEN_POLICY, .unknown_recipients = UNKNOWN_DUNNO},
};

static struct fake *
fake_new_on(const struct settings_listen *listen, enum order order)
{
    struct fake *f = calloc(1, sizeof(*f));

    ck_assert_ptr_nonnull(f);
    f->order = order;
    buf_init(&f->output, OUTPUT_MAX);
    f->lookup = lookup_new(listen, &settings, "ID", &calls, f);
    ck_assert_ptr_nonnull(f->lookup);
    return f;
}

static struct fake *
fake_new(enum listen_protocol protocol, enum order order)
{
    return fake_new_on(&listens[protocol == LISTEN_SOCKETMAP], order);
}

static void
fake_free(struct fake *f)
{
    lookup_free(f->lookup);
    buf_release(&f->output);
    free(f);
}

/* What is asked is answered, and asks for more. */
static void
answer_all(struct fake *f)
{
    while (f->count > 0) {
        unsigned i = f->order == BACKWARDS ? f->count - 1 : 0;
        struct outcome o = f->questions[i].outcome;
        uint64_t id = f->questions[i].id;
        char targets[256];

        memcpy(targets, f->questions[i].targets, sizeof(targets));
        f->count--;
        memmove(&f->questions[i], &f->questions[i + 1], (f->count - i) * sizeof(f->questions[0]));
        lookup_answer(f->lookup, id, &o, span_of(targets));
    }
}

static void
feed(struct fake *f, struct span in, size_t split)
{
    while (in.n > 0) {
        struct span piece = {in.p, split == 0 || split > in.n ? in.n : split};

        if (!lookup_wants_input(f->lookup))
            answer_all(f);
        lookup_feed(f->lookup, piece);
        in = span_skip(in, piece.n);
    }
    answer_all(f);
}

/* --- one request each --- */

struct row {
    const char *name;
    struct span in;
    const char *out; /* NULL: closed as broken, without an answer */
};

#define ASKS(recipient) "request=smtpd_access_policy\nrecipient=" recipient "\n"
#define AT_RCPT "protocol_state=RCPT\n"

static const struct row policy_rows[] = {
    {"somebody", SPAN(ASKS("ann@d.test") AT_RCPT "\n"), "action=DUNNO\n\n"},
    {"nobody", SPAN(ASKS("nobody@d.test") AT_RCPT "\n"),
     "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n"},
    {"full", SPAN(ASKS("full@d.test") AT_RCPT "\n"),
     "action=452 4.2.2 <full@d.test> mailbox is full\n\n"},
    {"full for good", SPAN(ASKS("hard@d.test") AT_RCPT "\n"),
     "action=552 5.2.2 <hard@d.test> mailbox is full\n\n"},
    {"disabled", SPAN(ASKS("off@d.test") AT_RCPT "\n"),
     "action=550 5.2.1 <off@d.test> mailbox is disabled\n\n"},
    {"too often", SPAN(ASKS("often@d.test") AT_RCPT "\n"),
     "action=450 4.2.1 <often@d.test> too much mail for this mailbox, try again later\n\n"},
    {"no store", SPAN(ASKS("away@d.test") AT_RCPT "\n"),
     "action=DEFER_IF_PERMIT 4.3.0 local trouble, try again later\n\n"},
    {"a store that does not answer", SPAN(ASKS("late@d.test") AT_RCPT "\n"),
     "action=DEFER_IF_PERMIT 4.4.2 this took too long, try again later\n\n"},
    {"a store with too much to do", SPAN(ASKS("over@d.test") AT_RCPT "\n"),
     "action=DEFER_IF_PERMIT 4.3.2 too much work at the moment, try again later\n\n"},
    {"the store has other domains by now", SPAN(ASKS("foreign@d.test") AT_RCPT "\n"),
     "action=DUNNO\n\n"},
    {"another domain", SPAN(ASKS("nobody@f.test") AT_RCPT "\n"), "action=DUNNO\n\n"},
    {"a domain below ours", SPAN(ASKS("nobody@x.d.test") AT_RCPT "\n"), "action=DUNNO\n\n"},
    {"a domain in capitals", SPAN(ASKS("nobody@D.TEST") AT_RCPT "\n"),
     "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n"},
    {"an address literal", SPAN(ASKS("nobody@[127.0.0.1]") AT_RCPT "\n"), "action=DUNNO\n\n"},
    {"a name without domain", SPAN(ASKS("postmaster") AT_RCPT "\n"), "action=DUNNO\n\n"},
    {"a quoted name", SPAN(ASKS("\"no body\"@d.test") AT_RCPT "\n"), "action=DUNNO\n\n"},
    {"a name with an @ in it", SPAN(ASKS("\"nobody@d.test\"@f.test") AT_RCPT "\n"),
     "action=DUNNO\n\n"},
    {"a name as it is meant, without quotes", SPAN(ASKS("no body@d.test") AT_RCPT "\n"),
     "action=DUNNO\n\n"},
    {"one with dots, quotes and an @", SPAN(ASKS("nobody..\"@x@d.test") AT_RCPT "\n"),
     "action=DUNNO\n\n"},
    {"no address, of our domain", SPAN(ASKS("@d.test") AT_RCPT "\n"),
     "action=553 5.1.3 bad recipient address\n\n"},
    {"control octets in a name", SPAN(ASKS("a\r\x1b[2J@d.test") AT_RCPT "\n"),
     "action=553 5.1.3 bad recipient address\n\n"},
    {"a name that is too long",
     SPAN(ASKS("0123456789012345678901234567890123456789012345678901234567890123456789@d.test")
              AT_RCPT "\n"),
     "action=553 5.1.3 bad recipient address\n\n"},
    {"no UTF-8", SPAN(ASKS("a\xff@d.test") AT_RCPT "\n"),
     "action=553 5.1.3 bad recipient address\n\n"},
    {"larger than any message", SPAN(ASKS("ann@d.test") AT_RCPT "size=1001\n\n"),
     "action=552 5.3.4 message is too big\n\n"},
    {"as large as a message may be", SPAN(ASKS("ann@d.test") AT_RCPT "size=1000\n\n"),
     "action=DUNNO\n\n"},
    {"larger, but not for us", SPAN(ASKS("ann@f.test") AT_RCPT "size=1001\n\n"),
     "action=DUNNO\n\n"},
    {"no size", SPAN(ASKS("ann@d.test") AT_RCPT "size=\n\n"), "action=DUNNO\n\n"},
    {"no recipient", SPAN(ASKS("") "protocol_state=MAIL\n\n"), "action=DUNNO\n\n"},
    {"several recipients, at DATA", SPAN(ASKS("") "protocol_state=DATA\n\n"), "action=DUNNO\n\n"},
    {"one recipient, at the end", SPAN(ASKS("full@d.test") "protocol_state=END-OF-MESSAGE\n\n"),
     "action=452 4.2.2 <full@d.test> mailbox is full\n\n"},
    {"a stage without recipients", SPAN(ASKS("nobody@d.test") "protocol_state=HELO\n\n"),
     "action=DUNNO\n\n"},
    {"no stage", SPAN(ASKS("nobody@d.test") "\n"),
     "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n"},
    {"attributes that we do not know",
     SPAN("client_address=192.0.2.1\nx=\nrecipient=nobody@d.test\nsender=a@b.test\n"
          "request=smtpd_access_policy\ny=a=b=c\n\n"),
     "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n"},
    {"an attribute twice: the last one", SPAN(ASKS("ann@d.test") "recipient=nobody@d.test\n\n"),
     "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n"},
    {"another request", SPAN("request=junk\nrecipient=ann@d.test\n\n"), NULL},
    {"no kind of request", SPAN("recipient=ann@d.test\n\n"), NULL},
    {"nothing", SPAN("\n"), NULL},
    {"a line that is no attribute", SPAN(ASKS("ann@d.test") "frob\n\n"), NULL},
    {"an attribute without name", SPAN(ASKS("ann@d.test") "=x\n\n"), NULL},
    {"lines that end in CRLF", SPAN("request=smtpd_access_policy\r\n\r\n"), NULL},
    {"a NUL", SPAN(ASKS("ann@d.test") "x=a\0b\n\n"), NULL},
    {"a size that is no number", SPAN(ASKS("ann@d.test") "size=-1\n\n"), NULL},
    {"a size that is no number of ours", SPAN(ASKS("ann@d.test") "size=9223372036854775808\n\n"),
     NULL},
    {"a stage that is a long word",
     SPAN(ASKS("ann@d.test") "protocol_state=0123456789012345678901234567890123456789\n\n"), NULL},
    {"HTTP", SPAN("GET / HTTP/1.1\r\nHost: d.test\r\n\r\n"), NULL},
};

static const struct row socketmap_rows[] = {
    {"a domain of ours", SPAN("30:virtual_mailbox_domains d.test,"), "9:OK d.test,"},
    {"a domain in capitals", SPAN("30:virtual_mailbox_domains D.TEST,"), "9:OK d.test,"},
    {"another domain", SPAN("30:virtual_mailbox_domains f.test,"), "9:NOTFOUND ,"},
    {"no domain", SPAN("26:virtual_mailbox_domains ..,"), "9:NOTFOUND ,"},
    {"an empty key", SPAN("24:virtual_mailbox_domains ,"), "9:NOTFOUND ,"},
    {"a mailbox", SPAN("31:virtual_mailbox_maps ann@d.test,"), "13:OK ann@d.test,"},
    {"nobody's", SPAN("34:virtual_mailbox_maps nobody@d.test,"), "9:NOTFOUND ,"},
    {"a disabled one", SPAN("31:virtual_mailbox_maps off@d.test,"), "9:NOTFOUND ,"},
    {"of another domain", SPAN("31:virtual_mailbox_maps ann@f.test,"), "9:NOTFOUND ,"},
    {"no address", SPAN("28:virtual_mailbox_maps @d.test,"), "9:NOTFOUND ,"},
    {"a name alone", SPAN("24:virtual_mailbox_maps ann,"), "9:NOTFOUND ,"},
    {"a NUL in an address", SPAN("31:virtual_mailbox_maps a\0n@d.test,"), "9:NOTFOUND ,"},
    {"a quoted name", SPAN("33:virtual_mailbox_maps \"a b\"@d.test,"), "15:OK \"a b\"@d.test,"},
    {"a name without its quotes", SPAN("31:virtual_mailbox_maps a b@d.test,"),
     "15:OK \"a b\"@d.test,"},
    {"no store", SPAN("32:virtual_mailbox_maps away@d.test,"),
     "35:TEMP local trouble, try again later,"},
    {"a store that does not answer", SPAN("32:virtual_mailbox_maps late@d.test,"),
     "43:TIMEOUT this took too long, try again later,"},
    {"an alias", SPAN("30:virtual_alias_maps team@d.test,"),
     "33:OK ann@d.test, kim@elsewhere.test,"},
    {"no alias", SPAN("29:virtual_alias_maps ann@d.test,"), "9:NOTFOUND ,"},
    {"an alias that nobody can tell of", SPAN("30:virtual_alias_maps away@d.test,"),
     "35:TEMP local trouble, try again later,"},
    {"another map", SPAN("6:map ab,"),
     "80:PERM there are virtual_mailbox_domains, virtual_mailbox_maps, virtual_alias_maps,"},
    {"no map", SPAN("0:,"),
     "80:PERM there are virtual_mailbox_domains, virtual_mailbox_maps, virtual_alias_maps,"},
    {"a map without key", SPAN("20:virtual_mailbox_maps,"),
     "80:PERM there are virtual_mailbox_domains, virtual_mailbox_maps, virtual_alias_maps,"},
    {"no length", SPAN(":a,"), NULL},
    {"a length that is no number", SPAN("+1:a,"), NULL},
    {"a length in hex", SPAN("0x1:a,"), NULL},
    {"a length that begins with zero", SPAN("01:a,"), NULL},
    {"a blank before a length", SPAN(" 1:a,"), NULL},
    {"longer than any", SPAN("100001:a"), NULL},
    {"much longer than any", SPAN("18446744073709551616:a"), NULL},
    {"no comma", SPAN("1:ab"), NULL},
    {"a line", SPAN("virtual_mailbox_domains d.test\n"), NULL},
};

static void
run_row(enum listen_protocol protocol, const struct row *row)
{
    for (enum order order = AT_ONCE; order <= BACKWARDS; order++) {
        for (size_t split = 0; split < 4; split++) {
            struct fake *f = fake_new(protocol, order);

            feed(f, row->in, split);
            ck_assert_msg(strcmp(buf_str(&f->output), row->out == NULL ? "" : row->out) == 0,
                          "%s: \"%s\"", row->name, buf_str(&f->output));
            ck_assert_msg(f->closed == (row->out == NULL), "%s: closed %u", row->name, f->closed);
            ck_assert_msg(row->out != NULL || strcmp(f->reason, "broken request") == 0, "%s: %s",
                          row->name, f->reason);
            fake_free(f);
        }
    }
}

START_TEST(a_policy_request_gets)
{
    run_row(LISTEN_POLICY, &policy_rows[_i]);
}
END_TEST

START_TEST(a_look_up_gets)
{
    run_row(LISTEN_SOCKETMAP, &socketmap_rows[_i]);
}
END_TEST

START_TEST(of_those_whom_nobody_knows_nothing_is_said_where_it_was_set_so)
{
    struct fake *f = fake_new_on(&listens[2], AT_ONCE);

    feed(f, SPAN(ASKS("nobody@d.test") "\n" ASKS("@d.test") "\n" ASKS("off@d.test") "\n"), 0);
    ck_assert_str_eq(buf_str(&f->output), "action=DUNNO\n\naction=DUNNO\n\n"
                                          "action=550 5.2.1 <off@d.test> mailbox is disabled\n\n");
    fake_free(f);
}
END_TEST

START_TEST(the_store_is_asked_with_sender_and_size)
{
    struct fake *f = fake_new(LISTEN_POLICY, LATER);

    feed(f, SPAN(ASKS("Ann+x@D.test") AT_RCPT "sender=bob@b.test\nsize=77\n\n"), 0);
    ck_assert_str_eq(f->asked, "1 Ann+x@d.test <bob> 77");
    feed(f, SPAN(ASKS("ann@d.test") AT_RCPT "sender=no address\n\n"), 0); /* carried, or not */
    ck_assert_str_eq(f->asked, "1 ann@d.test <> 0");
    fake_free(f);
    f = fake_new(LISTEN_SOCKETMAP, LATER);
    feed(f, SPAN("31:virtual_mailbox_maps ann@d.test,"), 0);
    ck_assert_str_eq(f->asked, "2 ann@d.test <> 0");
    fake_free(f);
}
END_TEST

/* --- many requests --- */

#define MANY 1000

/* Every answer is its request's, in the order of the requests. */
static void
make_many(enum listen_protocol protocol, struct buf *in, struct buf *out)
{
    char key[64];

    for (unsigned i = 0; i < MANY; i++) {
        if (protocol == LISTEN_POLICY) {
            const char *local = i % 3 == 0 ? "ann" : i % 3 == 1 ? "nobody" : "full";

            buf_printf(in, ASKS("%s@%s") AT_RCPT "\n", local, i % 5 == 0 ? "f.test" : "d.test");
            if (i % 5 == 0 || i % 3 == 0)
                buf_append_str(out, "action=DUNNO\n\n");
            else if (i % 3 == 1)
                buf_append_str(out, "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n");
            else
                buf_append_str(out, "action=452 4.2.2 <full@d.test> mailbox is full\n\n");
        } else {
            snprintf(key, sizeof(key), "virtual_mailbox_maps u%u@%s", i,
                     i % 5 == 0 ? "f.test" : "d.test");
            buf_printf(in, "%zu:%s,", strlen(key), key);
            snprintf(key, sizeof(key), "OK u%u@d.test", i);
            if (i % 5 == 0)
                buf_append_str(out, "9:NOTFOUND ,");
            else
                buf_printf(out, "%zu:%s,", strlen(key), key);
        }
    }
}

static void
run_many(enum listen_protocol protocol, enum order order, size_t split)
{
    struct fake *f = fake_new(protocol, order);
    struct buf in, out;

    buf_init(&in, OUTPUT_MAX);
    buf_init(&out, OUTPUT_MAX);
    make_many(protocol, &in, &out);
    feed(f, buf_span(&in), split);
    ck_assert_msg(span_equal(buf_span(&f->output), buf_span(&out)),
                  "order %d, split %zu: %zu of %zu", (int)order, split, f->output.len, out.len);
    ck_assert_uint_eq(lookup_requests(f->lookup), MANY);
    ck_assert(lookup_is_idle(f->lookup));
    buf_release(&in);
    buf_release(&out);
    fake_free(f);
}

START_TEST(a_thousand_requests_at_a_time_are_answered_in_order)
{
    static const size_t splits[] = {1, 7, 1000, 65536};

    for (enum order order = AT_ONCE; order <= BACKWARDS; order++) {
        for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
            run_many(LISTEN_POLICY, order, splits[i]);
            run_many(LISTEN_SOCKETMAP, order, splits[i]);
        }
    }
}
END_TEST

START_TEST(no_more_than_the_window_waits_for_the_store)
{
    struct fake *f = fake_new(LISTEN_POLICY, LATER);

    for (unsigned i = 0; i < 3 * LOOKUP_WINDOW; i++)
        lookup_feed(f->lookup, SPAN(ASKS("ann@d.test") AT_RCPT "\n"));
    ck_assert_uint_eq(f->count, LOOKUP_WINDOW);
    ck_assert(!lookup_wants_input(f->lookup));
    ck_assert(!lookup_is_idle(f->lookup));
    answer_all(f);
    ck_assert(lookup_wants_input(f->lookup));
    ck_assert_uint_eq(lookup_requests(f->lookup), 3 * LOOKUP_WINDOW);
    fake_free(f);
}
END_TEST

START_TEST(who_sends_on_although_it_is_full_is_ended)
{
    static char octets[65536];
    struct fake *f = fake_new(LISTEN_POLICY, LATER);

    memset(octets, 'x', sizeof(octets));
    for (unsigned i = 0; i < LOOKUP_WINDOW; i++)
        lookup_feed(f->lookup, SPAN(ASKS("ann@d.test") AT_RCPT "\n"));
    for (unsigned i = 0; i < 3; i++)
        lookup_feed(f->lookup, (struct span){octets, sizeof(octets)});
    ck_assert_str_eq(f->reason, "too much at a time");
    answer_all(f); /* too late, and harmless */
    fake_free(f);
}
END_TEST

/* --- giants --- */

static void
feed_giant(struct fake *f, const char *before, size_t n, const char *behind)
{
    char *giant = malloc(n + 1);

    ck_assert_ptr_nonnull(giant);
    memset(giant, 'x', n);
    giant[n] = '\0';
    feed(f, span_of(before), 0);
    feed(f, (struct span){giant, n}, 4096);
    feed(f, span_of(behind), 0);
    free(giant);
}

START_TEST(a_giant_attribute_that_nobody_needs_is_skipped)
{
    struct fake *f = fake_new(LISTEN_POLICY, AT_ONCE);

    feed_giant(f, "ccert_subject=", 60000, "\n" ASKS("nobody@d.test") "\n");
    ck_assert_str_eq(buf_str(&f->output), "action=550 5.1.1 <nobody@d.test> no such mailbox\n\n");
    fake_free(f);
}
END_TEST

START_TEST(a_giant_attribute_of_ours_is_the_end)
{
    static const char *const names[] = {
        "recipient=", "sender=", "size=", "request=", "protocol_state="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fake *f = fake_new(LISTEN_POLICY, AT_ONCE);

        feed_giant(f, names[i], 5000, "\n\n");
        ck_assert_str_eq(f->reason, "broken request");
        fake_free(f);
    }
}
END_TEST

START_TEST(a_giant_request_is_the_end)
{
    struct fake *f = fake_new(LISTEN_POLICY, AT_ONCE);

    feed_giant(f, "x=", 70000, "");
    ck_assert_str_eq(f->reason, "broken request");
    fake_free(f);
    f = fake_new(LISTEN_POLICY, AT_ONCE);
    for (unsigned i = 0; i < 40000 && f->closed == 0; i++)
        feed(f, SPAN("x=\n"), 0);
    ck_assert_str_eq(f->reason, "broken request");
    fake_free(f);
}
END_TEST

START_TEST(a_giant_key_is_in_no_map)
{
    struct fake *f = fake_new(LISTEN_SOCKETMAP, AT_ONCE);

    feed_giant(f, "100000:virtual_mailbox_maps ", 100000 - 21, ",3:a b,");
    ck_assert_msg(strncmp(buf_str(&f->output), "9:NOTFOUND ,80:PERM", 19) == 0, "%s",
                  buf_str(&f->output));
    fake_free(f);
}
END_TEST

/* --- ends --- */

START_TEST(a_drain_ends_it_behind_what_is_owed)
{
    struct fake *f = fake_new(LISTEN_POLICY, LATER);

    lookup_feed(f->lookup, SPAN(ASKS("ann@d.test") "\n" ASKS("nobody@d.test") "\n" ASKS("x")));
    lookup_drain(f->lookup);
    ck_assert_uint_eq(f->closed, 0);
    answer_all(f);
    ck_assert_str_eq(f->reason, "drained");
    ck_assert_str_eq(buf_str(&f->output),
                     "action=DUNNO\n\naction=550 5.1.1 <nobody@d.test> no such mailbox\n\n");
    fake_free(f);
    f = fake_new(LISTEN_SOCKETMAP, LATER);
    lookup_drain(f->lookup);
    ck_assert_str_eq(f->reason, "drained");
    fake_free(f);
}
END_TEST

START_TEST(without_a_store_all_that_wait_are_deferred)
{
    struct fake *f = fake_new(LISTEN_POLICY, LATER);
    struct outcome o;

    lookup_feed(f->lookup, SPAN(ASKS("ann@d.test") "\n" ASKS("nobody@d.test") "\n"));
    outcome_set(&o, OUTCOME_SYSTEM, "gone");
    lookup_fail(f->lookup, &o);
    ck_assert_str_eq(buf_str(&f->output),
                     "action=DEFER_IF_PERMIT 4.3.0 local trouble, try again later\n\n"
                     "action=DEFER_IF_PERMIT 4.3.0 local trouble, try again later\n\n");
    answer_all(f); /* that come after all: for nobody */
    feed(f, SPAN(ASKS("nobody@f.test") "\n"), 0);
    ck_assert(lookup_is_idle(f->lookup));
    fake_free(f);
}
END_TEST

/* --- any octets, in any pieces --- */

#define SPLITS 20000

static size_t
make_random(uint64_t *state, char out[512])
{
    static const char *const pieces[] = {"request=smtpd_access_policy\n",
                                         "recipient=ann@d.test\n",
                                         "recipient=nobody@d.test\n",
                                         "size=12\n",
                                         "\n",
                                         "x=y\n",
                                         "12:",
                                         ",",
                                         "31:virtual_mailbox_maps ann@d.test,",
                                         "30:virtual_alias_maps team@d.test,",
                                         "0:,",
                                         "=",
                                         "protocol_state=RCPT\n"};
    size_t n = 0;

    for (unsigned i = 0; i < 12; i++) {
        const char *piece = pieces[random_below(state, sizeof(pieces) / sizeof(pieces[0]))];

        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    if (random_below(state, 4) == 0)
        out[random_below(state, (unsigned)n)] = (char)random_below(state, 256);
    return n;
}

START_TEST(any_octets_in_any_pieces_get_the_same_answers)
{
    uint64_t state = 0x5eed;

    for (unsigned i = 0; i < SPLITS; i++) {
        enum listen_protocol protocol =
            random_below(&state, 2) == 0 ? LISTEN_POLICY : LISTEN_SOCKETMAP;
        struct fake *whole = fake_new(protocol, AT_ONCE);
        struct fake *pieces = fake_new(protocol, random_below(&state, 3));
        char octets[512];
        struct span in = {octets, make_random(&state, octets)};

        feed(whole, in, 0);
        while (in.n > 0) {
            size_t n = 1 + random_below(&state, (unsigned)in.n);

            feed(pieces, (struct span){in.p, n}, 0);
            in = span_skip(in, n);
        }
        DENSE_CHECK(span_equal(buf_span(&whole->output), buf_span(&pieces->output)));
        DENSE_CHECK(whole->closed == pieces->closed);
        fake_free(whole);
        fake_free(pieces);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("policy");
    TCase *cases = tcase_create("policy");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_policy_request_gets, 0,
                        sizeof(policy_rows) / sizeof(policy_rows[0]));
    tcase_add_loop_test(cases, a_look_up_gets, 0,
                        sizeof(socketmap_rows) / sizeof(socketmap_rows[0]));
    tcase_add_test(cases, of_those_whom_nobody_knows_nothing_is_said_where_it_was_set_so);
    tcase_add_test(cases, the_store_is_asked_with_sender_and_size);
    tcase_add_test(cases, a_thousand_requests_at_a_time_are_answered_in_order);
    tcase_add_test(cases, no_more_than_the_window_waits_for_the_store);
    tcase_add_test(cases, who_sends_on_although_it_is_full_is_ended);
    tcase_add_test(cases, a_giant_attribute_that_nobody_needs_is_skipped);
    tcase_add_test(cases, a_giant_attribute_of_ours_is_the_end);
    tcase_add_test(cases, a_giant_request_is_the_end);
    tcase_add_test(cases, a_giant_key_is_in_no_map);
    tcase_add_test(cases, a_drain_ends_it_behind_what_is_owed);
    tcase_add_test(cases, without_a_store_all_that_wait_are_deferred);
    tcase_add_test(cases, any_octets_in_any_pieces_get_the_same_answers);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
