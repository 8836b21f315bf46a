/* SPDX-License-Identifier: MIT
 *
 * One line of the delivery log: see delivery_log_line_priv.h. Whatever stands in a message or an
 * envelope, the line stays one line and JSON.
 */
#include "delivery_log_line_priv.h"

#include "doorstep/clock.h"

static bool
is_plain(char c)
{
    unsigned char octet = (unsigned char)c;

    return octet >= ' ' && octet != '"' && octet != '\\' && octet != 127;
}

static bool
put_escaped(struct buf *b, char c)
{
    if (c == '"' || c == '\\')
        return buf_append_char(b, '\\') && buf_append_char(b, c);
    return buf_printf(b, "\\u%04x", (unsigned char)c);
}

static bool
put_json(struct buf *b, const char *value)
{
    const char *run = value; /* plain octets from here on are not printed yet */
    bool ok = buf_append_char(b, '"');

    for (; ok && *value != '\0'; value++) {
        if (is_plain(*value))
            continue;
        ok = buf_append(b, run, (size_t)(value - run)) && put_escaped(b, *value);
        run = value + 1;
    }
    return ok && buf_append(b, run, (size_t)(value - run)) && buf_append_char(b, '"');
}

static bool
put_name(struct buf *b, struct span name)
{
    return buf_append(b, ",\"", 2) && buf_append_span(b, name) && buf_append(b, "\":", 2);
}

/* Nothing for what is not known. */
static bool
put_field(struct buf *b, struct span name, const char *value)
{
    return value == NULL || *value == '\0' || (put_name(b, name) && put_json(b, value));
}

static bool
put_number(struct buf *b, struct span name, uint64_t value)
{
    return put_name(b, name) && buf_append_u64(b, value);
}

static bool
put_time(struct buf *b, struct delivery_log_time *kept)
{
    struct timespec now = clock_wall();
    long ms = now.tv_nsec / 1000000;
    const char fraction[] = {
        '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z', '"'};
    struct tm tm;

    if (now.tv_sec != kept->second || kept->text[0] == '\0') {
        gmtime_r(&now.tv_sec, &tm);
        strftime(kept->text, sizeof kept->text, "%Y-%m-%dT%H:%M:%S", &tm);
        kept->second = now.tv_sec;
    }
    return buf_append_str(b, "{\"time\":\"") && buf_append_str(b, kept->text) &&
           buf_append(b, fraction, sizeof fraction);
}

static bool
put_outcome(struct buf *b, const struct outcome *why)
{
    return put_name(b, SPAN("outcome")) && buf_append_char(b, '"') &&
           buf_append_u64(b, (uint64_t)outcome_code(why)) && buf_append_char(b, ' ') &&
           buf_append_str(b, outcome_enhanced(why)) && buf_append_char(b, '"') &&
           put_field(b, SPAN("text"), outcome_text(why));
}

static bool
put_client(struct buf *b, const struct delivery_event *e)
{
    return put_field(b, SPAN("client"), e->client) &&
           put_field(b, SPAN("client_name"), e->client_name) &&
           put_field(b, SPAN("client_port"), e->client_port) &&
           put_field(b, SPAN("client_protocol"), e->client_protocol) &&
           put_field(b, SPAN("client_source"), e->client_source) &&
           put_field(b, SPAN("helo"), e->helo) && put_field(b, SPAN("login"), e->login) &&
           put_field(b, SPAN("tls"), e->tls_version) &&
           put_field(b, SPAN("tls_cipher"), e->tls_cipher) &&
           put_field(b, SPAN("requiretls"), e->require_tls ? "yes" : NULL) &&
           put_field(b, SPAN("tls_required"), e->is_tls_optional ? "no" : NULL);
}

bool
delivery_log_print_line(struct buf *out, struct delivery_log_time *kept,
                        const struct delivery_event *e)
{
    return put_time(out, kept) && put_field(out, SPAN("id"), e->id) &&
           put_field(out, SPAN("queue_id"), e->queue_id) &&
           put_field(out, SPAN("session"), e->session) &&
           put_field(out, SPAN("message_id"), e->message_id) && put_name(out, SPAN("from")) &&
           put_json(out, e->from == NULL ? "" : e->from) && put_field(out, SPAN("to"), e->to) &&
           put_field(out, SPAN("account"), e->account) &&
           put_field(out, SPAN("mailbox"), e->mailbox) && put_field(out, SPAN("sieve"), e->sieve) &&
           put_field(out, SPAN("relayed"), e->relayed) && put_field(out, SPAN("host"), e->host) &&
           put_client(out, e) && (e->uid == 0 || put_number(out, SPAN("uid"), e->uid)) &&
           put_number(out, SPAN("octets"), e->octets) &&
           put_number(out, SPAN("duration_ms"), e->duration_ms) && put_outcome(out, e->why) &&
           buf_append_str(out, "}\n");
}
