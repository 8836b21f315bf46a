/* SPDX-License-Identifier: MIT
 *
 * The client of SMTP (RFC 5321) and LMTP (RFC 2033) as a pure state machine: octets in, octets and
 * questions out. It knows no sockets, clocks or TLS library, so tests and the fuzzer run whole
 * dialogues. One connection carries many transactions, one after the other. One thread.
 *
 * The owner connects, feeds what comes (relay_client_take()), does what it is asked, and runs the
 * clock of what the client waits for. Calls may be made from inside the client's own callbacks,
 * except relay_client_free().
 *
 *   new --greeting, EHLO, [STARTTLS, EHLO], [AUTH]--> ready() --relay_client_send()--> transaction
 *                                                       ^                                 |
 *                                                       '------------- done() ------------'
 *   and from everywhere: ended(), behind done() of a transaction that was open.
 */
#ifndef DOORSTEP_RELAY_CLIENT_H
#define DOORSTEP_RELAY_CLIENT_H

#include <sys/types.h>

#include "doorstep/relay_job.h"
#include "doorstep/settings.h"

struct relay_client;
struct relay_logins;

struct relay_client_config { /* strings are borrowed while the client lives; none is NULL */
    bool is_lmtp;
    bool is_here;  /* a unix socket, or loopback: nobody on the way can read along */
    bool as_it_is; /* octets above 127 go out whatever is announced: whoever hears them gives them
                    * back */
    enum relay_tls tls;
    const char *hostname;        /* what EHLO says */
    const char *host;            /* relay_result.host */
    const char *user, *password; /* "": no AUTH */
    struct relay_logins *logins; /* borrowed; NULL where there is no user */
};

#define RELAY_BINDING_MAX 64

struct relay_tls_facts { /* borrowed for the call */
    const char *version; /* "TLSv1.3" */
    const char *cipher;
    bool is_verified;    /* the certificate is good, and that of who was asked for */
    const char *problem; /* why it is not, or "" */
    struct span binding; /* tls-exporter (RFC 9266), or SPAN_NONE */
};

struct relay_client_calls {
    /* Octets for the next hop, to be copied. false: that is enough until relay_client_resume(). */
    bool (*write)(void *arg, struct span octets);
    /* What comes and goes from now on is TLS: relay_client_tls_started(), or relay_client_lose().
     * Octets that were read already do not count. */
    void (*start_tls)(void *arg);
    /* Octets of the message of the open transaction (behind the job's head), up to n from offset.
     * How many; 0 where it ends, -1 when it cannot be read. */
    ssize_t (*read_message)(void *arg, uint64_t offset, void *out, size_t n);
    /* The transaction is over; result is borrowed for the call. is_stale: the next hop had gone
     * away before the connection was used again; a new one may do better at once. */
    void (*done)(void *arg, const struct relay_result *result, bool is_stale);
    /* Nothing is open: relay_client_send(), relay_client_quit(), or nothing for a while. */
    void (*ready)(void *arg);
    /* Exactly once, last: close the connection, what was written goes out before. why: NULL behind
     * relay_client_quit(); else what holds for every message that waited for this connection. */
    void (*ended)(void *arg, const struct relay_answer *why);
};

/* relay_client_new() - waits for the greeting, or with RELAY_TLS_IMPLICIT for TLS. calls are
 * borrowed. NULL without memory. */
struct relay_client *relay_client_new(const struct relay_client_config *config,
                                      const struct relay_client_calls *calls, void *arg);
void relay_client_free(struct relay_client *c); /* NULL is allowed; nothing is called */

void relay_client_take(struct relay_client *c, struct span octets);
void relay_client_resume(struct relay_client *c); /* the owner can write again */
void relay_client_tls_started(struct relay_client *c, const struct relay_tls_facts *facts);

/* relay_client_send() - begin a transaction, after ready(). The job is borrowed until done(), which
 * may come before this returns. false: one is open, or there is no memory; nothing was begun. */
bool relay_client_send(struct relay_client *c, const struct relay_job *job);

/* relay_client_quit() - QUIT, as soon as no transaction is open. */
void relay_client_quit(struct relay_client *c);

/* relay_client_lose() - the connection is gone, TLS failed, or the time is over. cause: text for
 * reports and logs, as "connection reset". */
void relay_client_lose(struct relay_client *c, const char *cause);

/* What the client waits for, as the times of RFC 5321 4.5.3.2 are told apart. */
enum relay_wait {
    RELAY_WAITS_FOR_GREETING,
    RELAY_WAITS_FOR_HELLO, /* EHLO, STARTTLS, AUTH */
    RELAY_WAITS_FOR_HANDSHAKE,
    RELAY_WAITS_FOR_JOB, /* ready() was called: as long as the owner likes */
    RELAY_WAITS_FOR_MAIL,
    RELAY_WAITS_FOR_RCPT,
    RELAY_WAITS_FOR_DATA,  /* its 354 */
    RELAY_WAITS_FOR_ROOM,  /* to write the message on */
    RELAY_WAITS_FOR_CHUNK, /* the reply to BDAT */
    RELAY_WAITS_FOR_END,   /* the reply to the whole message */
    RELAY_WAITS_FOR_QUIT,
    RELAY_WAITS_FOR_NOTHING, /* ended */
    RELAY_WAITS
};

enum relay_wait relay_client_waits_for(const struct relay_client *c);

/* relay_client_turn() - grows with each reply that came whole and each piece of the message that
 * went out: the clock begins anew when it changes. An octet now and then is no reply. */
uint64_t relay_client_turn(const struct relay_client *c);

/* relay_logins_new() - libgsasl's own start, once a process, before it locks itself in. NULL: no
 * memory. */
struct relay_logins *relay_logins_new(void);
void relay_logins_free(struct relay_logins *l); /* NULL is allowed */

#endif
