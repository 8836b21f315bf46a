/* SPDX-License-Identifier: MIT
 *
 * What labels metrics have, and every value that each may take: fixed lists, so that no peer can
 * make a series. A value is an enumerator for the code and a text for whoever reads the numbers.
 * A new label is one list here and one line in METRICS_LABELS. Values that only the configuration
 * knows are names: a line in METRICS_NAMES, and metrics_place() (metrics.h) for each.
 */
#ifndef DOORSTEP_METRICS_LABELS_H
#define DOORSTEP_METRICS_LABELS_H

#define METRICS_PROTOCOLS(VALUE)                                                                   \
    VALUE(METRICS_LMTP, "lmtp")                                                                    \
    VALUE(METRICS_SMTP, "smtp")                                                                    \
    VALUE(METRICS_POLICY, "policy")                                                                \
    VALUE(METRICS_SOCKETMAP, "socketmap")                                                          \
    VALUE(METRICS_MANAGESIEVE, "managesieve")

/* In the order of enum outcome_kind (outcome.h). */
#define METRICS_OUTCOMES(VALUE)                                                                    \
    VALUE(METRICS_OK, "ok")                                                                        \
    VALUE(METRICS_DELIVERED, "delivered")                                                          \
    VALUE(METRICS_DUPLICATE, "duplicate")                                                          \
    VALUE(METRICS_RCPT_OK, "rcpt_ok")                                                              \
    VALUE(METRICS_NO_SUCH_USER, "no_such_user")                                                    \
    VALUE(METRICS_NOT_OURS, "not_ours")                                                            \
    VALUE(METRICS_DISABLED, "disabled")                                                            \
    VALUE(METRICS_OVER_QUOTA, "over_quota")                                                        \
    VALUE(METRICS_OVER_QUOTA_HARD, "over_quota_hard")                                              \
    VALUE(METRICS_TOO_BIG, "too_big")                                                              \
    VALUE(METRICS_LOOP, "loop")                                                                    \
    VALUE(METRICS_BAD_CONTENT, "bad_content")                                                      \
    VALUE(METRICS_BAD_ADDRESS, "bad_address")                                                      \
    VALUE(METRICS_BUSY, "busy")                                                                    \
    VALUE(METRICS_DISK_FULL, "disk_full")                                                          \
    VALUE(METRICS_SYSTEM, "system")                                                                \
    VALUE(METRICS_OVERLOAD, "overload")                                                            \
    VALUE(METRICS_TIMEOUT, "timeout")                                                              \
    VALUE(METRICS_NOT_FOUND, "not_found")                                                          \
    VALUE(METRICS_EXISTS, "exists")                                                                \
    VALUE(METRICS_BAD_REQUEST, "bad_request")                                                      \
    VALUE(METRICS_CORRUPT, "corrupt")                                                              \
    VALUE(METRICS_UNREADABLE, "unreadable")                                                        \
    VALUE(METRICS_FILTER_REFUSED, "filter_refused")                                                \
    VALUE(METRICS_FILTER_DEFERRED, "filter_deferred")                                              \
    VALUE(METRICS_DISCARDED, "discarded")                                                          \
    VALUE(METRICS_NETWORK_RATE, "network_rate")                                                    \
    VALUE(METRICS_ACCOUNT_RATE, "account_rate")                                                    \
    VALUE(METRICS_RELAYED, "relayed")                                                              \
    VALUE(METRICS_RELAY_DEFERRED, "relay_deferred")                                                \
    VALUE(METRICS_RELAY_REFUSED, "relay_refused")

/* What a delivery goes through, in this order (docs/ARCHITECTURE.md). */
#define METRICS_STAGES(VALUE)                                                                      \
    VALUE(METRICS_STAGE_RECEIVE, "receive")                                                        \
    VALUE(METRICS_STAGE_SORT, "sort")                                                              \
    VALUE(METRICS_STAGE_QUEUE, "queue")                                                            \
    VALUE(METRICS_STAGE_LOOKUP, "lookup")                                                          \
    VALUE(METRICS_STAGE_STAGE, "stage")                                                            \
    VALUE(METRICS_STAGE_JOURNAL, "journal")                                                        \
    VALUE(METRICS_STAGE_PUBLISH, "publish")

/* How a store is reached: the drivers of ours, and all plugins together. */
#define METRICS_DRIVERS(VALUE)                                                                     \
    VALUE(METRICS_MAILDIR, "maildir")                                                              \
    VALUE(METRICS_MBOX, "mbox")                                                                    \
    VALUE(METRICS_PLUGIN, "plugin")

#define METRICS_RESULTS(VALUE)                                                                     \
    VALUE(METRICS_DONE, "done")                                                                    \
    VALUE(METRICS_FAILED, "failed")

