/* SPDX-License-Identifier: MIT
 *
 * What goes next: see take_priv.h. The queue is walked once a turn, with its mutex held; a turn
 * takes no more than next hops have room for, so that little lies in memory however much waits.
 */
#include "take_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "doorstep/address.h"
#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/table.h"

#include "retry_priv.h"
#include "send_rates_priv.h"

#define PASSED_MAX 500  /* items read and left in a turn, for their accounts' sake */
#define OVERDUE_MAX 100 /* a turn */

struct load { /* what an account has under way */
    unsigned handovers;
    UT_hash_handle hh;
    char account[];
};

struct taker {
    const struct settings *settings;
    struct queue *queue;
    struct send_rates *rates;
    struct load *loads;
    char domain[ADDRESS_DOMAIN_MAX + 1]; /* asked for last, and */
    int route;                           /* its route */
};

struct turn {
    struct taker *taker;
    struct scheduler *scheduler;
    struct take *take;
    struct handover **open; /* by next hop: of the item that is being taken */
    bool is_fair;           /* accounts have a share */
    unsigned passed;
};

/* ---- routes ---- */

const char *
take_domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at == NULL ? "" : at + 1;
}

int
take_route_of(const struct settings *s, const char *domain)
{
    char normal[ADDRESS_DOMAIN_MAX + 1];
    const struct settings_route *r;

    if (!domain_normalize(span_of(domain), normal, sizeof normal))
        return -1;
    r = settings_route_of_domain(s, normal);
    if (r == NULL)
        return -1;
    return r == &s->relay.smarthost ? (int)s->route_count : (int)(r - s->routes);
}

/* Most of what waits is for the same domain as what waits before it. */
static int
route_of(struct taker *t, const char *domain)
{
    if (t->domain[0] == '\0' || strcmp(t->domain, domain) != 0) {
        t->route = take_route_of(t->settings, domain);
        t->domain[0] = '\0';
        if (strlen(domain) < sizeof t->domain)
            strcpy(t->domain, domain);
    }
    return t->route;
}

static const struct settings_route *
route_at(const struct settings *s, int place)
{
    return (size_t)place == s->route_count ? &s->relay.smarthost : &s->routes[place];
}

/* ---- accounts ---- */

static struct load *
load_of(struct taker *t, const char *account)
{
    struct load *l;

    HASH_FIND_STR(t->loads, account, l);
    return l;
}

static void
add_load(struct taker *t, const char *account)
{
    struct load *l = load_of(t, account);

    if (l == NULL) {
        l = calloc(1, sizeof *l + strlen(account) + 1);
        if (l == NULL)
            return; /* its share is not counted */
        memcpy(l->account, account, strlen(account) + 1);
        HASH_ADD_STR(t->loads, account, l);
        if (l->hh.tbl == NULL) {
            free(l);
            return;
        }
    }
    l->handovers++;
}

void
taker_done(struct taker *t, const struct handover *h)
{
    struct load *l = load_of(t, h->taken->item.account);

    if (h->hop_place < 0 || l == NULL || --l->handovers > 0)
        return;
    HASH_DEL(t->loads, l);
    free(l);
}

/* Half of the connections of the route that its first recipient takes. */
static bool
has_its_share(struct turn *turn, const struct queue_item *item)
{
    struct taker *t = turn->taker;
    const struct load *l = load_of(t, item->account);
    int place = route_of(t, take_domain_of(item->recipients[0].address));

    if (!turn->is_fair || item->account[0] == '\0' || l == NULL || place < 0)
        return false;
    return l->handovers >= (route_at(t->settings, place)->connections + 1) / 2;
}

/* ---- limits of an hour ---- */

static bool
is_new(const struct queue_item *item)
{
    for (size_t i = 0; i < item->recipient_count; i++)
        if (item->recipients[i].attempts > 0)
            return false;
    return true;
}

/* A reply that comes hours later helps nobody; everything else has to arrive. */
static bool
is_of_the_moment(const struct queue_item *item)
{
    return strcmp(item->kind, "vacation") == 0;
}

/* NULL: it may go. */
static struct handover *
hold_back(struct turn *turn, struct taken *taken)
{
    const struct queue_item *item = &taken->item;
    enum handover_end end = is_of_the_moment(item) ? HANDOVER_DROPPED : HANDOVER_PUT_OFF;
    uint64_t wait_ms = 0;

    if (!is_new(item) ||
        send_rates_take(turn->taker->rates, item->account, clock_ms(), &wait_ms) == SEND_NOW)
        return NULL;
    struct handover *h = handover_all(turn->scheduler, taken, end);
    if (h != NULL)
        h->until = retry_limit(clock_wall().tv_sec, wait_ms, item->expires);
    return h;
}

/* ---- taking ---- */

static bool
wants(void *arg, const char *domain)
{
    const struct turn *turn = arg;
    int place = route_of(turn->taker, domain);

    return place >= 0 && turn->passed < PASSED_MAX && turn->take->room[place] > 0;
}

/* The one that still has room for a recipient, or a new one. */
static struct handover *
open_handover(struct turn *turn, struct taken *taken, int place)
{
    const struct settings_route *route = route_at(turn->taker->settings, place);
    uint64_t room = taken->item.recipient_count;
    struct handover *h = turn->open[place];

    room = room < route->recipients ? room : route->recipients;
    room = room < RELAY_RECIPIENTS_MAX ? room : RELAY_RECIPIENTS_MAX;
    if (h != NULL && h->count < room)
        return h;
    h = handover_new(turn->scheduler, taken, (uint32_t)room);
    turn->open[place] = h;
    if (h == NULL)
        return NULL;
    h->hop_place = place;
    add_load(turn->taker, taken->item.account);
    turn->take->room[place] -= turn->take->room[place] > 0;
    DL_APPEND(turn->take->list, h);
    return h;
}

