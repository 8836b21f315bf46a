/* SPDX-License-Identifier: MIT
 *
 * The connection on which a filter is sent a message: the client of relay/client, which knows the
 * protocol, on a socket. One for each message; its time is the message's.
 */
#include "passthrough_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_HIGH 131072
#define OUTPUT_MAX (4u << 20) /* what the client writes at once stays far below */
#define QUIT_MS 5000
#define RECIPIENT_MAX 512

struct talk {
    struct pass *pass; /* NULL: it has ended */
    struct loop_connect *connect;
    struct conn *conn;
    struct relay_client *client; /* owned */
    struct relay_client_config config;
    struct relay_job job;
    struct relay_recipient recipient;
    struct relay_forward forward;
    struct buf address; /* owned; of the recipient */
    bool is_sent;
};

static void
talk_free(struct talk *t)
{
    relay_client_free(t->client);
    buf_release(&t->address);
    free(t);
}

/* ---- what is sent ---- */

/* Of one account, or of all who get it: then no address of one of them is shown to the others. */
static bool
print_recipient(struct talk *t)
{
    const struct program_job *asked = &t->pass->asked;
    const char *hostname = t->pass->role->settings->hostname;
    bool is_alone = asked->has_recipient && asked->values[PROGRAM_DOMAIN][0] != '\0';

    return token_recipient(is_alone ? asked->values[PROGRAM_USER] : "",
                           is_alone ? asked->values[PROGRAM_DOMAIN] : hostname, t->pass->token,
                           &t->address);
}

static void
fill_forward(struct talk *t)
{
    const char *const *values = t->pass->asked.values;

    t->forward = (struct relay_forward){{
        [RELAY_FORWARD_NAME] = values[PROGRAM_CLIENT_NAME],
        [RELAY_FORWARD_ADDR] = values[PROGRAM_CLIENT_IP],
        [RELAY_FORWARD_PORT] = values[PROGRAM_CLIENT_PORT],
        [RELAY_FORWARD_PROTO] = values[PROGRAM_PROTOCOL],
        [RELAY_FORWARD_HELO] = values[PROGRAM_HELO],
        [RELAY_FORWARD_IDENT] = values[PROGRAM_QUEUE_ID][0] != '\0' ? values[PROGRAM_QUEUE_ID]
                                                                    : values[PROGRAM_DELIVERY_ID],
        [RELAY_FORWARD_SOURCE] = values[PROGRAM_CLIENT_SOURCE],
    }};
}

static bool
fill_job(struct talk *t)
{
    const struct pass *pass = t->pass;

    if (!print_recipient(t))
        return false;
    fill_forward(t);
    t->recipient = (struct relay_recipient){.address = buf_str(&t->address), .orcpt = ""};
    t->job = (struct relay_job){
        .route = "",
        .reverse_path = pass->asked.values[PROGRAM_SENDER],
        .envid = "",
        .body = pass->asked.is_binary ? BODY_BINARYMIME : BODY_8BITMIME,
        .by = "",
        .recipients = &t->recipient,
        .recipient_count = 1,
        .octets = pass->octets,
        .forward = &t->forward,
    };
    return true;
}

/* ---- what the client asks for ---- */

static bool
on_write(void *arg, struct span octets)
{
    struct talk *t = arg;

    return t->conn != NULL && conn_write(t->conn, octets);
}

static void
on_start_tls(void *arg)
{
    struct talk *t = arg;

    conn_close(t->conn, false, "TLS was not asked for");
}

