/* SPDX-License-Identifier: MIT
 *
 * Whole files: settings that come out, errors with their places, includes, the environment.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/config.h"
#include "files.h"

static const char readme[] = "hostname  = \"mx.example.org\"\n"
                             "state_dir = \"/var/lib/doorstep\"\n"
                             "listen lmtp {\n"
                             "    address = {\"unix:/run/doorstep/lmtp.sock\", \"127.0.0.1:2424\", "
                             "\"[::1]:2424\"}\n"
                             "    trusted = {\"127.0.0.0/8\", \"::1/128\"}\n"
                             "}\n"
                             "listen smtp {\n"
                             "    address = {\"127.0.0.1:2525\"}\n"
                             "}\n"
                             "domain \"example.org\" {\n"
                             "    accounts = \"sqlite\"\n"
                             "    recipient_delimiter = \"+\"\n"
                             "}\n"
                             "domain \"example.net\" {\n"
                             "    accounts = \"any\"\n"
                             "    store = \"mbox\"\n"
                             "}\n"
                             "store maildir {\n"
                             "    path = \"/var/mail/%{domain}/%{user}\"\n"
                             "}\n"
                             "store mbox {\n"
                             "    path = \"/var/mail/%{domain}/%{user}.mbox\"\n"
                             "    lock = {\"fcntl\", \"dotlock\"}\n"
                             "}\n"
                             "limits {\n"
                             "    message_size = \"50M\"\n"
                             "    recipients = 1000\n"
                             "    connections = 2000\n"
                             "}\n";

static struct config *
parse(const char *text)
{
    struct buf errors;
    struct config *c;

    buf_init(&errors, 65536);
    c = config_parse(text, "test.conf", &errors);
    ck_assert_msg(c != NULL, "%s", buf_str(&errors));
    ck_assert_uint_eq(errors.len, 0);
    buf_release(&errors);
    return c;
}

START_TEST(the_documented_example_works)
{
    struct config *c = parse(readme);
    const struct settings *s = config_settings(c);

    ck_assert_str_eq(s->hostname, "mx.example.org");
    ck_assert_str_eq(s->state_dir, "/var/lib/doorstep");
    ck_assert_uint_eq(s->listen_count, 2);
    ck_assert_int_eq(s->listens[0].protocol, LISTEN_LMTP);
    ck_assert_uint_eq(s->listens[0].address_count, 3);
    ck_assert(s->listens[0].address[0].is_unix);
    ck_assert_str_eq(s->listens[0].address[0].path, "/run/doorstep/lmtp.sock");
    ck_assert_uint_eq(s->listens[0].trusted_count, 2);
    ck_assert_int_eq(s->listens[0].trusted[1].family, AF_INET6);
    ck_assert_uint_eq(s->listens[0].trusted[1].bits, 128);
    ck_assert_int_eq(s->listens[1].protocol, LISTEN_SMTP);
    ck_assert_uint_eq(s->listens[1].trusted_count, 0);
    ck_assert_uint_eq(s->domain_count, 2);
    ck_assert_str_eq(settings_find_domain(s, "example.org")->store, "maildir");
    ck_assert_str_eq(settings_find_domain(s, "example.net")->accounts, "any");
    ck_assert_uint_eq(s->store_count, 2);
    ck_assert_str_eq(settings_find_store(s, "mbox")->driver, "mbox");
    ck_assert_uint_eq(settings_find_store(s, "mbox")->lock_count, 2);
    ck_assert_int_eq(settings_find_store(s, "mbox")->lock[1], STORE_LOCK_DOTLOCK);
    ck_assert_uint_eq(s->limits.message_size, UINT64_C(50) << 20);
    ck_assert_uint_eq(s->limits.recipients, 1000);
    ck_assert_uint_eq(s->limits.connections, 2000);
    config_free(c);
}
END_TEST

START_TEST(addresses_are_ready_for_bind)
{
    struct config *c = parse("listen lmtp { address = {127.0.0.1:2424, [::1]:25,\n"
                             "\"unix:/run/x,mode=0620,owner=o,group=g\"} }\n"
                             "domain a.example {}");
    const struct settings_address *a = config_settings(c)->listens[0].address;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    memcpy(&in, &a[0].ip, sizeof(in));
    ck_assert_uint_eq(a[0].ip_length, sizeof(in));
    ck_assert_int_eq(in.sin_family, AF_INET);
    ck_assert_uint_eq(ntohs(in.sin_port), 2424);
    ck_assert_uint_eq(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
    memcpy(&in6, &a[1].ip, sizeof(in6));
    ck_assert_uint_eq(a[1].ip_length, sizeof(in6));
    ck_assert_int_eq(in6.sin6_family, AF_INET6);
    ck_assert_uint_eq(ntohs(in6.sin6_port), 25);
    ck_assert_uint_eq(a[2].mode, 0620);
    ck_assert_str_eq(a[2].owner, "o");
    ck_assert_str_eq(a[2].group, "g");
    config_free(c);
}
END_TEST

START_TEST(a_domain_is_enough)
{
    struct config *c = parse("domain example.org {}");
    const struct settings *s = config_settings(c);

    ck_assert(s->hostname[0] != '\0');
    ck_assert_uint_eq(s->listen_count, 1);
    ck_assert_int_eq(s->listens[0].protocol, LISTEN_LMTP);
    ck_assert_str_eq(s->listens[0].address[0].path, "/run/doorstep/lmtp.sock");
    ck_assert_uint_eq(s->listens[0].address[0].mode, 0666);
    ck_assert_str_eq(s->domains[0].accounts, "sqlite");
    ck_assert(s->domains[0].delivered_to);
    ck_assert_uint_eq(s->domains[0].quota, UINT64_MAX);
    ck_assert_str_eq(settings_find_store(s, "maildir")->path, "/var/mail/%{domain}/%{user}");
    ck_assert_str_eq(settings_find_store(s, "mbox")->path, "/var/mail/%{domain}/%{user}.mbox");
    ck_assert_int_eq(s->durability, DURABILITY_STRICT);
    ck_assert_uint_eq(s->timeouts.command, 300000);
    ck_assert_uint_eq(s->ledger_window, UINT64_C(5) * 24 * 3600 * 1000);
    config_free(c);
}
END_TEST

START_TEST(two_listen_sections_of_one_protocol_are_two_listeners)
{
    struct config *c =
        parse("listen smtp { address = {\"127.0.0.1:25\"} trusted = {\"10.0.0.0/8\"} }\n"
              "listen smtp { address = {\"127.0.0.1:26\", \"127.0.0.1:27\"} }\n"
              "domain a.example {}");
    const struct settings *s = config_settings(c);

    ck_assert_uint_eq(s->listen_count, 2);
    ck_assert_int_eq(s->listens[0].protocol, LISTEN_SMTP);
    ck_assert_str_eq(s->listens[0].address[0].text, "127.0.0.1:25");
    ck_assert_uint_eq(s->listens[0].trusted_count, 1);
    ck_assert_int_eq(s->listens[1].protocol, LISTEN_SMTP);
    ck_assert_uint_eq(s->listens[1].address_count, 2);
    ck_assert_uint_eq(s->listens[1].trusted_count, 0);
    config_free(c);
}
END_TEST

START_TEST(sections_without_title_and_lists_add_up)
{
    struct config *c =
        parse("limits { recipients = 5 }\nlimits { errors = 6 }\n"
              "listen lmtp { address = {\"127.0.0.1:1\"} address += {\"127.0.0.1:2\"} }\n"
              "domain a.example { quota = 1M quota = 2M }");
    const struct settings *s = config_settings(c);

    ck_assert_uint_eq(s->limits.recipients, 5);
    ck_assert_uint_eq(s->limits.errors, 6);
    ck_assert_uint_eq(s->listens[0].address_count, 2);
    ck_assert_uint_eq(s->domains[0].quota, 2 << 20);
    config_free(c);
}
END_TEST

START_TEST(domains_are_kept_as_a_labels)
{
    struct config *c = parse("domain \"M\xc3\x9cnchen.Example\" {}");

    ck_assert_str_eq(config_settings(c)->domains[0].name, "xn--mnchen-3ya.example");
    config_free(c);
}
END_TEST

START_TEST(the_installed_example_works)
{
    struct buf errors;
    struct config *c;

    buf_init(&errors, 65536);
    c = config_load(EXAMPLE, &errors);
    ck_assert_msg(c != NULL, "%s", buf_str(&errors));
    config_free(c);
    buf_release(&errors);
}
END_TEST

/* ---- errors ---- */

