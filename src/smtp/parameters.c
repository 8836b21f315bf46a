/* SPDX-License-Identifier: MIT
 *
 * One row a parameter: where it may stand, whether it takes a value, who reads it. A parameter that
 * no row has, or that was not announced, is 555 5.5.4 (RFC 5321 4.1.1.11); one given twice or with
 * a bad value 501 5.5.4.
 */
#include "parameters_priv.h"

#include <string.h>

#define ENVID_MAX 100       /* RFC 3461 4.4, as written */
#define AUTH_SENDER_MAX 500 /* RFC 4954 4, as written */
#define ORCPT_MAX 500       /* RFC 3461 4.2, as written */

struct parameters {                       /* what a reader may look at and fill */
    struct envelope *envelope;            /* for MAIL, else NULL */
    struct envelope_recipient *recipient; /* for RCPT, else NULL */
    struct arena *arena;
    unsigned with; /* PARAMETERS_* */
    bool smtputf8; /* RCPT: of the transaction */
    unsigned seen; /* rows, by bit */
};

enum parameter_value { VALUE_NONE, VALUE_NEEDED };

struct parameter_row {
    const char *keyword;
    bool in_mail;       /* else in RCPT */
    unsigned extension; /* PARAMETERS_* that brought it; 0: always there */
    enum parameter_value value;
    bool (*parse)(struct parameters *p, struct span value);
};

/* RFC 1870 section 3: 1*20DIGIT. */
static bool
parse_size(struct parameters *p, struct span value)
{
    unsigned long long size;

    if (value.n > 20 || !span_parse_u64(value, UINT64_MAX, &size))
        return false;
    p->envelope->size = size;
    return true;
}

/* RFC 6152, RFC 3030. */
static bool
parse_body(struct parameters *p, struct span value)
{
    static const struct {
        const char *name;
        enum envelope_body body;
    } bodies[] = {
        {"7BIT", BODY_7BIT}, {"8BITMIME", BODY_8BITMIME}, {"BINARYMIME", BODY_BINARYMIME}};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        if (span_equal_fold(value, span_of(bodies[i].name))) {
            p->envelope->body = bodies[i].body;
            return true;
        }
    }
    return false;
}

/* RFC 6531 3.1. */
static bool
parse_smtputf8(struct parameters *p, struct span value)
{
    (void)value;
    p->envelope->smtputf8 = true;
    return true;
}

/* RFC 8689 section 2. */
static bool
parse_require_tls(struct parameters *p, struct span value)
{
    (void)value;
    p->envelope->require_tls = true;
    return true;
}

static bool
parse_ret(struct parameters *p, struct span value)
{
    if (span_equal_fold(value, SPAN("FULL")))
        p->envelope->ret = RET_FULL;
    else if (span_equal_fold(value, SPAN("HDRS")))
        p->envelope->ret = RET_HDRS;
    else
        return false;
    return true;
}

static bool
parse_envid(struct parameters *p, struct span value)
{
    p->envelope->envid = xtext_decode(value, ENVID_MAX, p->arena);
    return p->envelope->envid != NULL;
}

static unsigned
notify_of(struct span word)
{
    if (span_equal_fold(word, SPAN("SUCCESS")))
        return NOTIFY_SUCCESS;
    if (span_equal_fold(word, SPAN("FAILURE")))
        return NOTIFY_FAILURE;
    if (span_equal_fold(word, SPAN("DELAY")))
        return NOTIFY_DELAY;
    return 0;
}

/* RFC 4954 5: "<>", or the address of who sent this first. */
static bool
parse_auth(struct parameters *p, struct span value)
{
    const char *sender = xtext_decode(value, AUTH_SENDER_MAX, p->arena);
    struct address address;

    if (sender == NULL ||
        (strcmp(sender, "<>") != 0 &&
         address_parse_mailbox(span_of(sender), 0, p->arena, &address) != ADDRESS_OK))
        return false;
    p->envelope->auth_sender = sender;
    return true;
}

/* RFC 3461 4.1: NEVER stands alone; the others are a list. */
static bool
parse_notify(struct parameters *p, struct span value)
{
    unsigned notify = 0;

    if (span_equal_fold(value, SPAN("NEVER"))) {
        p->recipient->notify = NOTIFY_NEVER;
        return true;
    }
    for (;;) {
        size_t comma = span_find(value, ',');
        unsigned one = notify_of((struct span){value.p, comma});

        if (one == 0)
            return false;
        notify |= one;
        if (comma == value.n)
            break;
        value = span_skip(value, comma + 1);
    }
    p->recipient->notify = notify;
    return true;
}

