/* SPDX-License-Identifier: MIT
 *
 * Values of each kind: what is taken (and printed again, in its shortest form), what is refused and
 * why.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "row_priv.h"

struct value_case {
    const char *name;
    const char *section;
    const char *row;
    const char *text;
    const char *printed; /* NULL: refused */
    const char *why;     /* part of the reason */
};

#define TAKEN(name, section, row, text, printed)                                                   \
    {                                                                                              \
        name, section, row, text, printed, NULL                                                    \
    }
#define REFUSED(name, section, row, text, why)                                                     \
    {                                                                                              \
        name, section, row, text, NULL, why                                                        \
    }

static const struct value_case cases[] = {
    TAKEN("a size with a unit", "limits", "message_size", "50M", "50M"),
    TAKEN("a size in octets prints with the largest unit", "limits", "message_size", "65536",
          "64K"),
    TAKEN("a size that no unit divides", "limits", "message_size", "65537", "65537"),
    TAKEN("the largest size", "limits", "message_size", "4G", "4G"),
    REFUSED("a size above the range", "limits", "message_size", "4097M", "64K to 4G"),
    REFUSED("a size below the range", "limits", "message_size", "63K", "64K to 4G"),
    REFUSED("a size that overflows by its unit", "domain", "quota", "99999999999T", "range"),
    REFUSED("a size that overflows by its digits", "domain", "quota", "99999999999999999999999",
            "range"),
    REFUSED("a size with a space", "limits", "message_size", "50 M", "units are K, M, G, T"),
    REFUSED("a size with a small letter", "limits", "message_size", "50m", "units are"),
    REFUSED("a negative size", "limits", "message_size", "-1", "is no size"),
    REFUSED("a size without digits", "limits", "message_size", "M", "is no size"),
    REFUSED("zero where it might mean unlimited", "domain", "quota", "0", "or none"),
    TAKEN("no limit is a word", "domain", "quota", "none", "none"),
    REFUSED("no limit where there has to be one", "limits", "message_size", "none", "is no size"),
    TAKEN("no next hop", "relay", "smarthost", "", ""),
    TAKEN("a next hop by name", "relay", "smarthost", "mail.example.net:587",
          "mail.example.net:587"),
    TAKEN("a next hop by an IPv4 address", "route", "next_hop", "192.0.2.1:25", "192.0.2.1:25"),
    TAKEN("a next hop by an IPv6 address", "route", "next_hop", "[::1]:2525", "[::1]:2525"),
    TAKEN("a next hop on a unix socket", "route", "next_hop", "unix:/r", "unix:/r"),
    REFUSED("a next hop without port", "relay", "smarthost", "mail.example.net", "is no next hop"),
    REFUSED("a next hop with port 0", "relay", "smarthost", "mail.example.net:0", "has no port"),
    REFUSED("a next hop without host", "relay", "smarthost", ":25", "is no next hop"),
    REFUSED("a next hop that is no name", "relay", "smarthost", "a b:25", "is no next hop"),
    REFUSED("an IPv6 address without brackets", "relay", "smarthost", "2001:db8::1:25",
            "is no next hop"),
    REFUSED("a name in brackets", "relay", "smarthost", "[a.example]:25", "is no next hop"),
    REFUSED("a next hop on a relative path", "relay", "smarthost", "unix:r", "begins with /"),
    TAKEN("a pattern for a domain", "route", "domains", "EXAMPLE.org", "example.org"),
    TAKEN("a pattern for what lies below a domain", "route", "domains", "*.M\xc3\xbcnchen.example",
          "*.xn--mnchen-3ya.example"),
    TAKEN("a pattern for all", "route", "domains", "*", "*"),
    REFUSED("a pattern with a star elsewhere", "route", "domains", "a.*.example", "is none of"),
    REFUSED("a pattern of a star before a name", "route", "domains", "*example.org", "is none of"),
    REFUSED("a pattern with an address", "route", "domains", "[192.0.2.1]", "is none of"),
    TAKEN("a user of another system", "relay", "user", "Ann Example@x y", "Ann Example@x y"),
    TAKEN("a count", "limits", "recipients", "1000", "1000"),
    REFUSED("a count of zero", "limits", "recipients", "0", "1 to 100000"),
    REFUSED("a count in hexadecimal", "limits", "recipients", "0x10", "is no count"),
    REFUSED("a count with a unit", "limits", "recipients", "1K", "is no count"),
    TAKEN("no limit on messages", "domain", "quota_messages", "none", "none"),
    TAKEN("milliseconds", "timeouts", "drain", "100ms", "100ms"),
    TAKEN("seconds that are a minute", "timeouts", "drain", "60s", "1min"),
    TAKEN("minutes", "timeouts", "command", "5min", "5min"),
    TAKEN("hours that are no days", "store", "tmp_max_age", "36h", "36h"),
    TAKEN("days that are a week", "", "ledger_window", "7d", "1w"),
    REFUSED("a duration without unit", "timeouts", "command", "5", "units are ms, s, min"),
    REFUSED("a duration with an ambiguous unit", "timeouts", "command", "5m", "units are"),
    REFUSED("a duration above the range", "timeouts", "command", "2d", "10ms to 1d"),
    REFUSED("a duration of zero", "timeouts", "command", "0s", "range"),
    TAKEN("yes", "", "dsn", "yes", "yes"),
    TAKEN("on is yes", "", "dsn", "on", "yes"),
    TAKEN("TRUE is yes", "", "dsn", "TRUE", "yes"),
    TAKEN("off is no", "", "dsn", "off", "no"),
    TAKEN("false is no", "", "dsn", "false", "no"),
    REFUSED("1 is no boolean", "", "dsn", "1", "neither yes nor no"),
    TAKEN("a word of an enum", "", "bare_newline", "normalize", "normalize"),
    REFUSED("a word that nobody knows", "", "bare_newline", "normalise",
            "did you mean 'normalize'?"),
    TAKEN("a choice of two", "store", "line_end", "crlf", "crlf"),
    REFUSED("neither of two", "domain", "over_quota", "drop", "defer, reject"),
    TAKEN("a word that is kept", "domain", "accounts", "passwd", "passwd"),
    REFUSED("an accounts driver that nobody knows", "domain", "accounts", "ldap", "sqlite"),
    TAKEN("a domain in capitals", "", "hostname", "MX.Example.ORG", "mx.example.org"),
    TAKEN("a domain in U-labels", "", "hostname", "m\xc3\xbcnchen.example",
          "xn--mnchen-3ya.example"),
    REFUSED("an address literal as a name", "", "hostname", "[127.0.0.1]", "no domain name"),
    REFUSED("a domain with an empty label", "", "hostname", "mx..org", "no domain name"),
    REFUSED("an empty host name", "", "hostname", "", "is empty"),
    TAKEN("a user", "", "sandbox_user", "_mail-1", "_mail-1"),
    TAKEN("no user, where that is a value", "", "user", "", ""),
    REFUSED("no user, where there has to be one", "", "sandbox_user", "", "is empty"),
    REFUSED("a user with a colon", "", "user", "a:b", "no user name"),
    REFUSED("a user that looks like an option", "", "user", "-x", "no user name"),
    TAKEN("a store's name", "domain", "store", "fast_2", "fast_2"),
    REFUSED("a name in capitals", "store", "driver", "Maildir", "a-z"),
    REFUSED("a name that is a path", "store", "driver", "../x", "a-z"),
    REFUSED("a name of 33 octets", "store", "driver", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "32"),
    TAKEN("an account of the same domain", "domain", "catch_all", "ann", "ann"),
    TAKEN("an account with its domain", "domain", "postmaster", "ann@example.org",
          "ann@example.org"),
    REFUSED("an account that climbs", "domain", "catch_all", "..", "no account"),
    REFUSED("an account with a slash", "domain", "catch_all", "a/b", "no account"),
    REFUSED("an account with a bad domain", "domain", "catch_all", "a@b..c", "no account"),
    TAKEN("two delimiters", "domain", "recipient_delimiter", "+-", "+-"),
    TAKEN("no delimiter", "domain", "recipient_delimiter", "", ""),
    REFUSED("a letter as delimiter", "domain", "recipient_delimiter", "x", "punctuation"),
    REFUSED("the at sign as delimiter", "domain", "recipient_delimiter", "@", "punctuation"),
    REFUSED("a slash as delimiter", "domain", "recipient_delimiter", "/", "punctuation"),
    TAKEN("a path", "", "state_dir", "/var/lib/doorstep", "/var/lib/doorstep"),
    TAKEN("a path with dots in names", "", "state_dir", "/a/..b/c..", "/a/..b/c.."),
    REFUSED("a relative path", "", "state_dir", "var", "begin with /"),
    REFUSED("a path that climbs", "", "state_dir", "/a/../b", ".."),
    REFUSED("a path that ends in climbing", "", "state_dir", "/a/..", ".."),
    REFUSED("a path too long for the control socket in it", "", "state_dir",
            "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaa",
            "94"),
    TAKEN("a template", "store", "path", "/m/%{domain}/%{user}", "/m/%{domain}/%{user}"),
    TAKEN("a template with the home", "store", "path", "%{home}/Maildir", "%{home}/Maildir"),
    TAKEN("a template that is the home", "store", "path", "%{home}", "%{home}"),
    TAKEN("a template with a percent sign", "store", "path", "/100%%/%{user}", "/100%%/%{user}"),
    REFUSED("a template that all accounts share", "store", "path", "/m/%{domain}", "share"),
    REFUSED("a template with an unknown variable", "store", "path", "/m/%{usr}", "'%{user}'?"),
    REFUSED("a template with an open brace", "store", "path", "/m/%{user", "begins no variable"),
    REFUSED("a template that ends in a percent sign", "store", "path", "/%{user}%",
            "begins no variable"),
    REFUSED("a template of another program", "store", "path", "/m/%u", "begins no variable"),
    REFUSED("a template with the home in the middle", "store", "path", "/m/%{home}",
            "first folder"),
    REFUSED("a template with more behind the home", "store", "path", "%{home}x", "first folder"),
    REFUSED("a relative template", "store", "path", "m/%{user}", "neither with /"),
    REFUSED("a template that climbs", "store", "path", "/m/../%{user}", ".."),
    TAKEN("an IPv4 address", "listen", "address", "127.0.0.1:2424", "127.0.0.1:2424"),
    TAKEN("an IPv6 address", "listen", "address", "[::1]:24", "[::1]:24"),
    TAKEN("a unix socket", "listen", "address", "unix:/run/x", "unix:/run/x"),
    TAKEN("a unix socket with options", "listen", "address",
          "unix:/run/x,mode=0660,owner=postfix,group=mail",
          "unix:/run/x,mode=0660,owner=postfix,group=mail"),
    REFUSED("a port of zero", "listen", "address", "127.0.0.1:0", "1 to 65535"),
    REFUSED("a port above the range", "listen", "address", "127.0.0.1:65536", "1 to 65535"),
    REFUSED("an address without port", "listen", "address", "127.0.0.1", "such as"),
    REFUSED("an IPv6 address without brackets", "listen", "address", "::1:24", "such as"),
    REFUSED("an IPv6 address with an open bracket", "listen", "address", "[::1:24", "such as"),
    REFUSED("an IPv4 address of three numbers", "listen", "address", "127.0.1:24", "no IPv4"),
    REFUSED("a host name as address", "listen", "address", "localhost:24", "no IPv4"),
    REFUSED("a relative socket", "listen", "address", "unix:run/x", "begins with /"),
    REFUSED("a socket without path", "listen", "address", "unix:", "begins with /"),
    REFUSED("a socket with an unknown option", "listen", "address", "unix:/x,mod=0660", "'mode'?"),
    REFUSED("a socket with a decimal mode", "listen", "address", "unix:/x,mode=0680", "octal"),
    REFUSED("a socket with a set-uid mode", "listen", "address", "unix:/x,mode=4755", "0777"),
    REFUSED("a socket with an empty owner", "listen", "address", "unix:/x,owner=", "no name"),
    REFUSED("a socket with a bare option", "listen", "address", "unix:/x,mode", "without a value"),
    TAKEN("a network", "listen", "trusted", "127.0.0.0/8", "127.0.0.0/8"),
    TAKEN("every host", "listen", "trusted", "0.0.0.0/0", "0.0.0.0/0"),
    TAKEN("one host", "listen", "trusted", "192.0.2.1", "192.0.2.1/32"),
    TAKEN("an IPv6 network", "listen", "trusted", "2001:DB8::/32", "2001:db8::/32"),
    TAKEN("one IPv6 host", "listen", "trusted", "::1/128", "::1/128"),
    REFUSED("a network with host bits", "listen", "trusted", "10.1.2.3/8", "'10.0.0.0/8'?"),
    REFUSED("an IPv6 network with host bits", "listen", "trusted", "fe80::1/10", "'fe80::/10'?"),
    REFUSED("a prefix that is too long", "listen", "trusted", "10.0.0.0/33", "0 to 32"),
    REFUSED("a network without prefix length", "listen", "trusted", "10.0.0.0/", "0 to 32"),
    REFUSED("no network", "listen", "trusted", "local", "such as"),
    REFUSED("a control character", "", "plugin_dir", "/a\nb", "control character"),
    REFUSED("broken UTF-8", "", "plugin_dir", "/a\xff", "UTF-8"),
};