struct error_case {
    const char *name;
    const char *text;
    const char *errors[6]; /* exactly these lines, in this order */
};

#define DOMAIN "domain a.example {}\n"
#define FILTER "filter one { address = \"127.0.0.1:1\" return = \"127.0.0.1:2\" }\n"

static const struct error_case error_cases[] = {
    {"an unknown setting",
     DOMAIN "statedir = x",
     {"t:2: unknown setting 'statedir', did you mean 'state_dir'?"}},
    {"an unknown setting in a section",
     DOMAIN "limits {\n recipient = 3 }",
     {"t:3: unknown setting 'recipient' in section limits, did you mean 'recipients'?"}},
    {"an unknown section",
     DOMAIN "lisetn smtp { }",
     {"t:2: unknown setting 'lisetn', did you mean 'listen'?"}},
    {"a setting of another section",
     DOMAIN "message_size = 5M",
     {"t:2: setting 'message_size' belongs into section limits"}},
    {"a setting of no section inside of one",
     "domain a.example {\nbare_newline = keep }",
     {"t:2: setting 'bare_newline' belongs to no section"}},
    {"an unknown protocol",
     DOMAIN "listen\nsmpt { address = {\"127.0.0.1:1\"} }",
     {"t:2: the protocol of section listen is none of lmtp, smtp, policy, socketmap, managesieve; "
      "did you mean 'smtp'?"}},
    {"a list without a file", DOMAIN "sieve_list \"x\" { }", {"t:2: sieve_list 'x' has no file"}},
    {"a list twice",
     DOMAIN "sieve_list x { file = \"/a\" }\nsieve_list x { file = \"/b\" }",
     {"t:3: sieve_list 'x' is given twice"}},
    {"an annotation without a value",
     DOMAIN "sieve { metadata = {\"/shared/x\"} }",
     {"t: section sieve: metadata '/shared/x' is not NAME=VALUE"}},
    {"TLS without a certificate",
     DOMAIN "listen smtp { address = {\"127.0.0.1:1\"}\n tls = required }",
     {"t:2: listen: tls needs a certificate and its key"}},
    {"a certificate without TLS",
     DOMAIN "listen smtp { address = {\"127.0.0.1:1\"} certificate = {\"/c\"} key = {\"/k\"} }",
     {"t:2: listen: there is a certificate, but tls is none; did you mean tls = \"offered\"?"}},
    {"a certificate without its key",
     DOMAIN "listen smtp { address = {\"127.0.0.1:1\"} tls = offered\n"
            " certificate = {\"/c\", \"/d\"} key = {\"/k\"} }",
     {"t:2: listen: certificate has 2 files and key has 1: each certificate needs its key, in the "
      "same place of the list"}},
    {"TLS where an MTA asks",
     DOMAIN "listen policy { address = {\"127.0.0.1:1\"} tls = offered certificate = {\"/c\"}\n"
            " key = {\"/k\"} }",
     {"t:2: listen: tls is for listeners that take mail, lmtp and smtp"}},
    {"log-ins where an MTA asks",
     DOMAIN "listen policy { address = {\"127.0.0.1:1\"} auth = yes }",
     {"t:2: listen: auth is for listeners that take mail, lmtp and smtp"}},
    {"conditions where an MTA asks",
     DOMAIN "listen socketmap { address = {\"[::1]:1\"} require = trusted }",
     {"t:2: listen: require is for listeners that take mail, lmtp and smtp"}},
    {"a proxy where an MTA asks",
     DOMAIN "listen socketmap { address = {\"unix:/s\"} proxy_protocol = yes }",
     {"t:2: listen: proxy_protocol is for listeners that take mail, lmtp and smtp"}},
    {"filters where an MTA asks",
     DOMAIN "listen policy { address = {\"127.9.0.1:1\"} milters = {m} }\n"
            "milter m { address = \"127.0.0.1:2\" }",
     {"t:2: listen: milters is for listeners that take mail, lmtp and smtp"}},
    {"a program without a command",
     DOMAIN "program p { }",
     {"t:2: program 'p': needs either a command or a folder"}},
    {"a program with both",
     DOMAIN "program p { command = {\"/x\"} folder = \"/f\" sieve = {pipe} }",
     {"t:2: program 'p': needs either a command or a folder"}},
    {"a folder that nobody may use",
     DOMAIN "program p { folder = \"/f\" }",
     {"t:2: program 'p': a folder is for scripts: say by which commands, sieve = {pipe, ...}"}},
    {"a command that PATH would have to find",
     DOMAIN "program p { command = {\"spamc\"} }",
     {"t:2: program 'p': its command does not begin with the whole path of a file"}},
    {"an argument that a stranger makes an option",
     DOMAIN "program p { command = {\"/x\", \"%{sender}\", \"--\", \"%{user}\"} }",
     {"t:2: program 'p': a value that begins with '-' would make '%{sender}' an option: put \"--\" "
      "in front of it, write --option=%{sender}, or use the environment"}},
    {"an unknown variable",
     DOMAIN "program p { command = {\"/x\", \"-a%{sendr}\"} }",
     {"t:2: program 'p': argument '-a%{sendr}' has no variable at '%{sendr}'; % itself is written "
      "%%"}},
    {"a percent sign alone",
     DOMAIN "program p { command = {\"/x\", \"100%\"} }",
     {"t:2: program 'p': argument '100%' has no variable at '%'; % itself is written %%"}},
    {"an environment of ours",
     DOMAIN "program p { command = {\"/x\"} environment = {\"SENDER=a\"} }",
     {"t:2: program 'p': SENDER cannot be set"}},
    {"an environment without a name",
     DOMAIN "program p { command = {\"/x\"} environment = {\"=a\"} }",
     {"t:2: program 'p': its environment has what is not NAME=value"}},
    {"a filter that nobody knows",
     DOMAIN "program spam { command = {\"/x\"} } filters_before = {spm}",
     {"t: there is no program or filter 'spm', did you mean 'spam'?"}},
    {"a filter that is a folder",
     "program f { folder = \"/f\" sieve = {pipe} }\n" DOMAIN
     "domain e.example { filters_after = {f} }",
     {"t:3: program 'f' has no command: it cannot be a filter"}},
    {"a program given twice",
     DOMAIN "program p { command = {\"/x\"} }\nprogram p { command = {\"/y\"} }",
     {"t:3: program 'p' was given before, at t:2"}},
    {"a filter that is a filter",
     DOMAIN FILTER "filter two { address = \"127.0.0.1:3\" return = \"unix:/r\" }\n"
                   "filters_before = {tow}",
     {"t: there is no program or filter 'tow', did you mean 'two'?"}},
    {"a filter without its addresses",
     DOMAIN "filter f { }",
     {"t:2: filter 'f' has no address", "t:2: filter 'f' has no return"}},
    {"a way back that others reach",
     DOMAIN "filter f { address = \"127.0.0.1:1\" return = \"192.0.2.1:2\" }",
     {"t:2: filter 'f': return can be a unix socket or a loopback address, nothing that others "
      "reach"}},
    {"a filter that would be ourselves",
     DOMAIN "filter f { address = \"127.0.0.1:1\" return = \"127.0.0.1:1\" }",
     {"t:2: filter 'f': address and return are the same: it would be us"}},
    {"a filter that listens in the same file as we",
     DOMAIN "filter f { address = \"unix:/f\" return = \"unix:/f,mode=0600\" }",
     {"t:2: filter 'f': address and return are the same: it would be us"}},
    {"a filter with the name of a program",
     DOMAIN FILTER "program one { command = {\"/x\"} }",
     {"t:2: filter 'one' has the name of a program"}},
    {"two filters that give back to one address",
     DOMAIN FILTER "filter two { address = \"127.0.0.1:3\" return = \"127.0.0.1:2\" }",
     {"t:3: address '127.0.0.1:2' was given before, at t:2"}},
    {"unknown recipients where mail is taken",
     DOMAIN "listen smtp { address = {\"127.0.0.1:1\"} unknown_recipients = dunno }",
     {"t:2: listen: unknown_recipients is for listen policy"}},
    {"a policy service for everybody",
     DOMAIN "listen policy { address = {\"127.0.0.1:1\", \"192.0.2.1:1\"} }",
     {"t:2: listen: 192.0.2.1:1 is no address of loopback: say in trusted who may ask there"}},
    {"look-ups for everybody",
     DOMAIN "listen socketmap { address = {\"[2001:db8::1]:1\"} }",
     {"t:2: listen: [2001:db8::1]:1 is no address of loopback: say in trusted who may ask there"}},
    {"log-ins as a choice where there must be one",
     DOMAIN "listen managesieve { address = {\"192.0.2.1:1\"} auth = yes }",
     {"t:2: listen: auth is for listeners that take mail, lmtp and smtp"}},
    {"trust in place of a log-in",
     DOMAIN "listen managesieve { address = {\"192.0.2.1:1\"} trusted = {\"192.0.2.0/24\"} }",
     {"t:2: listen: trusted is for listeners that take mail, lmtp and smtp"}},
    {"a proxy in front of scripts",
     DOMAIN "listen managesieve { address = {\"unix:/s\"} proxy_protocol = yes }",
     {"t:2: listen: proxy_protocol is for listeners that take mail, lmtp and smtp"}},
    {"authorities of clients without TLS",
     DOMAIN "listen smtp { address = {\"127.0.0.1:1\"} client_ca = \"/ca\" }",
     {"t:2: listen: client_ca needs tls"}},
    {"all wrong values, each with its line",
     "domain a.example {\n quota = 0\n accounts = ldap\n}\nlimits {\n message_size = 1\n"
     " recipients = many\n}\ntimeouts { data = 5 }",
     {"t:2: quota: '0' is out of range: 1 to 1048576T, or none",
      "t:3: accounts: 'ldap' is none of sqlite, passwd, file, any; did you mean 'file'?",
      "t:6: message_size: '1' is out of range: 64K to 4G",
      "t:7: recipients: 'many' is no count such as 1000",
      "t:9: data: '5' is no duration such as 5min (units are ms, s, min, h, d, w)"}},
    {"a wrong value and then an unknown name",
     "domain a.example { quota = 0 }\nfoo = 1",
     {"t:1: quota: '0' is out of range: 1 to 1048576T, or none",
      "t:2: unknown setting 'foo', did you mean 'dsn'?"}},
    {"wrong elements of a list",
     DOMAIN "listen lmtp { address = {\"127.0.0.1:1\",\n\"unix:x\",\n\"[::1]\"} }",
     {"t:3: address: 'unix:x' has no path that begins with / after unix:",
      "t:4: address: '[::1]' is no address such as 127.0.0.1:2424, [::1]:2424 or unix:/path"}},
    {"a domain twice",
     "domain a.example {}\n\ndomain A.Example {}",
     {"t:3: domain 'a.example' was given before, at t:1"}},
    {"a domain twice in two spellings",
     "domain \"xn--mnchen-3ya.example\" {}\ndomain \"m\xc3\xbcnchen.example\" {}",
     {"t:2: domain 'xn--mnchen-3ya.example' was given before, at t:1"}},
    {"a store twice",
     DOMAIN "store maildir {}\nstore x { path = \"/%{user}\" }\nstore maildir {\n}",
     {"t:4: store 'maildir' was given before, at t:2"}},
    {"an address twice",
     DOMAIN "listen lmtp { address = {\"127.0.0.1:1\"} }\nlisten smtp { address = "
            "{\"127.0.0.1:1\"} }",
     {"t:3: address '127.0.0.1:1' was given before, at t:2"}},
    {"an address of the metrics that is a listener's",
     DOMAIN "listen lmtp { address = {\"127.0.0.1:1\"} }\n"
            "metrics { address = {\"127.0.0.1:1\"} }",
     {"t:2: address '127.0.0.1:1' is given in section metrics too"}},
    {"metrics for everybody",
     DOMAIN "metrics { address = {\"127.0.0.2:1\", \"[::1]:1\", \"192.0.2.1:1\"} }",
     {"t: metrics: anybody could read them at 192.0.2.1:1; allow_remote = yes if you want that"}},
    {"no domain", "", {"t: there is no domain section: no mail would be accepted"}},
    {"a listener without address",
     DOMAIN "listen smtp {\n}",
     {"t:2: section listen has no address"}},
    {"a listener with an empty list",
     DOMAIN "listen smtp {\naddress = {} }",
     {"t:2: section listen has no address"}},
    {"PROXY headers that nobody may send",
     DOMAIN "listen smtp {\naddress = {\"127.0.0.1:25\"} proxy_protocol = yes }",
     {"t:2: section listen: proxy_protocol needs proxy_trusted"}},
    {"proxies without PROXY headers",
     DOMAIN "listen smtp {\naddress = {\"127.0.0.1:25\"} proxy_trusted = {\"10.0.0.0/8\"} }",
     {"t:2: section listen: proxy_trusted needs proxy_protocol = yes"}},
    {"no lock", DOMAIN "store mbox { lock = {} }", {"t:2: section store has no lock"}},
    {"a lock twice",
     DOMAIN "store mbox { lock = {fcntl, fcntl} }",
     {"t:2: store 'mbox': a lock is given twice"}},
    {"too many locks",
     DOMAIN "store mbox { lock = {fcntl, dotlock, flock, fcntl} }",
     {"t:2: lock has more than 3 elements"}},
    {"a store that is not there",
     "domain a.example { store = mailbox }\nstore mail_box { path = \"/%{user}\" }",
     {"t:1: domain 'a.example': there is no store 'mailbox', did you mean 'mail_box'?"}},
    {"a store without path", DOMAIN "store fast {}", {"t:2: store 'fast' has no path"}},
    {"a file of accounts that is not named",
     "domain a.example { accounts = file }",
     {"t:1: domain 'a.example': accounts = \"file\" needs accounts_file"}},
    {"homes that nobody knows",
     "domain a.example { store = home }\nstore home { driver = maildir path = \"%{home}/Maildir\" "
     "}",
     {"t:1: domain 'a.example': store 'home' has %{home} in its path, and accounts = \"sqlite\" "
      "knows no home"}},
    {"a route twice",
     DOMAIN "route r { domains = {\"*\"} next_hop = \"a.example:25\" }\n"
            "route r { domains = {\"*\"} next_hop = \"b.example:25\" }",
     {"t:3: route 'r' was given before, at t:2"}},
    {"a route to nowhere",
     DOMAIN "route r { domains = {\"*\"} }",
     {"t:2: route 'r': there is no next_hop"}},
    {"routes have no name that means no route",
     DOMAIN
     "route here { next_hop = \"a.example:25\" }\nroute none { next_hop = \"b.example:25\" }",
     {"t:2: route 'here': this name says where an account is that has no route",
      "t:3: route 'none': this name says where an account is that has no route"}},
    {"TLS on a unix socket",
     DOMAIN "route r { domains = {\"*\"} next_hop = \"unix:/r\" tls = required }",
     {"t:2: route 'r': there is no TLS on a unix socket"}},
    {"authorities without TLS",
     DOMAIN "relay { smarthost = \"a.example:25\" tls = none ca = /c }",
     {"t: relay: ca and tls_name need tls"}},
    {"a name on a unix socket",
     DOMAIN "relay { smarthost = \"unix:/r\" tls_name = a.example }",
     {"t: relay: ca and tls_name need tls"}},
    {"a user without a password",
     DOMAIN "relay { smarthost = \"a.example:25\" user = u tls = required }",
     {"t: relay: user and password_file need each other"}},
    {"a password for whoever answers",
     DOMAIN "relay { smarthost = \"a.example:25\" user = u password_file = /p }",
     {"t: relay: a password needs tls = \"required\" or \"implicit\", or a next hop on this host"}},
    {"a password for a name that looks like this host",
     DOMAIN "relay { smarthost = \"127.a.example:25\" user = u password_file = /p }",
     {"t: relay: a password needs tls = \"required\" or \"implicit\", or a next hop on this host"}},
    {"LMTP where SMTP is spoken",
     DOMAIN "route r { domains = {\"*\"} next_hop = \"a.example:25\" protocol = lmtp }",
     {"t:2: route 'r': LMTP is not spoken on port 25 (RFC 2033 section 5)"}},
    {"SRS without a secret",
     DOMAIN "relay { redirect_sender = srs }",
     {"t: relay: redirect_sender = \"srs\" needs srs_secret_file"}},
    {"a first wait that is longer than the longest",
     DOMAIN "relay { retry = 3h }",
     {"t: relay: retry is larger than retry_max"}},
    {"memory for less than one message",
     DOMAIN "limits { memory = 1M message_memory = 2M }",
     {"t: limits: message_memory is larger than memory"}},
    {"a value that is no text",
     DOMAIN "hostname = \"${DOORSTEP_TEST_BELL}\"",
     {"t:2: hostname: 'a?b' has a control character"}},
    {"an endless value",
     DOMAIN "sandbox_user = "
            "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
     {"t:2: sandbox_user: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is "
      "longer than 32 octets"}},
    {"a setting without value", DOMAIN "hostname", {"t:2: premature end of file"}},
    {"a setting without equal sign",
     DOMAIN "hostname {",
     {"t:2: missing equal sign after option 'hostname'"}},
    {"a section that is not closed",
     DOMAIN "limits {\nerrors = 5",
     {"t:2: section limits has no closing brace"}},
    {"a brace too many", DOMAIN "}", {"t:2: unexpected closing brace"}},
    {"an include that is not there",
     "include(\"/nonexistent/x.conf\")\n" DOMAIN,
     {"t:1: cannot read /nonexistent/x.conf: No such file or directory"}},
    {"an include of a folder", "include(\"/\")\n" DOMAIN, {"t:1: cannot read /: Is a directory"}},
    {"an include of a device",
     "include(\"/dev/zero\")\n" DOMAIN,
     {"t:1: cannot read /dev/zero: Invalid argument"}},
    {"an include without quotes", "include(x)", {"t:1: include is written include(\"FILE\")"}},
};

