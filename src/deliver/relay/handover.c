/* SPDX-License-Identifier: MIT
 *
 * Handovers: see handover_priv.h.
 */
#include "handover_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX (8u << 20)

struct handover *
handover_new(struct scheduler *s, struct taken *t, uint32_t room)
{
    struct handover *h = calloc(1, sizeof *h);

    if (h == NULL)
        return NULL;
    *h = (struct handover){.scheduler = s, .hop_place = -1, .taken = taken_ref(t)};
    arena_init(&h->arena, ARENA_MAX);
    h->recipients = arena_alloc(&h->arena, room * sizeof *h->recipients);
    h->fates = arena_alloc(&h->arena, room * sizeof *h->fates);
    if (h->recipients != NULL && h->fates != NULL)
        return h;
    handover_free(h);
    return NULL;
}

void
handover_free(struct handover *h)
{
    taken_unref(h->taken);
    arena_release(&h->arena);
    free(h);
}

struct handover *
handover_all(struct scheduler *s, struct taken *t, enum handover_end end)
{
    struct handover *h = handover_new(s, t, (uint32_t)t->item.recipient_count);

    if (h == NULL)
        return NULL;
    while (h->count < t->item.recipient_count) {
        h->recipients[h->count] = h->count;
        h->count++;
    }
    h->end = end;
    return h;
}

const struct queue_recipient *
handover_recipient(const struct handover *h, uint32_t i)
{
    return &h->taken->item.recipients[h->recipients[i]];
}

/* NULL without memory. */
static struct relay_answer *
copy_answers(struct handover *h, const struct relay_result *result)
{
    struct relay_answer *list = arena_alloc(&h->arena, h->count * sizeof *list);

    for (uint32_t i = 0; list != NULL && i < h->count; i++) {
        list[i] = result->answers[i];
        list[i].text = arena_copy(&h->arena, span_of(result->answers[i].text));
        if (list[i].text == NULL)
            return NULL;
    }
    return list;
}

void
handover_end(struct handover *h, const struct relay_result *result)
{
    const char *host = arena_copy(&h->arena, span_of(result->host));
    const char *tls = arena_copy(&h->arena, span_of(result->tls));
    struct relay_answer *answers = copy_answers(h, result);

    if (host == NULL || tls == NULL || answers == NULL) {
        h->end = HANDOVER_NOT_TRIED; /* it may come twice; it must not be lost */
        return;
    }
    h->end = HANDOVER_ANSWERED;
    h->result = (struct relay_result){host, tls, result->dsn, result->deliverby, answers, h->count};
}

void
handover_end_all(struct handover *h, enum handover_end end, enum relay_state state,
                 const char *enhanced, const char *cause)
{
    struct relay_answer *answers = arena_alloc(&h->arena, h->count * sizeof *answers);
    const char *text = arena_copy(&h->arena, span_of(cause));

    if (answers == NULL || text == NULL) {
        h->end = HANDOVER_NOT_TRIED;
        return;
    }
    for (uint32_t i = 0; i < h->count; i++) {
        answers[i] = (struct relay_answer){.state = state, .text = text};
        snprintf(answers[i].enhanced, sizeof answers[i].enhanced, "%s", enhanced);
    }
    h->end = end;
    h->result =
        (struct relay_result){.host = "", .tls = "", .answers = answers, .answer_count = h->count};
}

/* The client may judge otherwise than the reply's class says, or without one. */
void
handover_outcome(const struct relay_answer *a, struct outcome *out)
{
    static const unsigned code[] = {
        [RELAY_DELIVERED] = 250, [RELAY_DEFERRED] = 451, [RELAY_FAILED] = 554};
    bool is_its_own = a->code / 100 == code[a->state] / 100;

    outcome_relayed(out, is_its_own ? a->code : code[a->state], a->enhanced, a->text);
}

enum metrics_HOMES
handover_home(const struct relay_answer *a)
{
    switch (a->state) {
    case RELAY_DELIVERED:
        return METRICS_HOME_ACCEPTED;
    case RELAY_FAILED:
        return METRICS_HOME_REFUSED;
    case RELAY_DEFERRED:
        break;
    }
    return a->code == 0 ? METRICS_HOME_FAILED : METRICS_HOME_DEFERRED;
}
