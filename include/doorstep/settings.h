/* SPDX-License-Identifier: MIT
 *
 * The checked configuration as plain constant structs. Only config/ fills them; each module is
 * handed the part that it needs. Every field is set (by the file or by its default), every
 * string is at least "", every number was range-checked. Sizes in octets, times in ms.
 * The rows of doorstep.conf(5) have the same names.
 */
#ifndef DOORSTEP_SETTINGS_H
#define DOORSTEP_SETTINGS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum listen_protocol {
    LISTEN_LMTP,
    LISTEN_SMTP,
    LISTEN_POLICY,     /* an MTA asks before it accepts: Postfix's policy protocol */
    LISTEN_SOCKETMAP,  /* its look-ups: netstrings, as Sendmail and Postfix speak them */
    LISTEN_MANAGESIEVE /* a person's Sieve scripts (RFC 5804) */
};
enum listen_tls { LISTEN_TLS_NONE, LISTEN_TLS_OFFERED, LISTEN_TLS_REQUIRED, LISTEN_TLS_IMPLICIT };

struct settings_address { /* one of `address`: "127.0.0.1:2424", "[::1]:2424",
                             "unix:/path,mode=0660" */
    const char *text;     /* as configured */
    bool is_unix;
    const char *path;  /* unix: absolute */
    mode_t mode;       /* unix: default 0666 (who may connect is decided by the folder) */
    const char *owner; /* unix: user name or "" */
    const char *group; /* unix: group name or "" */
    struct sockaddr_storage ip;
    socklen_t ip_length;
};

struct settings_network { /* one of `trusted`: "127.0.0.0/8", "::1/128" */
    int family;           /* AF_INET or AF_INET6 */
    uint8_t bytes[16];
    unsigned bits;
};

enum listen_require { REQUIRE_NONE, REQUIRE_AUTH, REQUIRE_TRUSTED, REQUIRE_CLIENT_CERT };

enum listen_unknown { UNKNOWN_REFUSE, UNKNOWN_DUNNO };

struct settings_listen {
    enum listen_protocol protocol;
    struct settings_address *address;
    size_t address_count;
    struct settings_network *trusted; /* may use XCLIENT and XFORWARD; unix sockets always may */
    size_t trusted_count;             /* policy, socketmap: may ask */
    bool auth;                        /* announce AUTH */
    bool auth_plain_without_tls;      /* PLAIN and LOGIN although anybody may listen in */
    enum listen_require require;      /* who may send mail at all */
    enum listen_unknown unknown_recipients; /* policy: what is said of whom nobody knows here */
    bool proxy_protocol;                    /* a PROXY header stands before the session */
    struct settings_network *proxy_trusted; /* whose headers are believed; unix sockets always */
    size_t proxy_trusted_count;
    enum listen_tls tls;
    const char **certificate; /* PEM files: each a certificate and those that lead to its root */
    size_t certificate_count;
    const char **key; /* PEM files: of the certificate in the same place */
    size_t key_count;
    const char *client_ca; /* PEM file: ask for certificates of its authorities; "": do not ask */
    const char **milters;  /* names of milter sections, in the order of asking */
    size_t milter_count;
};

enum milter_failure { ON_FAILURE_TEMPFAIL, ON_FAILURE_ACCEPT };

struct settings_milter {             /* a content filter that speaks the milter protocol */
    const char *name;                /* of the section */
    struct settings_address address; /* to connect to */
    enum milter_failure on_failure;  /* what becomes of mail that it could not look at */
    uint64_t connect_timeout;        /* to connect and to agree on the protocol: 30 s */
    uint64_t command_timeout;        /* for the answer to a command: 30 s */
    uint64_t content_timeout;        /* for the answer to the end of a message: 5 min */
    const char *quarantine;          /* mailbox for what it quarantines: "Junk" */
};

enum program_output { PROGRAM_OUTPUT_NONE, PROGRAM_OUTPUT_FIELDS, PROGRAM_OUTPUT_MESSAGE };
enum program_failure { PROGRAM_TEMPFAIL, PROGRAM_SKIP };
enum program_once { PROGRAM_ONCE_PER_MESSAGE, PROGRAM_ONCE_PER_RECIPIENT };
enum program_command { PROGRAM_PIPE, PROGRAM_FILTER, PROGRAM_EXECUTE }; /* of Sieve */

