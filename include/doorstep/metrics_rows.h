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
METRIC(SESSION_TIME, HISTOGRAM, "session_duration", "seconds", IN_EDGE, PROTOCOLS,
       "How long sessions lasted")
METRIC(CONNECTIONS_REFUSED, COUNTER, "connections_refused", "", IN_EDGE, NONE,
       "Connections turned away before a session began")
METRIC(NETWORK_IN, COUNTER, "received", "bytes", IN_EDGE, PROTOCOLS, "Octets that clients sent")
METRIC(NETWORK_OUT, COUNTER, "sent", "bytes", IN_EDGE, PROTOCOLS, "Octets of replies")
METRIC(MESSAGES, COUNTER, "messages", "", IN_EDGE, PROTOCOLS,
       "Messages that were answered, whatever the answer")
METRIC(ANSWERS_LOST, COUNTER, "answers_lost", "", IN_EDGE, NONE,
       "Messages answered 451 because the store went away or said nothing")
METRIC(POLICY_REQUESTS, COUNTER, "policy_requests", "", IN_EDGE, POLICY_ACTIONS,
       "What MTAs asked by the policy protocol, by the answer")
METRIC(SOCKETMAP_REQUESTS, COUNTER, "socketmap_requests", "", IN_EDGE, SOCKETMAP_STATUSES,
       "What MTAs looked up by socketmap, by the answer")
METRIC(LIMITS_HIT, COUNTER, "limits_hit", "", IN_EDGE | IN_STORE, LIMITS,
       "How often something went as far as a limit of the configuration")

/* --- TLS: edges --- */
METRIC(TLS_HANDSHAKES, COUNTER, "tls_handshakes", "", IN_EDGE, TLS, "TLS handshakes, by their end")
METRIC(TLS_RESUMED, COUNTER, "tls_resumed", "", IN_EDGE, NONE,
       "TLS handshakes that a ticket made short")
METRIC(TLS_HANDSHAKES_OPEN, GAUGE, "tls_handshakes_open", "", IN_EDGE, NONE,
       "TLS handshakes under way now, of those that the limit counts")
METRIC(TLS_HANDSHAKES_WAITING, GAUGE, "tls_handshakes_waiting", "", IN_EDGE, NONE,
       "Connections that wait for others' TLS handshakes to end")
METRIC(TLS_HANDSHAKE, HISTOGRAM, "tls_handshake_duration", "seconds", IN_EDGE, NONE,
       "What a TLS handshake took, the client's part and the way included")

/* --- log-ins: the store --- */
METRIC(LOGINS, COUNTER, "logins", "", IN_STORE, LOGINS, "Attempts to log in, by their end")
METRIC(LOGIN_BANS, COUNTER, "login_bans", "", IN_STORE, BANNED,
       "Bans for failed log-ins, by whom they are against")

/* --- answers: the store --- */
METRIC(RCPT, COUNTER, "rcpt", "", IN_STORE, OUTCOMES, "Recipients asked for at RCPT, by the answer")
METRIC(ANSWERS, COUNTER, "answers", "", IN_STORE, OUTCOMES,
       "Recipients answered at the end of a message")
METRIC(DELIVERIES, COUNTER, "deliveries", "", IN_STORE, OUTCOMES,
       "What became of messages, once for each account")
METRIC(DELIVERED, COUNTER, "delivered", "", IN_STORE, DRIVERS,
       "Messages stored, by the driver of the store")
METRIC(MESSAGE_SIZE, HISTOGRAM, "message_size", "bytes", IN_STORE, NONE, "Size of messages")
METRIC(DELIVERY_TIME, HISTOGRAM, "delivery_duration", "seconds", IN_STORE, NONE,
       "From the end of a message to the end of a delivery")
METRIC(STAGE_TIME, HISTOGRAM, "stage_duration", "seconds", IN_STORE, STAGES,
       "How long each stage of a delivery took")
METRIC(LEDGER_HITS, COUNTER, "ledger_hits", "", IN_STORE, NONE,
       "Messages that an account had already, and that were not stored again")
METRIC(RCPT_LOOKUPS, COUNTER, "lookups", "", IN_STORE, LOOKUPS,
       "Addresses looked up, by where the answer came from")
METRIC(CONTROL_REQUESTS, COUNTER, "control_requests", "", IN_STORE, NONE, "Requests of the tool")

/* --- under way: the store --- */
METRIC(TRANSACTIONS_OPEN, GAUGE, "transactions_open", "", IN_STORE, NONE,
       "Messages on their way through the store")
METRIC(MEMORY_SET_ASIDE, GAUGE, "message_memory", "bytes", IN_STORE, NONE,
       "Memory set aside for messages on their way")
METRIC(QUEUED, GAUGE, "queued", "", IN_STORE, QUEUES, "What waits for its turn")

