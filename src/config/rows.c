/* SPDX-License-Identifier: MIT
 *
 * The table of all settings: name, kind, default, range, field, meaning. See row_priv.h.
 */
#include "row_priv.h"

#include "doorstep/settings.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define UNIX_PATH_MAX 107 /* sun_path of unix(7) without its NUL */
#define TEXT_MAX 4095     /* PATH_MAX without its NUL */
#define LISTEN_PAIRS_MAX 64

/* Words of an enum stand in the order of the enum. */
static const char *const protocol_words[] = {"lmtp",      "smtp",        "policy",
                                             "socketmap", "managesieve", NULL};
static const char *const tls_words[] = {"none", "offered", "required", "implicit", NULL};
static const char *const sandbox_words[] = {"required", "best_effort", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const level_words[] = {"debug", "info", "warning", "error", NULL};
static const char *const durability_words[] = {"strict", "relaxed", NULL};
static const char *const newline_words[] = {"keep", "reject", "normalize", NULL};
static const char *const accounts_words[] = {"sqlite", "passwd", "file", "any", NULL};
static const char *const over_quota_words[] = {"defer", "reject", NULL};
static const char *const require_words[] = {"none", "auth", "trusted", "client_cert", NULL};
static const char *const unknown_words[] = {"refuse", "dunno", NULL};
static const char *const line_end_words[] = {"lf", "crlf", NULL};
static const char *const failure_words[] = {"tempfail", "accept", NULL};
static const char *const scanner_words[] = {"score", "strlen", "text", NULL};
static const char *const lock_words[] = {"fcntl", "dotlock", "flock", NULL};

_Static_assert(sizeof(enum bare_newline) == sizeof(int) && sizeof(enum store_lock) == sizeof(int) &&
                   sizeof(enum sandbox_mode) == sizeof(int) &&
                   sizeof(enum milter_failure) == sizeof(int) &&
                   sizeof(enum listen_require) == sizeof(int) &&
                   sizeof(enum listen_unknown) == sizeof(int) &&
                   sizeof(enum durability) == sizeof(int) && sizeof(enum listen_tls) == sizeof(int),
               "KIND_ENUM keeps an int");

#define AT(type, field) .offset = offsetof(struct type, field)
#define COUNTED(type, field) .count_offset = offsetof(struct type, field)

static const struct config_row root_rows[] = {
    {"hostname", KIND_DOMAIN, 0, NULL, 1, 255, AT(settings, hostname),
     .doc = "our name in greetings and trace fields"},
    {"authserv_id", KIND_DOMAIN, 0, NULL, 1, 255, AT(settings, authserv_id),
     .doc = "our name in Authentication-Results"},
    {"state_dir", KIND_PATH, 0, "/var/lib/doorstep", 1,
     UNIX_PATH_MAX - (sizeof("/control.sock") - 1), AT(settings, state_dir),
     .doc = "databases, journal, delivery log and control socket"},
    {"user", KIND_USER, ROW_OPTIONAL, "", 0, 32, AT(settings, user), .doc = "owner of all mail"},
    {"sandbox_user", KIND_USER, 0, "nobody", 1, 32, AT(settings, sandbox_user),
     .doc = "whom the roles that read hostile bytes run as"},
    {"uid_min", KIND_COUNT, 0, "1000", 1, UINT32_MAX - 1, AT(settings, uid_min),
     .doc = "lowest uid of a system account that gets mail"},
    {"sandbox", KIND_ENUM, 0, "best_effort", 0, 0, sandbox_words, AT(settings, sandbox),
     .doc = "what to do where the kernel lacks Landlock or seccomp"},
    {"log_format", KIND_EITHER, 0, "text", 0, 0, format_words, AT(settings, log_json),
     .doc = "form of log lines: key=value, or JSON"},
    {"log_level", KIND_WORD, 0, "info", 0, 0, level_words, AT(settings, log_level),
     .doc = "lowest level that is logged"},
    {"workers", KIND_COUNT, 0, "2", 1, 256, AT(settings, workers),
     .doc = "threads that write to mailboxes"},
    {"sorters", KIND_COUNT, 0, "4", 1, 64, AT(settings, sorters),
     .doc = "processes that read message content"},
    {"edges", KIND_COUNT, 0, "1", 1, 64, AT(settings, edges),
     .doc = "processes that clients and MTAs speak with"},
    {"durability", KIND_ENUM, 0, "strict", 0, 0, durability_words, AT(settings, durability),
     .doc = "what is on stable storage when a 250 is said"},
    {"journal_size", KIND_SIZE, 0, "512M", 4 * MIB, 1024 * GIB, AT(settings, journal_size),
     .doc = "disk that the journals of all workers may take"},
    {"ledger_window", KIND_DURATION, 0, "5d", SECOND, 365 * DAY, AT(settings, ledger_window),
     .doc = "how long a delivery is remembered, so that a retry makes no second copy"},
    {"delivery_log_keep", KIND_DURATION, 0, "30d", HOUR, 3650 * DAY,
     AT(settings, delivery_log_keep), .doc = "age at which lines leave the delivery log"},
    {"max_received", KIND_COUNT, 0, "100", 5, 1000, AT(settings, max_received),
     .doc = "Received fields at which a message is taken for a loop"},
    {"bare_newline", KIND_ENUM, 0, "keep", 0, 0, newline_words, AT(settings, bare_newline),
     .doc = "what becomes of a CR or LF that stands alone"},
    {"dsn", KIND_BOOLEAN, 0, "no", 0, 0, AT(settings, dsn), .doc = "announce DSN (RFC 3461)"},
    {"plugin_dir", KIND_PATH, 0, "/usr/lib/doorstep", 1, TEXT_MAX, AT(settings, plugin_dir),
     .doc = "where libdoorstep_store_NAME.so lies"},
    {"filters_before", KIND_NAME, ROW_LIST, "", 0, 16, AT(settings, filters_before),
     COUNTED(settings, filters_before_count),
     .doc = "programs and filters that look at mail before Sieve, in this order"},
    {"filters_after", KIND_NAME, ROW_LIST, "", 0, 16, AT(settings, filters_after),
     COUNTED(settings, filters_after_count), .doc = "those that look at it behind Sieve"},
};

static const struct config_row listen_rows[] = {
    {"address", KIND_ADDRESS, ROW_LIST, "", 1, 64, AT(settings_listen, address),
     COUNTED(settings_listen, address_count), .doc = "where to listen"},
    {"trusted", KIND_NETWORK, ROW_LIST, "", 0, 256, AT(settings_listen, trusted),
     COUNTED(settings_listen, trusted_count),
     .doc = "who may use XCLIENT and XFORWARD, or ask at all"},
    {"auth", KIND_BOOLEAN, 0, "no", 0, 0, AT(settings_listen, auth), .doc = "announce AUTH"},
    {"auth_plain_without_tls", KIND_BOOLEAN, 0, "no", 0, 0,
     AT(settings_listen, auth_plain_without_tls),
     .doc = "take passwords that anybody on the way can read"},
    {"require", KIND_ENUM, 0, "none", 0, 0, require_words, AT(settings_listen, require),
     .doc = "what one needs to send mail here"},
    {"unknown_recipients", KIND_ENUM, 0, "refuse", 0, 0, unknown_words,
     AT(settings_listen, unknown_recipients),
     .doc = "what a policy service says of recipients that nobody knows here"},
    {"proxy_protocol", KIND_BOOLEAN, 0, "no", 0, 0, AT(settings_listen, proxy_protocol),
     .doc = "a PROXY header stands before each session"},
    {"proxy_trusted", KIND_NETWORK, ROW_LIST, "", 0, 256, AT(settings_listen, proxy_trusted),
     COUNTED(settings_listen, proxy_trusted_count), .doc = "whose PROXY headers are believed"},
    {"tls", KIND_ENUM, 0, "none", 0, 0, tls_words, AT(settings_listen, tls),
     .doc = "whether TLS is possible, needed, or spoken from the first octet"},
    {"certificate", KIND_PATH, ROW_LIST, "", 0, LISTEN_PAIRS_MAX, AT(settings_listen, certificate),
     COUNTED(settings_listen, certificate_count), .doc = "certificates with their chains (PEM)"},
    {"key", KIND_PATH, ROW_LIST, "", 0, LISTEN_PAIRS_MAX, AT(settings_listen, key),
     COUNTED(settings_listen, key_count), .doc = "the private keys of the certificates (PEM)"},
    {"client_ca", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, AT(settings_listen, client_ca),
     .doc = "authorities whose client certificates are trusted (PEM)"},
    {"milters", KIND_NAME, ROW_LIST, "", 0, 16, AT(settings_listen, milters),
     COUNTED(settings_listen, milter_count), .doc = "content filters, in the order of asking"},
};

static const struct config_row domain_rows[] = {
    {"accounts", KIND_WORD, 0, "sqlite", 0, 0, accounts_words, AT(settings_domain, accounts),
     .doc = "who knows the accounts"},
    {"accounts_file", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, AT(settings_domain, accounts_file),
     .doc = "the file of accounts = \"file\""},
    {"recipient_delimiter", KIND_CHARACTERS, ROW_OPTIONAL, "+", 0, 8,
     AT(settings_domain, recipient_delimiter),
     .doc = "each of these characters begins the detail of user+detail"},
    {"catch_all", KIND_ACCOUNT, ROW_OPTIONAL, "", 0, 320, AT(settings_domain, catch_all),
     .doc = "account that gets what no other gets"},
    {"postmaster", KIND_ACCOUNT, ROW_OPTIONAL, "", 0, 320, AT(settings_domain, postmaster),
     .doc = "account that gets mail to postmaster"},
    {"store", KIND_NAME, 0, "maildir", 1, 32, AT(settings_domain, store),
     .doc = "name of the store section that keeps the mail"},
    {"case_sensitive", KIND_BOOLEAN, 0, "no", 0, 0, AT(settings_domain, case_sensitive),
     .doc = "Ann and ann are two accounts"},
    {"delivered_to", KIND_BOOLEAN, 0, "yes", 0, 0, AT(settings_domain, delivered_to),
     .doc = "write Delivered-To"},
    {"over_quota", KIND_EITHER, 0, "defer", 0, 0, over_quota_words, AT(settings_domain, quota_hard),
     .doc = "answer for a full mailbox: 452 or 552"},
    {"quota", KIND_SIZE, ROW_NONE, "none", 1, UINT64_C(1) << 60, AT(settings_domain, quota),
     .doc = "octets an account may keep"},
    {"quota_messages", KIND_COUNT, ROW_NONE, "none", 1, UINT32_MAX,
     AT(settings_domain, quota_messages), .doc = "messages an account may keep"},
    {"accounts_max", KIND_COUNT, 0, "100000", 1, UINT32_MAX, AT(settings_domain, accounts_max),
     .doc = "accounts that accounts = \"any\" makes"},
    {"forward", KIND_NAME, ROW_OPTIONAL, "", 1, 32, AT(settings_domain, forward),
     .doc = "route to the home of this domain's accounts"},
    {"filters_before", KIND_NAME, ROW_LIST, "", 0, 16, AT(settings_domain, filters_before),
     COUNTED(settings_domain, filters_before_count),
     .doc = "further ones that look at this domain's mail before Sieve"},
    {"filters_after", KIND_NAME, ROW_LIST, "", 0, 16, AT(settings_domain, filters_after),
     COUNTED(settings_domain, filters_after_count), .doc = "the same behind Sieve"},
};

static const struct config_row store_rows[] = {
    {"driver", KIND_NAME, 0, NULL, 1, 32, AT(settings_store, driver),
     .doc = "maildir, mbox, or the name of a plugin"},
    {"path", KIND_TEMPLATE, 0, NULL, 1, TEXT_MAX, AT(settings_store, path),
     .doc = "where an account's mail lies"},
    {"line_end", KIND_EITHER, 0, "lf", 0, 0, line_end_words, AT(settings_store, crlf),
     .doc = "how lines end in stored messages"},
    {"lock", KIND_ENUM, ROW_LIST | ROW_IN_PLACE, "fcntl dotlock", 1, 3, lock_words,
     AT(settings_store, lock), COUNTED(settings_store, lock_count),
     .doc = "locks of an mbox, in the order of taking"},
    {"lock_timeout", KIND_DURATION, 0, "30s", 100, 10 * MINUTE, AT(settings_store, lock_timeout),
     .doc = "how long a delivery waits for the locks"},
    {"tmp_max_age", KIND_DURATION, 0, "36h", HOUR, 365 * DAY, AT(settings_store, tmp_max_age),
     .doc = "age at which a file left in a Maildir's tmp is removed"},
};

static const struct config_row milter_rows[] = {
    {"address", KIND_ADDRESS, 0, NULL, 0, 0, AT(settings_milter, address),
     .doc = "where the filter listens"},
    {"on_failure", KIND_ENUM, 0, "tempfail", 0, 0, failure_words, AT(settings_milter, on_failure),
     .doc = "what becomes of mail that the filter could not look at"},
    {"connect_timeout", KIND_DURATION, 0, "30s", 10, HOUR, AT(settings_milter, connect_timeout),
     .doc = "waiting for the connection and the agreement on the protocol"},
    {"command_timeout", KIND_DURATION, 0, "30s", 10, HOUR, AT(settings_milter, command_timeout),
     .doc = "waiting for the answer to a command, a header field or a piece of a body"},
    {"content_timeout", KIND_DURATION, 0, "5min", 10, HOUR, AT(settings_milter, content_timeout),
     .doc = "waiting for the answer to the end of a message, or for a sign of life"},
    {"quarantine", KIND_MAILBOX, 0, "Junk", 1, 255, AT(settings_milter, quarantine),
     .doc = "mailbox that gets what the filter quarantines"},
};

static const struct config_row limits_rows[] = {
    {"message_size", KIND_SIZE, 0, "50M", 64 * KIB, 4 * GIB, AT(settings_limits, message_size),
     .doc = "largest message"},
    {"recipients", KIND_COUNT, 0, "1000", 1, 100000, AT(settings_limits, recipients),
     .doc = "recipients of a message"},
    {"connections", KIND_COUNT, 0, "2000", 1, 1000000, AT(settings_limits, connections),
     .doc = "connections at a time"},
    {"command_line", KIND_SIZE, 0, "2K", 512, 64 * KIB, AT(settings_limits, command_line),
     .doc = "longest command line, CRLF included"},
    {"errors", KIND_COUNT, 0, "20", 1, 10000, AT(settings_limits, errors),
     .doc = "bad commands in a session before it is ended"},
    {"message_memory", KIND_SIZE, 0, "256K", 4 * KIB, 64 * MIB, AT(settings_limits, message_memory),
     .doc = "message size from which on a file holds it"},
    {"memory", KIND_SIZE, 0, "256M", MIB, 1024 * GIB, AT(settings_limits, memory),
     .doc = "all messages on their way that memory holds"},
    {"transactions", KIND_COUNT, 0, "100000", 1, UINT32_MAX, AT(settings_limits, transactions),
     .doc = "messages that one session may send"},
    {"commands", KIND_COUNT, 0, "1000", 10, UINT32_MAX, AT(settings_limits, commands),
     .doc = "commands that one session may say without a message"},
    {"unknown_recipients", KIND_COUNT, ROW_NONE, "50", 1, UINT32_MAX,
     AT(settings_limits, unknown_recipients),
     .doc = "recipients refused in a session before it is ended"},
    {"tarpit_recipients", KIND_COUNT, ROW_NONE, "5", 1, UINT32_MAX,
     AT(settings_limits, tarpit_recipients),
     .doc = "recipients refused in a session before refusals are delayed"},
    {"network_connections", KIND_COUNT, ROW_NONE, "100", 1, 1000000,
     AT(settings_limits, network_connections), .doc = "connections at a time from one network"},
    {"network_messages", KIND_COUNT, ROW_NONE, "10000", 1, UINT32_MAX,
     AT(settings_limits, network_messages), .doc = "messages an hour from one network"},
    {"network_ipv4", KIND_COUNT, 0, "32", 8, 32, AT(settings_limits, network_ipv4),
     .doc = "bits of an IPv4 address that tell networks apart"},
    {"network_ipv6", KIND_COUNT, 0, "64", 16, 128, AT(settings_limits, network_ipv6),
     .doc = "bits of an IPv6 address that tell networks apart"},
    {"exempt", KIND_NETWORK, ROW_LIST, "127.0.0.0/8 ::1/128", 0, 256, AT(settings_limits, exempt),
     COUNTED(settings_limits, exempt_count), .doc = "networks that are not counted"},
    {"account_messages", KIND_COUNT, ROW_NONE, "100000", 1, UINT32_MAX,
     AT(settings_limits, account_messages), .doc = "messages an hour for one account"},
    {"account_octets", KIND_SIZE, ROW_NONE, "20G", 64 * KIB, UINT64_C(1) << 50,
     AT(settings_limits, account_octets), .doc = "octets an hour for one account"},
    {"lookups", KIND_COUNT, 0, "10000", 64, 1000000, AT(settings_limits, lookups),
     .doc = "recipients that an edge may ask about at a time"},
    {"handshakes", KIND_COUNT, 0, "500", 1, 1000000, AT(settings_limits, handshakes),
     .doc = "TLS handshakes at a time"},
    {"data_rate", KIND_SIZE, 0, "256", 1, GIB, AT(settings_limits, data_rate),
     .doc = "octets a second that a message brings at least"},
    {"busy", KIND_COUNT, 0, "75", 1, 100, AT(settings_limits, busy),
     .doc = "per cent of connections from which on timeouts are short"},
    {"disk_free", KIND_SIZE, ROW_NONE, "64M", MIB, 1024 * GIB, AT(settings_limits, disk_free),
     .doc = "free disk below which no mail is taken"},
    {"programs", KIND_COUNT, 0, "20", 1, 10000, AT(settings_limits, programs),
     .doc = "external programs that run at a time as one user"},
};

static const struct config_row timeouts_rows[] = {
    {"command", KIND_DURATION, 0, "5min", 10, DAY, AT(settings_timeouts, command),
     .doc = "waiting for a command"},
    {"data", KIND_DURATION, 0, "3min", 10, DAY, AT(settings_timeouts, data),
     .doc = "waiting for the next piece of a message"},
    {"handshake", KIND_DURATION, 0, "30s", 10, HOUR, AT(settings_timeouts, handshake),
     .doc = "what a client gets for a TLS handshake"},
    {"handshake_busy", KIND_DURATION, 0, "3s", 10, HOUR, AT(settings_timeouts, handshake_busy),
     .doc = "the same while others wait for theirs"},
    {"write", KIND_DURATION, 0, "5min", 10, DAY, AT(settings_timeouts, write),
     .doc = "waiting for a client that does not read"},
    {"answer", KIND_DURATION, 0, "10min", 10, DAY, AT(settings_timeouts, answer),
     .doc = "waiting for the store"},
    {"drain", KIND_DURATION, 0, "10s", 10, HOUR, AT(settings_timeouts, drain),
     .doc = "what sessions get to end after SIGTERM"},
    {"sort", KIND_DURATION, 0, "10s", 10, HOUR, AT(settings_timeouts, sort),
     .doc = "what a sorter gets for a message"},
    {"sort_wait", KIND_DURATION, 0, "1min", 10, HOUR, AT(settings_timeouts, sort_wait),
     .doc = "how long a message waits for a sorter"},
    {"session", KIND_DURATION, 0, "2h", 10, 7 * DAY, AT(settings_timeouts, session),
     .doc = "what a session gets in all"},
    {"busy", KIND_DURATION, 0, "30s", 10, DAY, AT(settings_timeouts, busy),
     .doc = "command and data when there are many connections"},
    {"proxy", KIND_DURATION, 0, "5s", 10, HOUR, AT(settings_timeouts, proxy),
     .doc = "waiting for a PROXY header"},
    {"tarpit", KIND_DURATION, 0, "1s", 1, MINUTE, AT(settings_timeouts, tarpit),
     .doc = "first delay of a tarpit"},
    {"tarpit_max", KIND_DURATION, 0, "10s", 1, MINUTE, AT(settings_timeouts, tarpit_max),
     .doc = "longest delay of a tarpit"},
};

static const struct config_row auth_rows[] = {
    {"hash_memory", KIND_SIZE, 0, "64M", 8 * KIB, GIB, AT(settings_auth, hash_memory),
     .doc = "memory that argon2id takes for a password"},
    {"hash_operations", KIND_COUNT, 0, "2", 1, 1000, AT(settings_auth, hash_operations),
     .doc = "passes of argon2id over that memory"},
    {"threads", KIND_COUNT, 0, "2", 1, 64, AT(settings_auth, threads),
     .doc = "passwords that are checked at a time"},
    {"queue", KIND_COUNT, 0, "100", 1, 10000, AT(settings_auth, queue),
     .doc = "passwords that may wait to be checked"},
    {"session_failures", KIND_COUNT, 0, "3", 1, 100, AT(settings_auth, session_failures),
     .doc = "failed log-ins before a session is ended"},
    {"delay", KIND_DURATION, 0, "1s", 1, MINUTE, AT(settings_auth, delay),
     .doc = "how long the answer to a first failed log-in takes"},
    {"delay_max", KIND_DURATION, 0, "15s", 1, 5 * MINUTE, AT(settings_auth, delay_max),
     .doc = "where the delay, doubled with each failure, ends"},
    {"address_failures", KIND_COUNT, 0, "20", 1, 100000, AT(settings_auth, address_failures),
     .doc = "failed log-ins that get an address banned"},
    {"account_failures", KIND_COUNT, 0, "10", 1, 100000, AT(settings_auth, account_failures),
     .doc = "failed log-ins that get an account closed to strangers"},
    {"ban", KIND_DURATION, 0, "10min", SECOND, 30 * DAY, AT(settings_auth, ban),
     .doc = "how long a ban lasts"},
    {"decay", KIND_DURATION, 0, "10min", SECOND, 30 * DAY, AT(settings_auth, decay),
     .doc = "time after which a failure counts half"},
};

static const struct config_row metrics_rows[] = {
    {"address", KIND_ADDRESS, ROW_LIST, "", 0, 16, AT(settings_metrics, address),
     COUNTED(settings_metrics, address_count), .doc = "where to answer GET /metrics"},
    {"allow_remote", KIND_BOOLEAN, 0, "no", 0, 0, AT(settings_metrics, allow_remote),
     .doc = "let address be other than loopback and unix sockets"},
};

static const struct config_row sieve_rows[] = {
    {"scripts", KIND_COUNT, 0, "30", 1, 10000, AT(settings_sieve, scripts),
     .doc = "scripts that one account may store"},
    {"script_size", KIND_SIZE, 0, "128K", KIB, 512 * KIB, AT(settings_sieve, script_size),
     .doc = "size of one script"},
    {"storage", KIND_SIZE, 0, "2M", KIB, GIB, AT(settings_sieve, storage),
     .doc = "size of all scripts of one account together"},
    {"outgoing", KIND_COUNT, 0, "1000", 0, 100000, AT(settings_sieve, outgoing),
     .doc = "how much that scripts of an account send may wait"},
    {"outgoing_size", KIND_SIZE, 0, "256M", 0, 1024 * GIB, AT(settings_sieve, outgoing_size),
     .doc = "size of all that together"},
    {"before", KIND_PATH, ROW_LIST, "", 0, 16, AT(settings_sieve, before),
     COUNTED(settings_sieve, before_count), .doc = "scripts that run before an account's own"},
    {"after", KIND_PATH, ROW_LIST, "", 0, 16, AT(settings_sieve, after),
     COUNTED(settings_sieve, after_count), .doc = "scripts that run behind it"},
    {"discard", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, AT(settings_sieve, discard),
     .doc = "script that runs for what would only be discarded"},
    {"create", KIND_BOOLEAN, 0, "yes", 0, 0, AT(settings_sieve, create),
     .doc = "make mailboxes that scripts name and that are missing"},
    {"notes", KIND_BOOLEAN, 0, "yes", 0, 0, AT(settings_sieve, notes),
     .doc = "tell users in their INBOX of scripts that fail"},
    {"user_programs", KIND_BOOLEAN, 0, "no", 0, 0, AT(settings_sieve, user_programs),
     .doc = "let accounts' own scripts call programs, too"},
    {"global", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, AT(settings_sieve, global),
     .doc = "folder of scripts that 'include :global' takes"},
    {"metadata", KIND_TEXT, ROW_LIST, "", 0, 100, AT(settings_sieve, metadata),
     COUNTED(settings_sieve, metadata_count), .doc = "annotations of the server: NAME=VALUE"},
    {"max_actions", KIND_COUNT, 0, "32", 1, 60, AT(settings_sieve, max_actions),
     .doc = "actions of one run"},
    {"max_redirects", KIND_COUNT, 0, "4", 0, 60, AT(settings_sieve, max_redirects),
     .doc = "redirects of one run"},
    {"notify_max_notifications", KIND_COUNT, 0, "10", 0, 60,
     AT(settings_sieve, notify_max_notifications), .doc = "notifications of one run"},
    {"notify_mailto_envelope_from", KIND_TEXT, ROW_OPTIONAL, "", 0, 320,
     AT(settings_sieve, notify_mailto_envelope_from), .doc = "reverse-path of notifications"},
    {"report_from", KIND_TEXT, ROW_OPTIONAL, "", 0, 500, AT(settings_sieve, report_from),
     .doc = "From of reports of abuse"},
    {"variables_max_value_size", KIND_SIZE, 0, "4K", 128, MIB,
     AT(settings_sieve, variables_max_value_size), .doc = "longest value of a variable"},
    {"include_max_includes", KIND_COUNT, 0, "255", 0, 10000,
     AT(settings_sieve, include_max_includes), .doc = "scripts that one script may include"},
    {"include_max_nesting_depth", KIND_COUNT, 0, "10", 0, 30,
     AT(settings_sieve, include_max_nesting_depth), .doc = "how deep they may include others"},
    {"vacation_min_period", KIND_DURATION, 0, "1d", 0, 365 * DAY,
     AT(settings_sieve, vacation_min_period), .doc = "shortest time between two replies"},
    {"vacation_default_period", KIND_DURATION, 0, "7d", 0, 365 * DAY,
     AT(settings_sieve, vacation_default_period), .doc = "the time where a script says none"},
    {"vacation_max_period", KIND_DURATION, ROW_NONE, "60d", SECOND, 3650 * DAY,
     AT(settings_sieve, vacation_max_period), .doc = "longest time that a script may ask for"},
    {"vacation_default_subject", KIND_TEXT, 0, "Automated reply", 1, 500,
     AT(settings_sieve, vacation_default_subject), .doc = "for messages without a subject"},
    {"vacation_default_subject_template", KIND_TEXT, 0, "Auto: %$", 1, 500,
     AT(settings_sieve, vacation_default_subject_template), .doc = "for others; %$ is theirs"},
    {"vacation_send_from_recipient", KIND_BOOLEAN, 0, "no", 0, 0,
     AT(settings_sieve, vacation_send_from_recipient),
     .doc = "send replies with the recipient as the sender"},
    {"vacation_check_recipient", KIND_BOOLEAN, 0, "yes", 0, 0,
     AT(settings_sieve, vacation_check_recipient),
     .doc = "reply only to what names one of the account's addresses"},
    {"vacation_use_original_recipient", KIND_BOOLEAN, 0, "yes", 0, 0,
     AT(settings_sieve, vacation_use_original_recipient),
     .doc = "the original recipient (ORCPT) is one of them"},
    {"duplicate_default_period", KIND_DURATION, 0, "12h", SECOND, 365 * DAY,
     AT(settings_sieve, duplicate_default_period), .doc = "how long duplicate remembers"},
    {"duplicate_max_period", KIND_DURATION, 0, "2d", SECOND, 365 * DAY,
     AT(settings_sieve, duplicate_max_period), .doc = "longest time that a script may ask for"},
    {"editheader_max_header_size", KIND_SIZE, 0, "2K", 128, MIB,
     AT(settings_sieve, editheader_max_header_size), .doc = "longest field that is added"},
    {"editheader_protected", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, editheader_protected), .doc = "fields that scripts leave alone"},
    {"editheader_forbid_add", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, editheader_forbid_add), .doc = "fields that they do not add"},
    {"editheader_forbid_delete", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, editheader_forbid_delete), .doc = "fields that they do not delete"},
    {"spamtest_status_type", KIND_WORD, 0, "score", 0, 0, scanner_words,
     AT(settings_sieve, spamtest_status_type), .doc = "what a scanner's field says"},
    {"spamtest_status_header", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, spamtest_status_header), .doc = "the field: NAME, or NAME: EXPRESSION"},
    {"spamtest_score_max_value", KIND_TEXT, ROW_OPTIONAL, "", 0, 31,
     AT(settings_sieve, spamtest_score_max_value), .doc = "score that is the worst of the scale"},
    {"spamtest_score_max_header", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, spamtest_score_max_header), .doc = "or the field that says it"},
    {"spamtest_text_value", KIND_TEXT, ROW_LIST, "", 0, 11, AT(settings_sieve, spamtest_text_value),
     COUNTED(settings_sieve, spamtest_text_value_count), .doc = "texts of the scale: 5=high"},
    {"virustest_status_type", KIND_WORD, 0, "score", 0, 0, scanner_words,
     AT(settings_sieve, virustest_status_type), .doc = "what a scanner's field says"},
    {"virustest_status_header", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, virustest_status_header), .doc = "the field: NAME, or NAME: EXPRESSION"},
    {"virustest_score_max_value", KIND_TEXT, ROW_OPTIONAL, "", 0, 31,
     AT(settings_sieve, virustest_score_max_value), .doc = "score that is the worst of the scale"},
    {"virustest_score_max_header", KIND_TEXT, ROW_OPTIONAL, "", 0, TEXT_MAX,
     AT(settings_sieve, virustest_score_max_header), .doc = "or the field that says it"},
    {"virustest_text_value", KIND_TEXT, ROW_LIST, "", 0, 11,
     AT(settings_sieve, virustest_text_value), COUNTED(settings_sieve, virustest_text_value_count),
     .doc = "texts of the scale: 5=high"},
    {"environment", KIND_TEXT, ROW_LIST, "", 0, 100, AT(settings_sieve, environment),
     COUNTED(settings_sieve, environment_count),
     .doc = "NAME=VALUE: items vnd.dovecot.config.NAME"},
};

