/* SPDX-License-Identifier: MIT
 *
 * RFC 5435 enotify: notify, valid_notify_method, notify_method_capability, and :encodeurl of set.
 */
#include "../extensions_priv.h"

#include <strings.h>

#include "notify_priv.h"
#include "reply_priv.h"

#define URI_ARENA_MAX (256 * 1024)
#define SUBJECT_MAX 256

enum { SLOT_FROM = SIEVE_SLOT_OWN, SLOT_IMPORTANCE, SLOT_OPTIONS, SLOT_MESSAGE };

/* ------------------------------------------------------------------ checks */

static bool
check_from(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return reply_check_mailboxes(c, value);
}

static bool
importance_is_valid(struct span s)
{
    return s.n == 1 && s.p[0] >= '1' && s.p[0] <= '3';
}

static bool
check_importance(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span s;

    (void)op;
    if (!sieve_text_constant(value->strings, &s) || importance_is_valid(s))
        return true;
    return sieve_check_error(c, value->at, "the importance is none of \"1\", \"2\", \"3\"");
}

/* optionname "=" value (3.5). */
static bool
option_is_valid(struct span s)
{
    size_t n = span_find(s, '=');

    for (size_t i = 0; i < n; i++) {
        char c = (char)(s.p[i] | 0x20);
        bool is_plain = (c >= 'a' && c <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
        if (!is_plain && !(i > 0 && strchr(".-_", s.p[i]) != NULL))
            return false;
    }
    return n > 0 && n < s.n && memchr(s.p, '\n', s.n) == NULL && memchr(s.p, '\r', s.n) == NULL;
}

static bool
check_options(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span s;

    (void)op;
    for (uint32_t i = 0; i < value->count; i++)
        if (sieve_text_constant(sieve_text_at(value, i), &s) && !option_is_valid(s))
            return sieve_check_error(c, sieve_text_place(sieve_text_at(value, i)),
                                     "'%.*s' is no option: name=value", s.n < 80 ? (int)s.n : 80,
                                     s.p);
    return true;
}

static const struct sieve_tag notify_tags[] = {
    {"from", SIEVE_TAKES_STRING, SLOT_FROM, 0, 0, check_from},
    {"importance", SIEVE_TAKES_STRING, SLOT_IMPORTANCE, 0, 0, check_importance},
    {"options", SIEVE_TAKES_LIST, SLOT_OPTIONS, 0, 0, check_options},
    {"message", SIEVE_TAKES_STRING, SLOT_MESSAGE, 0, 0, NULL},
    {0},
};

static const struct sieve_tag encodeurl_tags[] = {
    {"encodeurl", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_ENCODE, SIEVE_ON_SET,
     SIEVE_MODIFY_ENCODE_URL, NULL},
    {0},
};

static bool
check_notify(struct sieve_check *c, struct sieve_op *op)
{
    struct span uri;
    struct arena arena;
    struct mailto parsed;
    const char *why;

    if (!sieve_text_constant(op->arguments[0].strings, &uri))
        return true;
    arena_init(&arena, URI_ARENA_MAX);
    bool ok = mailto_parse(uri, &arena, &parsed, &why);
    if (!ok)
        sieve_check_error(c, op->arguments[0].at, "method of notify: %s", why);
    else if (parsed.to_count + parsed.cc_count == 0)
        sieve_check_warning(c, op->arguments[0].at, "nobody is notified: no recipient is named");
    arena_release(&arena);
    return ok;
}

/* ------------------------------------------------------------------ notify (3) */

static bool
tag_string(struct sieve_run *r, const struct sieve_op *op, unsigned slot, const char **out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, slot);

    *out = NULL;
    return t == NULL || sieve_value_cstr(r, &t->value, out);
}

static bool
copy_list(struct sieve_run *r, const char *const *items, uint32_t count, struct sieve_strings *out)
{
    const char **copy = sieve_run_alloc(r, count * sizeof(*copy));

    if (copy == NULL)
        return false;
    if (count > 0)
        memcpy(copy, items, count * sizeof(*copy));
    *out = (struct sieve_strings){copy, count};
    return true;
}

