/* SPDX-License-Identifier: MIT
 *
 * Rows of the sections relay and route. What says how a connection is made is the same in both.
 * See row_priv.h.
 */
#include "row_priv.h"

#include "doorstep/settings.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define TEXT_MAX 4095

static const char *const protocol_words[] = {"smtp", "lmtp", NULL};
static const char *const tls_words[] = {"none", "opportunistic", "required", "implicit", NULL};
static const char *const sender_words[] = {"auto", "original", "recipient", "srs", "null", NULL};

_Static_assert(sizeof(enum relay_protocol) == sizeof(int) &&
                   sizeof(enum relay_tls) == sizeof(int) &&
                   sizeof(enum redirect_sender) == sizeof(int),
               "KIND_ENUM keeps an int");

#define AT(type, field) .offset = offsetof(struct type, field)
#define ROUTE(field) AT(settings_route, field)
#define SMARTHOST(field) AT(settings_relay, smarthost.field)
#define RELAY(field) AT(settings_relay, field)

/* As the rows of other sections are written; the formatter does not know rows in a macro. */
/* clang-format off */
#define CONNECTION_ROWS(PLACE)                                                                     \
    {"protocol", KIND_ENUM, 0, "smtp", 0, 0, protocol_words, PLACE(protocol),                      \
     .doc = "what the next hop speaks"},                                                           \
    {"tls", KIND_ENUM, 0, "opportunistic", 0, 0, tls_words, PLACE(tls),                            \
     .doc = "whether the connection is encrypted, and who has to be at its end"},                  \
    {"tls_name", KIND_DOMAIN, ROW_OPTIONAL, "", 0, 255, PLACE(tls_name),                           \
     .doc = "name that the next hop's certificate has to have"},                                   \
    {"ca", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, PLACE(ca),                                    \
     .doc = "authorities in place of the system's (PEM)"},                                         \
    {"user", KIND_LOGIN, ROW_OPTIONAL, "", 0, 255, PLACE(user), .doc = "whom to log in as"},       \
    {"password_file", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, PLACE(password_file),              \
     .doc = "file whose first line is the password"},                                              \
    {"connections", KIND_COUNT, 0, "10", 1, 1000, PLACE(connections),                              \
     .doc = "connections at a time"},                                                              \
    {"connection_messages", KIND_COUNT, 0, "100", 1, 100000, PLACE(connection_messages),           \
     .doc = "messages that one connection carries"},                                               \
    {"recipients", KIND_COUNT, 0, "100", 1, 1000, PLACE(recipients),                               \
     .doc = "recipients of one transaction"},                                                      \
    {"connect_timeout", KIND_DURATION, 0, "30s", 10, HOUR, PLACE(connect_timeout),                 \
     .doc = "what each address of the next hop gets to answer"},                                   \
    {"reply_timeout", KIND_DURATION, 0, "5min", 10, HOUR, PLACE(reply_timeout),                    \
     .doc = "waiting for a reply"},                                                                \
    {"data_timeout", KIND_DURATION, 0, "10min", 10, HOUR, PLACE(data_timeout),                     \
     .doc = "waiting for the reply to the end of a message"}
/* clang-format on */

const struct config_row relay_rows[] = {
    {"smarthost", KIND_NEXT_HOP, ROW_OPTIONAL, "", 0, 0, SMARTHOST(next_hop),
     .doc = "where mail goes that no route takes"},
    CONNECTION_ROWS(SMARTHOST),
    {"retry", KIND_DURATION, 0, "5min", SECOND, DAY, RELAY(retry),
     .doc = "wait after a first failed attempt"},
    {"retry_max", KIND_DURATION, 0, "2h", SECOND, 7 * DAY, RELAY(retry_max),
     .doc = "where the wait, doubled with each attempt, ends"},
    {"expire", KIND_DURATION, 0, "5d", SECOND, 30 * DAY, RELAY(expire),
     .doc = "age at which a message is given up"},
    {"expire_bounce", KIND_DURATION, 0, "1d", SECOND, 30 * DAY, RELAY(expire_bounce),
     .doc = "the same for messages with the null sender"},
    {"delay_report", KIND_DURATION, ROW_NONE, "4h", SECOND, 30 * DAY, RELAY(delay_report),
     .doc = "age at which the sender hears of the delay"},
    {"account_messages", KIND_COUNT, ROW_NONE, "200", 1, UINT32_MAX, RELAY(account_messages),
     .doc = "messages an hour that one account causes"},
    {"messages", KIND_COUNT, ROW_NONE, "5000", 1, UINT32_MAX, RELAY(messages),
     .doc = "messages an hour in all"},
    {"redirect_sender", KIND_ENUM, 0, "auto", 0, 0, sender_words, RELAY(redirect_sender),
     .doc = "reverse-path of redirected messages"},
    {"srs_domain", KIND_DOMAIN, ROW_OPTIONAL, "", 0, 255, RELAY(srs_domain),
     .doc = "domain of rewritten reverse-paths"},
    {"srs_local_max", KIND_COUNT, 0, "64", 64, 256, RELAY(srs_local_max),
     .doc = "octets of their local part, at most"},
    {"srs_secret_file", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, RELAY(srs_secret_file),
     .doc = "file with the secrets of SRS"},
};

const struct config_row route_rows[] = {
    {"domains", KIND_PATTERN, ROW_LIST, "", 0, 1000, ROUTE(domains),
     .count_offset = offsetof(struct settings_route, domain_count),
     .doc = "whose mail goes this way"},
    {"next_hop", KIND_NEXT_HOP, ROW_OPTIONAL, "", 0, 0, ROUTE(next_hop), .doc = "where it goes"},
    CONNECTION_ROWS(ROUTE),
    {"ask_recipients", KIND_BOOLEAN, 0, "yes", 0, 0, ROUTE(ask_recipients),
     .doc = "whether homes of accounts are asked about them at RCPT"},
    {"ask_timeout", KIND_DURATION, 0, "10s", 10, 5 * MINUTE, ROUTE(ask_timeout),
     .doc = "how long RCPT waits for their answer"},
    {"ask_accepted", KIND_DURATION, 0, "1min", 0, HOUR, ROUTE(ask_accepted),
     .doc = "how long a recipient that they take is remembered"},
    {"ask_refused", KIND_DURATION, 0, "10s", 0, HOUR, ROUTE(ask_refused),
     .doc = "how long one that they refuse is remembered"},
};
