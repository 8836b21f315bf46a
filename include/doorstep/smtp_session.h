/* SPDX-License-Identifier: MIT
 *
 * One SMTP or LMTP session as a pure state machine (RFC 5321, RFC 2033): bytes in, replies and
 * requests out. It knows no sockets, doors or clocks, so tests and the fuzzer run whole
 * dialogues; edge_session.c joins it to a connection and to the store. One thread.
 *
 * The owner feeds bytes and answers, and obeys two questions after each call: does the session want
 * input now (if not, stop reading), and what is it waiting for (which timeout applies).
 * Calls may be made from inside the session's own callbacks, except smtp_session_free().
 */
#ifndef DOORSTEP_SMTP_SESSION_H
#define DOORSTEP_SMTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/envelope.h"
#include "doorstep/filter.h"
#include "doorstep/outcome.h"
#include "doorstep/sasl.h"
#include "doorstep/settings.h"
#include "doorstep/span.h"
#include "doorstep/tls.h"

/* Octets of commands that may wait behind an answer before the session stops wanting input. */
#define SMTP_PENDING_HIGH 4096
/* Octets that may wait at all: what one more read of the owner may add. */
#define SMTP_PENDING_MAX (SMTP_PENDING_HIGH + 65536 + 65536)

struct smtp_session;

struct smtp_session_config {
    enum listen_protocol protocol;
    const char *hostname;
    const char *session_id;
    const char *client_ip; /* copied; as in struct envelope */
    bool trusted;          /* XCLIENT and XFORWARD */
    bool is_exempt;        /* from the limits on unknown recipients */
    uint64_t tarpit_ms;    /* first delay of a tarpit, and the longest */
    uint64_t tarpit_max_ms;
    enum listen_tls tls;
    const struct tls_facts *proxied_tls; /* borrowed; that a proxy ended in front of us, or NULL */
    bool dsn;
    bool is_behind_proxy;        /* who passes on what we announce, and takes no BDAT itself */
    bool is_unix;                /* a unix socket: nobody on the way can read along */
    bool auth;                   /* AUTH is offered */
    bool auth_plain_without_tls; /* PLAIN and LOGIN although the connection is in the clear */
    bool auth_external;          /* EXTERNAL: the peer's uid may stand for an account */
    uint64_t auth_failures_max;  /* failed log-ins before the session is ended */
    enum listen_require require; /* what a client needs before MAIL */
    enum bare_newline bare_newline;
    const struct settings_limits *limits; /* borrowed */
    const char *filter_key;               /* content filters are asked: see envelope.h; or NULL */
    bool filter_must;
    const char *client_port; /* for the filters; "" where nobody knows */
    const char *daemon_addr; /* our side of the connection, in the same way */
    const char *daemon_port;
};

/* How a transaction ended, for the log. */
struct smtp_summary {
    const struct envelope *envelope; /* borrowed for the call */
    uint64_t octets;
    uint32_t delivered;
    uint32_t refused;        /* permanent */
    uint32_t deferred;       /* temporary */
    const char *delivery_id; /* of the first delivered recipient, or "" */
};

enum smtp_wait {
    SMTP_WAIT_COMMAND,   /* for the client */
    SMTP_WAIT_HANDSHAKE, /* for TLS to begin */
    SMTP_WAIT_DATA,      /* for the client, inside a message */
    SMTP_WAIT_ANSWER,    /* for the store */
    SMTP_WAIT_DELAY,     /* for smtp_session_delay() to pass: a tarpit */
    SMTP_WAIT_NOTHING    /* closed */
};

struct smtp_session_calls {
    /* Octets for the client. false: they are taken, and it is not reading what was said before: no
     * command runs until smtp_session_writable(). */
    bool (*reply)(void *arg, struct span octets);
    /* MAIL comes from this address (as in struct envelope): may it? false: `why` is the answer. */
    bool (*mail_begin)(void *arg, const char *client_ip, struct outcome *why);
    /* XCLIENT told another address: is that one exempt from limits on unknown recipients? */
    bool (*client_changed)(void *arg, const char *client_ip);
    /* Who is this? Answer with smtp_session_rcpt_answer(), now or later, in any order. */
    void (*ask_rcpt)(void *arg, uint64_t id, const struct address *recipient,
                     const struct address *reverse_path, uint64_t size);
    /* With filter_key: may the session pass this stage? Answer with smtp_session_filter_answer(),
     * now or later. */
    void (*ask_filter)(void *arg, uint64_t id, const struct filter_event *event);
    /* The transaction that the filters have heard of ends without a message. */
    void (*filter_abort)(void *arg);
    /* A message begins; false: it cannot be taken now (451). */
    bool (*data_begin)(void *arg, uint64_t size);
    /* Content, decoded; only between data_begin and data_end or data_abort. */
    void (*data)(void *arg, struct span octets);
    /* The message is whole: answer each recipient with smtp_session_answer(). */
    void (*data_end)(void *arg, const struct envelope *envelope);
    /* Forget the message that began. */
    void (*data_abort)(void *arg);
    /* AUTH: an exchange begins, with the client's first octets when has_initial. Answer with
     * smtp_session_auth_challenge() or smtp_session_auth_done(), now or later. false: nobody can
     * tell now (454). octets are wiped after the call. */
    bool (*auth_begin)(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets);
    bool (*auth_step)(void *arg, struct span octets); /* the answer to a challenge; the same */
    void (*auth_abort)(void *arg);                    /* forget the exchange that began */
    /* STARTTLS: when a handshake may begin, now or later, call smtp_session_tls_begin(), or say
     * that it may not with smtp_session_tls_refuse(). can_start_tls says before whether the
     * listener has certificates. */
    bool (*can_start_tls)(void *arg);
    void (*start_tls)(void *arg);
    /* A transaction got its last reply; for the log. */
    void (*finished)(void *arg, const struct smtp_summary *summary);
    /* The last reply was said: send it and close. reason: static, for the log. */
    void (*close)(void *arg, const char *reason);
};