static ssize_t
on_read_message(void *arg, uint64_t offset, void *out, size_t n)
{
    const struct pass *pass = ((struct talk *)arg)->pass;
    ssize_t got;

    if (pass == NULL || offset > pass->octets)
        return -1;
    if (n > pass->octets - offset)
        n = (size_t)(pass->octets - offset);
    do
        got = pread(pass->message, out, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got == 0 && n > 0 ? -1 : got; /* it is shorter than it was said to be */
}

static void
on_ready(void *arg)
{
    struct talk *t = arg;

    if (t->pass == NULL || t->is_sent) {
        relay_client_quit(t->client);
        return;
    }
    t->is_sent = true;
    if (!fill_job(t) || !relay_client_send(t->client, &t->job))
        pass_failed(t->pass, "there is no memory for its envelope");
}

static void
on_done(void *arg, const struct relay_result *result, bool is_stale)
{
    struct talk *t = arg;

    (void)is_stale;
    if (t->pass != NULL)
        pass_answered(t->pass, &result->answers[0]);
}

static void
on_ended(void *arg, const struct relay_answer *why)
{
    struct talk *t = arg;
    char cause[CAUSE_SIZE];

    if (t->conn != NULL)
        conn_close(t->conn, true, "ended");
    if (t->pass == NULL || t->pass->facts.reply != 0) /* it may give it back still */
        return;
    if (why == NULL || why->code == 0)
        snprintf(cause, sizeof(cause), "%s", why != NULL ? why->text : "it said goodbye");
    else
        snprintf(cause, sizeof(cause), "it answered %u %s", why->code, why->text);
    pass_failed(t->pass, cause);
}

static const struct relay_client_calls calls = {
    .write = on_write,
    .start_tls = on_start_tls,
    .read_message = on_read_message,
    .done = on_done,
    .ready = on_ready,
    .ended = on_ended,
};

/* ---- what the connection tells ---- */

static void
on_bytes(void *arg, struct span octets)
{
    relay_client_take(((struct talk *)arg)->client, octets);
}

static void
on_writable(void *arg)
{
    relay_client_resume(((struct talk *)arg)->client);
}

static void
on_timeout(void *arg)
{
    conn_close(((struct talk *)arg)->conn, false, "timeout");
}

static void
on_closed(void *arg, const char *reason)
{
    struct talk *t = arg;

    t->conn = NULL;
    relay_client_lose(t->client, strcmp(reason, "peer closed") == 0 ? "it closed the connection"
                                                                    : "the connection broke");
    if (t->pass != NULL)
        t->pass->talk = NULL;
    talk_free(t);
}

static const struct conn_handlers handlers = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_closed = on_closed,
};

/* ---- begin and end ---- */

static void
on_connected(void *arg, const struct loop_connected *end)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};
    struct talk *t = arg;
    struct pass *pass = t->pass;

    t->connect = NULL;
    if (end->fd >= 0) {
        t->conn = conn_new(pass->role->loop, end->fd, &limits, &handlers, t);
        if (t->conn != NULL) {
            conn_read_resume(t->conn);
            return;
        }
    }
    pass->talk = NULL;
    talk_free(t);
    pass_failed(pass, end->fd < 0 ? end->problem : "there is no memory for a connection");
}

static void
configure(struct talk *t)
{
    const struct settings_filter *f = t->pass->gate->settings;

    t->config = (struct relay_client_config){
        .is_lmtp = f->protocol == RELAY_LMTP,
        .is_here = true,
        .as_it_is = true,
        .tls = RELAY_TLS_NONE,
        .hostname = t->pass->role->settings->hostname,
        .host = f->address.text,
        .user = "",
        .password = "",
    };
}

struct talk *
talk_open(struct pass *pass)
{
    const struct settings_filter *f = pass->gate->settings;
    const struct settings_address *a = &f->address;
    const struct loop_addresses to = {
        .list = {a->is_unix ? loop_address_of_path(a->path)
                            : (struct loop_address){a->ip, a->ip_length}},
        .count = 1,
    };
    struct talk *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->pass = pass;
    buf_init(&t->address, RECIPIENT_MAX);
    configure(t);
    t->client = relay_client_new(&t->config, &calls, t);
    if (t->client != NULL)
        t->connect = loop_connect_new(pass->role->loop, &to, f->timeout, on_connected, t);
    if (t->connect != NULL)
        return t;
    talk_free(t);
    return NULL;
}

/* A client that has done its part says goodbye, in bounded time; whatever else it is in the middle
 * of never comes to its end. */
void
talk_let_go(struct talk *t)
{
    enum relay_wait waits = relay_client_waits_for(t->client);

    t->pass->talk = NULL;
    t->pass = NULL;
    if (t->connect != NULL) {
        loop_connect_cancel(t->connect);
        talk_free(t);
    } else if (t->conn == NULL) {
        ; /* on_closed() is further up, and frees it */
    } else if (waits == RELAY_WAITS_FOR_JOB || waits == RELAY_WAITS_FOR_QUIT) {
        relay_client_quit(t->client);
        conn_set_timeout(t->conn, QUIT_MS);
    } else {
        conn_close(t->conn, false, "its message has ended");
    }
}