struct settings_program {       /* an external program that looks at mail */
    const char *name;           /* of the section */
    const char **command;       /* its file and arguments with %{variables} (program.h); or none, */
    size_t command_count;       /* and `folder` is there */
    const char *folder;         /* of programs that scripts call by their files' names; or "" */
    enum program_output output; /* what its standard output is */
    enum program_failure on_failure; /* what becomes of mail that it could not look at */
    enum program_once once_per;      /* as a filter before Sieve */
    enum program_command sieve[3];   /* by which scripts may call it */
    size_t sieve_count;
    const char *user;         /* whom it runs as, or "": sandbox_user */
    const char **environment; /* further "NAME=value" */
    size_t environment_count;
    const char **writable; /* folders in which it may change files */
    size_t writable_count;
    uint64_t timeout;     /* of a run: 30 s */
    uint64_t concurrency; /* runs at a time: 10 */
    uint64_t output_size; /* octets of standard output; of a new message message_size counts */
    uint64_t memory;      /* octets of address space of each process; UINT64_MAX: none */
    uint64_t cpu;         /* ms of processor time of each process */
    uint64_t file_size;   /* octets of a file that it writes */
    uint64_t files;       /* descriptors */
    uint64_t processes;   /* and threads of its user, all together */
    uint32_t runner;      /* those of one user share a process that starts them */
};

enum bare_newline { BARE_KEEP, BARE_REJECT, BARE_NORMALIZE };

struct settings_domain {
    const char *name;                /* lower case A-labels */
    const char *accounts;            /* driver: "sqlite", "passwd", "file", "any" */
    const char *accounts_file;       /* for "file" */
    const char *recipient_delimiter; /* set of characters, "" for none */
    const char *catch_all;           /* account that gets what nobody has, or "" */
    const char *postmaster;          /* account for postmaster, or "" */
    const char *store;               /* name of a store section, default "maildir" */
    bool case_sensitive;             /* local parts; default no */
    bool delivered_to;               /* write Delivered-To; no allows hard links */
    bool quota_hard;                 /* over_quota = "reject": 552 5.2.2 in place of 452 4.2.2 */
    uint64_t quota;                  /* default octets per account, UINT64_MAX: none ("none") */
    uint64_t quota_messages;         /* UINT64_MAX: none */
    uint64_t accounts_max;           /* for "any" */
    const char *forward;             /* route to the home of its accounts, or "": here */
    const char **filters_before;     /* the same, behind those of all domains */
    size_t filters_before_count;
    const char **filters_after;
    size_t filters_after_count;
};

enum store_lock { STORE_LOCK_FCNTL, STORE_LOCK_DOTLOCK, STORE_LOCK_FLOCK };

struct settings_store {
    const char *name;   /* of the section */
    const char *driver; /* default: the name */
    const char *path;   /* with %{user} %{domain} %{home} */
    bool crlf;          /* line_end = "crlf"; default "lf" */
    enum store_lock lock[3];
    size_t lock_count;
    uint64_t lock_timeout;
    uint64_t tmp_max_age; /* maildir: 36 h */
};

struct settings_limits {
    uint64_t message_size;
    uint64_t recipients;
    uint64_t connections;
    uint64_t command_line;           /* octets, CRLF included; 2048 */
    uint64_t errors;                 /* bad commands in a session before 421 */
    uint64_t message_memory;         /* one message in memory before it goes to a file: 256 KiB */
    uint64_t memory;                 /* all messages in flight, in memory */
    uint64_t transactions;           /* messages one session may send, 421 after */
    uint64_t commands;               /* of a session, since its last message */
    uint64_t unknown_recipients;     /* of a session, 421 after; UINT64_MAX: none */
    uint64_t tarpit_recipients;      /* unknown ones that are refused without delay; or none */
    uint64_t network_connections;    /* at a time from one network; UINT64_MAX: none */
    uint64_t network_messages;       /* an hour from one network; UINT64_MAX: none */
    uint64_t network_ipv4;           /* bits of an IPv4 address that make a network */
    uint64_t network_ipv6;           /* of an IPv6 address */
    struct settings_network *exempt; /* from what is counted by network, and from tarpits */
    size_t exempt_count;
    uint64_t account_messages; /* an hour for one account; UINT64_MAX: none */
    uint64_t account_octets;   /* likewise */
    uint64_t lookups;          /* recipients that an edge may ask about at a time */
    uint64_t handshakes;       /* of TLS, at a time */
    uint64_t data_rate;        /* octets a second that a message brings at least */
    uint64_t busy;             /* per cent of connections from which on timeouts.busy holds */
    uint64_t disk_free;        /* octets below which no mail is taken; UINT64_MAX: none */
    uint64_t programs;         /* that run at a time, of one user */
};