static const struct config_row *
find_row(const char *section, const char *name)
{
    for (size_t i = 0; i < SECTION_COUNT; i++)
        for (size_t j = 0; j < config_sections[i].count; j++)
            if (strcmp(config_sections[i].name, section) == 0 &&
                strcmp(config_sections[i].rows[j].name, name) == 0)
                return &config_sections[i].rows[j];
    ck_abort_msg("no setting %s in section %s", name, section);
}

START_TEST(value)
{
    const struct value_case *c = &cases[_i];
    const struct config_row *row = find_row(c->section, c->row);
    struct arena arena;
    struct buf why, printed;
    void *out;
    bool good;

    arena_init(&arena, 65536);
    buf_init(&why, 1024);
    buf_init(&printed, 1024);
    out = arena_alloc(&arena, row_kind(row)->size);
    good = row_parse(row, c->text, &arena, out, &why);
    if (c->printed == NULL) {
        ck_assert_msg(!good, "%s: was taken", c->name);
        ck_assert_msg(strstr(buf_str(&why), c->why) != NULL, "%s: %s", c->name, buf_str(&why));
    } else {
        ck_assert_msg(good, "%s: %s", c->name, buf_str(&why));
        ck_assert(row_kind(row)->print(row, out, &printed));
        ck_assert_msg(strcmp(buf_str(&printed), c->printed) == 0, "%s: %s", c->name,
                      buf_str(&printed));
    }
    buf_release(&printed);
    buf_release(&why);
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config values");
    TCase *tcase = tcase_create("values");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, value, 0, sizeof(cases) / sizeof(cases[0]));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