/* Where the dispatcher found whose an address is. */
#define METRICS_LOOKUPS(VALUE)                                                                     \
    VALUE(METRICS_LOOKUP_KEPT, "kept")                                                             \
    VALUE(METRICS_LOOKUP_ASKED, "asked")

/* Messages that wait for a sorter, jobs for a worker, deliveries for a busy account, accounts for
 * their index. */
#define METRICS_QUEUES(VALUE)                                                                      \
    VALUE(METRICS_QUEUE_SORT, "sort")                                                              \
    VALUE(METRICS_QUEUE_WORKERS, "workers")                                                        \
    VALUE(METRICS_QUEUE_ASIDE, "aside")                                                            \
    VALUE(METRICS_QUEUE_INDEX, "index")

#define METRICS_REPLAYS(VALUE)                                                                     \
    VALUE(METRICS_REPLAY_RECORDS, "records")                                                       \
    VALUE(METRICS_REPLAY_MESSAGES, "messages")                                                     \
    VALUE(METRICS_REPLAY_ROWS, "rows")                                                             \
    VALUE(METRICS_REPLAY_CHANGES, "changes")                                                       \
    VALUE(METRICS_REPLAY_KEPT, "kept")                                                             \
    VALUE(METRICS_REPLAY_DAMAGED, "damaged")

/* Roles as main starts them. */
#define METRICS_ROLES(VALUE)                                                                       \
    VALUE(METRICS_ROLE_MAIN, "main")                                                               \
    VALUE(METRICS_ROLE_EDGE, "edge")                                                               \
    VALUE(METRICS_ROLE_STORE, "store")                                                             \
    VALUE(METRICS_ROLE_SORTER, "sorter")                                                           \
    VALUE(METRICS_ROLE_HAND, "hand")                                                               \
    VALUE(METRICS_ROLE_AUTH, "auth")                                                               \
    VALUE(METRICS_ROLE_OUTBOUND, "outbound")                                                       \
    VALUE(METRICS_ROLE_RELAY, "relay")                                                             \
    VALUE(METRICS_ROLE_METRICS, "metrics")                                                         \
    VALUE(METRICS_ROLE_RUNNER, "runner")                                                           \
    VALUE(METRICS_ROLE_PASSTHROUGH, "passthrough")

/* Limits whose passing is answered or ends a session (doorstep.conf(5), limits and timeouts). */
#define METRICS_LIMITS(VALUE)                                                                      \
    VALUE(METRICS_LIMIT_CONNECTIONS, "connections")                                                \
    VALUE(METRICS_LIMIT_MESSAGE_SIZE, "message_size")                                              \
    VALUE(METRICS_LIMIT_RECIPIENTS, "recipients")                                                  \
    VALUE(METRICS_LIMIT_COMMAND_LINE, "command_line")                                              \
    VALUE(METRICS_LIMIT_ERRORS, "errors")                                                          \
    VALUE(METRICS_LIMIT_TRANSACTIONS, "transactions")                                              \
    VALUE(METRICS_LIMIT_MEMORY, "memory")                                                          \
    VALUE(METRICS_LIMIT_TIMEOUT_COMMAND, "timeout_command")                                        \
    VALUE(METRICS_LIMIT_TIMEOUT_DATA, "timeout_data")                                              \
    VALUE(METRICS_LIMIT_TIMEOUT_HANDSHAKE, "timeout_handshake")                                    \
    VALUE(METRICS_LIMIT_TIMEOUT_WRITE, "timeout_write")                                            \
    VALUE(METRICS_LIMIT_TIMEOUT_ANSWER, "timeout_answer")                                          \
    VALUE(METRICS_LIMIT_COMMANDS, "commands")                                                      \
    VALUE(METRICS_LIMIT_UNKNOWN_RECIPIENTS, "unknown_recipients")                                  \
    VALUE(METRICS_LIMIT_TARPIT, "tarpit")                                                          \
    VALUE(METRICS_LIMIT_NETWORK_CONNECTIONS, "network_connections")                                \
    VALUE(METRICS_LIMIT_NETWORK_MESSAGES, "network_messages")                                      \
    VALUE(METRICS_LIMIT_ACCOUNT_MESSAGES, "account_messages")                                      \
    VALUE(METRICS_LIMIT_ACCOUNT_OCTETS, "account_octets")                                          \
    VALUE(METRICS_LIMIT_LOOKUPS, "lookups")                                                        \
    VALUE(METRICS_LIMIT_DATA_RATE, "data_rate")                                                    \
    VALUE(METRICS_LIMIT_DISK_FREE, "disk_free")                                                    \
    VALUE(METRICS_LIMIT_TIMEOUT_SESSION, "timeout_session")                                        \
    VALUE(METRICS_LIMIT_TIMEOUT_PROXY, "timeout_proxy")                                            \
    VALUE(METRICS_LIMIT_SORT_WAIT, "sort_wait")                                                    \
    VALUE(METRICS_LIMIT_HANDSHAKES, "handshakes")

