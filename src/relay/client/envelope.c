/* SPDX-License-Identifier: MIT
 *
 * Envelopes for a next hop: which recipients can be said there at all, and the commands with the
 * parameters that it announced. What it cannot take is refused here, before it is asked, with the
 * status codes that the extensions name.
 */
#include "client_priv.h"
#include "convert_priv.h"
#include "doorstep/charset.h"
#include "xtext_priv.h"

#include <string.h>

#define PATH_MAX_OCTETS (2 * ADDRESS_PATH_MAX) /* quoted */

/* ------------------------------------------------------------------ refusals of our own */

static void
refuse(struct relay_client *c, uint32_t recipient, const char *enhanced, const char *text)
{
    struct relay_answer *a = &c->t.answers[recipient];

    if (c->t.is_answered[recipient])
        return;
    *a = (struct relay_answer){.state = RELAY_FAILED, .text = text};
    memcpy(a->enhanced, enhanced, strlen(enhanced) + 1);
    c->t.is_answered[recipient] = true;
}

static void
refuse_all(struct relay_client *c, const char *enhanced, const char *text)
{
    for (uint32_t i = 0; i < c->t.job->recipient_count; i++)
        refuse(c, i, enhanced, text);
}

/* ------------------------------------------------------------------ paths */

/* A path as it is said, its domain in A-labels; NULL where it is none, or without memory. *is_utf8:
 * its local part is not ASCII, so that it cannot be said without SMTPUTF8 (RFC 6531 3.2). */
static const char *
print_path(struct relay_client *c, const char *text, unsigned flags, bool *is_utf8)
{
    struct address address;
    enum address_result result;
    const char *path = NULL;
    struct buf out;

    *is_utf8 = false;
    result =
        address_parse_mailbox(span_of(text), flags | ADDRESS_ALLOW_UTF8, &c->t.arena, &address);
    if (result == ADDRESS_SYNTAX || result == ADDRESS_TOO_LONG)
        return NULL;
    buf_init(&out, PATH_MAX_OCTETS);
    if (result == ADDRESS_OK && address_print(&address, &out))
        path = arena_copy(&c->t.arena, buf_span(&out));
    buf_release(&out);
    if (path == NULL)
        c->t.has_no_memory = true; /* no reason to refuse anything */
    else
        *is_utf8 = !utf8_is_ascii(span_of(address.local));
    return path;
}

static void
plan_sender(struct relay_client *c)
{
    bool is_utf8;

    c->t.sender = print_path(c, c->t.job->reverse_path, ADDRESS_ALLOW_NULL, &is_utf8);
    if (c->t.sender == NULL) {
        refuse_all(c, "5.1.7", "the sender's address cannot be said to the next hop");
        c->t.sender = "";
    } else if (is_utf8 && !c->can.smtputf8) {
        refuse_all(c, "5.6.7", "the sender's address needs SMTPUTF8, which the next hop lacks");
    }
    c->t.uses_utf8 = c->t.uses_utf8 || is_utf8;
}

/* ADDRESS_ALLOW_NULL for the long local parts of VERP and SRS; nobody is no recipient. */
static void
plan_recipient(struct relay_client *c, uint32_t i)
{
    const char *text = c->t.job->recipients[i].address;
    unsigned flags = ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_POSTMASTER;
    bool is_utf8;

    c->t.paths[i] = text[0] == '\0' ? NULL : print_path(c, text, flags, &is_utf8);
    if (c->t.paths[i] == NULL)
        refuse(c, i, "5.1.3", "the recipient's address cannot be said to the next hop");
    else if (is_utf8 && !c->can.smtputf8)
        refuse(c, i, "5.6.7", "the recipient's address needs SMTPUTF8, which the next hop lacks");
    else if (is_utf8)
        c->t.uses_utf8 = true;
}

/* ------------------------------------------------------------------ extensions */

/* RFC 8689 4.2.1. Reports go without it where they must (section 5). */
static void
plan_requiretls(struct relay_client *c)
{
    if (!c->t.job->require_tls || c->t.job->reverse_path[0] == '\0')
        return;
    if (!c->is_secret || !c->is_verified)
        refuse_all(c, "5.7.10", "REQUIRETLS: there is no verified TLS to the next hop");
    else if (!c->can.requiretls)
        refuse_all(c, "5.7.30", "REQUIRETLS: the next hop does not support it");
}

/* RFC 1870 6.1. */
static void
plan_size(struct relay_client *c)
{
    const struct relay_job *job = c->t.job;

    if (c->can.size > 0 && (job->octets > c->can.size || job->head.n > c->can.size - job->octets))
        refuse_all(c, "5.3.4", "the message is larger than the next hop takes");
}

