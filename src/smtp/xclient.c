/* SPDX-License-Identifier: MIT
 *
 * XCLIENT and XFORWARD (Postfix XCLIENT_README, XFORWARD_README; SESSION and what follows it are
 * Dovecot's): a proxy or filter that we trust tells who its client is. XCLIENT speaks for the
 * connection and starts the session anew; XFORWARD speaks for the next message, and its IDENT, the
 * queue id, is what the ledger recognises a retry by. Values are xtext, or [UNAVAILABLE],
 * [TEMPUNAVAIL]. A command is taken whole or not at all.
 */
#include "auth_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"
#include "parameters_priv.h"

#define VALUE_MAX 1024 /* octets of a value as written: FORWARD has the longest */

void
proxy_facts_release(struct proxy_facts *f)
{
    for (int i = 0; i < FACT_COUNT; i++)
        free(f->text[i]);
    *f = (struct proxy_facts){0};
}

static bool
proxy_facts_copy(const struct proxy_facts *from, struct proxy_facts *to)
{
    *to = (struct proxy_facts){0};
    for (int i = 0; i < FACT_COUNT; i++) {
        to->text[i] = from->text[i] == NULL ? NULL : strdup(from->text[i]);
        if (from->text[i] != NULL && to->text[i] == NULL)
            return false;
    }
    return true;
}

/* --- values: what a decoded one means, or NULL when it is none --- */

#define IPV6_PREFIX "IPv6:"
#define MEANING_SIZE (sizeof(IPV6_PREFIX) + INET6_ADDRSTRLEN)

/* "192.0.2.1" or "IPV6:2001:db8::1", spelled as struct envelope has it. */
static const char *
read_address(const char *value, char meaning[MEANING_SIZE])
{
    const size_t prefix = sizeof(IPV6_PREFIX) - 1;
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, value, &four) == 1)
        return value;
    if (strncasecmp(value, IPV6_PREFIX, prefix) == 0)
        value += prefix;
    if (inet_pton(AF_INET6, value, &six) != 1)
        return NULL;
    memcpy(meaning, IPV6_PREFIX, prefix);
    inet_ntop(AF_INET6, &six, meaning + prefix, INET6_ADDRSTRLEN);
    return meaning;
}

/* Host names, HELO names, queue ids, log-in names: any word. */
static const char *
read_word(const char *value, char meaning[MEANING_SIZE])
{
    (void)meaning;
    return value[0] != '\0' && strchr(value, ' ') == NULL ? value : NULL;
}

static const char *
read_port(const char *value, char meaning[MEANING_SIZE])
{
    unsigned long long port;

    (void)meaning;
    return span_parse_u64(span_of(value), 65535, &port) ? value : NULL;
}

static const char *
read_protocol(const char *value, char meaning[MEANING_SIZE])
{
    (void)meaning;
    return strcasecmp(value, "SMTP") == 0 || strcasecmp(value, "ESMTP") == 0 ||
                   strcasecmp(value, "LMTP") == 0
               ? value
               : NULL;
}

/* TTL and TIMEOUT: they are for who passes the session on, which nobody does here. */
static const char *
read_number(const char *value, char meaning[MEANING_SIZE])
{
    unsigned long long n;

    (void)meaning;
    return span_parse_u64(span_of(value), UINT32_MAX, &n) ? value : NULL;
}

/* Base64 of what is forwarded to a password database: not ours to read. */
static const char *
read_any(const char *value, char meaning[MEANING_SIZE])
{
    (void)meaning;
    return value;
}

static const char *
read_source(const char *value, char meaning[MEANING_SIZE])
{
    (void)meaning;
    return strcasecmp(value, "LOCAL") == 0 || strcasecmp(value, "REMOTE") == 0 ? value : NULL;
}

/* --- attributes --- */

enum { IN_XCLIENT = 1, IN_XFORWARD = 2 };

static const struct attribute {
    const char *name;
    unsigned commands;
    const char *(*read)(const char *value, char meaning[MEANING_SIZE]);
    enum proxy_fact fact; /* FACT_COUNT: checked, not kept */
} attributes[] = {
    {"NAME", IN_XCLIENT | IN_XFORWARD, read_word, FACT_NAME},
    {"REVERSE_NAME", IN_XCLIENT, read_word, FACT_COUNT},
    {"ADDR", IN_XCLIENT | IN_XFORWARD, read_address, FACT_IP},
    {"PORT", IN_XCLIENT | IN_XFORWARD, read_port, FACT_PORT},
    {"PROTO", IN_XCLIENT | IN_XFORWARD, read_protocol, FACT_PROTOCOL},
    {"HELO", IN_XCLIENT | IN_XFORWARD, read_word, FACT_HELO},
    {"LOGIN", IN_XCLIENT, read_word, FACT_LOGIN},
    {"DESTADDR", IN_XCLIENT, read_address, FACT_COUNT},
    {"DESTPORT", IN_XCLIENT, read_port, FACT_COUNT},
    {"DESTNAME", IN_XCLIENT, read_word, FACT_COUNT},
    {"SESSION", IN_XCLIENT, read_word, FACT_SESSION},
    {"TTL", IN_XCLIENT, read_number, FACT_COUNT},
    {"TIMEOUT", IN_XCLIENT, read_number, FACT_COUNT},
    {"FORWARD", IN_XCLIENT, read_any, FACT_COUNT},
    {"CLIENT-TRANSPORT", IN_XCLIENT, read_word, FACT_COUNT},
    {"IDENT", IN_XFORWARD, read_word, FACT_QUEUE_ID},
    {"SOURCE", IN_XFORWARD, read_source, FACT_SOURCE},
};

