/* SPDX-License-Identifier: MIT
 *
 * What an MTA that asks may send, by the policy protocol or by socketmap: whole conversations. The
 * first octet says which, and how the store answers. The same octets in pieces get the same
 * answers; every answer has the form that its protocol wants, and there is one for each request.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lookup_priv.h"
#include "netstring_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUTPUT_MAX (64u << 20)

struct conversation {
    struct lookup *lookup;
    struct buf output;
    struct {
        uint64_t id;
        bool is_alias;
    } asked[LOOKUP_WINDOW];
    unsigned count;
    unsigned kind;             /* of outcomes: the next one */
    bool is_at_once, is_never; /* when the store answers */
    bool is_closed;
};

static void
require(int holds)
{
    if (!holds)
        abort();
}

static void
answer(struct conversation *c, uint64_t id, bool is_alias)
{
    struct outcome o;
    bool is_expanded = is_alias && c->kind % 2 == 0;

    outcome_set(&o, is_alias ? (is_expanded ? OUTCOME_OK : OUTCOME_NOT_FOUND) : OUTCOME_RCPT_OK,
                NULL);
    if (!is_alias && c->kind % 3 == 0)
        outcome_set(&o, OUTCOME_NO_SUCH_USER + c->kind / 3 % 5, "a cause");
    lookup_answer(c->lookup, id, &o, is_expanded ? SPAN("a@b.test, c@d.test") : SPAN_NONE);
}

static void
ask(struct conversation *c, uint64_t id, bool is_alias)
{
    if (c->is_never)
        return;
    if (c->is_at_once) {
        answer(c, id, is_alias);
        return;
    }
    require(c->count < LOOKUP_WINDOW);
    c->asked[c->count].id = id;
    c->asked[c->count++].is_alias = is_alias;
}

static void
on_ask_rcpt(void *arg, uint64_t id, enum rcpt_asker asker, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    require(asker == RCPT_ASKED_BY_MTA || asker == RCPT_ASKED_BY_MAP);
    require(strcmp(recipient->domain, "d.test") == 0 && *recipient->local != '\0');
    require(reverse_path->is_null || *reverse_path->domain != '\0');
    require(size <= INT64_MAX);
    ask(arg, id, false);
}

static void
on_ask_alias(void *arg, uint64_t id, const struct address *alias)
{
    require(strcmp(alias->domain, "d.test") == 0 && *alias->local != '\0');
    ask(arg, id, true);
}

static void
on_reply(void *arg, struct span octets)
{
    struct conversation *c = arg;

    require(!c->is_closed);
    require(buf_append_span(&c->output, octets));
}

static void
on_close(void *arg, const char *reason)
{
    struct conversation *c = arg;

    require(!c->is_closed && *reason != '\0');
    c->is_closed = true;
}

static void
answer_all(struct conversation *c)
{
    while (c->count > 0) {
        uint64_t id = c->asked[0].id;
        bool is_alias = c->asked[0].is_alias;

        memmove(&c->asked[0], &c->asked[1], --c->count * sizeof(c->asked[0]));
        answer(c, id, is_alias);
    }
}

/* How many answers there are; each is whole. */
static uint64_t
count_actions(struct span out)
{
    uint64_t n = 0;

    for (; out.n > 0; n++) {
        size_t end = span_find(out, '\n');

        require(out.n > 7 && memcmp(out.p, "action=", 7) == 0);
        require(end + 1 < out.n && out.p[end + 1] == '\n');
        for (size_t i = 0; i < end; i++)
            require((unsigned char)out.p[i] >= 0x20 && out.p[i] != 0x7f);
        out = span_skip(out, end + 2);
    }
    return n;
}

static uint64_t
count_netstrings(struct span out)
{
    struct netstring netstring;
    uint64_t n = 0;
    size_t used;

    netstring_init(&netstring);
    for (; out.n > 0; n++) {
        require(netstring_take(&netstring, out, &used) == NETSTRING_DONE);
        out = span_skip(out, used);
    }
    netstring_release(&netstring);
    return n;
}

static void
begin(struct conversation *c, const struct settings_listen *listen, const struct settings *settings)
{
    static const struct lookup_calls calls = {on_reply, on_ask_rcpt, on_ask_alias, on_close};

    buf_init(&c->output, OUTPUT_MAX);
    c->lookup = lookup_new(listen, settings, "ID", &calls, c);
    require(c->lookup != NULL);
}

static void
converse(struct conversation *c, const struct settings_listen *listen,
         const struct settings *settings, struct span in, size_t split)
{
    uint64_t said;

    begin(c, listen, settings);
    while (in.n > 0) {
        struct span piece = {in.p, split == 0 || split > in.n ? in.n : split};

        lookup_feed(c->lookup, piece);
        answer_all(c);
        in = span_skip(in, piece.n);
    }
    said = listen->protocol == LISTEN_POLICY ? count_actions(buf_span(&c->output))
                                             : count_netstrings(buf_span(&c->output));
    require(said == lookup_requests(c->lookup) && said <= lookup_steps(c->lookup));
    require(!lookup_is_waiting(c->lookup) && lookup_is_closed(c->lookup) == c->is_closed);
    require(c->is_closed || lookup_wants_input(c->lookup));
    lookup_free(c->lookup);
}

/* The store is gone in the middle, and then the edge is to end. */
static void
break_off(const struct settings_listen *listen, const struct settings *settings, struct span in)
{
    struct conversation c = {.is_never = true};
    struct outcome o;

    begin(&c, listen, settings);
    lookup_feed(c.lookup, in);
    outcome_set(&o, OUTCOME_SYSTEM, "gone");
    lookup_fail(c.lookup, &o);
    lookup_drain(c.lookup);
    lookup_fail(c.lookup, &o);
    require(c.is_closed && lookup_is_closed(c.lookup));
    lookup_feed(c.lookup, in);
    lookup_free(c.lookup);
    buf_release(&c.output);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings_domain domain = {.name = "d.test"};
    const struct settings settings = {
        .domains = &domain, .domain_count = 1, .limits = {.message_size = 1000}};
    struct conversation whole = {.kind = 0}, pieces = {.kind = 0};
    struct settings_listen listen = {.protocol = LISTEN_SOCKETMAP};
    struct span in;

    if (size == 0)
        return 0;
    if ((data[0] & 1) != 0)
        listen.protocol = LISTEN_POLICY;
    listen.unknown_recipients = data[0] >> 7;
    whole.kind = pieces.kind = data[0] >> 4;
    whole.is_at_once = (data[0] & 2) != 0;
    pieces.is_at_once = (data[0] & 4) != 0;
    in = (struct span){(const char *)data + 1, size - 1};
    converse(&whole, &listen, &settings, in, 0);
    converse(&pieces, &listen, &settings, in, 1 + (data[0] >> 3) % 16);
    require(span_equal(buf_span(&whole.output), buf_span(&pieces.output)));
    require(whole.is_closed == pieces.is_closed);
    break_off(&listen, &settings, in);
    buf_release(&whole.output);
    buf_release(&pieces.output);
    return 0;
}