/* RFC 2852 4.1.4.1: who asked for a return in time must not be handed to who does not count it. */
static void
plan_deliverby(struct relay_client *c)
{
    c->t.has_by = deliver_by_parse(c->t.job->by, &c->t.by);
    if (!c->t.has_by || !c->t.by.is_return)
        return;
    if (c->t.by.seconds <= 0)
        refuse_all(c, "5.4.7", "DELIVERBY: the time for its delivery is over");
    else if (!c->can.deliverby)
        refuse_all(c, "5.3.3", "DELIVERBY: the next hop does not support it");
    else if ((uint64_t)c->t.by.seconds < c->can.by_min)
        refuse_all(c, "5.3.3", "DELIVERBY: the next hop needs more time");
}

/* RFC 2852 4.1.4.2: behind a next hop that does not count, delays are what there is to be told. */
static unsigned
notify_there(const struct relay_client *c, unsigned notify)
{
    if (!c->t.has_by || c->can.deliverby || c->t.by.seconds <= 0 || (notify & NOTIFY_NEVER) != 0)
        return notify;
    return (notify == 0 ? NOTIFY_FAILURE : notify) | NOTIFY_DELAY;
}

/* ------------------------------------------------------------------ the message itself */

/* It goes as it is, whatever octets it has (RFC 3030 3). */
static bool
goes_raw(const struct relay_client *c)
{
    return c->t.job->body == BODY_BINARYMIME && c->can.chunking && c->can.binary;
}

static bool
takes_8bit(const struct relay_client *c)
{
    return c->can.eightbit || c->config.as_it_is;
}

/* Does it have to be looked at? Only where the next hop cannot take everything. */
static bool
must_look(const struct relay_client *c)
{
    const struct relay_job *job = c->t.job;

    return (job->smtputf8 && !c->can.smtputf8) ||
           (!goes_raw(c) && (job->body == BODY_BINARYMIME || !takes_8bit(c)));
}

/* RFC 6152 3. The message is what counts, not what was said about it. */
static bool
must_convert(const struct relay_client *c, const struct convert *seen)
{
    if (goes_raw(c))
        return false;
    return (c->t.job->body == BODY_BINARYMIME && convert_has_binary(seen)) ||
           (!takes_8bit(c) && convert_has_8bit(seen));
}

static void
defer_all(struct relay_client *c, const char *text)
{
    const struct relay_answer a = {RELAY_DEFERRED, 0, "4.3.0", text};

    transaction_settle(c, &a);
}

/* What was seen decides: *seen stays where it is to be converted. */
static void
plan_conversion(struct relay_client *c, struct convert **seen)
{
    bool lacks_utf8 = c->t.job->smtputf8 && !c->can.smtputf8;
    const char *why;

    if (!convert_is_whole(*seen) && (convert_has_8bit(*seen) || convert_has_binary(*seen)))
        defer_all(c, "the message has too many parts for what there is of memory");
    else if (lacks_utf8 && convert_has_8bit_header(*seen))
        refuse_all(c, "5.6.9", "the message needs SMTPUTF8, which the next hop lacks");
    if (!must_convert(c, *seen)) {
        convert_free(*seen);
        *seen = NULL;
    } else if (!convert_plan(*seen, &why)) {
        refuse_all(c, "5.6.3", why);
    }
}

/* Chunks that have to wait for one another are slower than lines. */
static bool
goes_by_bdat(const struct relay_client *c, const struct convert *convert)
{
    bool is_small =
        convert == NULL && c->t.job->octets < CONTENT_READ && c->t.job->head.n < CONTENT_READ;

    return c->can.chunking && ((c->can.pipelining && !c->config.is_lmtp) || is_small);
}

static void
plan_content(struct relay_client *c)
{
    struct source source = {c->t.job, c->calls->read_message, c->arg};
    enum content_form form = CONTENT_DATA;
    struct convert *convert = NULL;

    if (must_look(c)) {
        convert = convert_new(&source);
        if (convert == NULL)
            defer_all(c, "the message cannot be read");
        else
            plan_conversion(c, &convert);
    }
    if (goes_raw(c))
        form = CONTENT_RAW;
    else if (goes_by_bdat(c, convert))
        form = CONTENT_LINES;
    if (form == CONTENT_RAW)
        c->t.body = BODY_BINARYMIME;
    else if (c->t.job->body != BODY_7BIT && c->can.eightbit && convert == NULL)
        c->t.body = BODY_8BITMIME;
    c->t.uses_bdat = form != CONTENT_DATA;
    content_init(&c->t.content, &source, convert, form);
}

/* ------------------------------------------------------------------ plan */