struct settings_timeouts {   /* RFC 5321 4.5.3.2 */
    uint64_t command;        /* waiting for a command: 5 min */
    uint64_t data;           /* between two pieces of a message: 3 min */
    uint64_t handshake;      /* of TLS, from beginning to end: 30 s */
    uint64_t handshake_busy; /* the same while others wait for theirs: 3 s */
    uint64_t write;          /* client does not read: 5 min */
    uint64_t answer;         /* store does not answer RCPT or end of data: 10 min */
    uint64_t drain;          /* after SIGTERM: 10 s */
    uint64_t sort;           /* one message in a sorter: 10 s */
    uint64_t sort_wait;      /* no sorter is there: 1 min */
    uint64_t session;        /* a session, all in all: 2 h */
    uint64_t busy;           /* in place of command and data when there are many: 30 s */
    uint64_t proxy;          /* waiting for a PROXY header: 5 s */
    uint64_t tarpit;         /* first delay for an unknown recipient, doubled with each: 1 s */
    uint64_t tarpit_max;     /* longest */
};

struct settings_auth {
    uint64_t hash_memory;      /* octets that argon2id takes for one password */
    uint64_t hash_operations;  /* and its passes over them */
    uint64_t threads;          /* passwords checked at a time */
    uint64_t queue;            /* attempts that may wait for a thread */
    uint64_t session_failures; /* before the session is ended */
    uint64_t delay;            /* of the answer to the first failure; doubles with each */
    uint64_t delay_max;
    uint64_t address_failures; /* before an address is banned */
    uint64_t account_failures; /* before an account is */
    uint64_t ban;              /* how long */
    uint64_t decay;            /* failures count half as much after so long */
};

struct settings_metrics {
    struct settings_address *address; /* of the OpenMetrics text; none: no such role */
    size_t address_count;
    bool allow_remote; /* addresses other than loopback and unix sockets */
};

struct settings_sieve {
    uint64_t scripts;       /* of one account */
    uint64_t script_size;   /* octets of one script */
    uint64_t storage;       /* octets of all scripts of an account */
    uint64_t outgoing;      /* what scripts of an account send and that waits: how many, */
    uint64_t outgoing_size; /* and octets of all together */
    const char **before;    /* files of the administrator's, in this order */
    size_t before_count;
    const char **after;
    size_t after_count;
    const char *discard;   /* for what the others would only discard; or "" */
    const char *global;    /* folder of scripts for `include :global`, or "" */
    bool create;           /* mailboxes that scripts name and that are missing */
    bool notes;            /* tell users of scripts that fail, in their INBOX */
    bool user_programs;    /* accounts' own scripts may call programs, too */
    const char **metadata; /* annotations of the server: "/shared/comment=text" */
    size_t metadata_count;

    /* What one run may do, and extensions' own settings. */
    uint64_t max_actions, max_redirects, notify_max_notifications;
    uint64_t variables_max_value_size, include_max_includes, include_max_nesting_depth;
    uint64_t vacation_min_period, vacation_default_period, vacation_max_period; /* ms */
    uint64_t duplicate_default_period, duplicate_max_period;                    /* ms */
    const char *notify_mailto_envelope_from, *report_from; /* a word or an address, or "" */
    const char *vacation_default_subject, *vacation_default_subject_template;
    bool vacation_send_from_recipient, vacation_check_recipient;
    bool vacation_use_original_recipient;
    uint64_t editheader_max_header_size;
    const char *editheader_protected, *editheader_forbid_add, *editheader_forbid_delete;
    const char *spamtest_status_type, *spamtest_status_header;
    const char *spamtest_score_max_value, *spamtest_score_max_header;
    const char **spamtest_text_value; /* "5=high" */
    size_t spamtest_text_value_count;
    const char *virustest_status_type, *virustest_status_header;
    const char *virustest_score_max_value, *virustest_score_max_header;
    const char **virustest_text_value;
    size_t virustest_text_value_count;
    const char **environment; /* "NAME=VALUE": vnd.dovecot.config.NAME */
    size_t environment_count;
};

