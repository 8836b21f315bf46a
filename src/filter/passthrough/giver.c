/* SPDX-License-Identifier: MIT
 *
 * A connection to a listener for what filters give back: the filter's, or anybody's. One message at
 * a time, for one recipient, whose token says which; without one nobody gets as far as DATA. What
 * comes in lies in memory until it is whole, and is bounded.
 */
#include "passthrough_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"
#include "doorstep/smtp_session.h"

#define OUTPUT_HIGH 16384
#define OUTPUT_MAX 262144
#define STRANGERS_MAX 16 /* connections of a listener beyond those that messages under way need */

struct giver {
    struct gate *gate;
    TAILQ_ENTRY(giver) all;
    struct conn *conn;
    struct smtp_session *session; /* owned */
    char token[TOKEN_SIZE];       /* of the recipient of the transaction that is open, or "" */
    struct pass *pass;            /* that it gives back now; NULL: none */
    int fd;                       /* owned; what has come of it, or -1 */
    uint64_t octets;
    uint64_t steps;
    bool is_full, is_reading;
};

/* ---- what it gives ---- */

static void
forget(struct giver *g)
{
    if (g->pass != NULL)
        g->pass->giver = NULL;
    g->pass = NULL;
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
    g->octets = 0;
}

/* Nothing that comes from here can be the message any more. */
static void
spoil(struct giver *g, const char *cause)
{
    struct pass *pass = g->pass;

    forget(g);
    conn_close(g->conn, false, cause);
    pass_failed(pass, cause);
}

static void
on_data(void *arg, struct span octets)
{
    struct giver *g = arg;
    uint64_t max = g->gate->role->settings->limits.message_size + GIVEN_MARGIN;

    if (g->pass == NULL)
        return;
    if (octets.n > max - g->octets) {
        spoil(g, "what it gives back is too big");
        return;
    }
    while (octets.n > 0) {
        ssize_t n = write(g->fd, octets.p, octets.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            spoil(g, "there is no memory for what it gives back");
            return;
        }
        g->octets += (uint64_t)n;
        octets = span_skip(octets, (size_t)n);
    }
}

static bool
on_data_begin(void *arg, uint64_t size)
{
    struct giver *g = arg;
    struct pass *pass = pass_find(g->gate, g->token);

    (void)size;
    if (pass == NULL || pass->giver != NULL)
        return false; /* its time has passed, or another one was faster */
    g->fd = memfd_create("given", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (g->fd < 0)
        return false;
    g->pass = pass;
    pass->giver = g;
    pass->facts.has_begun = true;
    return true;
}

static void
on_data_abort(void *arg)
{
    forget(arg);
}

/* What was cut off because of its end is refused: whoever sees that knows that it was not taken. */
static void
on_data_end(void *arg, const struct envelope *envelope)
{
    struct giver *g = arg;
    struct pass *pass = g->pass;
    struct outcome o;

    (void)envelope;
    g->token[0] = '\0';
    if (pass == NULL)
        outcome_set(&o, OUTCOME_SYSTEM, "it is nobody's any more");
    else if (g->octets == 0)
        outcome_set(&o, OUTCOME_BAD_CONTENT, "it is empty");
    else
        outcome_set(&o, OUTCOME_OK, NULL);
    smtp_session_answer(g->session, 0, &o, "");
    if (pass != NULL && g->octets == 0) {
        forget(g);
        pass_failed(pass, "it gave back no message");
    } else if (pass != NULL) {
        int fd = g->fd;

        g->pass = NULL;
        g->fd = -1;
        pass_given(pass, fd, g->octets);
        g->octets = 0;
    }
}

/* ---- for whom ---- */

static bool
on_mail_begin(void *arg, const char *client_ip, struct outcome *why)
{
    struct giver *g = arg;

    (void)client_ip;
    (void)why;
    g->token[0] = '\0';
    return true;
}

/* One recipient is what was sent. */
static void
on_ask_rcpt(void *arg, uint64_t id, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    struct giver *g = arg;
    char token[TOKEN_SIZE] = "";
    const struct pass *pass =
        token_find(recipient->local, token) ? pass_find(g->gate, token) : NULL;
    struct outcome o;

    (void)reverse_path;
    (void)size;
    if (pass == NULL) {
        metrics_count(METRIC_PASS_STRANGERS, g->gate->label, 1);
        outcome_set(&o, OUTCOME_NO_SUCH_USER, NULL);
    } else if (g->token[0] != '\0' || pass->giver != NULL) {
        outcome_set(&o, OUTCOME_BUSY, NULL);
    } else {
        outcome_set(&o, OUTCOME_RCPT_OK, NULL);
        memcpy(g->token, token, sizeof(g->token));
    }
    smtp_session_rcpt_answer(g->session, id, &o);
}

/* ---- what else the session asks for ---- */

static bool
on_reply(void *arg, struct span octets)
{
    struct giver *g = arg;

    if (!conn_write(g->conn, octets))
        g->is_full = true;
    return !g->is_full;
}

static bool
on_client_changed(void *arg, const char *client_ip)
{
    (void)arg;
    (void)client_ip;
    return true;
}

static void
on_finished(void *arg, const struct smtp_summary *summary)
{
    (void)arg;
    (void)summary;
}

static void
on_session_close(void *arg, const char *reason)
{
    conn_close(((struct giver *)arg)->conn, true, reason);
}

static const struct smtp_session_calls session_calls = {
    .reply = on_reply,
    .mail_begin = on_mail_begin,
    .client_changed = on_client_changed,
    .ask_rcpt = on_ask_rcpt,
    .data_begin = on_data_begin,
    .data = on_data,
    .data_end = on_data_end,
    .data_abort = on_data_abort,
    .finished = on_finished,
    .close = on_session_close,
};

/* ---- the connection ---- */

/* A client that says something new has its time anew; a message has its own beside that. */
static void
update(struct giver *g)
{
    bool wants = smtp_session_wants_input(g->session) && !g->is_full;

    if (smtp_session_waits_for(g->session) == SMTP_WAIT_NOTHING)
        return; /* conn_close() has its own time */
    if (smtp_session_steps(g->session) != g->steps) {
        g->steps = smtp_session_steps(g->session);
        conn_set_timeout(g->conn, g->gate->settings->timeout);
    }
    if (wants == g->is_reading)
        return;
    g->is_reading = wants;
    if (wants)
        conn_read_resume(g->conn);
    else
        conn_read_pause(g->conn);
}

static void
on_bytes(void *arg, struct span octets)
{
    struct giver *g = arg;

    smtp_session_feed(g->session, octets);
    update(g);
}

static void
on_writable(void *arg)
{
    struct giver *g = arg;

    g->is_full = false;
    smtp_session_writable(g->session);
    update(g);
}

static void
on_timeout(void *arg)
{
    smtp_session_timeout(((struct giver *)arg)->session);
}

static bool
on_end(void *arg)
{
    conn_close(((struct giver *)arg)->conn, true, "peer closed");
    return true;
}

static void
on_closed(void *arg, const char *reason)
{
    struct giver *g = arg;

    (void)reason;
    smtp_session_free(g->session);
    forget(g);
    TAILQ_REMOVE(&g->gate->givers, g, all);
    g->gate->giver_count--;
    free(g);
}

static const struct conn_handlers handlers = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_closed = on_closed,
};