static const struct config_row sieve_list_rows[] = {
    {"file", KIND_PATH, 0, NULL, 1, TEXT_MAX, AT(settings_sieve_list, file),
     .doc = "one value a line"},
};

static const struct config_row listen_title = {
    "protocol",       KIND_ENUM, 0, NULL, 0, 0, protocol_words, AT(settings_listen, protocol),
    .doc = "protocol"};
static const struct config_row domain_title = {
    "name", KIND_DOMAIN, 0, NULL, 1, 255, AT(settings_domain, name), .doc = "name"};
static const struct config_row store_title = {
    "name", KIND_NAME, 0, NULL, 1, 32, AT(settings_store, name), .doc = "name"};

static const struct config_row route_title = {
    "name", KIND_NAME, 0, NULL, 1, 32, AT(settings_route, name), .doc = "name"};

static const struct config_row milter_title = {
    "name", KIND_NAME, 0, NULL, 1, 32, AT(settings_milter, name), .doc = "name"};

static const struct config_row sieve_list_title = {
    "name", KIND_TEXT, 0, NULL, 1, 255, AT(settings_sieve_list, name), .doc = "name"};

static const struct config_row program_title = {
    "name", KIND_NAME, 0, NULL, 1, 32, AT(settings_program, name), .doc = "name"};

