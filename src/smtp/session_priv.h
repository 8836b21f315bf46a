/* SPDX-License-Identifier: MIT
 *
 * Inside a session: its states, its transaction, and what its files call of each other. The diagram
 * stands above session_step() in session.c.
 */
#ifndef DOORSTEP_SMTP_SESSION_PRIV_H
#define DOORSTEP_SMTP_SESSION_PRIV_H

#include "doorstep/metrics_labels.h"
#include "doorstep/smtp_session.h"
#include "doorstep/tls.h"

#include "decode_priv.h"
#include "fold_priv.h"
#include "replies_priv.h"
#include "xclient_priv.h"

/* RCPTs of one session that may wait for the store at a time. */
#define RCPT_WINDOW 64

#define HELO_MAX 255

struct verb;

enum session_state {
    SESSION_CONNECTED, /* we said 220, the client has not introduced itself */
    SESSION_HANDSHAKE, /* 220 to STARTTLS is said, TLS has not begun: plain octets are dropped */
    SESSION_READY,     /* it has; no transaction is open (transaction is NULL here and above) */
    SESSION_MAIL,      /* MAIL was accepted: RCPTs come, some may wait for the store */
    SESSION_DATA,      /* in the text behind DATA */
    SESSION_CHUNK,     /* in the octets behind BDAT; also those of a refused BDAT, in any state */
    SESSION_BETWEEN,   /* between two chunks of a message */
    SESSION_ANSWER,    /* the message is whole; commands behind it stay unread until all answers are
                          out */
    SESSION_AUTH,      /* in an exchange of AUTH: either side owes the next step */
    SESSION_CLOSED     /* the last word is said; input is thrown away */
};

struct rcpt_slot { /* one RCPT whose reply is not out yet */
    uint64_t id;
    bool is_known;
    bool is_accepted;
    bool is_unknown;         /* refused by the store for good */
    enum smtp_reply refusal; /* of ours, or REPLY_NONE */
    bool is_at_filter;       /* the store accepts it, the filters are asked */
    const char *parameters;  /* as they were said, for the filters */
    const char *line;        /* the store's answer, printed, when it came out of turn */
    struct envelope_recipient recipient;
};

struct answer { /* at the end of data */
    bool is_known;
    char *line; /* owned; LMTP: came out of turn */
};

struct transaction {
    struct arena arena;       /* of MAIL and what only the end of data adds */
    struct arena recipients;  /* texts of the accepted ones */
    struct arena asked;       /* of RCPTs whose replies are not out; forgotten when none is */
    struct envelope envelope; /* recipients: owned array, the accepted ones in order */
    uint32_t recipients_size;
    struct rcpt_slot slots[RCPT_WINDOW]; /* a ring: first_slot is the oldest */
    unsigned first_slot;
    unsigned slot_count;
    uint64_t octets;        /* of content, as decoded */
    const char *parameters; /* of MAIL, as they were said, for the filters */
    bool is_at_filter;      /* the filters have heard of it */
    bool is_open;           /* the owner was told data_begin and neither data_end nor data_abort */
    bool has_failed;        /* the message is lost, for everybody, with failure */
    struct outcome failure; /* valid when has_failed */
    struct answer *answers; /* owned, one a recipient; SESSION_ANSWER */
    uint32_t answers_out;   /* LMTP: replies said */
    uint32_t answers_known;
    struct fold fold; /* SMTP's answer; LMTP's counts for the log */
};

