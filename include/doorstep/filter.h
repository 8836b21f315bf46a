/* SPDX-License-Identifier: MIT
 *
 * What content filters are told and what they decide, as it travels between the edge, the outbound
 * role that speaks with the filters, and the store. The stages of a session go from the edge to
 * outbound; the message goes from the store to outbound, and comes back as a result that is whole
 * or not at all. Sessions of both are joined by a key that nobody can guess.
 */
#ifndef DOORSTEP_FILTER_H
#define DOORSTEP_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/address.h"
#include "doorstep/arena.h"
#include "doorstep/outcome.h"
#include "doorstep/pack.h"

#define FILTER_KEY_SIZE 33 /* 128 random bits in hex, with the terminating NUL */
/* A message is named "KEY.N": the session's key and a number in the session. */
#define FILTER_NAME_SIZE (FILTER_KEY_SIZE + 24)
#define FILTER_NAMES_MAX 16
#define FILTER_ARGUMENTS_MAX 64
#define FILTER_MACROS_MAX 48

/* What one message may bring about. Header blocks beyond the limit are refused before any filter
 * sees them: no filter could be asked about what no filter may change. */
#define FILTER_HEADER_MAX (1024 * 1024)
#define FILTER_RECIPIENTS_MAX 1000

enum filter_stage {
    FILTER_CONNECT, /* name, family as one of "4", "6", "L", "U", address, port */
    FILTER_HELO,    /* name */
    FILTER_MAIL,    /* "<address>", then the parameters one by one */
    FILTER_RCPT,    /* the same */
    FILTER_DATA,
    FILTER_UNKNOWN, /* the command line */
    FILTER_STAGES
};

struct filter_macro {
    const char *name; /* as the milter protocol spells it: "i", "{client_addr}" */
    const char *value;
};

struct filter_event { /* all borrowed */
    enum filter_stage stage;
    bool is_late; /* nobody waits for the verdict: it counts at the end of the message */
    const char *arguments[FILTER_ARGUMENTS_MAX];
    uint32_t argument_count;
    struct filter_macro macros[FILTER_MACROS_MAX]; /* what is known now; the rest stays */
    uint32_t macro_count;
};

/* filter_event_argument() / filter_event_macro() - add one; beyond the limit nothing is added. An
 * empty value unsets a macro. */
void filter_event_argument(struct filter_event *e, const char *argument);
void filter_event_macro(struct filter_event *e, const char *name, const char *value);

void filter_event_pack(const struct filter_event *e, struct pack *p);

/* filter_event_unpack() - memory from arena; false when the bytes are no event. */
bool filter_event_unpack(struct filter_event *e, struct arena *arena, struct unpack *u);

enum filter_verdict {
    FILTER_PASS,
    FILTER_REFUSE,  /* with result.why */
    FILTER_DISCARD, /* say that it was delivered, and forget it */
    FILTER_LOST     /* a filter that must be asked could not be: result.why says how */
};

struct filter_result {
    enum filter_verdict verdict;
    struct outcome why;     /* of FILTER_REFUSE and FILTER_LOST */
    const char *quarantine; /* mailbox, or "" */
    const char *reason;     /* of the quarantine, for the log */
    const char *flags;      /* that the message gets, separated by spaces; or "" */
    bool has_sender;        /* the reverse-path was changed */
    struct address sender;
    struct address *added; /* recipients */
    uint32_t added_count;
    struct address *deleted;
    uint32_t deleted_count;
    bool is_changed;      /* the message: header and body say how */
    struct span header;   /* the whole new header block, the empty line behind it included */
    bool has_new_body;    /* the body is new and comes by descriptor, else: */
    uint64_t body_offset; /* it is the original from here on */
    uint64_t body_octets; /* of the new one */
};

void filter_result_pack(const struct filter_result *r, struct pack *p);
bool filter_result_unpack(struct filter_result *r, struct arena *arena, struct unpack *u);

struct settings;

struct filter_hooks {
    const struct settings *(*parse_settings)(int fd);
    bool (*confine)(const struct settings *s);
};

/* filter_run() - the outbound role, until main's door closes; the exit status. */
int filter_run(int main_door, const struct filter_hooks *hooks);

#endif