/* How a handshake ended. */
#define METRICS_TLS(VALUE)                                                                         \
    VALUE(METRICS_TLS_1_2, "v1_2")                                                                 \
    VALUE(METRICS_TLS_1_3, "v1_3")                                                                 \
    VALUE(METRICS_TLS_FAILED, "failed")

/* What on_failure of a content filter says. */
#define METRICS_POLICIES(VALUE)                                                                    \
    VALUE(METRICS_POLICY_ACCEPT, "accept")                                                         \
    VALUE(METRICS_POLICY_TEMPFAIL, "tempfail")

/* What content filters made of a message: quarantined ones may be changed, too. */
#define METRICS_FILTERED(VALUE)                                                                    \
    VALUE(METRICS_FILTERED_SAME, "same")                                                           \
    VALUE(METRICS_FILTERED_CHANGED, "changed")                                                     \
    VALUE(METRICS_FILTERED_QUARANTINED, "quarantined")                                             \
    VALUE(METRICS_FILTERED_REFUSED, "refused")                                                     \
    VALUE(METRICS_FILTERED_DISCARDED, "discarded")                                                 \
    VALUE(METRICS_FILTERED_LOST, "lost")

/* What became of an attempt to hand mail on, or why there was none. */
#define METRICS_ATTEMPTS(VALUE)                                                                    \
    VALUE(METRICS_ATTEMPT_DELIVERED, "delivered")                                                  \
    VALUE(METRICS_ATTEMPT_DEFERRED, "deferred")                                                    \
    VALUE(METRICS_ATTEMPT_FAILED, "failed")                                                        \
    VALUE(METRICS_ATTEMPT_EXPIRED, "expired")                                                      \
    VALUE(METRICS_ATTEMPT_PUT_OFF, "put_off")                                                      \
    VALUE(METRICS_ATTEMPT_DROPPED, "dropped")

/* What the home of an account says, and where nobody was asked, or nobody answered. */
#define METRICS_HOMES(VALUE)                                                                       \
    VALUE(METRICS_HOME_ACCEPTED, "accepted")                                                       \
    VALUE(METRICS_HOME_DEFERRED, "deferred")                                                       \
    VALUE(METRICS_HOME_REFUSED, "refused")                                                         \
    VALUE(METRICS_HOME_FAILED, "failed")                                                           \
    VALUE(METRICS_HOME_LATE, "late")                                                               \
    VALUE(METRICS_HOME_REMEMBERED, "remembered")

/* Why mail leaves, and how it waits. */
#define METRICS_QUEUE_KINDS(VALUE)                                                                 \
    VALUE(METRICS_QUEUE_REDIRECT, "redirect")                                                      \
    VALUE(METRICS_QUEUE_VACATION, "vacation")                                                      \
    VALUE(METRICS_QUEUE_NOTIFY, "notify")                                                          \
    VALUE(METRICS_QUEUE_REPORT, "report")                                                          \
    VALUE(METRICS_QUEUE_REJECT, "reject")                                                          \
    VALUE(METRICS_QUEUE_DSN, "dsn")                                                                \
    VALUE(METRICS_QUEUE_OTHER, "other")

#define METRICS_QUEUE_STATES(VALUE)                                                                \
    VALUE(METRICS_QUEUE_NEW, "new")                                                                \
    VALUE(METRICS_QUEUE_DEFERRED, "deferred")                                                      \
    VALUE(METRICS_QUEUE_HELD, "held")

/* What an MTA that asks was told (docs/policy.md): by action, by status. */
#define METRICS_POLICY_ACTIONS(VALUE)                                                              \
    VALUE(METRICS_POLICY_DUNNO, "dunno")                                                           \
    VALUE(METRICS_POLICY_REFUSED, "refused")                                                       \
    VALUE(METRICS_POLICY_DEFERRED, "deferred")                                                     \
    VALUE(METRICS_POLICY_UNAVAILABLE, "unavailable")                                               \
    VALUE(METRICS_POLICY_BROKEN, "broken")

