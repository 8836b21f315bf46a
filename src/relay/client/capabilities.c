/* SPDX-License-Identifier: MIT
 *
 * The lines of a reply to EHLO (RFC 5321 4.1.1.1): a keyword a line, without case, and what stands
 * behind it.
 */
#include "capabilities_priv.h"

#include "forward_priv.h"

static const struct {
    const char *keyword;
    size_t offset; /* of the bool that it sets */
} keywords[] = {
    {"PIPELINING", offsetof(struct capabilities, pipelining)},
    {"8BITMIME", offsetof(struct capabilities, eightbit)},
    {"CHUNKING", offsetof(struct capabilities, chunking)},
    {"BINARYMIME", offsetof(struct capabilities, binary)},
    {"SMTPUTF8", offsetof(struct capabilities, smtputf8)},
    {"DSN", offsetof(struct capabilities, dsn)},
    {"STARTTLS", offsetof(struct capabilities, starttls)},
    {"REQUIRETLS", offsetof(struct capabilities, requiretls)},
    {"DELIVERBY", offsetof(struct capabilities, deliverby)},
    {"SIZE", offsetof(struct capabilities, announces_size)},
};

static struct span
next_word(struct span *line)
{
    struct span word;
    size_t n = 0;

    *line = span_trim(*line);
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    word = (struct span){line->p, n};
    *line = span_skip(*line, n);
    return word;
}

static void
read_size(struct capabilities *c, struct span line)
{
    unsigned long long octets;

    if (span_parse_u64(next_word(&line), UINT64_MAX, &octets))
        c->size = octets;
}

/* RFC 2852 2: the number, and what others may bring behind a comma. */
static void
read_deliverby(struct capabilities *c, struct span line)
{
    struct span word = next_word(&line);
    unsigned long long seconds;

    word.n = span_find(word, ',');
    if (span_parse_u64(word, UINT64_MAX, &seconds))
        c->by_min = seconds;
}

static void
read_auth(struct capabilities *c, struct span line)
{
    enum sasl_mechanism m;

    for (struct span word = next_word(&line); word.n > 0; word = next_word(&line)) {
        if (sasl_mechanism_find(word, &m))
            c->auth |= 1u << m;
    }
}

static void
read_forward(struct capabilities *c, struct span line)
{
    for (struct span word = next_word(&line); word.n > 0; word = next_word(&line))
        c->forward |= forward_bit(word);
}

static void
read_line(struct capabilities *c, struct span line)
{
    struct span keyword = next_word(&line);

    if (span_equal_fold(keyword, SPAN("SIZE")))
        read_size(c, line);
    if (span_equal_fold(keyword, SPAN("DELIVERBY")))
        read_deliverby(c, line);
    if (span_equal_fold(keyword, SPAN("AUTH")))
        read_auth(c, line);
    if (span_equal_fold(keyword, SPAN("XFORWARD")))
        read_forward(c, line);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (span_equal_fold(keyword, span_of(keywords[i].keyword)))
            *(bool *)((char *)c + keywords[i].offset) = true;
    }
}

void
capabilities_read(struct capabilities *c, const struct reply *r)
{
    struct span lines = buf_span(&r->lines);

    *c = (struct capabilities){0};
    reply_next_line(&lines); /* the server's name */
    while (lines.n > 0)
        read_line(c, reply_next_line(&lines));
    c->eightbit = c->eightbit || c->smtputf8; /* RFC 6531 3.1 */
}
