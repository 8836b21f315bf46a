/* SPDX-License-Identifier: MIT
 *
 * The texts of an event for content filters: who is calling, the introduction, TLS, addresses and
 * their parameters, as macros and arguments that live as long as the question.
 */
#include "filter_priv.h"

#include <stdio.h>
#include <string.h>

/* --- who is calling --- */

bool
filter_has_forwarded_client(const struct smtp_session *s)
{
    return s->forward.text[FACT_IP] != NULL || s->forward.text[FACT_NAME] != NULL ||
           s->forward.text[FACT_HELO] != NULL;
}

/* "IPv6:2001:db8::1" without what RFC 5321 puts in front. */
static const char *
plain_ip(const char *ip)
{
    return strncmp(ip, "IPv6:", 5) == 0 ? ip + 5 : ip;
}

static const char *
family_of(const char *ip)
{
    if (ip[0] == '\0')
        return "U";
    return strchr(ip, ':') != NULL ? "6" : "4";
}

/* "name [address]", as sendmail's $_ has it. */
static const char *
validated_name(struct question *q, const char *name, const char *ip)
{
    struct buf text;
    const char *copy = "";

    buf_init(&text, 1024);
    if (ip[0] == '\0' ? buf_append_str(&text, name) : buf_printf(&text, "%s [%s]", name, ip))
        copy = arena_copy(&q->arena, buf_span(&text));
    buf_release(&text);
    return copy != NULL ? copy : "";
}

void
question_describe_client(const struct smtp_session *s, struct question *q)
{
    struct filter_event *e = &q->event;
    const char *ip = plain_ip(session_fact(s, FACT_IP)), *name = session_fact(s, FACT_NAME);
    bool is_direct = !filter_has_forwarded_client(s) && s->client.text[FACT_IP] == NULL;
    const char *port = is_direct ? s->config.client_port : session_fact(s, FACT_PORT);

    if (name[0] == '\0')
        name = ip[0] == '\0' ? "localhost" : "unknown";
    filter_event_argument(e, name);
    filter_event_argument(e, family_of(ip));
    filter_event_argument(e, ip);
    filter_event_argument(e, port[0] != '\0' ? port : "0");
    filter_event_macro(e, "j", s->config.hostname);
    filter_event_macro(e, "v", "Doorstep " DOORSTEP_VERSION);
    filter_event_macro(e, "_", validated_name(q, name, ip));
    filter_event_macro(e, "{daemon_name}", s->config.hostname);
    filter_event_macro(e, "{daemon_addr}", s->config.daemon_addr);
    filter_event_macro(e, "{daemon_port}", s->config.daemon_port);
    filter_event_macro(e, "{client_addr}", ip);
    filter_event_macro(e, "{client_name}", name);
    filter_event_macro(e, "{client_ptr}", name);
    filter_event_macro(e, "{client_port}", port);
}

void
question_describe_helo(const struct smtp_session *s, struct question *q)
{
    const char *forwarded = session_fact(s, FACT_HELO);

    filter_event_argument(&q->event, forwarded[0] != '\0' ? forwarded : s->helo);
}

void
question_describe_tls(const struct smtp_session *s, struct question *q)
{
    const struct tls_facts *tls = s->tls;
    bool is_known = tls != NULL && tls->is_client_verified; /* else anybody signed it */
    char bits[16] = "";

    if (tls != NULL && tls->bits != 0)
        snprintf(bits, sizeof(bits), "%u", tls->bits);
    filter_event_macro(&q->event, "{tls_version}", tls != NULL ? tls->version : "");
    filter_event_macro(&q->event, "{cipher}", tls != NULL ? tls->cipher : "");
    filter_event_macro(&q->event, "{cipher_bits}", arena_copy(&q->arena, span_of(bits)));
    filter_event_macro(&q->event, "{cert_subject}", is_known ? tls->client_common_name : "");
    filter_event_macro(&q->event, "{cert_issuer}", is_known ? tls->client_issuer_name : "");
}

/* --- the transaction --- */

/* "<local@domain>" */
static const char *
print_path(struct question *q, const struct address *a)
{
    struct buf text;
    const char *copy = NULL;

    buf_init(&text, ADDRESS_PATH_MAX);
    if (buf_append_char(&text, '<') && address_print(a, &text) && buf_append_char(&text, '>'))
        copy = arena_copy(&q->arena, buf_span(&text));
    buf_release(&text);
    return copy != NULL ? copy : "<>";
}

const char *
question_address(struct question *q, const char *path)
{
    const char *copy = arena_copy(&q->arena, (struct span){path + 1, strlen(path) - 2});

    return copy != NULL ? copy : "";
}

void
question_describe_path(struct question *q, const struct address *a, const char *parameters)
{
    struct span rest = span_of(parameters);

    filter_event_argument(&q->event, print_path(q, a));
    while (rest.n > 0) {
        size_t n = span_find(rest, ' ');
        const char *word = n > 0 ? arena_copy(&q->arena, (struct span){rest.p, n}) : NULL;

        if (word != NULL)
            filter_event_argument(&q->event, word);
        rest = span_skip(rest, n + 1);
    }
}

const char *
question_message_id(const struct smtp_session *s, struct question *q)
{
    const char *queue_id = session_fact(s, FACT_QUEUE_ID), *copy;
    struct buf text;

    if (queue_id[0] != '\0')
        return queue_id;
    buf_init(&text, 256);
    buf_printf(&text, "%s-%llu", s->config.session_id, (unsigned long long)s->messages + 1);
    copy = arena_copy(&q->arena, buf_span(&text));
    buf_release(&text);
    return copy != NULL ? copy : "";
}
