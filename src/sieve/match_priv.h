/* SPDX-License-Identifier: MIT
 *
 * One evaluation of keys against values; regex and lists have files of their own.
 */
#ifndef SIEVE_MATCH_PRIV_H
#define SIEVE_MATCH_PRIV_H

#include "regex_priv.h"
#include "run_priv.h"

#define MATCH_UNICODE_COST 16 /* of an octet of a character that is not ASCII */

struct sieve_match {
    struct sieve_run *run;
    const struct sieve_op *op;
    const struct sieve_value *value; /* of the keys */
    enum sieve_match_type type;
    const struct sieve_comparator *comparator;
    const char *relation; /* of :count and :value; else NULL */
    const struct span *keys;
    const struct span *folded; /* the same in the comparator's form */
    uint32_t key_count;
    uint64_t count;                /* values so far */
    struct sieve_field_memo *memo; /* of the field whose value that is, or NULL */
    struct span folded_value;      /* the one that is being matched, where folded is what counts */
    bool has_extents;              /* run->extents is about it */
    pcre2_code **regexes;
    bool keeps_variables; /* sieve_match_keep_variables() */
};

/* match_prepare() - fold the keys of a test that compares, where they are constant. False: noted.
 */
bool match_prepare(struct sieve_check *c, struct sieve_op *op);

/* One value against key i. */
typedef enum sieve_truth (*match_fn)(struct sieve_match *m, uint32_t i, struct span value);

enum sieve_truth match_wildcards(struct sieve_match *m, uint32_t i, struct span value);

/* match_regex_begin() - have the keys compiled. False: the run has failed. */
bool match_regex_begin(struct sieve_match *m);
enum sieve_truth match_regex(struct sieve_match *m, uint32_t i, struct span value);
enum regex_flavour regex_flavour_of(const struct sieve_comparator *comparator);

/* regex_group() - the first group of an expression of the configuration's, with case, in value.
 * False: it does not match, has no group, or the run has failed. */
bool regex_group(struct sieve_run *r, struct span ere, struct span value, struct span *out);

/* match_variables() - what was caught; unless the test is one that sets no match variables. */
bool match_variables(struct sieve_match *m, const struct span *values, uint32_t count);

/* extensions/extlists.c: the keys name lists. False: one does not exist, the run has failed. */
bool match_list_begin(struct sieve_match *m);

/* extensions/extlists.c: is the value on the list that the key names? */
enum sieve_truth match_list(struct sieve_match *m, uint32_t i, struct span value);

/* match_find() - where key, which is not empty, first stands in s; NULL: nowhere. Linear time. */
const char *match_find(struct span s, struct span key);

/* match_field_value() - as sieve_match_value(): the value is f's as sieve_field_value() decodes it.
 */
enum sieve_truth match_field_value(struct sieve_match *m, const struct sieve_field *f,
                                   struct span value);

#endif