static void
expect_errors(const struct error_case *c, const char *errors)
{
    const char *rest = errors;

    for (size_t i = 0; i < 6 && c->errors[i] != NULL; i++) {
        size_t n = strlen(c->errors[i]);

        ck_assert_msg(strncmp(rest, c->errors[i], n) == 0 && rest[n] == '\n',
                      "%s:\nwanted %s\ngot    %s", c->name, c->errors[i], rest);
        rest += n + 1;
    }
    ck_assert_msg(*rest == '\0', "%s: too much: %s", c->name, rest);
}

START_TEST(error)
{
    struct buf errors;
    struct config *c;

    setenv("DOORSTEP_TEST_BELL", "a\ab", 1);
    buf_init(&errors, 65536);
    c = config_parse(error_cases[_i].text, "t", &errors);
    ck_assert_msg(c == NULL, "%s: was taken", error_cases[_i].name);
    expect_errors(&error_cases[_i], buf_str(&errors));
    buf_release(&errors);
}
END_TEST

START_TEST(errors_that_do_not_fit_are_errors_still)
{
    struct buf errors;

    buf_init(&errors, 10);
    ck_assert_ptr_null(config_parse("foo = 1", "t", &errors));
    ck_assert_ptr_null(config_load("/nonexistent/doorstep.conf", &errors));
    buf_release(&errors);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    struct buf errors;

    buf_init(&errors, 1000);
    ck_assert_ptr_null(config_load("/nonexistent/doorstep.conf", &errors));
    ck_assert_str_eq(buf_str(&errors), "/nonexistent/doorstep.conf: No such file or directory\n");
    buf_release(&errors);
}
END_TEST

