/* SPDX-License-Identifier: MIT
 *
 * The table of each extension; registry.c lists them.
 */
#ifndef SIEVE_EXTENSIONS_PRIV_H
#define SIEVE_EXTENSIONS_PRIV_H

#include "doorstep/date.h"
#include "doorstep/sieve_extension.h"

extern const struct sieve_extension sieve_base;               /* RFC 5228 */
extern const struct sieve_extension sieve_fileinto;           /* RFC 5228 4.1 */
extern const struct sieve_extension sieve_envelope;           /* RFC 5228 5.4 */
extern const struct sieve_extension sieve_encoded_character;  /* RFC 5228 2.4.2.4 */
extern const struct sieve_extension sieve_comparator_octet;   /* RFC 4790 */
extern const struct sieve_extension sieve_comparator_casemap; /* RFC 4790 */
extern const struct sieve_extension sieve_comparator_numeric; /* RFC 4790 */
extern const struct sieve_extension sieve_copy;               /* RFC 3894 */
extern const struct sieve_extension sieve_variables;          /* RFC 5229 */
extern const struct sieve_extension sieve_relational;         /* RFC 5231 */
extern const struct sieve_extension sieve_subaddress;         /* RFC 5233 */
extern const struct sieve_extension sieve_vacation;           /* RFC 5230 */
extern const struct sieve_extension sieve_vacation_seconds;   /* RFC 6131 */
extern const struct sieve_extension sieve_reject;             /* RFC 5429 */
extern const struct sieve_extension sieve_ereject;            /* RFC 5429 */
extern const struct sieve_extension sieve_enotify;            /* RFC 5435, RFC 5436 */
extern const struct sieve_extension sieve_fcc;                /* RFC 8580 */
extern const struct sieve_extension sieve_extlists;           /* RFC 6134 */
extern const struct sieve_extension sieve_redirect_dsn;       /* RFC 6009 */
extern const struct sieve_extension sieve_redirect_deliverby; /* RFC 6009 */
extern const struct sieve_extension sieve_envelope_dsn;       /* RFC 6009 */
extern const struct sieve_extension sieve_envelope_deliverby; /* RFC 6009 */
extern const struct sieve_extension sieve_vnd_pipe;           /* vnd.dovecot.* */
extern const struct sieve_extension sieve_vnd_filter;
extern const struct sieve_extension sieve_vnd_execute;
extern const struct sieve_extension sieve_vnd_report;

extern const struct sieve_extension sieve_date;               /* RFC 5260 */
extern const struct sieve_extension sieve_index;              /* RFC 5260 6 */
extern const struct sieve_extension sieve_imap4flags;         /* RFC 5232 */
extern const struct sieve_extension sieve_imapflags;          /* what came before it */
extern const struct sieve_extension sieve_mailbox;            /* RFC 5490 3 */
extern const struct sieve_extension sieve_mboxmetadata;       /* RFC 5490 3 */
extern const struct sieve_extension sieve_servermetadata;     /* RFC 5490 4 */
extern const struct sieve_extension sieve_special_use;        /* RFC 8579 */
extern const struct sieve_extension sieve_mailboxid;          /* RFC 9042 */
extern const struct sieve_extension sieve_regex;              /* draft-murchison-sieve-regex */
extern const struct sieve_extension sieve_duplicate;          /* RFC 7352 */
extern const struct sieve_extension sieve_environment;        /* RFC 5183 */
extern const struct sieve_extension sieve_vnd_environment;    /* items and the namespace env */
extern const struct sieve_extension sieve_vnd_debug;          /* debug_log */
extern const struct sieve_extension sieve_ihave;              /* RFC 5463 */
extern const struct sieve_extension sieve_editheader;         /* RFC 5293 */
extern const struct sieve_extension sieve_spamtest;           /* RFC 5235 */
extern const struct sieve_extension sieve_spamtestplus;       /* RFC 5235 */
extern const struct sieve_extension sieve_virustest;          /* RFC 5235 */
extern const struct sieve_extension sieve_comparator_unicode; /* RFC 5051 */
extern const struct sieve_extension sieve_replace;            /* RFC 5703 5 */
extern const struct sieve_extension sieve_enclose;            /* RFC 5703 6 */
extern const struct sieve_extension sieve_body;               /* RFC 5173 */
extern const struct sieve_extension sieve_include;            /* RFC 6609 */
extern const struct sieve_extension sieve_mime;               /* RFC 5703 4 */
extern const struct sieve_extension sieve_foreverypart;       /* RFC 5703 3 */
extern const struct sieve_extension sieve_extracttext;        /* RFC 5703 7 */

/* date.c: minutes east of Greenwich, by this machine, at that moment. */
int sieve_local_zone(int64_t seconds);

/* date.c: the :zone of a test, "+0100". The moment in its zone, or in this machine's without one;
 * false: the run has failed. */
bool sieve_check_zone(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value);
bool sieve_move_zone(struct sieve_run *r, const struct sieve_op *op, const struct sieve_tagged *t,
                     struct date *d);

/* date.c: "2010-02-25T12:00:00-08:00", or with Z; false: no such year. */
bool sieve_print_iso8601(struct buf *out, const struct date *d);

#endif