struct smtp_session {
    struct smtp_session_config config;
    const struct smtp_session_calls *calls;
    void *arg;
    enum session_state state;
    struct buf pending; /* input that waits: half a line, or commands behind an answer */
    struct transaction *transaction; /* owned, or NULL */
    char *peer_ip;                   /* owned; of the connection; NULL: a unix socket */
    struct proxy_facts client;       /* what XCLIENT said about it */
    struct proxy_facts forward;      /* XFORWARD: for the next transaction */
    char *helo;                      /* owned; NULL before the introduction */
    bool is_extended;                /* EHLO or LHLO */
    const struct tls_facts *tls;     /* borrowed; NULL: in plain */
    bool is_running;                 /* inside session_consume(): do not enter it again */
    bool is_full; /* of replies that the client does not read: its commands wait */
    bool is_draining;
    bool is_skipping;           /* an over-long line, up to its end */
    bool skipped_cr;            /* its last octet so far was CR */
    size_t skipped;             /* octets of it */
    enum smtp_reply skip_reply; /* said at its end */
    bool auth_waits;            /* SESSION_AUTH: the owner owes the next step */
    char *login;                /* owned; NULL: nobody has logged in */
    const char *mechanism;      /* of the exchange that was begun last; counts with a login */
    uint64_t auth_failures;
    uint64_t next_rcpt_id; /* of questions to the store and to the filters */
    uint64_t filter_id;    /* the stage that waits for the filters, 0: none does */
    enum filter_stage filter_stage;
    bool filter_forwarded; /* the filters were told of a client that XFORWARD named */
    uint64_t errors;
    uint64_t steps;            /* see smtp_session_steps() */
    uint64_t commands;         /* since the last message that was delivered */
    uint64_t rcpts;            /* RCPTs among them, or beside: likewise */
    uint64_t unknown;          /* recipients that the store refused for good */
    uint64_t delay_ms;         /* a refusal waits; 0: none does */
    uint64_t delayed_id;       /* RCPT whose refusal has waited */
    uint64_t begun;            /* messages whose content began */
    uint64_t messages;         /* transactions that got to their answers */
    uint64_t accepted;         /* those with a delivery */
    struct smtp_decode decode; /* of the message under way */
    uint64_t chunk_left;       /* SESSION_CHUNK: octets that are still to come */
    bool chunk_is_last;
    enum smtp_reply chunk_refusal;  /* said when they are drained */
    enum session_state after_chunk; /* of a refused one */
};

/* --- session.c --- */

/* session_step() - the only place where the state changes. */
void session_step(struct smtp_session *s, enum session_state to);

void session_reply(struct smtp_session *s, enum smtp_reply id);
void session_reply_octets(struct smtp_session *s, struct span octets);

/* session_refuse() - 4xx or 5xx; those with 5xx are the client's errors, and too many are the end.
 */
void session_refuse(struct smtp_session *s, enum smtp_reply id);

/* session_end() - say the last word (REPLY_NONE: it was said) and close. */
void session_end(struct smtp_session *s, enum smtp_reply id, const char *reason);

/* session_forget_transaction() - abort what is under way, free it; the state is left alone. */
void session_forget_transaction(struct smtp_session *s);

/* session_waits() - for the store or the filters; what may not overtake their answer stays unread.
 */
bool session_waits(const struct smtp_session *s);

bool session_is_lmtp(const struct smtp_session *s);

/* --- input.c --- */

/* session_resume() - go on with input that waited; nothing happens inside session_consume(). */
void session_resume(struct smtp_session *s);

/* session_skip_line() - in begins with an over-long line: drop it to its end, also in what comes
 * later, and refuse it with this. Result: the octets used. */
size_t session_skip_line(struct smtp_session *s, struct span in, enum smtp_reply reply);

/* --- transaction.c: MAIL, RCPT, DATA, BDAT --- */

/* rcpt_keep() - the texts of a recipient that is accepted move to where they last. false: that many
 * and so long ones are too many. */
bool rcpt_keep(struct transaction *t, struct envelope_recipient *r);

/* rcpt_may_overtake() - may a RCPT run while others wait for the store? Not when the window is
 * full, by number or by memory, and not when it depends on their answers whether it is one too
 * many. */
bool rcpt_may_overtake(const struct smtp_session *s);

void cmd_mail(struct smtp_session *s, struct span args);
void cmd_rcpt(struct smtp_session *s, struct span args);
void cmd_data(struct smtp_session *s, struct span args);
void cmd_bdat(struct smtp_session *s, struct span args);

/* go_on_mail() and the others - the filters agree, or there are none. */
void go_on_mail(struct smtp_session *s);
void go_on_data(struct smtp_session *s);

/* --- filter.c: content filters are asked --- */

/* filter_asks() - ask about a stage; false: there are no filters, go on at once. */
bool filter_asks_connect(struct smtp_session *s);
bool filter_asks_helo(struct smtp_session *s);
bool filter_asks_mail(struct smtp_session *s);
bool filter_asks_rcpt(struct smtp_session *s, struct rcpt_slot *slot);
bool filter_asks_data(struct smtp_session *s);
bool filter_asks_unknown(struct smtp_session *s, struct span line);

/* filter_tell_data() - the same as the stage of DATA, where nobody can wait: behind BDAT. */
void filter_tell_data(struct smtp_session *s);

/* filter_name() - what the envelope says about the filters; a transaction without memory for it is
 * one that they must be asked about and cannot. */
void filter_name(struct smtp_session *s, struct envelope *e);

/* filter_fail() - the stage that waits gets this outcome. */
void filter_fail(struct smtp_session *s, const struct outcome *outcome);

/* --- content.c: the octets behind DATA and BDAT --- */

size_t content_take_text(struct smtp_session *s, struct span in);
size_t content_take_chunk(struct smtp_session *s, struct span in);