static const struct config_row filter_title = {
    "name", KIND_NAME, 0, NULL, 1, 32, AT(settings_filter, name), .doc = "name"};

#define ROWS(table) .rows = (table), .count = sizeof(table) / sizeof((table)[0])

const struct config_section config_sections[SECTION_COUNT] = {
    [SECTION_ROOT] = {.name = "", ROWS(root_rows), .doc = "what belongs to no section"},
    [SECTION_LISTEN] = {.name = "listen",
                        .doc = "a protocol to serve, and where",
                        ROWS(listen_rows),
                        .title = &listen_title,
                        AT(settings, listens),
                        COUNTED(settings, listen_count),
                        .size = sizeof(struct settings_listen),
                        .max = 100},
    [SECTION_DOMAIN] = {.name = "domain",
                        .doc = "a domain whose mail is delivered here",
                        ROWS(domain_rows),
                        .title = &domain_title,
                        AT(settings, domains),
                        COUNTED(settings, domain_count),
                        .size = sizeof(struct settings_domain),
                        .max = 65536},
    [SECTION_STORE] = {.name = "store",
                       .doc = "a place where mail is kept",
                       ROWS(store_rows),
                       .title = &store_title,
                       AT(settings, stores),
                       COUNTED(settings, store_count),
                       .size = sizeof(struct settings_store),
                       .max = 100},
    [SECTION_MILTER] = {.name = "milter",
                        .doc = "a content filter that speaks the milter protocol",
                        ROWS(milter_rows),
                        .title = &milter_title,
                        AT(settings, milters),
                        COUNTED(settings, milter_count),
                        .size = sizeof(struct settings_milter),
                        .max = 64},
    [SECTION_RELAY] = {.name = "relay",
                       .doc = "mail that leaves again",
                       .rows = relay_rows,
                       .count = RELAY_ROWS,
                       AT(settings, relay)},
    [SECTION_ROUTE] = {.name = "route",
                       .doc = "another next hop for some domains",
                       .rows = route_rows,
                       .count = ROUTE_ROWS,
                       .title = &route_title,
                       AT(settings, routes),
                       COUNTED(settings, route_count),
                       .size = sizeof(struct settings_route),
                       .max = 1000},
    [SECTION_PROGRAM] = {.name = "program",
                         .doc = "an external program that looks at mail",
                         .rows = program_rows,
                         .count = PROGRAM_ROWS,
                         .title = &program_title,
                         AT(settings, programs),
                         COUNTED(settings, program_count),
                         .size = sizeof(struct settings_program),
                         .max = 256},
    [SECTION_FILTER] = {.name = "filter",
                        .doc = "a content filter that gives messages back",
                        .rows = filter_rows,
                        .count = FILTER_ROWS,
                        .title = &filter_title,
                        AT(settings, filters),
                        COUNTED(settings, filter_count),
                        .size = sizeof(struct settings_filter),
                        .max = FILTER_SECTIONS_MAX},
    [SECTION_LIMITS] = {.name = "limits",
                        .doc = "ceilings",
                        ROWS(limits_rows),
                        AT(settings, limits)},
    [SECTION_TIMEOUTS] = {.name = "timeouts",
                          .doc = "how long we wait",
                          ROWS(timeouts_rows),
                          AT(settings, timeouts)},
    [SECTION_AUTH] = {.name = "auth", .doc = "log-ins", ROWS(auth_rows), AT(settings, auth)},
    [SECTION_METRICS] = {.name = "metrics",
                         .doc = "numbers for a monitoring system",
                         ROWS(metrics_rows),
                         AT(settings, metrics)},
    [SECTION_SIEVE] = {.name = "sieve",
                       .doc = "filter scripts of accounts (RFC 5228)",
                       ROWS(sieve_rows),
                       AT(settings, sieve)},
    [SECTION_SIEVE_LIST] = {.name = "sieve_list",
                            .doc = "a list that scripts may look into (RFC 6134)",
                            ROWS(sieve_list_rows),
                            .title = &sieve_list_title,
                            AT(settings, sieve_lists),
                            COUNTED(settings, sieve_list_count),
                            .size = sizeof(struct settings_sieve_list),
                            .max = 100},
};
