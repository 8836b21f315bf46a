/* SPDX-License-Identifier: MIT
 *
 * Every metric, one row each; read once for each use that metrics.h and src/metrics/ make of it, so
 * it has no guard. A new metric is a row here (and in docs/metrics.md) and a call where it happens.
 *
 * METRIC(id, kind, name, unit, roles, label, help)
 *
 *   kind   COUNTER, GAUGE or HISTOGRAM
 *   name   as printed, behind "doorstep_"; a unit follows by itself, and _total of a counter
 *   unit   "", "seconds" (counted in microseconds), "bytes"
 *   roles  which processes have it: IN_EDGE | IN_STORE ...; `role` is a label of every metric
 *   label  a list of metrics_labels.h, or NONE
 *   help   one sentence without its full stop
 */

/* --- sessions: edges --- */
METRIC(SESSIONS, COUNTER, "sessions", "", IN_EDGE, PROTOCOLS, "Sessions begun")
METRIC(SESSIONS_OPEN, GAUGE, "sessions_open", "", IN_EDGE, PROTOCOLS, "Sessions open now")
METRIC(CONNECTIONS_REFUSED, COUNTER, "connections_refused", "", IN_EDGE, NONE,
       "Connections turned away before a session began")
METRIC(LIMITS_HIT, COUNTER, "limits_hit", "", IN_EDGE | IN_STORE, LIMITS,
       "How often something went as far as a limit of the configuration")

/* --- the metrics role --- */
METRIC(SCRAPES, COUNTER, "scrapes", "", IN_METRICS, NONE, "How often these numbers were asked for")

/* --- main --- */
METRIC(ROLE_STARTS, COUNTER, "role_starts", "", IN_MAIN, ROLES, "Processes started, by their role")
METRIC(ROLE_DEATHS, COUNTER, "role_deaths", "", IN_MAIN, ROLES,
       "Processes that ended without being told to")