/* content_begin() - a message begins; false: the store cannot take one now, and the transaction is
 * gone. */
bool content_begin(struct smtp_session *s, bool has_dots);

/* content_begin_chunk() - the octets announced by s->chunk_left follow, perhaps none. */
void content_begin_chunk(struct smtp_session *s);

/* content_fail() - the message is lost; what follows is read and thrown away. */
void content_fail(struct smtp_session *s, const struct outcome *why);

/* --- limits.c --- */

/* limits_hit() - count and log a limit that this session went as far as. */
void limits_hit(const struct smtp_session *s, enum metrics_LIMITS limit);

/* limits_note() - the same, where the reply is about a limit. */
void limits_note(const struct smtp_session *s, enum smtp_reply id);

/* limits_take_command() - one more; false: it was one too many, and the session is over. */
bool limits_take_command(struct smtp_session *s, const struct verb *verb);

/* limits_must_delay() - does this refusal have to wait, or another that waits before it? */
bool limits_must_delay(struct smtp_session *s, const struct rcpt_slot *slot);

/* limits_count_unknown() - a recipient was refused for good; may end the session. */
void limits_count_unknown(struct smtp_session *s);

/* --- client.c --- */

/* session_fact() - about the client: XFORWARD knows best, then XCLIENT, then the connection; "". */
const char *session_fact(const struct smtp_session *s, enum proxy_fact fact);

/* session_complete_envelope() - with what only the session knows; its strings live as long as the
 * call that shows the envelope. */
void session_complete_envelope(struct smtp_session *s);

/* --- answers.c: the end of data --- */

/* answers_await() - the message is whole: ask the owner, or fail everybody at once. */
void answers_await(struct smtp_session *s);

/* answers_say() - an outcome as the reply to a command. */
void answers_say(struct smtp_session *s, const struct outcome *o);

/* answers_print_line() - into a buffer of its longest line, which the caller releases; recipient
 * may be NULL. false without memory. */
bool answers_print_line(struct buf *line, const struct address *recipient, int code,
                        const struct outcome *o, const char *delivery_id);

/* --- answers_rcpt.c --- */

/* answers_rcpt_slot() - the next place in the order of replies; there is one (RCPT_WINDOW). */
struct rcpt_slot *answers_rcpt_slot(struct transaction *t);

/* answers_rcpt_filtered() - the filters' word on a recipient that the store accepts. */
void answers_rcpt_filtered(struct smtp_session *s, uint64_t id, const struct outcome *o);

/* answers_rcpt_refuse() - a reply to RCPT that needs no store, in its turn. */
void answers_rcpt_refuse(struct smtp_session *s, enum smtp_reply id);

/* answers_rcpt_fail() - all that wait get this outcome. */
void answers_rcpt_fail(struct smtp_session *s, const struct outcome *o);

/* --- hello.c: all other verbs --- */

/* hello_say() - the answer to an introduction that was taken. */
void hello_say(struct smtp_session *s);

/* hello_forget() - nobody has introduced himself, and nothing of ESMTP may be said. */
void hello_forget(struct smtp_session *s);

void session_say_greeting(struct smtp_session *s);

void cmd_lhlo(struct smtp_session *s, struct span args);
void cmd_ehlo(struct smtp_session *s, struct span args);
void cmd_helo(struct smtp_session *s, struct span args);
void cmd_rset(struct smtp_session *s, struct span args);
void cmd_noop(struct smtp_session *s, struct span args);
void cmd_quit(struct smtp_session *s, struct span args);
void cmd_vrfy(struct smtp_session *s, struct span args);
void cmd_help(struct smtp_session *s, struct span args);
void cmd_not_implemented(struct smtp_session *s, struct span args);

/* --- starttls.c --- */

void cmd_starttls(struct smtp_session *s, struct span args);

/* starttls_is_offered() - announced now? */
bool starttls_is_offered(const struct smtp_session *s);

/* starttls_drop() - octets behind STARTTLS that are not TLS; all of them, logged. */
size_t starttls_drop(const struct smtp_session *s, struct span in);

/* starttls_is_missing() - the listener requires TLS, and it has not begun. */
bool starttls_is_missing(const struct smtp_session *s);

/* --- xclient.c --- */

void cmd_xclient(struct smtp_session *s, struct span args);
void cmd_xforward(struct smtp_session *s, struct span args);

/* xclient_ip() - who the client is: what XCLIENT said, else the connection; "" for a unix socket.
 */
const char *xclient_ip(const struct smtp_session *s);

/* xclient_has_login() - a trusted proxy said who logged in there. */
bool xclient_has_login(const struct smtp_session *s);

#endif