/* ---- begin and end ---- */

static struct smtp_session *
open_session(struct giver *g)
{
    const struct passthrough *role = g->gate->role;
    const struct settings_filter *f = g->gate->settings;
    const struct smtp_session_config config = {
        .protocol = f->protocol == RELAY_LMTP ? LISTEN_LMTP : LISTEN_SMTP,
        .is_behind_proxy = true,
        .hostname = role->settings->hostname,
        .session_id = f->name,
        .client_ip = "",
        .is_exempt = true,
        .is_unix = f->back.is_unix,
        .bare_newline = role->settings->bare_newline,
        .limits = &role->limits,
        .client_port = "",
        .daemon_addr = "",
        .daemon_port = "",
    };

    return smtp_session_new(&config, &session_calls, g);
}

/* Strangers who keep connections open keep no filter out: the oldest that gives nothing back goes.
 */
static void
make_room(struct gate *gate)
{
    struct giver *g = TAILQ_FIRST(&gate->givers);

    if (gate->giver_count < gate->settings->concurrency + STRANGERS_MAX)
        return;
    while (g != NULL &&
           (g->pass != NULL || smtp_session_waits_for(g->session) == SMTP_WAIT_NOTHING))
        g = TAILQ_NEXT(g, all);
    if (g != NULL)
        smtp_session_stop(g->session);
}

static void
begin(struct giver *g)
{
    TAILQ_INSERT_TAIL(&g->gate->givers, g, all);
    g->gate->giver_count++;
    conn_set_timeout(g->conn, g->gate->settings->timeout);
    smtp_session_greet(g->session);
    update(g);
}

void
giver_open(struct gate *gate, int fd)
{
    static const struct conn_limits limits = {.output_max = OUTPUT_MAX, .output_high = OUTPUT_HIGH};
    struct giver *g = calloc(1, sizeof(*g));

    make_room(gate);
    if (g == NULL) {
        close(fd);
        return;
    }
    *g = (struct giver){.gate = gate, .fd = -1};
    g->session = open_session(g);
    g->conn = g->session != NULL ? conn_new(gate->role->loop, fd, &limits, &handlers, g) : NULL;
    if (g->conn != NULL) {
        begin(g);
        return;
    }
    if (g->session == NULL)
        close(fd);
    smtp_session_free(g->session);
    free(g);
}

void
giver_cut(struct giver *g)
{
    forget(g);
    conn_close(g->conn, false, "its message has ended");
}