static bool
is_same_address(const char *a, const char *b)
{
    const char *domain = strrchr(a, '@');
    size_t n = domain == NULL ? strlen(a) : (size_t)(domain - a);

    return strncmp(a, b, n) == 0 && strcasecmp(a + n, b + n) == 0;
}

static bool
is_listed(const struct sieve_strings *list, const char *address)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (is_same_address(list->items[i], address))
            return true;
    return false;
}

/* 5436 2.7: nobody is told twice by the same scripts. */
static bool
was_notified(struct sieve_run *r, const char *address)
{
    uint32_t count;
    const struct sieve_action *actions = sieve_run_actions(r, &count);

    for (uint32_t i = 0; i < count; i++)
        if (actions[i].kind == SIEVE_NOTIFY && actions[i].details.notify.withheld == NULL &&
            (is_listed(&actions[i].details.notify.recipients, address) ||
             is_listed(&actions[i].details.notify.carbon, address)))
            return true;
    return false;
}

static uint32_t
drop_notified(struct sieve_run *r, const char **list, uint32_t count)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < count; i++)
        if (!was_notified(r, list[i]))
            list[left++] = list[i];
    return left;
}

static bool
take_options(struct sieve_run *r, const struct sieve_op *op, struct sieve_strings *out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_OPTIONS);
    struct span s;

    if (t == NULL)
        return true;
    const char **list = sieve_run_alloc(r, t->value.count * sizeof(*list));
    for (uint32_t i = 0; list != NULL && i < t->value.count; i++) {
        if (!sieve_text_get(r, sieve_text_at(&t->value, i), &s))
            return false;
        list[i] = sieve_run_copy(r, s);
        if (list[i] == NULL)
            return false;
    }
    *out = (struct sieve_strings){list, t->value.count};
    return list != NULL;
}

/* 5436 2.6, 2.7: :message, else the URI's subject, else the message's own. */
static bool
take_subject(struct sieve_run *r, const struct sieve_op *op, const struct mailto *m,
             struct sieve_notify *n)
{
    struct span subject;
    const char *message;

    if (!tag_string(r, op, SLOT_MESSAGE, &message) || !reply_field(r, "Subject", true, &subject))
        return false;
    if (message != NULL)
        subject = span_of(message);
    else if (m->subject != NULL)
        subject = span_of(m->subject);
    n->reply.subject = reply_one_line(r, subject, SUBJECT_MAX);
    n->reply.text = m->body == NULL ? "Notification of new message." : m->body;
    return n->reply.subject != NULL;
}

static bool
take_mailto(struct sieve_run *r, struct mailto *m, struct sieve_notify *n)
{
    m->to_count = drop_notified(r, m->to, m->to_count);
    m->cc_count = drop_notified(r, m->cc, m->cc_count);
    n->reply.to = m->to_count > 0 ? m->to[0] : m->cc_count > 0 ? m->cc[0] : "";
    return copy_list(r, m->to, m->to_count, &n->recipients) &&
           copy_list(r, m->cc, m->cc_count, &n->carbon) &&
           copy_list(r, m->headers, m->header_count, &n->headers);
}

static bool
parse_method(struct sieve_run *r, const struct sieve_op *op, struct mailto *m,
             struct sieve_notify *n)
{
    struct span uri;
    const char *why;

    if (!sieve_value_cstr(r, &op->arguments[0], &n->method))
        return false;
    uri = span_of(n->method);
    if (!mailto_parse(uri, sieve_run_arena(r), m, &why))
        return sieve_run_fail(r, op, "method of notify: %s", why);
    return true;
}