/* ---- include and environment ---- */

static void
load_fails(const char *folder, const char *name, const char *expected)
{
    char path[FILES_PATH_SIZE], text[FILES_PATH_SIZE + 200];
    struct buf errors;

    files_path(path, folder, name);
    buf_init(&errors, 65536);
    ck_assert_ptr_null(config_load(path, &errors));
    snprintf(text, sizeof(text), "%s/%s", folder, expected);
    ck_assert_str_eq(buf_str(&errors), text);
    buf_release(&errors);
}

static struct config *
load(const char *folder, const char *name)
{
    char path[FILES_PATH_SIZE];
    struct buf errors;
    struct config *c;

    files_path(path, folder, name);
    buf_init(&errors, 65536);
    c = config_load(path, &errors);
    ck_assert_msg(c != NULL, "%s", buf_str(&errors));
    buf_release(&errors);
    return c;
}

START_TEST(includes_start_from_the_file_they_stand_in)
{
    char folder[FILES_PATH_SIZE];
    struct config *c;

    files_make(folder);
    files_folder(folder, "sub");
    files_write(folder, "main.conf", "include(\"sub/a.conf\") workers = 3\n" DOMAIN);
    files_write(folder, "sub/a.conf", "/* no line end behind */ include('b.conf')");
    files_write(folder, "sub/b.conf", "sorters = 2 # comment");
    c = load(folder, "main.conf");
    ck_assert_uint_eq(config_settings(c)->workers, 3);
    ck_assert_uint_eq(config_settings(c)->sorters, 2);
    config_free(c);
    files_remove(folder);
}
END_TEST

