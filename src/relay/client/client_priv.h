/* SPDX-License-Identifier: MIT
 *
 * Inside the client: its state, and what its files do with it. hello.c brings a connection up,
 * transaction.c sends one envelope, content.c its message; client.c holds them together.
 */
#ifndef DOORSTEP_RELAY_CLIENT_PRIV_H
#define DOORSTEP_RELAY_CLIENT_PRIV_H

#include "capabilities_priv.h"
#include "content_priv.h"
#include "doorstep/deliver_by.h"
#include "doorstep/relay_client.h"
#include "forward_priv.h"
#include "login_priv.h"

/*   GREETING > EHLO [> HELO] [> STARTTLS > HANDSHAKE > EHLO] [> AUTH] > IDLE
 *   IDLE > ENVELOPE > CONTENT > END > DONE > IDLE   a transaction; shorter where it is refused
 *   IDLE > QUIT > ENDED                              and from everywhere: ENDING > ENDED
 */
enum client_state {
    CLIENT_GREETING,
    CLIENT_EHLO, /* or LHLO */
    CLIENT_HELO,
    CLIENT_STARTTLS,
    CLIENT_HANDSHAKE,
    CLIENT_AUTH,
    CLIENT_IDLE,
    CLIENT_ENVELOPE, /* RSET, MAIL, RCPT, DATA are said and answered */
    CLIENT_CONTENT,  /* the message is going out */
    CLIENT_END,      /* it is out: the replies that count are missing */
    CLIENT_DONE,     /* the transaction is over, and its owner does not know yet */
    CLIENT_QUIT,
    CLIENT_ENDING, /* the connection is over, and its owner does not know yet */
    CLIENT_ENDED,
    CLIENT_STATES
};

struct transaction {
    const struct relay_job *job;  /* borrowed; NULL: none is open */
    struct arena arena;           /* all below */
    struct relay_answer *answers; /* one a recipient */
    bool *is_answered;            /* the same: nothing will change it */
    const char *sender;           /* as it is said */
    const char **paths;           /* one a recipient: as it is said; NULL: it is not */
    uint32_t *order;              /* the recipients that are said */
    uint32_t order_count;
    struct deliver_by by;
    bool has_by;
    bool has_no_memory;      /* for the plan */
    bool uses_utf8;          /* MAIL says SMTPUTF8 */
    enum envelope_body body; /* that MAIL says; nothing for 7BIT */
    bool uses_bdat;
    bool is_pipelined;
    bool has_reset;
    struct forward_lines forward;
    /* Commands of the envelope: [RSET], [XFORWARD], MAIL, RCPT in order, [DATA]; the next to be
     * said, and the next to be answered. */
    uint32_t said, heard;
    uint32_t accepted;     /* recipients */
    bool is_mail_accepted; /* the server has an envelope that RSET would end */
    bool is_data_accepted; /* 354 */
    bool is_refused;       /* all that was left is answered: no more is said */
    uint32_t chunks_said, chunks_heard;
    bool has_failed; /* a chunk; what follows does not count */
    struct content content;
};

struct relay_client {
    struct relay_client_config config; /* what it points to is borrowed */
    const struct relay_client_calls *calls;
    void *arg;
    enum client_state state;
    uint64_t turn;
    bool can_write;
    bool is_running;    /* run() is further up */
    bool is_ready_said; /* in IDLE: ready() was called */
    bool wants_quit;
    bool needs_reset; /* an envelope was left in the server: RSET goes first */
    bool is_secret;   /* TLS */
    bool is_verified; /* its certificate */
    bool is_greeted;  /* by EHLO, so that extensions may be used */
    char tls[128];    /* relay_result.tls */
    char binding[RELAY_BINDING_MAX];
    size_t binding_length;
    struct reply reply;
    struct buf piece; /* of a message, or a command: what is being written */
    struct capabilities can;
    bool is_tls_refused; /* STARTTLS was; it goes on in plain */
    struct login *login; /* owned; in AUTH */
    struct buf first;    /* the client's first octets, until the server asks for them */
    bool is_auth_taken_back;
    uint32_t transactions; /* that came to an end on this connection */
    struct transaction t;
    bool has_why; /* of ended() */
    struct relay_answer why;
    char why_text[RELAY_STRING_MAX];
};

/* client_write() - one or more lines, or octets of the message. */
void client_write(struct relay_client *c, struct span octets);

/* client_say() - a line; CRLF is added. */
void client_say(struct relay_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* client_end() - the connection is over. What is not answered is deferred, with this text: who
 * wants a code, too, has the reply. */
void client_end(struct relay_client *c, const char *enhanced, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* client_give_up() - the same, and QUIT is said. */
void client_give_up(struct relay_client *c, const char *enhanced, const char *text);

/* client_end_by_reply() - the same, with the reply that has come; QUIT where it will be heard. */
void client_end_by_reply(struct relay_client *c);

/* client_idle() - nothing is open any more. */
void client_idle(struct relay_client *c);

/* hello.c: replies in its states, and where TLS has begun. */
void hello_on_greeting(struct relay_client *c);
void hello_on_ehlo(struct relay_client *c);
void hello_on_helo(struct relay_client *c);
void hello_on_starttls(struct relay_client *c);
void hello_on_auth(struct relay_client *c);
void hello_on_tls(struct relay_client *c, const struct relay_tls_facts *facts);

/* transaction.c: one envelope. client_transaction_begin() - false without memory. transaction_say()
 * and transfer_say() do one thing that may be done now; false: there is none. */
bool client_transaction_begin(struct relay_client *c, const struct relay_job *job);
bool transaction_say(struct relay_client *c);
void transaction_on_reply(struct relay_client *c);
enum relay_wait transaction_waits_for(const struct transaction *t);

/* transaction_take_reply() - what the reply means for a recipient. */
struct relay_answer transaction_take_reply(struct relay_client *c, bool is_rcpt);

/* transaction_answer() - for one recipient; transaction_settle() - for every one that has none. */
void transaction_answer(struct relay_client *c, uint32_t recipient, const struct relay_answer *a);
void transaction_settle(struct relay_client *c, const struct relay_answer *a);

/* transaction_finish() - all have answers. leaves_envelope: the server has one, still. */
void transaction_finish(struct relay_client *c, bool leaves_envelope);
void transaction_report(struct relay_client *c, bool is_stale); /* done() */
bool transaction_is_stale(const struct relay_client *c);
void transaction_forget(struct transaction *t);

/* transfer.c: its message, and the replies to that. */
#define TRANSFER_CHUNK_MAX (2 * CONTENT_PIECE_MAX) /* octets of one BDAT */
void transfer_begin(struct relay_client *c);
bool transfer_say(struct relay_client *c);
void transfer_on_content_reply(struct relay_client *c);
void transfer_on_end_reply(struct relay_client *c);

/* envelope.c: is the job something that this next hop can take? envelope_plan() fills answers of
 * those that are settled here, and sender, paths and order for the others. false: no memory. */
bool envelope_plan(struct relay_client *c);

/* The commands, with the parameters that the next hop announced. */
void envelope_mail(const struct relay_client *c, struct buf *out);
void envelope_rcpt(const struct relay_client *c, uint32_t recipient, struct buf *out);

#endif