static bool
take_tags(struct sieve_run *r, const struct sieve_op *op, struct sieve_notify *n)
{
    if (!tag_string(r, op, SLOT_FROM, &n->reply.from) ||
        !tag_string(r, op, SLOT_IMPORTANCE, &n->importance) || !take_options(r, op, &n->options))
        return false;
    if (n->importance == NULL || !importance_is_valid(span_of(n->importance)))
        n->importance = "2";
    if (n->reply.from != NULL && !reply_mailboxes_are_valid(span_of(n->reply.from)))
        n->reply.from = NULL; /* 3.3: ignored rather than an error */
    return true;
}

/* 5436 2.7: nothing for what a program made, so that notifications do not cause one another. */
static bool
withhold(struct sieve_run *r, const struct mailto *m, struct sieve_notify *n)
{
    bool is_automatic;

    if (m->to_count + m->cc_count == 0) {
        n->withheld = "no recipient is named";
        return true;
    }
    if (!reply_is_automatic(r, &is_automatic))
        return false;
    n->withheld = is_automatic ? "the message was made by a program (Auto-Submitted)" : NULL;
    return true;
}

static enum sieve_step
run_notify(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_action a = {.kind = SIEVE_NOTIFY};
    struct sieve_notify *n = &a.details.notify;
    struct mailto *m = sieve_run_alloc(r, sizeof(*m));

    if (m == NULL || !parse_method(r, op, m, n))
        return SIEVE_BREAKDOWN;
    uint32_t named = m->to_count + m->cc_count;
    if (!take_tags(r, op, n) || !take_subject(r, op, m, n) || !take_mailto(r, m, n) ||
        !reply_fcc(r, op, &n->reply.fcc) || !withhold(r, m, n))
        return SIEVE_BREAKDOWN;
    if (named > 0 && m->to_count + m->cc_count == 0)
        return SIEVE_GO; /* all of them are told already */
    return sieve_run_act(r, op, a) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

/* ------------------------------------------------------------------ tests (4, 5) */

static bool
is_valid_method(struct span uri)
{
    struct arena arena;
    struct mailto m;
    const char *why;

    arena_init(&arena, URI_ARENA_MAX);
    bool ok = mailto_parse(uri, &arena, &m, &why);
    arena_release(&arena);
    return ok;
}

static enum sieve_truth
test_valid_method(struct sieve_run *r, const struct sieve_op *op)
{
    struct span uri;

    for (uint32_t i = 0; i < op->arguments[0].count; i++) {
        if (!sieve_text_get(r, sieve_text_at(&op->arguments[0], i), &uri))
            return SIEVE_BROKEN;
        if (!sieve_run_work(r, uri.n))
            return SIEVE_BROKEN;
        if (!is_valid_method(uri))
            return SIEVE_FALSE;
    }
    return SIEVE_TRUE;
}

/* Whether somebody who gets mail is there nobody knows: "maybe" (5436 2.2). */
static enum sieve_truth
test_capability(struct sieve_run *r, const struct sieve_op *op)
{
    struct span uri, capability;

    if (!sieve_value_string(r, &op->arguments[0], &uri) ||
        !sieve_value_string(r, &op->arguments[1], &capability))
        return SIEVE_BROKEN;
    if (!is_valid_method(uri) || !span_equal_fold(capability, SPAN("online")))
        return SIEVE_FALSE;
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[2]);
    if (m == NULL)
        return SIEVE_BROKEN;
    return sieve_match_end(m, sieve_match_value(m, SPAN("maybe")));
}

static const struct sieve_definition definitions[] = {
    {.name = "notify",
     .arguments = "s",
     .tags = notify_tags,
     .classes = SIEVE_ON_FCC,
     .check = check_notify,
     .run = run_notify},
    {.name = "valid_notify_method", .is_test = true, .arguments = "l", .test = test_valid_method},
    {.name = "notify_method_capability",
     .is_test = true,
     .arguments = "ssl",
     .classes = SIEVE_ON_COMPARE,
     .test = test_capability},
    {0},
};

const struct sieve_extension sieve_enotify = {
    .name = "enotify", .definitions = definitions, .tags = encodeurl_tags};
