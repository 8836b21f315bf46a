/* SPDX-License-Identifier: MIT
 *
 * External programs that look at mail, and content filters that give it back: what one is told (a
 * job, from the store to the role that asks it), and the variables of a program's arguments and its
 * environment. Values come from strangers: they are never
 * looked at for variables again, have no control octets, and stand at the begin of an argument only
 * where they cannot be taken for an option.
 */
#ifndef DOORSTEP_PROGRAM_H
#define DOORSTEP_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/pack.h"

#define PROGRAM_ARGUMENTS_MAX 32    /* that a script adds */
#define PROGRAM_JOB_MAX (48 * 1024) /* octets of a packed job: it fits into one frame */
#define PROGRAM_VALUE_MAX 1024      /* octets of a variable's value; longer ones are cut */
#define PROGRAM_PATH "/usr/local/bin:/usr/bin:/bin"

enum program_variable { /* %{sender} in arguments, SENDER in the environment */
                        PROGRAM_SENDER,
                        PROGRAM_CLIENT_IP,
                        PROGRAM_CLIENT_NAME,
                        PROGRAM_CLIENT_PORT,
                        PROGRAM_PROTOCOL,
                        PROGRAM_CLIENT_SOURCE,
                        PROGRAM_HELO,
                        PROGRAM_LOGIN,
                        PROGRAM_QUEUE_ID,
                        PROGRAM_DELIVERY_ID,
                        PROGRAM_MESSAGE_SIZE,
                        PROGRAM_RECIPIENT, /* from here on: of one recipient, where there is one */
                        PROGRAM_ORIGINAL_RECIPIENT,
                        PROGRAM_USER,
                        PROGRAM_DOMAIN,
                        PROGRAM_DETAIL,
                        PROGRAM_MAILBOX,
                        PROGRAM_VARIABLES
};

/* program_variable_name() - "sender"; program_variable_find() - PROGRAM_VARIABLES: none has that
 * name. */
const char *program_variable_name(enum program_variable v);
enum program_variable program_variable_find(struct span name);

struct program_template { /* what program_template_check() finds in an argument */
    bool begins_with_variable;
    bool names_recipient; /* it has a variable of one recipient */
};

/* program_template_check() - false: it has a % that begins no variable, why says so. "%%" is a
 * percent sign. */
bool program_template_check(const char *text, struct program_template *found, struct buf *why);

/* program_expand() - text with the values in place of its variables, NULL for "". The result is
 * arena's; NULL without memory. */
const char *program_expand(const char *text, const char *const values[PROGRAM_VARIABLES],
                           struct arena *arena);

enum program_use {
    PROGRAM_AS_FILTER, /* its exit status is a verdict */
    PROGRAM_BY_PIPE,   /* a command of Sieve: 0 is yes, other exit statuses are no */
    PROGRAM_BY_FILTER,
    PROGRAM_BY_EXECUTE,
    PROGRAM_USES
};

struct program_job {     /* strings are "" where nothing is known */
    const char *program; /* name of its section, program or filter */
    enum program_use use;
    const char *file; /* in the section's folder, or "": the section's command */
    const char *arguments[PROGRAM_ARGUMENTS_MAX]; /* further ones */
    uint32_t argument_count;
    bool has_recipient; /* values has those of one recipient */
    bool is_binary;     /* the message came as BINARYMIME (RFC 3030): it need not be lines */
    bool wants_output;  /* not PROGRAM_AS_FILTER: what it writes is asked for */
    const char *values[PROGRAM_VARIABLES];
};

/* program_job_pack() - values are cut and cleaned on the way. */
void program_job_pack(const struct program_job *job, struct pack *p);
/* program_job_unpack() - memory from arena; false: these bytes are no job. */
bool program_job_unpack(struct program_job *job, struct arena *arena, struct unpack *u);

#endif
