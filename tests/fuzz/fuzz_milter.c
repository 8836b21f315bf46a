/* SPDX-License-Identifier: MIT
 *
 * A filter that says anything: a whole conversation about one message, its octets in one piece or
 * octet by octet (the first octet chooses). Afterwards the draft prints, and its header still ends
 * where it should.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter_priv.h"

#define MESSAGE "From: a\r\nX: 1\r\n\r\nbody\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
on_send(void *arg, struct span octets)
{
    (void)arg;
    (void)octets;
    return true;
}

static void
on_answered(void *arg, enum milter_answer answer, const struct outcome *why)
{
    *(int *)arg += 1;
    if (answer == MILTER_REFUSES && outcome_is_success(why))
        abort();
}

/* Stages as long as it agrees, then the message. */
static void
go_on(struct milter *m, unsigned *stage, struct draft *draft)
{
    static const enum filter_stage stages[] = {FILTER_CONNECT, FILTER_HELO, FILTER_MAIL,
                                               FILTER_RCPT, FILTER_DATA};
    struct filter_event e = {0};

    while (milter_is_idle(m) && *stage < 6) {
        unsigned next = (*stage)++;

        if (next == 5) {
            milter_ask_message(m, draft);
            return;
        }
        e.stage = stages[next];
        e.argument_count = 0;
        for (unsigned i = 0; i < 4; i++)
            filter_event_argument(&e, i == 1 ? "4" : "a");
        milter_ask(m, &e);
    }
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct milter_calls calls = {.send = on_send, .answered = on_answered};
    struct macros macros = {.count = 0};
    struct message *message = message_from_memory(SPAN(MESSAGE));
    int answers = 0;
    unsigned stage = 0;
    struct draft draft;
    struct arena arena;
    struct milter *m = milter_new(&calls, &answers, &macros, "Junk");

    arena_init(&arena, DRAFT_MEMORY);
    if (m == NULL || draft_open(&draft, message, 65536, &arena) != DRAFT_OK)
        abort();
    size_t piece = size > 0 && data[0] % 2 == 0 ? size : 1;
    milter_open(m);
    for (size_t i = 1; i < size; i += piece) {
        size_t n = piece < size - i ? piece : size - i;

        milter_feed(m, (struct span){(const char *)data + i, n});
        go_on(m, &stage, &draft);
    }
    milter_lose(m, "the end");
    if (draft.count > 0)
        check_header(&draft);
    draft_close(&draft);
    milter_free(m);
    arena_release(&arena);
    message_unref(message);
    return 0;
}
