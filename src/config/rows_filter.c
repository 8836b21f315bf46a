/* SPDX-License-Identifier: MIT
 *
 * Rows of the sections filter. See row_priv.h.
 */
#include "row_priv.h"

#include "doorstep/settings.h"

#define HOUR UINT64_C(3600000)

/* Words of an enum stand in the order of the enum. */
static const char *const driver_words[] = {"smtp", "lmtp", NULL};
static const char *const failure_words[] = {"tempfail", "skip", NULL};
static const char *const silence_words[] = {"tempfail", "discard", NULL};
static const char *const once_words[] = {"message", "recipient", NULL};

_Static_assert(sizeof(enum relay_protocol) == sizeof(int) &&
                   sizeof(enum program_failure) == sizeof(int) &&
                   sizeof(enum filter_silence) == sizeof(int) &&
                   sizeof(enum program_once) == sizeof(int),
               "KIND_ENUM keeps an int");

#define AT(field) .offset = offsetof(struct settings_filter, field)

const struct config_row filter_rows[FILTER_ROWS] = {
    {"driver", KIND_ENUM, 0, "smtp", 0, 0, driver_words, AT(protocol),
     .doc = "what is spoken with it, there and back"},
    {"address", KIND_ADDRESS, 0, NULL, 0, 0, AT(address), .doc = "where the filter listens"},
    {"return", KIND_ADDRESS, 0, NULL, 0, 0, AT(back),
     .doc = "where we listen for what it gives back"},
    {"on_failure", KIND_ENUM, 0, "tempfail", 0, 0, failure_words, AT(on_failure),
     .doc = "what becomes of mail that the filter could not look at"},
    {"on_silence", KIND_ENUM, 0, "tempfail", 0, 0, silence_words, AT(on_silence),
     .doc = "what becomes of mail that it takes and does not give back"},
    {"once_per", KIND_ENUM, 0, "message", 0, 0, once_words, AT(once_per),
     .doc = "how often it looks at a message of several recipients before Sieve"},
    {"timeout", KIND_DURATION, 0, "1min", 10, HOUR, AT(timeout),
     .doc = "how long it may take, there and back"},
    {"concurrency", KIND_COUNT, 0, "10", 1, 1000, AT(concurrency),
     .doc = "how many messages it has at a time"},
};