static bool
allocate(struct transaction *t)
{
    uint32_t n = t->job->recipient_count;

    t->answers = arena_alloc(&t->arena, n * sizeof(*t->answers));
    t->is_answered = arena_alloc(&t->arena, n * sizeof(*t->is_answered));
    t->paths = arena_alloc(&t->arena, n * sizeof(*t->paths));
    t->order = arena_alloc(&t->arena, n * sizeof(*t->order));
    return t->answers != NULL && t->is_answered != NULL && t->paths != NULL && t->order != NULL;
}

bool
envelope_plan(struct relay_client *c)
{
    struct transaction *t = &c->t;

    if (!allocate(t))
        return false;
    t->uses_utf8 = t->job->smtputf8 && c->can.smtputf8;
    plan_requiretls(c);
    plan_deliverby(c);
    plan_size(c);
    plan_sender(c);
    for (uint32_t i = 0; i < t->job->recipient_count; i++)
        plan_recipient(c, i);
    if (!t->job->is_question)
        plan_content(c);
    for (uint32_t i = 0; i < t->job->recipient_count; i++) {
        if (!t->is_answered[i])
            t->order[t->order_count++] = i;
    }
    return !t->has_no_memory &&
           forward_plan(t->job->forward, c->can.forward, &t->arena, &t->forward);
}

/* ------------------------------------------------------------------ commands */

static void
print_body(const struct relay_client *c, struct buf *out)
{
    if (c->t.body == BODY_8BITMIME)
        buf_append_str(out, " BODY=8BITMIME");
    if (c->t.body == BODY_BINARYMIME)
        buf_append_str(out, " BODY=BINARYMIME");
}

static void
print_dsn(const struct relay_client *c, struct buf *out)
{
    const struct relay_job *job = c->t.job;

    if (!c->can.dsn)
        return;
    if (job->ret != RET_NONE)
        buf_append_str(out, job->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
    if (job->envid[0] != '\0' && utf8_is_ascii(span_of(job->envid))) {
        buf_append_str(out, " ENVID=");
        xtext_print(span_of(job->envid), out);
    }
}

void
envelope_mail(const struct relay_client *c, struct buf *out)
{
    const struct relay_job *job = c->t.job;

    buf_printf(out, "MAIL FROM:<%s>", c->t.sender);
    if (!c->is_greeted)
        return;
    if ((c->can.size > 0 || c->can.announces_size) && (!job->is_question || job->octets > 0))
        buf_printf(out, " SIZE=%llu", (unsigned long long)(job->octets + job->head.n));
    print_body(c, out);
    if (c->t.uses_utf8)
        buf_append_str(out, " SMTPUTF8");
    print_dsn(c, out);
    if (job->require_tls && c->can.requiretls && c->is_secret)
        buf_append_str(out, " REQUIRETLS");
    if (c->t.has_by && c->can.deliverby)
        buf_printf(out, " BY=%s", job->by);
}

/* RFC 3461 4.1. */
static void
print_notify(unsigned notify, struct buf *out)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {
        {NOTIFY_NEVER, "NEVER"},
        {NOTIFY_SUCCESS, "SUCCESS"},
        {NOTIFY_FAILURE, "FAILURE"},
        {NOTIFY_DELAY, "DELAY"},
    };
    const char *between = " NOTIFY=";

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((notify & words[i].bit) == 0)
            continue;
        buf_append_str(out, between);
        buf_append_str(out, words[i].word);
        between = ",";
    }
}

/* RFC 3461 4.2, RFC 6533 3: the type, and the address in the notation of that type. One that can
 * be said in neither is not said. */
static void
print_orcpt(const char *orcpt, struct buf *out)
{
    struct span text = span_of(orcpt);
    size_t n = span_find(text, ';');
    struct span type = {text.p, n}, address = span_skip(text, n + 1);

    if (n == 0 || address.n == 0 || !utf8_is_ascii(type) || type.n != xtext_length(type))
        return;
    if (span_equal_fold(type, SPAN("utf-8"))) {
        buf_append_str(out, " ORCPT=utf-8;");
        utf8_address_print(address, out);
    } else if (utf8_is_ascii(address)) {
        buf_append_str(out, " ORCPT=");
        buf_append_span(out, type);
        buf_append_char(out, ';');
        xtext_print(address, out);
    }
}

void
envelope_rcpt(const struct relay_client *c, uint32_t recipient, struct buf *out)
{
    buf_printf(out, "RCPT TO:<%s>", c->t.paths[recipient]);
    if (!c->can.dsn)
        return;
    print_notify(notify_there(c, c->t.job->recipients[recipient].notify), out);
    print_orcpt(c->t.job->recipients[recipient].orcpt, out);
}
