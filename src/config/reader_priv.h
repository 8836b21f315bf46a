/* SPDX-License-Identifier: MIT
 *
 * From text to settings: reader.c drives libconfuse, check.c adds defaults and looks at what no
 * single value shows.
 */
#ifndef DOORSTEP_CONFIG_READER_PRIV_H
#define DOORSTEP_CONFIG_READER_PRIV_H

#include "doorstep/settings.h"
#include "row_priv.h"
#include "source_priv.h"

struct reader {
    struct arena *arena; /* borrowed: all that settings point to */
    struct settings *settings;
    const struct source *source;
    struct source_errors *errors;
    size_t closed;                              /* sections so far, in the order of source */
    struct source_place *places[SECTION_COUNT]; /* of titled sections: where each began */
};

/* reader_init() - defaults, and room for every section of the source. false: too large (said). */
bool reader_init(struct reader *r, struct arena *arena, struct settings *settings,
                 const struct source *source, struct source_errors *errors);

/* reader_run() - parse the source's text. Errors go to r->errors. */
void reader_run(struct reader *r);

/* reader_add() - one more struct of a titled section, with its defaults; NULL past the maximum
 * (said). */
void *reader_add(struct reader *r, enum config_section_id id, struct source_place at);

/* check_settings() - fill in what depends on other settings, then the cross checks. */
void check_settings(struct reader *r);

/* check_programs() - all sections of programs; which of them share a runner. */
void check_programs(struct reader *r);

/* check_filter_addresses() - each filter has both of them. */
void check_filter_addresses(struct reader *r);

/* check_filters() - all sections of filters, and the lists that name them and programs. */
void check_filters(struct reader *r);

/* check_is_local() - a unix socket, or loopback. */
bool check_is_local(const struct settings_address *a);

/* check_listen() - section i of listen. */
void check_listen(struct reader *r, size_t i);

/* check_relay() - section relay and all of route. */
void check_relay(struct reader *r);

/* check_sieve() - sections sieve and sieve_list. */
void check_sieve(struct reader *r);

#endif