static bool
is_atom(struct span s)
{
    static const char others[] = "!#$%&'*-/=?^_`{|}~+";

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(others, c) != NULL)))
            return false;
    }
    return s.n > 0;
}

/* RFC 3461 4.2: addr-type ";" xtext; kept as addr-type ";" decoded address. */
static bool
parse_orcpt(struct parameters *p, struct span value)
{
    size_t semicolon = span_find(value, ';');
    struct span type = {value.p, semicolon};
    const char *address;
    struct buf text;

    if (semicolon == value.n || value.n > ORCPT_MAX || !is_atom(type))
        return false;
    value = span_skip(value, semicolon + 1);
    if (span_equal_fold(type, SPAN("utf-8")))
        address = utf8_address_decode(value, ORCPT_MAX, p->smtputf8, p->arena);
    else
        address = xtext_decode(value, ORCPT_MAX, p->arena);
    if (address == NULL)
        return false;
    buf_init(&text, ORCPT_MAX);
    if (!buf_append_span(&text, type) || !buf_append_char(&text, ';') ||
        !buf_append_str(&text, address))
        p->recipient->orcpt = NULL;
    else
        p->recipient->orcpt = arena_copy(p->arena, buf_span(&text));
    buf_release(&text);
    return p->recipient->orcpt != NULL;
}

static const struct parameter_row rows[] = {
    {"SIZE", .in_mail = true, .value = VALUE_NEEDED, .parse = parse_size},
    {"BODY", .in_mail = true, .value = VALUE_NEEDED, .parse = parse_body},
    {"SMTPUTF8", .in_mail = true, .value = VALUE_NONE, .parse = parse_smtputf8},
    {"REQUIRETLS", .in_mail = true, .value = VALUE_NONE, .parse = parse_require_tls},
    {"RET", .in_mail = true, .extension = PARAMETERS_DSN, .value = VALUE_NEEDED,
     .parse = parse_ret},
    {"ENVID", .in_mail = true, .extension = PARAMETERS_DSN, .value = VALUE_NEEDED,
     .parse = parse_envid},
    {"AUTH", .in_mail = true, .extension = PARAMETERS_AUTH, .value = VALUE_NEEDED,
     .parse = parse_auth},
    {"NOTIFY", .in_mail = false, .extension = PARAMETERS_DSN, .value = VALUE_NEEDED,
     .parse = parse_notify},
    {"ORCPT", .in_mail = false, .extension = PARAMETERS_DSN, .value = VALUE_NEEDED,
     .parse = parse_orcpt},
};

static const struct parameter_row *
find_row(const struct parameters *p, struct span keyword)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].in_mail == (p->envelope != NULL) && (rows[i].extension & ~p->with) == 0 &&
            span_equal_fold(keyword, span_of(rows[i].keyword)))
            return &rows[i];
    }
    return NULL;
}

/* One "keyword" or "keyword=value". */
static enum smtp_reply
parse_one(struct parameters *p, struct span word)
{
    size_t equals = span_find(word, '=');
    bool has_value = equals < word.n;
    struct span value = has_value ? span_skip(word, equals + 1) : SPAN_NONE;
    const struct parameter_row *row = find_row(p, (struct span){word.p, equals});
    unsigned bit;

    if (row == NULL)
        return REPLY_UNKNOWN_PARAMETER;
    bit = 1u << (row - rows);
    if ((p->seen & bit) != 0 || has_value != (row->value == VALUE_NEEDED) || !row->parse(p, value))
        return REPLY_BAD_PARAMETER;
    p->seen |= bit;
    return REPLY_NONE;
}

static enum smtp_reply
parse_all(struct parameters *p, struct span in)
{
    while (in.n > 0) {
        enum smtp_reply reply;
        size_t space;

        if (in.p[0] != ' ')
            return REPLY_BAD_PARAMETER;
        in = span_skip(in, 1);
        space = span_find(in, ' ');
        if (space == 0) /* a second space, or one at the end of the line: harmless */
            continue;
        reply = parse_one(p, (struct span){in.p, space});
        if (reply != REPLY_NONE)
            return reply;
        in = span_skip(in, space);
    }
    return REPLY_NONE;
}

enum smtp_reply
parameters_parse_mail(struct span in, unsigned with, struct arena *arena, struct envelope *e)
{
    struct parameters p = {.envelope = e, .arena = arena, .with = with};

    return parse_all(&p, in);
}

enum smtp_reply
parameters_parse_rcpt(struct span in, unsigned with, bool smtputf8, struct arena *arena,
                      struct envelope_recipient *r)
{
    struct parameters p = {.recipient = r, .arena = arena, .with = with, .smtputf8 = smtputf8};

    return parse_all(&p, in);
}
