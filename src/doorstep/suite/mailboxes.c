/* SPDX-License-Identifier: MIT
 *
 * What lies around a suite's scripts: mailboxes with messages, annotations, an environment. All of
 * it in memory; missing mailboxes are not made by themselves.
 */
#include "suite_priv.h"

#include <stdlib.h>
#include <strings.h>

/* ------------------------------------------------------------------ mailboxes */

static bool
is_name(const char *a, struct span b)
{
    return span_equal(span_of(a), b) ||
           (strcasecmp(a, "INBOX") == 0 && span_equal_fold(SPAN("INBOX"), b));
}

struct suite_mailbox *
suite_mailbox_find(struct suite *s, struct span name)
{
    struct suite_mailbox *m = s->mailboxes;

    while (m != NULL && !is_name(m->name, name))
        m = m->next;
    return m;
}

struct suite_mailbox *
suite_mailbox_create(struct suite *s, struct span name)
{
    struct suite_mailbox *m = suite_mailbox_find(s, name);

    if (m != NULL)
        return m;
    m = arena_alloc(&s->arena, sizeof(*m));
    if (m == NULL)
        return NULL;
    *m = (struct suite_mailbox){.next = s->mailboxes, .name = suite_keep(s, name)};
    s->mailboxes = m;
    return m;
}

bool
suite_mailbox_add(struct suite *s, struct suite_mailbox *m, struct suite_message message)
{
    if (m->count == m->size) {
        uint32_t size = m->size == 0 ? 8 : m->size * 2;
        struct suite_message *more = realloc(m->messages, size * sizeof(*more));
        if (more == NULL)
            return false;
        m->messages = more;
        m->size = size;
    }
    struct suite_message *kept = &m->messages[m->count++];
    const char **flags = arena_alloc(&s->arena, (message.flags.count + 1) * sizeof(*flags));
    *kept = (struct suite_message){.text = {suite_keep(s, message.text), message.text.n}};
    for (uint32_t i = 0; flags != NULL && i < message.flags.count; i++)
        flags[i] = suite_keep(s, span_of(message.flags.items[i]));
    kept->flags = (struct sieve_strings){flags, flags == NULL ? 0 : message.flags.count};
    return true;
}

void
suite_mailboxes_free(struct suite *s)
{
    for (struct suite_mailbox *m = s->mailboxes; m != NULL; m = m->next)
        free(m->messages);
}

/* ------------------------------------------------------------------ annotations */

bool
suite_annotate(struct suite *s, struct span mailbox, struct span name, struct span value)
{
    struct suite_annotation *a = arena_alloc(&s->arena, sizeof(*a));

    if (a == NULL)
        return false;
    *a = (struct suite_annotation){s->annotations, suite_keep(s, mailbox), suite_keep(s, name),
                                   suite_keep(s, value)};
    s->annotations = a; /* in front of an older value */
    return true;
}

static enum sieve_answer
metadata(void *arg, struct span mailbox, struct span name, struct buf *out)
{
    const struct suite *s = arg;

    for (const struct suite_annotation *a = s->annotations; a != NULL; a = a->next)
        if (is_name(a->mailbox, mailbox) && span_equal_fold(span_of(a->name), name))
            return buf_append_str(out, a->value) ? SIEVE_YES : SIEVE_TEMPFAIL;
    return SIEVE_NO;
}

/* ------------------------------------------------------------------ the host */

static enum sieve_answer
mailbox_exists(void *arg, struct span mailbox)
{
    return suite_mailbox_find(arg, mailbox) != NULL ? SIEVE_YES : SIEVE_NO;
}

/* RFC 6154: the uses of a mailbox are its annotation /private/specialuse. */
static bool
has_use(const struct suite *s, const char *mailbox, struct span use)
{
    for (const struct suite_annotation *a = s->annotations; a != NULL; a = a->next) {
        if (!is_name(a->mailbox, span_of(mailbox)) ||
            strcasecmp(a->name, "/private/specialuse") != 0)
            continue;
        for (struct span rest = span_of(a->value); rest.n > 0;) {
            struct span word = {rest.p, span_find(rest, ' ')};
            if (span_equal_fold(word, use))
                return true;
            rest = span_skip(rest, word.n + 1);
        }
    }
    return false;
}

struct suite_mailbox *
suite_mailbox_with_use(struct suite *s, struct span use, struct span preferred)
{
    struct suite_mailbox *m = suite_mailbox_find(s, preferred);

    if (m != NULL && has_use(s, m->name, use))
        return m;
    m = s->mailboxes;
    while (m != NULL && !has_use(s, m->name, use))
        m = m->next;
    return m;
}

/* Without a mailbox: has any of them that use? */
static enum sieve_answer
special_use_exists(void *arg, struct span mailbox, struct span use)
{
    struct suite *s = arg;
    const struct suite_mailbox *m =
        mailbox.n == 0 ? suite_mailbox_with_use(s, use, SPAN_NONE) : suite_mailbox_find(s, mailbox);

    return m != NULL && has_use(s, m->name, use) ? SIEVE_YES : SIEVE_NO;
}

/* What the engine does not know itself, and what administrators set. */
static bool
environment(void *arg, struct span name, struct buf *out)
{
    static const struct {
        const char *name, *value;
    } items[] = {
        {"location", "MS"},
        {"phase", "post"},
        {"name", "Pigeonhole Sieve"},
        {"vnd.dovecot.default-mailbox", "INBOX"},
        {"vnd.dovecot.username", "testsuite-mail-user@example.org"},
    };
    char setting[256];

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        if (span_equal_fold(span_of(items[i].name), name))
            return buf_append_str(out, items[i].value);
    if (!span_has_prefix_fold(name, SPAN("vnd.dovecot.config.")) || name.n > 200)
        return false;
    snprintf(setting, sizeof(setting), "sieve_environment/%.*s", (int)name.n - 19, name.p + 19);
    const char *value = suite_setting(arg, setting);
    return value != NULL && buf_append_str(out, value);
}

void
suite_host_init(struct suite *s)
{
    s->host = (struct sieve_host){
        .mailbox_exists = mailbox_exists,
        .metadata = metadata,
        .environment = environment,
        .special_use_exists = special_use_exists,
        .list_is_known = suite_list_is_known,
        .list_has = suite_list_has,
        .program = suite_program,
        .setting = suite_setting,
        .arg = s,
    };
    suite_mailbox_create(s, SPAN("INBOX"));
}
