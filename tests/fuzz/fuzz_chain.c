/* SPDX-License-Identifier: MIT
 *
 * A session with two filters, its edge and the store, in any order, each saying anything: an octet
 * says who acts, the next how many octets belong to it. Whatever happens, a question has at most
 * one verdict, each message that was asked about exactly one result, and a result is whole: its
 * header ends where it should, a new body is there when it says so.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"

#include "chain_priv.h"

#define NAME "0123456789abcdef0123456789abcdef.1"
#define OTHER_NAME "0123456789abcdef0123456789abcdef.2"
#define TICKETS 64
#define BODY_MAX 600
#define ASK_LARGE 0xe8 /* two octets of 256: it takes long */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
    struct chain *chain;
    struct settings settings;
    struct settings_milter milters[2];
    bool wants_connection[2], is_there[2], is_full, is_closed;
    unsigned asked, results;
    uint64_t ticket;
    bool has_verdict[TICKETS];
};

static void
require(bool holds)
{
    if (!holds)
        abort();
}

/* --- what the chain does --- */

static void
on_connect(void *arg, unsigned i)
{
    struct session *s = arg;

    require(i < 2 && !s->wants_connection[i] && !s->is_there[i]);
    s->wants_connection[i] = true;
}

static bool
on_send(void *arg, unsigned i, struct span octets)
{
    struct session *s = arg;

    require(i < 2 && s->is_there[i] && octets.n > 0);
    return !s->is_full;
}

static void
on_waits(void *arg, unsigned i)
{
    const struct session *s = arg;

    require(chain_label(s->chain, i) == i);
    require(chain_waits_for(s->chain, i) == MILTER_WAITS_FOR_NOTHING ||
            chain_turn(s->chain, i) > 0);
}

static void
on_verdict(void *arg, uint64_t ticket, bool has_lost, const struct outcome *why)
{
    struct session *s = arg;

    (void)has_lost;
    require(ticket > 0 && ticket <= s->ticket && !s->has_verdict[ticket % TICKETS]);
    require(outcome_code(why) >= 200);
    s->has_verdict[ticket % TICKETS] = true;
}

/* Line ends are those of the message or of us: no empty line stands before the last one. */
static void
check_header(struct span header)
{
    for (size_t i = 0; i + 4 < header.n; i++)
        require(memcmp(header.p + i, "\r\n\r\n", 4) != 0 || i + 4 == header.n);
}

static void
on_result(void *arg, const struct filter_result *r, struct message *body)
{
    struct session *s = arg;
    struct buf packed;
    struct pack p;

    s->results++;
    require(s->results <= s->asked && r->quarantine != NULL && r->reason != NULL);
    require(r->verdict == FILTER_PASS || !r->is_changed);
    require(!r->has_new_body || (body != NULL && r->body_octets == message_traits(body)->octets));
    check_header(r->header);
    buf_init(&packed, FILTER_HEADER_MAX * 3);
    pack_init(&p, &packed);
    filter_result_pack(r, &p);
    require(!p.full);
    buf_release(&packed);
}

static void
on_closed(void *arg)
{
    ((struct session *)arg)->is_closed = true;
}

static const struct chain_calls calls = {
    .connect = on_connect,
    .send = on_send,
    .waits = on_waits,
    .verdict = on_verdict,
    .result = on_result,
    .closed = on_closed,
};

/* --- who acts --- */

static void
act_event(struct session *s, unsigned stage, bool is_late, struct span text)
{
    struct filter_event e = {.stage = (enum filter_stage)(stage % FILTER_STAGES)};
    char argument[256];

    if (s->ticket + 1 >= TICKETS)
        return;
    memcpy(argument, text.p, text.n);
    argument[text.n] = '\0';
    e.is_late = is_late;
    for (unsigned i = 0; i < 4; i++)
        filter_event_argument(&e, i == 1 ? "6" : argument);
    filter_event_macro(&e, "i", argument);
    (void)chain_event(s->chain, is_late ? 0 : ++s->ticket, &e);
}

static void
ask(struct session *s, const char *name, struct span text)
{
    struct message *m = message_from_memory(text);

    require(m != NULL);
    s->asked++;
    if (!chain_message(s->chain, name, m))
        s->asked--;
    message_unref(m);
}

/* A message larger than a header may be, which ends within that or nowhere. */
static void
ask_large(struct session *s, bool has_end)
{
    static char text[FILTER_HEADER_MAX + 8];

    memset(text, 'x', sizeof(text));
    memcpy(text, "From: a\r\n", 9);
    if (has_end)
        memcpy(text + sizeof(text) / 2, "\r\n\r\n", 4);
    ask(s, NAME, (struct span){text, sizeof(text)});
}

static void
act_filter(struct session *s, unsigned i, struct span octets)
{
    if (s->wants_connection[i]) {
        s->wants_connection[i] = false;
        s->is_there[i] = octets.n > 0;
        if (octets.n > 0)
            chain_opened(s->chain, i);
        else
            chain_lost(s->chain, i, "it is away");
    } else if (s->is_there[i] && octets.n > 0) {
        chain_feed(s->chain, i, octets);
    } else if (s->is_there[i]) {
        s->is_there[i] = false;
        chain_lost(s->chain, i, "it is gone");
    }
}

static void
act(struct session *s, unsigned who, struct span text)
{
    switch (who % 16) {
    case 0:
    case 1:
        act_filter(s, who % 2, text);
        return;
    case 2:
        (void)chain_handed(s->chain, NAME);
        return;
    case 3:
        ask(s, NAME, text);
        return;
    case 4:
        ask(s, OTHER_NAME, text);
        return;
    case 5:
        (void)chain_abort(s->chain);
        return;
    case 6:
        s->is_full = !s->is_full;
        return;
    case 7:
        for (unsigned i = 0; i < 2; i++)
            if (s->is_there[i])
                chain_resume(s->chain, i);
        return;
    case 8:
        if (who >= ASK_LARGE && s->asked == 0)
            ask_large(s, (who & 16) != 0);
        return;
    case 9:
        (void)chain_close(s->chain);
        return;
    default:
        act_event(s, who % 16 - 10, (who & 16) != 0, text);
    }
}

static void
begin(struct session *s, unsigned choice)
{
    static const char *const names[] = {"first", "second"};

    s->settings.authserv_id = "mx.test";
    s->settings.limits.message_size = BODY_MAX;
    s->settings.milters = s->milters;
    s->settings.milter_count = (choice & 4) != 0 ? 1 : 2; /* the second may be unknown */
    for (unsigned i = 0; i < 2; i++) {
        s->milters[i] = (struct settings_milter){.name = names[i], .quarantine = "Junk"};
        s->milters[i].on_failure = (choice >> i & 1) != 0 ? ON_FAILURE_ACCEPT : ON_FAILURE_TEMPFAIL;
    }
    s->chain = chain_new(&calls, s, &s->settings, names, 2);
    require(s->chain != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session s = {.asked = 0};

    log_set_level(LOG_LEVEL_ERROR);
    begin(&s, size > 0 ? data[0] : 0);
    for (size_t i = 1; i + 2 <= size && !s.is_closed;) {
        unsigned who = data[i];
        size_t n = data[i + 1] < size - i - 2 ? data[i + 1] : size - i - 2;

        act(&s, who, (struct span){(const char *)data + i + 2, n});
        i += 2 + n;
    }
    chain_free(s.chain);
    require(s.results == s.asked);
    return 0;
}