struct settings_sieve_list { /* RFC 6134 */
    const char *name;        /* as scripts call it: an URI as a rule */
    const char *file;        /* one value a line */
};

enum relay_protocol { RELAY_SMTP, RELAY_LMTP };

/* Opportunistic: encrypts where that is offered, whoever it is that offers it (RFC 7435). */
enum relay_tls { RELAY_TLS_NONE, RELAY_TLS_OPPORTUNISTIC, RELAY_TLS_REQUIRED, RELAY_TLS_IMPLICIT };

struct settings_next_hop { /* "mail.example.net:587", "[::1]:2525", "unix:/path" */
    const char *text;      /* as configured; NULL: none */
    bool is_unix;
    const char *path; /* unix: absolute */
    const char *host; /* a domain in A-labels, or an address without brackets */
    bool is_number;   /* host is an address */
    uint16_t port;
};

#define FILTER_SECTIONS_MAX 16

enum filter_silence { SILENCE_TEMPFAIL, SILENCE_DISCARD };

struct settings_filter {             /* it is sent a message, and gives it back to us */
    const char *name;                /* of the section */
    enum relay_protocol protocol;    /* `driver`: of both ways */
    struct settings_address address; /* where it listens */
    struct settings_address back;    /* `return`: where we listen for what it gives back */
    enum program_failure on_failure; /* what becomes of mail that it could not look at */
    enum filter_silence on_silence;  /* and of what it takes and does not give back */
    enum program_once once_per;      /* before Sieve */
    uint64_t timeout;                /* from our connecting to the end of both ways: 1 min */
    uint64_t concurrency;            /* messages at a time: 10 */
};

struct settings_route {   /* where mail goes on to, and how */
    const char *name;     /* of the section; "" is the smarthost of section relay */
    const char **domains; /* "example.org", "*.example.org", "*" */
    size_t domain_count;
    struct settings_next_hop next_hop;
    enum relay_protocol protocol;
    enum relay_tls tls;
    const char *tls_name;         /* that the certificate has to have; "": the next hop's host */
    const char *ca;               /* PEM file in place of the system's authorities, or "" */
    const char *user;             /* to log in as; "": no log-in */
    const char *password_file;    /* main alone reads it */
    uint64_t connections;         /* at a time */
    uint64_t connection_messages; /* that one connection carries */
    uint64_t recipients;          /* of a transaction */
    uint64_t connect_timeout;     /* each address of the next hop gets so much: 30 s */
    uint64_t reply_timeout;       /* for a whole reply: 5 min */
    uint64_t data_timeout;        /* for the reply to the end of a message: 10 min */
    /* Of a route to the home of accounts, which is asked about them at RCPT. */
    bool ask_recipients;
    uint64_t ask_timeout;  /* for an answer: 10 s */
    uint64_t ask_accepted; /* how long a yes is remembered: 1 min; 0: not at all */
    uint64_t ask_refused;  /* and a no: 10 s */
};

/* In the place of a route's name: an account is at home here, whatever its domain says. No route
 * has these names; the second one is what the tool calls "as the domain says". */
#define SETTINGS_ROUTE_HERE "here"
#define SETTINGS_ROUTE_NONE "none"

enum redirect_sender {
    REDIRECT_AUTO, /* in the file alone: SRS with a secret, else the original */
    REDIRECT_ORIGINAL,
    REDIRECT_RECIPIENT,
    REDIRECT_SRS,
    REDIRECT_NULL
};

struct settings_relay {
    struct settings_route smarthost; /* where next_hop.text is not NULL: what no route takes */
    uint64_t retry;                  /* first wait after a failure; it doubles: 5 min */
    uint64_t retry_max;              /* the longest: 2 h */
    uint64_t expire;                 /* then the sender is told: 5 days */
    uint64_t expire_bounce;          /* of what has the null sender: 1 day */
    uint64_t delay_report;           /* wait before the sender hears of a delay: 4 h */
    uint64_t account_messages;       /* an hour that one account causes; UINT64_MAX: none */
    uint64_t messages;               /* an hour in all; UINT64_MAX: none */
    enum redirect_sender redirect_sender;
    const char *srs_domain;      /* of rewritten reverse-paths; default: the first domain */
    uint64_t srs_local_max;      /* octets of their local part: 64 */
    const char *srs_secret_file; /* main alone reads it; "": none */
};

enum sandbox_mode { SANDBOX_REQUIRED, SANDBOX_BEST_EFFORT };