/* --- mail that leaves: the store --- */
METRIC(RELAY_ATTEMPTS, COUNTER, "relay_attempts", "", IN_STORE, ATTEMPTS,
       "Recipients of mail that leaves, each time something was decided about them")
METRIC(RELAY_SENT, COUNTER, "relay_sent", "", IN_STORE, ROUTES,
       "Recipients that a next hop was asked to take, by route")
METRIC(RELAY_UNDER_WAY, GAUGE, "relay_under_way", "", IN_STORE, ROUTES,
       "Transactions with next hops that are under way now")
METRIC(RELAY_HOP_DOWN, GAUGE, "relay_hop_down", "", IN_STORE, ROUTES,
       "Whether a next hop does not answer, so that its mail is put off")
METRIC(RELAY_TIME, HISTOGRAM, "relay_duration", "seconds", IN_STORE, ROUTES,
       "From the begin of a transaction with a next hop to its answer")
METRIC(RELAY_FORWARDED, COUNTER, "relay_forwarded", "", IN_STORE, HOMES,
       "Recipients whose message was handed on to their home, by what the client was told")
METRIC(RELAY_ASKED, COUNTER, "relay_asked", "", IN_STORE, HOMES,
       "Recipients that a home was asked about at RCPT, by the answer")
METRIC(RELAY_ASK_TIME, HISTOGRAM, "relay_ask_duration", "seconds", IN_STORE, ROUTES,
       "From such a question to its answer")
METRIC(RELAY_REPORTS, COUNTER, "relay_reports", "", IN_STORE, NONE,
       "Recipients that senders were told of: failed, delayed, or handed on as they asked")
METRIC(RELAY_QUEUE, GAUGE, "relay_queue", "", IN_STORE, QUEUE_KINDS, "Messages that wait to leave")
METRIC(RELAY_QUEUE_RECIPIENTS, GAUGE, "relay_queue_recipients", "", IN_STORE, QUEUE_STATES,
       "Recipients of them, by how they wait")
METRIC(RELAY_QUEUE_OLDEST, GAUGE, "relay_queue_oldest", "seconds", IN_STORE, NONE,
       "How long the oldest of them has waited")

/* --- sorting --- */
METRIC(SORTED, HISTOGRAM, "sort_work", "seconds", IN_SORTER, NONE,
       "Time that a sorter worked on a message")
METRIC(SORTERS_LOST, COUNTER, "sorters_lost", "", IN_STORE, NONE,
       "Sorters that died, hung or lied while they had a message")
METRIC(UNSORTED, COUNTER, "messages_unsorted", "", IN_STORE, NONE,
       "Messages delivered without facts because sorters died of them")

/* --- journal, index --- */
METRIC(BATCH, HISTOGRAM, "batch_deliveries", "", IN_STORE, NONE,
       "Deliveries that one sync of a journal made durable")
METRIC(JOURNAL_SYNC, HISTOGRAM, "journal_sync_duration", "seconds", IN_STORE, NONE,
       "Writing and syncing a batch of a journal")
METRIC(JOURNAL_FAILURES, COUNTER, "journal_failures", "", IN_STORE, NONE,
       "Batches that could not be written or synced")
METRIC(JOURNAL_RECORDS, COUNTER, "journal_records", "", IN_STORE, NONE, "Records written")
METRIC(JOURNAL_BYTES, COUNTER, "journal_written", "bytes", IN_STORE, NONE, "Octets of records")
METRIC(CHECKPOINTS, COUNTER, "checkpoints", "", IN_STORE, RESULTS, "Checkpoints of journals")
METRIC(CHECKPOINT_TIME, HISTOGRAM, "checkpoint_duration", "seconds", IN_STORE, NONE,
       "From the begin of a checkpoint to segments that are free again")
METRIC(CHECKPOINT_LAST, GAUGE, "checkpoint_last_timestamp", "seconds", IN_STORE, WORKERS,
       "When a worker's last checkpoint was done, in seconds since 1970")
METRIC(JOURNAL_OLDEST, GAUGE, "journal_oldest_timestamp", "seconds", IN_STORE, WORKERS,
       "When the oldest record was written that waits for a worker's checkpoint; 0: none waits")
METRIC(INDEX_FLUSH, HISTOGRAM, "index_flush_duration", "seconds", IN_STORE, RESULTS,
       "Writing the rows that waited for one index")
METRIC(INDEX_ROWS, HISTOGRAM, "index_flush_rows", "", IN_STORE, NONE,
       "Rows that one such transaction wrote")
METRIC(REPLAYED, COUNTER, "replayed", "", IN_STORE, REPLAYS,
       "What replays of journals did at starts")
METRIC(REPLAY_TIME, GAUGE, "replay_duration", "seconds", IN_STORE, NONE,
       "How long the replay of the last start took")

