/* SPDX-License-Identifier: MIT
 *
 * Runs the unit tests of deliver.
 */
#include <sodium.h>
#include <stdlib.h>

#include "suites.h"

int
main(void)
{
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    Suite *s = suite_create("deliver");
    suite_add_tcase(s, ask_memory_tests());
    suite_add_tcase(s, delivery_log_tests());
    suite_add_tcase(s, directory_tests());
    suite_add_tcase(s, effects_tests());
    suite_add_tcase(s, filters_tests());
    suite_add_tcase(s, housekeeping_tests());
    suite_add_tcase(s, jobs_tests());
    suite_add_tcase(s, ledger_tests());
    suite_add_tcase(s, live_jobs_tests());
    suite_add_tcase(s, penalties_tests());
    suite_add_tcase(s, rates_tests());
    suite_add_tcase(s, slow_tests());
    suite_add_tcase(s, record_change_tests());
    suite_add_tcase(s, record_tests());
    suite_add_tcase(s, relay_link_tests());
    suite_add_tcase(s, relay_policy_tests());
    suite_add_tcase(s, replay_tests());
    suite_add_tcase(s, role_door_tests());
    suite_add_tcase(s, scheduler_tests());
    suite_add_tcase(s, script_sessions_tests());
    suite_add_tcase(s, sorters_tests());
    suite_add_tcase(s, sorters_filing_tests());
    suite_add_tcase(s, trace_tests());
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