START_TEST(a_pattern_includes_files_in_order_and_may_match_none)
{
    char folder[FILES_PATH_SIZE];
    struct config *c;

    files_make(folder);
    files_folder(folder, "conf.d");
    files_write(folder, "main.conf",
                "include(\"empty.d/*.conf\")\ninclude(\"conf.d/*.conf\")\ninclude(\"conf.d/*.x\")");
    files_write(folder, "conf.d/10.conf", DOMAIN "workers = 10");
    files_write(folder, "conf.d/20.conf", "workers = 20");
    files_write(folder, "conf.d/30.not", "workers = 30");
    c = load(folder, "main.conf");
    ck_assert_uint_eq(config_settings(c)->workers, 20);
    config_free(c);
    files_remove(folder);
}
END_TEST

START_TEST(an_include_inside_a_section_is_part_of_it)
{
    char folder[FILES_PATH_SIZE];
    struct config *c;

    files_make(folder);
    files_write(
        folder, "main.conf",
        "domain a.example { include(\"common\") }\ndomain b.example {\ninclude(\"common\")\n}");
    files_write(folder, "common", "quota = 5M\ncase_sensitive = yes");
    c = load(folder, "main.conf");
    ck_assert_uint_eq(config_settings(c)->domains[0].quota, 5 << 20);
    ck_assert(config_settings(c)->domains[1].case_sensitive);
    config_free(c);
    files_remove(folder);
}
END_TEST