/* Recipients that share a route go together. Without memory some of them are left in flight, and
 * come with the next start. */
static void
hand_over(struct turn *turn, struct taken *taken)
{
    for (size_t i = 0; i < taken->item.recipient_count; i++) {
        const char *address = taken->item.recipients[i].address;
        int place = route_of(turn->taker, take_domain_of(address));
        struct handover *h = place < 0 ? NULL : open_handover(turn, taken, place);

        if (h != NULL)
            h->recipients[h->count++] = (uint32_t)i;
    }
    memset(turn->open, 0, (turn->taker->settings->route_count + 1) * sizeof(struct handover *));
}

static bool
take(void *arg, const struct queue_item *item)
{
    struct turn *turn = arg;

    if (has_its_share(turn, item)) {
        turn->passed++;
        return false;
    }
    struct taken *taken = taken_new(item);
    if (taken == NULL)
        return false;
    struct handover *held = hold_back(turn, taken);
    if (held != NULL) {
        turn->passed++;
        DL_APPEND(turn->take->list, held);
    } else {
        hand_over(turn, taken);
    }
    taken_unref(taken);
    return true;
}

static bool
take_overdue(void *arg, const struct queue_item *item)
{
    struct turn *turn = arg;
    struct taken *taken = taken_new(item);
    struct handover *h =
        taken == NULL ? NULL : handover_all(turn->scheduler, taken, HANDOVER_OVERDUE);

    if (taken != NULL)
        taken_unref(taken);
    if (h == NULL)
        return false;
    handover_end_all(h, HANDOVER_OVERDUE, RELAY_DEFERRED, "4.4.1", "no next hop has taken it");
    DL_APPEND(turn->take->list, h);
    return true;
}

static unsigned
total_room(const struct turn *turn)
{
    unsigned sum = 0;

    for (size_t i = 0; i <= turn->taker->settings->route_count; i++)
        sum += turn->take->room[i];
    return sum;
}

static bool
walk(struct turn *turn, time_t now, struct outcome *why)
{
    const struct queue_taker fair = {wants, take, turn};
    unsigned room = total_room(turn);

    if (room == 0)
        return true;
    turn->is_fair = true;
    if (!queue_due(turn->taker->queue, now, room, &fair, why))
        return false;
    room = total_room(turn);
    if (turn->passed == 0 || room == 0)
        return true;
    turn->take->is_cut = turn->passed >= PASSED_MAX;
    turn->is_fair = false; /* nobody else wants what is left */
    turn->passed = 0;
    bool ok = queue_due(turn->taker->queue, now, room, &fair, why);
    turn->take->is_cut = turn->take->is_cut || turn->passed >= PASSED_MAX;
    return ok;
}

static bool
look_for_overdue(struct turn *turn, time_t now, struct outcome *why)
{
    const struct queue_taker all = {NULL, take_overdue, turn};
    const uint64_t told = turn->taker->settings->relay.delay_report / 1000;
    const struct queue_deadlines limits = {
        .expired = now,
        .delayed = told < (uint64_t)now ? now - (time_t)told : 0,
    };

    return queue_overdue(turn->taker->queue, &limits, OVERDUE_MAX, &all, why);
}

/* ---- how much waits ---- */

static void
add_kind(void *arg, const char *kind, uint64_t items)
{
    static const char *const names[] = {
#define NAME(id, text) [id] = text,
        METRICS_QUEUE_KINDS(NAME)
#undef NAME
    };
    struct take_counts *c = arg;
    size_t i = 0;

    while (i < METRICS_QUEUE_OTHER && strcmp(names[i], kind) != 0)
        i++;
    c->kinds[i] += items;
}

static bool
count(struct taker *t, struct take *take, struct outcome *why)
{
    take->counts = (struct take_counts){0};
    take->has_counts = take->wants_counts;
    return !take->wants_counts || (queue_count(t->queue, &take->counts.all, why) &&
                                   queue_count_kinds(t->queue, add_kind, &take->counts, why));
}

void
take_run(struct taker *t, struct scheduler *s, struct take *take)
{
    struct turn turn = {.taker = t, .scheduler = s, .take = take};
    time_t now = clock_wall().tv_sec;
    struct outcome why;
    bool ok = false;

    take->is_cut = false;
    outcome_set(&why, OUTCOME_OVERLOAD, "no memory");
    turn.open = calloc(t->settings->route_count + 1, sizeof(struct handover *));
    if (turn.open != NULL)
        ok = (!take->looks_for_overdue || look_for_overdue(&turn, now, &why)) &&
             walk(&turn, now, &why) && count(t, take, &why) &&
             queue_next_due(t->queue, now, &take->next_due, &why);
    free(turn.open);
    take->failed = !ok;
    if (!ok)
        log_event(LOG_LEVEL_ERROR, "queue_unread", "cause", why.cause, NULL);
}

struct taker *
taker_new(const struct settings *s, struct queue *q)
{
    struct taker *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    *t = (struct taker){.settings = s, .queue = q, .route = -1};
    t->rates = send_rates_new(s->relay.account_messages, s->relay.messages);
    if (t->rates != NULL)
        return t;
    free(t);
    return NULL;
}

void
taker_free(struct taker *t)
{
    struct load *l, *next;

    if (t == NULL)
        return;
    HASH_ITER(hh, t->loads, l, next)
    {
        HASH_DEL(t->loads, l);
        free(l);
    }
    send_rates_free(t->rates);
    free(t);
}
