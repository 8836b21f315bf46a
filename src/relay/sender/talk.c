/* SPDX-License-Identifier: MIT
 *
 * The conversation on a link: octets between the connection and the client, which knows the
 * protocol; TLS where it asks for it; and the clock of what it waits for. A link without a job is
 * kept for a while, then it says goodbye.
 */
#include "sender_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#define OUTPUT_HIGH 131072
#define OUTPUT_MAX (4u << 20) /* what the client writes at once stays far below */
#define IDLE_MS 15000
#define QUIT_MS 5000

#define MINUTE_MS UINT64_C(60000)

/* --- the clock (RFC 5321 4.5.3.2) --- */

static uint64_t
at_most(uint64_t ms, uint64_t max)
{
    return ms < max ? ms : max;
}

static uint64_t
timeout_of(const struct link *l, enum relay_wait waits)
{
    const struct settings_route *s = l->route->settings;

    switch (waits) {
    case RELAY_WAITS_FOR_GREETING:
    case RELAY_WAITS_FOR_HELLO:
    case RELAY_WAITS_FOR_MAIL:
    case RELAY_WAITS_FOR_RCPT:
    case RELAY_WAITS_FOR_CHUNK:
        return s->reply_timeout;
    case RELAY_WAITS_FOR_HANDSHAKE:
        return at_most(s->reply_timeout, l->route->sender->settings->timeouts.handshake);
    case RELAY_WAITS_FOR_DATA:
        return at_most(s->reply_timeout, 2 * MINUTE_MS);
    case RELAY_WAITS_FOR_ROOM:
        return at_most(s->reply_timeout, 3 * MINUTE_MS);
    case RELAY_WAITS_FOR_END:
        return s->data_timeout;
    case RELAY_WAITS_FOR_JOB:
        return IDLE_MS;
    case RELAY_WAITS_FOR_QUIT:
        return QUIT_MS;
    case RELAY_WAITS_FOR_NOTHING:
    case RELAY_WAITS:
        break;
    }
    return 0;
}

static void
set_clock(struct link *l)
{
    enum relay_wait waits;
    uint64_t turn;

    if (l->conn == NULL || l->state != LINK_TALKING)
        return;
    waits = relay_client_waits_for(l->client);
    turn = relay_client_turn(l->client);
    if (l->has_clock && l->waits == waits && l->turn == turn)
        return; /* what has arrived is no reply: the time runs on */
    l->has_clock = true;
    l->waits = waits;
    l->turn = turn;
    conn_set_timeout(l->conn, timeout_of(l, waits));
}

/* --- what the client asks for --- */

static bool
on_write(void *arg, struct span octets)
{
    struct link *l = arg;

    return l->conn != NULL && conn_write(l->conn, octets);
}

static void
start_tls(struct link *l)
{
    const struct settings_route *s = l->route->settings;
    const struct tls_target target = {
        .name = s->tls_name[0] != '\0' ? s->tls_name : s->next_hop.host,
        .is_number = s->tls_name[0] == '\0' && s->next_hop.is_number,
        .is_strict = s->tls != RELAY_TLS_OPPORTUNISTIC,
        .sessions = l->route->sessions,
    };

    l->is_in_handshake = true;
    if (!conn_start_tls_client(l->conn, l->route->tls, &target))
        conn_close(l->conn, false, "no memory for TLS");
}

static void
on_start_tls(void *arg)
{
    start_tls(arg);
}

