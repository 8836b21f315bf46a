/* SPDX-License-Identifier: MIT
 *
 * A filter that says anything: two transactions of a session, each with a message, that other
 * filters may see changed. The first octet chooses how its octets arrive and what we do meanwhile.
 * Afterwards the draft prints, and its header still ends where it should.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter_priv.h"

#define MESSAGE "From: a\r\nno field\r\nX: 1\r\n 2\r\nEmpty:\r\n\r\nbody\r\n"
#define STEPS 12 /* questions of two transactions */

enum choice { /* bits of the first octet */
              IN_ONE_PIECE = 1,
              IS_FULL = 2, /* its socket, after each packet */
              HAS_NO_MACROS = 4,
              HAS_NO_BODY = 8,
              ABORTS = 16, /* between the transactions */
              QUITS = 32,
              IS_LOCAL = 64 /* the client has no address */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
    struct milter *milter;
    struct macros macros;
    struct draft draft;
    unsigned choice, step;
};

static bool
on_send(void *arg, struct span octets)
{
    struct session *s = arg;

    if (octets.n == 0 || octets.p == NULL)
        abort();
    return (s->choice & IS_FULL) == 0;
}

static void go_on(struct session *s);

/* What arrives in one piece is answered from inside, before the rest of it is read. */
static void
on_answered(void *arg, enum milter_answer answer, const struct outcome *why)
{
    struct session *s = arg;

    if (answer == MILTER_REFUSES && outcome_is_success(why))
        abort();
    if ((s->choice & IN_ONE_PIECE) != 0)
        go_on(s);
}

static void
ask_stage(struct session *s, enum filter_stage stage)
{
    struct filter_event e = {.stage = stage};

    for (unsigned i = 0; i < 4; i++)
        filter_event_argument(&e, i == 1 ? (s->choice & IS_LOCAL) != 0 ? "U" : "4" : "a");
    milter_ask(s->milter, &e);
}

/* Stages as long as it agrees, then the message, and all of it again. */
static void
go_on(struct session *s)
{
    static const enum filter_stage stages[] = {FILTER_CONNECT, FILTER_HELO, FILTER_MAIL,
                                               FILTER_RCPT, FILTER_DATA};

    while (milter_is_idle(s->milter) && s->step < STEPS) {
        unsigned next = s->step++ % 6;

        if (next == 0 && s->step > 1 && (s->choice & ABORTS) != 0)
            milter_abort(s->milter);
        if (next < 5)
            ask_stage(s, s->step > 6 && next == 1 ? FILTER_UNKNOWN : stages[next]);
        else
            milter_ask_message(s->milter, &s->draft);
    }
}

static void
hear(struct session *s, const uint8_t *data, size_t size)
{
    size_t piece = (s->choice & IN_ONE_PIECE) != 0 ? size : 1;

    milter_open(s->milter);
    for (size_t i = 0; i < size; i += piece) {
        size_t n = piece < size - i ? piece : size - i;

        milter_feed(s->milter, (struct span){(const char *)data + i, n});
        milter_resume(s->milter);
        (void)milter_waits_for(s->milter);
        go_on(s);
    }
    if ((s->choice & QUITS) != 0)
        milter_quit(s->milter);
    milter_lose(s->milter, "the end");
}

/* No line of a header block is empty but its last. */
static void
check_header(const struct draft *d)
{
    struct buf out;

    buf_init(&out, FILTER_HEADER_MAX * 2);
    if (draft_print_header(d, &out) && out.len > 2) { /* else all fields are gone */
        const char *end = strstr(buf_str(&out), "\r\n\r\n");

        if (end == NULL || end + 4 != out.data + out.len)
            abort();
    }
    buf_release(&out);
}

static void
begin(struct session *s, struct message *message, struct arena *arena)
{
    static const struct milter_calls calls = {.send = on_send, .answered = on_answered};

    if ((s->choice & HAS_NO_MACROS) == 0 && (!macros_set(&s->macros, SPAN("i"), SPAN("1")) ||
                                             !macros_set(&s->macros, SPAN("j"), SPAN("mx"))))
        abort();
    s->milter = milter_new(&calls, s, &s->macros, "Junk");
    if (s->milter == NULL || draft_open(&s->draft, message, 65536, arena) != DRAFT_OK)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session s = {.choice = size > 0 ? data[0] : 0};
    struct span text = SPAN(MESSAGE);
    struct message *message;
    struct arena arena;

    if ((s.choice & HAS_NO_BODY) != 0)
        text.n -= strlen("body\r\n");
    message = message_from_memory(text);
    arena_init(&arena, DRAFT_MEMORY);
    begin(&s, message, &arena);
    if (size > 0)
        hear(&s, data + 1, size - 1);
    if (s.draft.count > 0)
        check_header(&s.draft);
    draft_close(&s.draft);
    milter_free(s.milter);
    macros_release(&s.macros);
    arena_release(&arena);
    message_unref(message);
    return 0;
}