/* smtp_session_new() - calls and the strings of config but client_ip are borrowed for the session's
 * life. NULL without memory. */
struct smtp_session *smtp_session_new(const struct smtp_session_config *config,
                                      const struct smtp_session_calls *calls, void *arg);

/* smtp_session_free() - a message that is under way is aborted first; one that is whole is not: the
 * store goes on with it. NULL is allowed. */
void smtp_session_free(struct smtp_session *s);

/* smtp_session_greet() - say 220; once, first. */
void smtp_session_greet(struct smtp_session *s);

/* smtp_session_tls_begin() - say 220 to STARTTLS, the last in plain: what comes from now on is TLS.
 */
void smtp_session_tls_begin(struct smtp_session *s);

/* smtp_session_tls_refuse() - too many handshakes for too long: 421 4.7.0 and close. */
void smtp_session_tls_refuse(struct smtp_session *s);

/* smtp_session_tls_started() - the handshake is done, after STARTTLS or (implicit TLS) before the
 * greeting: the session is as new, and what the client said in plain is forgotten (RFC 3207 4.2).
 * facts: borrowed for the session's life. */
void smtp_session_tls_started(struct smtp_session *s, const struct tls_facts *facts);

/* smtp_session_feed() - all octets are taken. */
void smtp_session_feed(struct smtp_session *s, struct span octets);

/* smtp_session_rcpt_answer() - unknown and repeated ids are ignored. */
void smtp_session_rcpt_answer(struct smtp_session *s, uint64_t id, const struct outcome *outcome);

/* smtp_session_filter_answer() - a success lets the stage pass, everything else is the reply.
 * Unknown and repeated ids are ignored. */
void smtp_session_filter_answer(struct smtp_session *s, uint64_t id, const struct outcome *outcome);

/* smtp_session_answer() - for recipient `index` of the envelope; indexes out of range, repeated or
 * unexpected are ignored. delivery_id may be "". */
void smtp_session_answer(struct smtp_session *s, uint32_t index, const struct outcome *outcome,
                         const char *delivery_id);

/* smtp_session_auth_challenge() - at most SASL_CHALLENGE_MAX octets for the client. Not expected:
 * ignored, as below. */
void smtp_session_auth_challenge(struct smtp_session *s, struct span challenge);

/* smtp_session_auth_done() - the exchange has ended; login ("ann@example.org") matters only when
 * accepted. */
void smtp_session_auth_done(struct smtp_session *s, enum sasl_verdict verdict, const char *login);

/* smtp_session_login() - who has logged in, or NULL. Borrowed until the next call. */
const char *smtp_session_login(const struct smtp_session *s);

/* smtp_session_client_ip() - as in struct envelope, also what XCLIENT said; "" for a unix socket.
 * Borrowed until the next call. */
const char *smtp_session_client_ip(const struct smtp_session *s);

/* smtp_session_fail() - every answer that the store owes gets this outcome, and a message under way
 * fails with it at its end. The session goes on. */
void smtp_session_fail(struct smtp_session *s, const struct outcome *outcome);

/* smtp_session_writable() - the client has read replies again: go on with what waited. */
void smtp_session_writable(struct smtp_session *s);

/* smtp_session_drain() - no new mail: 421 at once, or behind the message that is under way. */
void smtp_session_drain(struct smtp_session *s);

/* smtp_session_delay() - SMTP_WAIT_DELAY: milliseconds from its begin. */
uint64_t smtp_session_delay(const struct smtp_session *s);

/* smtp_session_delay_over() - the refusal that waited is said. */
void smtp_session_delay_over(struct smtp_session *s);

/* smtp_session_expire() - the session has lasted too long: 421 4.4.2 and close. */
void smtp_session_expire(struct smtp_session *s);

/* smtp_session_steps() - commands that were complete and answers that came: a new wait begins when
 * it has changed. */
uint64_t smtp_session_steps(const struct smtp_session *s);

/* smtp_session_timeout() - the client was silent too long: 421 4.4.2 and close. */
void smtp_session_timeout(struct smtp_session *s);

/* smtp_session_stop() - 421 4.3.2 and close, whatever is under way. */
void smtp_session_stop(struct smtp_session *s);

bool smtp_session_wants_input(const struct smtp_session *s);
enum smtp_wait smtp_session_waits_for(const struct smtp_session *s);

/* smtp_session_in_auth() - the client's next octets may be a password. */
bool smtp_session_in_auth(const struct smtp_session *s);

/* smtp_session_in_message() - between data_begin and data_end: the owner may pause it when the
 * store is slow. */
bool smtp_session_in_message(const struct smtp_session *s);

uint64_t smtp_session_begun(const struct smtp_session *s); /* messages whose content began */
uint64_t
smtp_session_messages(const struct smtp_session *s); /* answered with at least one success */
uint64_t smtp_session_errors(const struct smtp_session *s);

#endif