enum durability { DURABILITY_STRICT, DURABILITY_RELAXED };

struct settings {
    const char *hostname;
    const char *authserv_id; /* ours in Authentication-Results (RFC 8601); default the hostname */
    const char *state_dir;
    const char *user;         /* mail owner, or "" */
    const char *sandbox_user; /* default "nobody" */
    uint64_t uid_min;         /* for system accounts: 1000 */
    enum sandbox_mode sandbox;
    bool log_json;         /* log_format = "json"; default "text" */
    const char *log_level; /* "debug", "info", "warning", "error" */
    uint64_t workers;      /* account workers (threads); 0 never: default 2 */
    uint64_t sorters;
    uint64_t edges;
    enum durability durability;
    uint64_t journal_size;      /* of all workers together: 512 MiB */
    uint64_t ledger_window;     /* 5 days */
    uint64_t delivery_log_keep; /* 30 days */
    uint64_t max_received;      /* 100 */
    enum bare_newline bare_newline;
    bool dsn;                    /* announce DSN */
    const char *plugin_dir;      /* libdoorstep_store_NAME.so */
    const char **filters_before; /* names of programs and filters that look at mail before Sieve */
    size_t filters_before_count;
    const char **filters_after; /* the same, behind it */
    size_t filters_after_count;
    struct settings_listen *listens;
    size_t listen_count;
    struct settings_domain *domains;
    size_t domain_count;
    struct settings_store *stores; /* "maildir" and "mbox" always exist, with defaults */
    size_t store_count;
    struct settings_milter *milters;
    size_t milter_count;
    struct settings_route *routes;
    size_t route_count;
    struct settings_relay relay;
    struct settings_program *programs;
    size_t program_count;
    struct settings_filter *filters;
    size_t filter_count;
    struct settings_limits limits;
    struct settings_timeouts timeouts;
    struct settings_auth auth;
    struct settings_metrics metrics;
    struct settings_sieve sieve;
    struct settings_sieve_list *sieve_lists;
    size_t sieve_list_count;
};

/* settings_listen_name() - what a listener is known by, whatever its place in the file: protocol
 * and first address. false: it does not fit. */
bool settings_listen_name(const struct settings_listen *listen, char *out, size_t size);

/* settings_listen_word() - of a protocol, as in the file. */
const char *settings_listen_word(enum listen_protocol protocol);

/* settings_listen_takes_mail() - LMTP or SMTP; the others answer an MTA's questions, or keep
 * scripts. */
bool settings_listen_takes_mail(const struct settings_listen *listen);

/* settings_listen_has_logins() - somebody may log in there. */
bool settings_listen_has_logins(const struct settings_listen *listen);

/* settings_find_domain(), settings_find_store(), settings_find_milter(), settings_find_program(),
 * settings_find_filter() - by name; NULL when there is none. */
const struct settings_domain *settings_find_domain(const struct settings *s, const char *name);
const struct settings_store *settings_find_store(const struct settings *s, const char *name);
const struct settings_milter *settings_find_milter(const struct settings *s, const char *name);
const struct settings_program *settings_find_program(const struct settings *s, const char *name);
const struct settings_filter *settings_find_filter(const struct settings *s, const char *name);

/* settings_annotation() - of the server, by its name of n octets without regard to case; NULL: it
 * has none. */
const char *settings_annotation(const struct settings_sieve *s, const char *name, size_t n);

/* settings_runner_count() - processes that start programs; settings_runner_user() - whom one runs
 * as, "": sandbox_user. */
uint32_t settings_runner_count(const struct settings *s);
const char *settings_runner_user(const struct settings *s, uint32_t runner);

/* settings_find_route() - by name, "" for the smarthost; NULL when there is none. */
const struct settings_route *settings_find_route(const struct settings *s, const char *name);

/* settings_route_of_domain() - the first route that takes a domain (lower case A-labels, or an
 * address literal), otherwise the smarthost; NULL: nothing takes it, and its mail waits. */
const struct settings_route *settings_route_of_domain(const struct settings *s, const char *domain);

/* settings_is_here() - nobody stands between us and the next hop: a unix socket, or loopback. */
bool settings_is_here(const struct settings_next_hop *hop);

/* settings_has_relay() - mail can leave for somewhere; settings_relay_has_names(): and a name has
 * to be looked up for that. */
bool settings_has_relay(const struct settings *s);
bool settings_relay_has_names(const struct settings *s);

#endif