/* --- content filters: the outbound role --- */
METRIC(FILTERED, COUNTER, "filtered", "", IN_OUTBOUND, FILTERED,
       "Messages that content filters saw, by what they made of them")
METRIC(MILTER_REFUSED, COUNTER, "milter_refused", "", IN_OUTBOUND, MILTERS,
       "Stages and messages that a content filter refused for good")
METRIC(MILTER_DEFERRED, COUNTER, "milter_deferred", "", IN_OUTBOUND, MILTERS,
       "Stages and messages that a content filter refused for now")
METRIC(MILTER_DISCARDED, COUNTER, "milter_discarded", "", IN_OUTBOUND, MILTERS,
       "Messages that a content filter threw away")
METRIC(MILTER_LOST, COUNTER, "milter_lost", "", IN_OUTBOUND, MILTERS,
       "Sessions in which a content filter was away, went away, was too slow or broke the protocol")
METRIC(MILTER_FAILURES, COUNTER, "milter_failures", "", IN_OUTBOUND, POLICIES,
       "Stages and messages that a lost content filter could not look at, by what became of them")
METRIC(MILTER_TIME, HISTOGRAM, "milter_duration", "seconds", IN_OUTBOUND, MILTERS,
       "From a question to a content filter, a stage or a message, to its answer")

/* --- external programs: runners --- */
METRIC(PROGRAMS, COUNTER, "programs", "", IN_RUNNER, PROGRAMS,
       "External programs that looked at mail, by what they said")
METRIC(PROGRAMS_RUNNING, GAUGE, "programs_running", "", IN_RUNNER, NONE,
       "External programs that run now")
METRIC(PROGRAM_TIME, HISTOGRAM, "program_duration", "seconds", IN_RUNNER, NONE,
       "From the start of an external program to its answer")

/* --- content filters that give messages back: the passthrough role --- */
METRIC(PASS_RETURNED, COUNTER, "passthrough_returned", "", IN_PASSTHROUGH, FILTERS,
       "Messages that a content filter accepted and gave back")
METRIC(PASS_REFUSED, COUNTER, "passthrough_refused", "", IN_PASSTHROUGH, FILTERS,
       "Messages that a content filter refused for good")
METRIC(PASS_DEFERRED, COUNTER, "passthrough_deferred", "", IN_PASSTHROUGH, FILTERS,
       "Messages that a content filter refused for now")
METRIC(PASS_DISCARDED, COUNTER, "passthrough_discarded", "", IN_PASSTHROUGH, FILTERS,
       "Messages that a content filter accepted and did not give back, where that is a verdict")
METRIC(PASS_FAILED, COUNTER, "passthrough_failed", "", IN_PASSTHROUGH, FILTERS,
       "Messages that a content filter could not look at")
METRIC(PASS_TIME, HISTOGRAM, "passthrough_duration", "seconds", IN_PASSTHROUGH, FILTERS,
       "From connecting to a content filter to the end of both ways")
METRIC(
    PASS_STRANGERS, COUNTER, "passthrough_strangers", "", IN_PASSTHROUGH, FILTERS,
    "Recipients refused where a content filter gives messages back: no message is with it for them")

/* --- the metrics role --- */
METRIC(SCRAPES, COUNTER, "scrapes", "", IN_METRICS, NONE, "How often these numbers were asked for")

/* --- main --- */
METRIC(TLS_CERTIFICATE_END, GAUGE, "tls_certificate_end_timestamp", "seconds", IN_MAIN, NONE,
       "When the first of the certificates in force ends, in seconds since 1970; 0 without any")
METRIC(ROLE_STARTS, COUNTER, "role_starts", "", IN_MAIN, ROLES, "Processes started, by their role")
METRIC(ROLE_DEATHS, COUNTER, "role_deaths", "", IN_MAIN, ROLES,
       "Processes that ended without being told to")
METRIC(PROCESSES, GAUGE, "processes", "", IN_MAIN, ROLES, "Processes that run")
METRIC(PROCESS_MEMORY, GAUGE, "process_resident_memory", "bytes", IN_MAIN, ROLES,
       "Resident memory of all processes of a role")
METRIC(PROCESS_DESCRIPTORS, GAUGE, "process_descriptors", "", IN_MAIN, ROLES,
       "Open descriptors of all processes of a role, where the kernel tells")
METRIC(PROCESS_CPU, COUNTER, "process_cpu", "seconds", IN_MAIN, ROLES,
       "Processor time of a role, user and system")
METRIC(RELOADS, COUNTER, "reloads", "", IN_MAIN, RESULTS, "Reloads of the configuration")
METRIC(START_TIME, GAUGE, "start_timestamp", "seconds", IN_MAIN, NONE,
       "When the daemon was started, in seconds since 1970")
