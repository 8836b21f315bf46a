/* SPDX-License-Identifier: MIT
 *
 * lmtpload's parts: options, what all sessions share, and one session. One thread, no locks.
 */
#ifndef LMTPLOAD_PRIV_H
#define LMTPLOAD_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct load_options {
    unsigned sessions;   /* at the same time, each with one message in flight */
    unsigned recipients; /* of a message */
    unsigned users;      /* NAME0 ... NAMEN-1, taken in turn */
    const char *name;    /* what their names begin with */
    size_t size;         /* octets of a message as received, header included */
    uint64_t messages;   /* after so many no message is begun; 0: time alone ends it */
    double seconds;      /* after them no message is begun; those in flight are finished */
    double grace;        /* seconds that those may take */
    const char *domain;  /* of the recipients */
    const char *where;   /* HOST:PORT, or the path of a unix socket */
};

struct target { /* where to connect */
    struct sockaddr_storage address;
    socklen_t length;
};

struct content { /* the part of the body that all messages share; see content.c */
    char *octets;
    size_t size;
};

struct latencies { /* one sample a message, microseconds */
    uint32_t *list;
    size_t count;
    size_t room;
};

struct load {
    const struct load_options *options;
    struct target target;
    struct content content;
    struct latencies latencies;
    int epoll;
    double stop;             /* no message is begun from here on */
    unsigned open;           /* sessions */
    unsigned in_flight;      /* messages */
    uint64_t next_user;      /* number of the next recipient */
    uint64_t begun;          /* messages */
    uint64_t delivered;      /* recipients that heard 250 after the message */
    uint64_t refused;        /* recipients that heard something else */
    uint64_t messages;       /* with at least one 250 */
    uint64_t lost;           /* messages cut off in flight */
    double last;             /* when the last message was answered */
    char first_refusal[256]; /* for the person who reads the result */
};

struct session;

/* now() - seconds of the monotonic clock. */
double now(void);

/* target_find() - false with errno, or 0 in it when the name means nothing. */
bool target_find(struct target *t, const char *where);
/* target_connect() - a connected, non-blocking descriptor, or -1 with errno. */
int target_connect(const struct target *t);

/* content_init() - text of 72 octets a line that ends in the end of data; false without memory. */
bool content_init(struct content *c, size_t size);
void content_release(struct content *c);
/* content_tail() - the last octets of it, the end of data included, that make `size` octets of
 * message behind a header of `header` octets. */
const char *content_tail(const struct content *c, size_t header, size_t *n);

bool latencies_add(struct latencies *l, double seconds);
/* latencies_sort() - before the first latencies_ms(). */
void latencies_sort(struct latencies *l);
/* latencies_ms() - of the share of messages that were answered in this time; 0 without any. */
double latencies_ms(const struct latencies *l, double share);
void latencies_release(struct latencies *l);

/* session_open() - connects and waits for the greeting; NULL with errno. */
struct session *session_open(struct load *load);
/* session_step() - carries on after epoll said that there is something to do. False: it is over,
 * and the caller closes it. */
bool session_step(struct session *s, bool can_read);
/* session_close() - a message in flight is counted as lost. */
void session_close(struct session *s);

/* load_is_over() - no message is to be begun any more. */
bool load_is_over(const struct load *load);

/* load_run() - false with errno when the server cannot be reached or memory is short. */
bool load_run(struct load *load);

#endif
