/* SPDX-License-Identifier: MIT
 *
 * The base language is one table whose rows live in several files.
 */
#ifndef SIEVE_BASE_PRIV_H
#define SIEVE_BASE_PRIV_H

#include "doorstep/sieve_extension.h"

extern const struct sieve_tag base_match_tags[]; /* comparators.c */

/* base_tests.c */
enum sieve_truth test_true(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_false(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_not(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_allof(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_anyof(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_exists(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_size(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_header(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_address(struct sieve_run *r, const struct sieve_op *op);
bool check_size(struct sieve_check *c, struct sieve_op *op);
bool check_header(struct sieve_check *c, struct sieve_op *op);
bool check_address(struct sieve_check *c, struct sieve_op *op);
extern const struct sieve_tag size_tags[];

/* extensions/mime.c: the elements of a field that :type and its like ask for. */
enum sieve_truth mime_compare(struct sieve_run *r, const struct sieve_op *op,
                              const struct sieve_field *f, struct sieve_match *m);

#define BASE_TESTS                                                                                 \
    {.name = "true", .is_test = true, .test = test_true},                                          \
        {.name = "false", .is_test = true, .test = test_false},                                    \
        {.name = "not", .is_test = true, .tests = SIEVE_ONE_TEST, .test = test_not},               \
        {.name = "allof", .is_test = true, .tests = SIEVE_TEST_LIST, .test = test_allof},          \
        {.name = "anyof", .is_test = true, .tests = SIEVE_TEST_LIST, .test = test_anyof},          \
        {.name = "exists",                                                                         \
         .is_test = true,                                                                          \
         .arguments = "l",                                                                         \
         .classes = SIEVE_ON_MIME,                                                                 \
         .check = check_header,                                                                    \
         .test = test_exists},                                                                     \
        {.name = "size",                                                                           \
         .is_test = true,                                                                          \
         .arguments = "n",                                                                         \
         .tags = size_tags,                                                                        \
         .check = check_size,                                                                      \
         .test = test_size},                                                                       \
        {.name = "header",                                                                         \
         .is_test = true,                                                                          \
         .arguments = "ll",                                                                        \
         .classes = SIEVE_ON_COMPARE | SIEVE_ON_FIELD | SIEVE_ON_MIME | SIEVE_ON_MIME_PART,        \
         .check = check_header,                                                                    \
         .test = test_header},                                                                     \
        {.name = "address",                                                                        \
         .is_test = true,                                                                          \
         .arguments = "ll",                                                                        \
         .classes = SIEVE_ON_COMPARE | SIEVE_ON_ADDRESS | SIEVE_ON_FIELD | SIEVE_ON_MIME,          \
         .check = check_address,                                                                   \
         .test = test_address},

#endif