#define METRICS_SOCKETMAP_STATUSES(VALUE)                                                          \
    VALUE(METRICS_SOCKETMAP_OK, "ok")                                                              \
    VALUE(METRICS_SOCKETMAP_NOTFOUND, "notfound")                                                  \
    VALUE(METRICS_SOCKETMAP_TEMP, "temp")                                                          \
    VALUE(METRICS_SOCKETMAP_TIMEOUT, "timeout")                                                    \
    VALUE(METRICS_SOCKETMAP_PERM, "perm")                                                          \
    VALUE(METRICS_SOCKETMAP_BROKEN, "broken")

/* In the order of enum sasl_verdict (sasl.h). */
#define METRICS_LOGINS(VALUE)                                                                      \
    VALUE(METRICS_LOGIN_ACCEPTED, "accepted")                                                      \
    VALUE(METRICS_LOGIN_REFUSED, "refused")                                                        \
    VALUE(METRICS_LOGIN_MALFORMED, "malformed")                                                    \
    VALUE(METRICS_LOGIN_BANNED, "banned")                                                          \
    VALUE(METRICS_LOGIN_UNAVAILABLE, "unavailable")

/* Who was banned for failed log-ins. */
#define METRICS_BANNED(VALUE)                                                                      \
    VALUE(METRICS_BANNED_ADDRESS, "address")                                                       \
    VALUE(METRICS_BANNED_ACCOUNT, "account")

/* How a program ended. */
#define METRICS_PROGRAMS(VALUE)                                                                    \
    VALUE(METRICS_PROGRAM_ACCEPTED, "accepted")                                                    \
    VALUE(METRICS_PROGRAM_REFUSED, "refused")                                                      \
    VALUE(METRICS_PROGRAM_DEFERRED, "deferred")                                                    \
    VALUE(METRICS_PROGRAM_DISCARDED, "discarded")                                                  \
    VALUE(METRICS_PROGRAM_FAILED, "failed")

/* LABEL(list, name as printed). NONE is for metrics without a label of their own. */
#define METRICS_NONE(VALUE) VALUE(METRICS_NO_LABEL, "")
#define METRICS_LABELS(LABEL)                                                                      \
    LABEL(NONE, "")                                                                                \
    LABEL(PROTOCOLS, "protocol")                                                                   \
    LABEL(OUTCOMES, "outcome")                                                                     \
    LABEL(STAGES, "stage")                                                                         \
    LABEL(DRIVERS, "driver")                                                                       \
    LABEL(ROLES, "of")                                                                             \
    LABEL(RESULTS, "result")                                                                       \
    LABEL(LOOKUPS, "answer")                                                                       \
    LABEL(QUEUES, "queue")                                                                         \
    LABEL(REPLAYS, "what")                                                                         \
    LABEL(POLICY_ACTIONS, "action")                                                                \
    LABEL(SOCKETMAP_STATUSES, "status")                                                            \
    LABEL(TLS, "tls")                                                                              \
    LABEL(LOGINS, "login")                                                                         \
    LABEL(BANNED, "banned")                                                                        \
    LABEL(LIMITS, "limit")                                                                         \
    LABEL(POLICIES, "on_failure")                                                                  \
    LABEL(FILTERED, "result")                                                                      \
    LABEL(ATTEMPTS, "result")                                                                      \
    LABEL(HOMES, "answer")                                                                         \
    LABEL(QUEUE_KINDS, "kind")                                                                     \
    LABEL(QUEUE_STATES, "state")                                                                   \
    LABEL(PROGRAMS, "result")

/* NAME(list, name as printed) - content filters and routes as their sections are called, workers by
 * their number. */
#define METRICS_NAMES(NAME)                                                                        \
    NAME(MILTERS, "milter")                                                                        \
    NAME(FILTERS, "filter")                                                                        \
    NAME(ROUTES, "route")                                                                          \
    NAME(WORKERS, "worker")

#define METRICS_PLACES 32 /* names that a list has room for; all others share METRICS_OTHERS */
#define METRICS_OTHERS METRICS_PLACES

#define METRICS_NAMES_ENUM(list, name) METRICS_NAMES_##list,
enum metrics_names { METRICS_NAMES(METRICS_NAMES_ENUM) METRICS_NAMES_COUNT };
#undef METRICS_NAMES_ENUM

#define METRICS_VALUE_ENUM(id, text) id,
#define METRICS_LABEL_ENUM(list, name)                                                             \
    enum metrics_##list{METRICS_##list(METRICS_VALUE_ENUM) METRICS_##list##_COUNT};
METRICS_LABELS(METRICS_LABEL_ENUM)
#undef METRICS_LABEL_ENUM

#define METRICS_PLACES_ENUM(list, name) METRICS_##list##_COUNT = METRICS_PLACES + 1,
enum { METRICS_NAMES(METRICS_PLACES_ENUM) };
#undef METRICS_PLACES_ENUM
#undef METRICS_VALUE_ENUM

#endif