START_TEST(errors_name_the_included_file_and_the_line_behind_it)
{
    char folder[FILES_PATH_SIZE];

    files_make(folder);
    files_write(folder, "in.conf", "\n\nworkers = 0\n");
    files_write(folder, "a.conf", DOMAIN "include(\"in.conf\")\n");
    load_fails(folder, "a.conf", "in.conf:3: workers: '0' is out of range: 1 to 256\n");
    files_write(folder, "in.conf", "\n\nworkers = 1\n");
    files_write(folder, "a.conf", DOMAIN "/* two\nlines */ include(\"in.conf\")\n\nsorters = 0");
    load_fails(folder, "a.conf", "a.conf:5: sorters: '0' is out of range: 1 to 64\n");
    files_remove(folder);
}
END_TEST

START_TEST(files_that_include_themselves_end)
{
    char folder[FILES_PATH_SIZE];

    files_make(folder);
    files_write(folder, "a.conf", "include(\"a.conf\")");
    load_fails(folder, "a.conf", "a.conf:1: files include each other too deeply\n");
    files_remove(folder);
}
END_TEST

START_TEST(files_that_are_too_large_together_are_refused)
{
    char folder[FILES_PATH_SIZE];
    char *text = malloc(600 * 1024 + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', 600 * 1024);
    text[600 * 1024] = '\0';
    files_make(folder);
    files_write(folder, "space", text);
    files_write(folder, "a.conf", "include(\"space\")\ninclude(\"space\")");
    load_fails(folder, "a.conf", "space:1: the configuration is too large\n");
    files_remove(folder);
    free(text);
}
END_TEST

/* libconfuse itself leaves the files of a failed parse open, and gives up after ten. */
START_TEST(a_hundred_failed_reloads_harm_nothing)
{
    char folder[FILES_PATH_SIZE];
    struct config *c;

    files_make(folder);
    files_write(folder, "bad.conf", "unknown = 1");
    files_write(folder, "good.conf", DOMAIN);
    files_write(folder, "a.conf", "include(\"bad.conf\")");
    files_write(folder, "b.conf", "include(\"good.conf\")");
    for (int i = 0; i < 100; i++)
        load_fails(folder, "a.conf",
                   "bad.conf:1: unknown setting 'unknown', did you mean 'uid_min'?\n");
    c = load(folder, "b.conf");
    config_free(c);
    files_remove(folder);
}
END_TEST

START_TEST(the_environment_fills_strings)
{
    char folder[FILES_PATH_SIZE];
    struct config *c;

    setenv("DOORSTEP_TEST_NAME", "mx.example.org", 1);
    unsetenv("DOORSTEP_TEST_UNSET");
    files_make(folder);
    files_write(folder, "main.conf",
                "hostname = \"${DOORSTEP_TEST_NAME}\"\n"
                "state_dir = \"/srv/${DOORSTEP_TEST_UNSET:-door}/\\${x}\"\n"
                "plugin_dir = '/${DOORSTEP_TEST_NAME}'\n"
                "workers = ${DOORSTEP_TEST_UNSET:-7}\n"
                "include(\"${DOORSTEP_TEST_UNSET:-sub}.conf\")");
    files_write(folder, "sub.conf", DOMAIN);
    c = load(folder, "main.conf");
    ck_assert_str_eq(config_settings(c)->hostname, "mx.example.org");
    ck_assert_str_eq(config_settings(c)->state_dir, "/srv/door/${x}");
    ck_assert_str_eq(config_settings(c)->plugin_dir, "/${DOORSTEP_TEST_NAME}");
    ck_assert_uint_eq(config_settings(c)->workers, 7);
    config_free(c);
    files_remove(folder);
}
END_TEST

static void
add_includes(Suite *suite)
{
    TCase *tcase = tcase_create("includes");

    tcase_add_test(tcase, includes_start_from_the_file_they_stand_in);
    tcase_add_test(tcase, a_pattern_includes_files_in_order_and_may_match_none);
    tcase_add_test(tcase, an_include_inside_a_section_is_part_of_it);
    tcase_add_test(tcase, errors_name_the_included_file_and_the_line_behind_it);
    tcase_add_test(tcase, files_that_include_themselves_end);
    tcase_add_test(tcase, files_that_are_too_large_together_are_refused);
    tcase_add_test(tcase, a_hundred_failed_reloads_harm_nothing);
    tcase_add_test(tcase, the_environment_fills_strings);
    suite_add_tcase(suite, tcase);
}

int
main(void)
{
    Suite *suite = suite_create("config parse");
    TCase *tcase = tcase_create("settings");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, the_documented_example_works);
    tcase_add_test(tcase, addresses_are_ready_for_bind);
    tcase_add_test(tcase, a_domain_is_enough);
    tcase_add_test(tcase, two_listen_sections_of_one_protocol_are_two_listeners);
    tcase_add_test(tcase, sections_without_title_and_lists_add_up);
    tcase_add_test(tcase, domains_are_kept_as_a_labels);
    tcase_add_test(tcase, the_installed_example_works);
    tcase_add_loop_test(tcase, error, 0, sizeof(error_cases) / sizeof(error_cases[0]));
    tcase_add_test(tcase, errors_that_do_not_fit_are_errors_still);
    tcase_add_test(tcase, a_missing_file_is_named);
    suite_add_tcase(suite, tcase);
    add_includes(suite);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
