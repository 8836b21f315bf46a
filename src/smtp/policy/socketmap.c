/* SPDX-License-Identifier: MIT
 *
 * Look-ups in maps over netstrings, as socketmap_table(5) has them: "name key", and the answer is
 * "OK value", "NOTFOUND ", "TEMP reason", "TIMEOUT reason" or "PERM reason". The maps have the
 * names of the settings of Postfix that they are for.
 */
#include <string.h>

#include "doorstep/metrics.h"

#include "protocol_priv.h"

static void
init(union lookup_parser *p)
{
    netstring_init(&p->netstring);
}

static void
release(union lookup_parser *p)
{
    netstring_release(&p->netstring);
}

static enum lookup_result
take(union lookup_parser *p, struct span in, size_t *used)
{
    static const enum lookup_result results[] = {[NETSTRING_MORE] = LOOKUP_MORE,
                                                 [NETSTRING_DONE] = LOOKUP_DONE,
                                                 [NETSTRING_BAD] = LOOKUP_BAD};

    return results[netstring_take(&p->netstring, in, used)];
}

/* --- answers --- */

static const char *const words[] = {
    [METRICS_SOCKETMAP_OK] = "OK ",     [METRICS_SOCKETMAP_NOTFOUND] = "NOTFOUND ",
    [METRICS_SOCKETMAP_TEMP] = "TEMP ", [METRICS_SOCKETMAP_TIMEOUT] = "TIMEOUT ",
    [METRICS_SOCKETMAP_PERM] = "PERM ",
};

static bool
say(struct buf *reply, enum metrics_SOCKETMAP_STATUSES status, struct span text)
{
    struct buf payload;
    bool done;

    metrics_count(METRIC_SOCKETMAP_REQUESTS, status, 1);
    buf_init(&payload, NETSTRING_MAX);
    done = buf_append_str(&payload, words[status]) && buf_append_span(&payload, text) &&
           netstring_print(reply, buf_span(&payload));
    buf_release(&payload);
    return done;
}

static bool
say_not_found(struct buf *reply)
{
    return say(reply, METRICS_SOCKETMAP_NOTFOUND, SPAN_NONE);
}

static bool
say_address(struct buf *reply, const struct address *a)
{
    struct buf text;
    bool done;

    buf_init(&text, ADDRESS_PATH_MAX);
    done = address_print(a, &text) && say(reply, METRICS_SOCKETMAP_OK, buf_span(&text));
    buf_release(&text);
    return done;
}

static bool
print(const struct lookup_request *r, const struct outcome *o, struct span targets,
      struct buf *reply)
{
    if (outcome_is_permanent(o))
        return say_not_found(reply);
    if (!outcome_is_success(o))
        return say(reply,
                   o->kind == OUTCOME_TIMEOUT ? METRICS_SOCKETMAP_TIMEOUT : METRICS_SOCKETMAP_TEMP,
                   span_of(outcome_text(o)));
    if (r->question == LOOKUP_ALIAS)
        return say(reply, METRICS_SOCKETMAP_OK, targets);
    return say_address(reply, &r->recipient);
}

/* --- maps --- */

static bool
read_domain(const struct settings *settings, struct span key, struct lookup_request *r,
            struct buf *reply)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];

    (void)r;
    if (!domain_normalize(key, domain, sizeof(domain)) ||
        settings_find_domain(settings, domain) == NULL)
        return say_not_found(reply);
    return say(reply, METRICS_SOCKETMAP_OK, span_of(domain));
}

/* An address of a domain of ours is for the store to say; nothing else is in a map. */
static bool
read_key(const struct settings *settings, struct span key, struct lookup_request *r,
         struct buf *reply, int question)
{
    if (!lookup_read_address(key, &r->arena, &r->recipient) ||
        settings_find_domain(settings, r->recipient.domain) == NULL)
        return say_not_found(reply);
    r->sender = (struct address){.local = "", .domain = "", .is_null = true};
    r->question = question;
    return true;
}

static bool
read_mailbox(const struct settings *settings, struct span key, struct lookup_request *r,
             struct buf *reply)
{
    return read_key(settings, key, r, reply, LOOKUP_EXISTS);
}

static bool
read_alias(const struct settings *settings, struct span key, struct lookup_request *r,
           struct buf *reply)
{
    return read_key(settings, key, r, reply, LOOKUP_ALIAS);
}

struct map {
    struct span name;
    bool (*read)(const struct settings *settings, struct span key, struct lookup_request *r,
                 struct buf *reply);
};

static const struct map maps[] = {
    {SPAN("virtual_mailbox_domains"), read_domain},
    {SPAN("virtual_mailbox_maps"), read_mailbox},
    {SPAN("virtual_alias_maps"), read_alias},
};

static bool
read_request(const union lookup_parser *p, const struct settings *settings,
             struct lookup_request *r, struct buf *reply)
{
    struct span in = buf_span(&p->netstring.payload);
    size_t n = span_find(in, ' ');
    struct span name = {in.p, n}, key = span_skip(in, n + 1);

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        if (!span_equal(maps[i].name, name) || n == in.n)
            continue;
        if (netstring_is_cut(&p->netstring)) /* longer than any address or domain */
            return say_not_found(reply);
        return maps[i].read(settings, key, r, reply);
    }
    return say(reply, METRICS_SOCKETMAP_PERM,
               SPAN("there are virtual_mailbox_domains, virtual_mailbox_maps, virtual_alias_maps"));
}

const struct lookup_protocol lookup_socketmap = {
    .init = init,
    .release = release,
    .take = take,
    .read = read_request,
    .print = print,
};