static ssize_t
on_read_message(void *arg, uint64_t offset, void *out, size_t n)
{
    const struct job *j = ((struct link *)arg)->job;
    uint64_t left;
    ssize_t got;

    if (j == NULL || offset > j->wire.octets)
        return -1;
    left = j->wire.octets - offset;
    if (n > left)
        n = (size_t)left;
    do
        got = pread(j->fd, out, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got == 0 && n > 0 ? -1 : got; /* it is shorter than it was said to be */
}

static void
on_done(void *arg, const struct relay_result *result, bool is_stale)
{
    struct link *l = arg;
    struct job *j = l->job;

    l->job = NULL;
    if (j == NULL)
        return;
    if (is_stale && !j->is_again)
        route_retry(j);
    else
        job_done(j, result);
}

static void
on_ready(void *arg)
{
    struct link *l = arg;

    if (!l->is_established) {
        l->is_established = true;
        route_ready(l->route);
    }
    loop_chore_add(l->route->sender->loop, &l->route->work); /* never from inside a call of ours */
}

/* Why it ended interests those that wait for a connection, as long as it was none. */
static void
on_ended(void *arg, const struct relay_answer *why)
{
    struct link *l = arg;

    if (l->state != LINK_ENDED)
        sender_link_end(l, l->is_established ? NULL : why);
    if (l->conn != NULL)
        conn_close(l->conn, true, "ended");
}

static const struct relay_client_calls calls = {
    .write = on_write,
    .start_tls = on_start_tls,
    .read_message = on_read_message,
    .done = on_done,
    .ready = on_ready,
    .ended = on_ended,
};

/* --- what the connection tells --- */

static void
on_bytes(void *arg, struct span octets)
{
    struct link *l = arg;

    relay_client_take(l->client, octets);
    set_clock(l);
}

static void
on_writable(void *arg)
{
    struct link *l = arg;

    relay_client_resume(l->client);
    set_clock(l);
}

static void
on_timeout(void *arg)
{
    static const char *const late[RELAY_WAITS] = {
        [RELAY_WAITS_FOR_GREETING] = "the greeting did not come in time",
        [RELAY_WAITS_FOR_HELLO] = "the reply to EHLO, STARTTLS or AUTH did not come in time",
        [RELAY_WAITS_FOR_HANDSHAKE] = "TLS was not agreed on in time",
        [RELAY_WAITS_FOR_MAIL] = "the reply to MAIL did not come in time",
        [RELAY_WAITS_FOR_RCPT] = "the reply to RCPT did not come in time",
        [RELAY_WAITS_FOR_DATA] = "the reply to DATA did not come in time",
        [RELAY_WAITS_FOR_ROOM] = "it does not read the message in time",
        [RELAY_WAITS_FOR_CHUNK] = "the reply to BDAT did not come in time",
        [RELAY_WAITS_FOR_END] = "the reply to the message did not come in time",
    };
    struct link *l = arg;

    if (l->waits == RELAY_WAITS_FOR_JOB)
        relay_client_quit(l->client);
    else if (late[l->waits] != NULL)
        relay_client_lose(l->client, late[l->waits]);
    else
        conn_close(l->conn, false, "timeout");
    set_clock(l);
}

static void
log_tls(const struct link *l, const struct tls_facts *facts)
{
    log_event(LOG_LEVEL_INFO, "relay_tls", "route", l->route->settings->name, "host", l->host,
              "version", facts->version, "cipher", facts->cipher, "verified",
              facts->is_server_verified ? "yes" : "no", "resumed", facts->is_resumed ? "yes" : "no",
              "problem", facts->server_problem[0] != '\0' ? facts->server_problem : "-", NULL);
}

static void
on_tls(void *arg, const struct tls_facts *facts)
{
    uint8_t binding[TLS_BINDING_MAX];
    struct relay_tls_facts known = {.version = facts->version,
                                    .cipher = facts->cipher,
                                    .is_verified = facts->is_server_verified,
                                    .problem = facts->server_problem};
    struct link *l = arg;
    size_t n;

    l->is_in_handshake = false;
    log_tls(l, facts);
    if (conn_tls_binding(l->conn, TLS_BINDING_EXPORTER, binding, &n))
        known.binding = (struct span){(const char *)binding, n};
    relay_client_tls_started(l->client, &known);
    set_clock(l);
}

static const char *
cause_of(const char *reason)
{
    if (strcmp(reason, "peer closed") == 0)
        return "it closed the connection";
    if (strncmp(reason, "tls: ", 5) == 0)
        return reason;
    return "the connection broke";
}

/* The client hears of it behind all that came before, unless it has ended; or the link was cut:
 * then its job is no longer there. */
static void
on_closed(void *arg, const char *reason)
{
    struct link *l = arg;

    l->conn = NULL;
    if (l->state != LINK_ENDED)
        relay_client_lose(l->client, cause_of(reason));
    sender_link_free(l);
}

static const struct conn_handlers handlers = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_tls = on_tls,
    .on_closed = on_closed,
};

/* --- begin and work --- */

bool
talk_begin(struct link *l, int fd)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};

    l->client = relay_client_new(&l->config, &calls, l);
    if (l->client == NULL) {
        close(fd);
        return false;
    }
    l->conn = conn_new(l->route->sender->loop, fd, &limits, &handlers, l);
    if (l->conn == NULL)
        return false;
    l->state = LINK_TALKING;
    conn_read_resume(l->conn);
    if (l->config.tls == RELAY_TLS_IMPLICIT)
        start_tls(l);
    set_clock(l);
    return true;
}

static void
begin_job(struct link *l, struct job *j)
{
    const struct relay_answer why = {
        .state = RELAY_DEFERRED, .enhanced = "4.3.0", .text = "no memory for a message"};

    l->messages++;
    l->job = j;
    j->link = l;
    if (relay_client_send(l->client, &j->wire))
        return;
    l->job = NULL;
    job_fail(j, l->host, &why);
}

void
talk_work(struct link *l)
{
    struct job *j;

    if (l->messages >= l->route->settings->connection_messages) {
        relay_client_quit(l->client);
    } else if ((j = route_next_job(l->route)) != NULL) {
        begin_job(l, j);
    }
    set_clock(l);
}