static const struct attribute *
find_attribute(struct span name, unsigned command)
{
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if ((attributes[i].commands & command) != 0 &&
            span_equal_fold(name, span_of(attributes[i].name)))
            return &attributes[i];
    }
    return NULL;
}

static bool
is_unavailable(struct span value)
{
    return span_equal_fold(value, SPAN("[UNAVAILABLE]")) ||
           span_equal_fold(value, SPAN("[TEMPUNAVAIL]"));
}

/* One "NAME=value". */
static bool
take_attribute(struct proxy_facts *facts, unsigned command, struct span word, struct arena *arena)
{
    size_t equals = span_find(word, '=');
    struct span value = span_skip(word, equals + 1);
    const struct attribute *a = find_attribute((struct span){word.p, equals}, command);
    char meaning[MEANING_SIZE];
    const char *text = "";

    if (a == NULL || equals == word.n)
        return false;
    if (!is_unavailable(value)) {
        text = xtext_decode(value, VALUE_MAX, arena);
        text = text == NULL ? NULL : a->read(text, meaning);
    }
    if (text == NULL)
        return false;
    if (a->fact == FACT_COUNT)
        return true;
    free(facts->text[a->fact]);
    facts->text[a->fact] = strdup(text);
    return facts->text[a->fact] != NULL;
}

static bool
take_attributes(struct proxy_facts *facts, unsigned command, struct span args)
{
    struct arena arena;
    bool is_good = args.n > 0;

    arena_init(&arena, 65536);
    while (is_good && args.n > 0) {
        size_t space = span_find(args, ' ');

        is_good = take_attribute(facts, command, (struct span){args.p, space}, &arena);
        args = span_skip(args, space + 1);
    }
    arena_release(&arena);
    return is_good;
}

/* All of the command's attributes go into *facts, or none. */
static bool
update_facts(struct smtp_session *s, struct proxy_facts *facts, unsigned command, struct span args)
{
    struct proxy_facts next;

    if (!s->config.trusted) {
        session_refuse(s, REPLY_NOT_AUTHORIZED);
        return false;
    }
    if (!proxy_facts_copy(facts, &next) || !take_attributes(&next, command, args)) {
        proxy_facts_release(&next);
        session_refuse(s, REPLY_SYNTAX);
        return false;
    }
    proxy_facts_release(facts);
    *facts = next;
    return true;
}

const char *
xclient_ip(const struct smtp_session *s)
{
    if (s->client.text[FACT_IP] != NULL)
        return s->client.text[FACT_IP];
    return s->peer_ip != NULL ? s->peer_ip : "";
}

bool
xclient_has_login(const struct smtp_session *s)
{
    return s->client.text[FACT_LOGIN] != NULL && s->client.text[FACT_LOGIN][0] != '\0';
}

static void
log_client(const struct smtp_session *s)
{
    char *const *text = s->client.text;

    log_event(LOG_LEVEL_INFO, "xclient", "id", s->config.session_id, "peer", text[FACT_IP], "port",
              text[FACT_PORT], "name", text[FACT_NAME], "helo", text[FACT_HELO], "protocol",
              text[FACT_PROTOCOL], "login", text[FACT_LOGIN], "session", text[FACT_SESSION], NULL);
}

/* The session is as new afterwards: the introduction of the real client may follow. */
void
cmd_xclient(struct smtp_session *s, struct span args)
{
    if (!update_facts(s, &s->client, IN_XCLIENT, args))
        return;
    log_client(s);
    s->config.is_exempt = s->calls->client_changed(s->arg, xclient_ip(s));
    proxy_facts_release(&s->forward);
    auth_forget(s);
    hello_forget(s);
    session_step(s, SESSION_CONNECTED);
    smtp_session_greet(s);
}

void
cmd_xforward(struct smtp_session *s, struct span args)
{
    if (update_facts(s, &s->forward, IN_XFORWARD, args))
        session_reply(s, REPLY_OK);
}
