/* SPDX-License-Identifier: MIT
 *
 * The test cases of deliver, one file each.
 */
#ifndef TEST_DELIVER_SUITES_H
#define TEST_DELIVER_SUITES_H

#include <check.h>

TCase *ask_memory_tests(void);
TCase *delivery_log_tests(void);
TCase *directory_tests(void);
TCase *effects_tests(void);
TCase *filters_tests(void);
TCase *housekeeping_tests(void);
TCase *jobs_tests(void);
TCase *ledger_tests(void);
TCase *live_jobs_tests(void);
TCase *penalties_tests(void);
TCase *rates_tests(void);
TCase *slow_tests(void);
TCase *record_change_tests(void);
TCase *record_tests(void);
TCase *relay_link_tests(void);
TCase *relay_policy_tests(void);
TCase *replay_tests(void);
TCase *role_door_tests(void);
TCase *scheduler_tests(void);
TCase *script_sessions_tests(void);
TCase *sorters_tests(void);
TCase *sorters_filing_tests(void);
TCase *trace_tests(void);

#endif
