/* SPDX-License-Identifier: MIT
 *
 * What config_print() writes, config_parse() reads back to the same settings: field by field over
 * the table, for small files, for one in which nothing has its default, and for characters that
 * need quoting.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/config.h"
#include "row_priv.h"

/* Every setting has another value than its default. */
static const char all_changed[] =
    "hostname = h.example authserv_id = a.example state_dir = /s user = mail sandbox_user = door "
    "uid_min = 2000\n"
    "sandbox = required log_format = json log_level = debug workers = 3 sorters = 5 edges = 2\n"
    "ledger_window = 90s delivery_log_keep = 2h max_received = 50 bare_newline = reject\n"
    "durability = relaxed journal_size = 8M\n"
    "dsn = yes plugin_dir = /p filters_before = {p} filters_after = {p, q}\n"
    "listen smtp { address = {\"unix:/a,mode=0600\", \"[2001:db8::1]:25\"}\n"
    "              trusted = {\"2001:db8::/32\", \"10.0.0.0/8\"}\n"
    "              auth = yes auth_plain_without_tls = yes require = auth\n"
    "              proxy_protocol = yes proxy_trusted = {\"192.0.2.0/24\"}\n"
    "    tls = required certificate = {\"/c\", \"/d\"} key = {\"/k\", \"/l\"}\n"
    "    client_ca = \"/ca\" milters = {m, n} }\n"
    "listen lmtp { address = {\"127.0.0.1:24\"} }\n"
    "listen policy { address = {\"127.0.0.1:25\"} unknown_recipients = dunno }\n"
    "domain d.example { accounts = file accounts_file = /f recipient_delimiter = \"-=\"\n"
    "    catch_all = all postmaster = \"pm@d.example\" store = other case_sensitive = on\n"
    "    delivered_to = off over_quota = reject quota = 3G quota_messages = 7 accounts_max = 9\n"
    "    filters_before = {q} filters_after = {p} forward = r }\n"
    "store other { driver = plug_in path = \"%{home}/%{user}\" line_end = crlf\n"
    "    lock = {flock} lock_timeout = 1500ms tmp_max_age = 2d }\n"
    "milter m { address = \"unix:/m\" on_failure = accept connect_timeout = 17ms\n"
    "    command_timeout = 18s content_timeout = 19min quarantine = \"Mail/Held\" }\n"
    "program p { command = {\"/p\", \"-a%{sender}\", \"--\", \"%{user}\", \"\"} output = fields\n"
    "    on_failure = skip once_per = recipient sieve = {pipe, filter} user = prog\n"
    "    environment = {\"A_1=b=c\"} writable = {\"/w\", \"/x\"} timeout = 12ms concurrency = 3\n"
    "    output_size = 100 memory = none cpu = 4s file_size = 5K files = 9 processes = 7 }\n"
    "program q { command = {\"/q\"} output = message }\n"
    "program f { folder = \"/f\" sieve = {execute} }\n"
    "filter w { driver = lmtp address = \"unix:/w\" return = \"127.0.0.1:10026\"\n"
    "    on_failure = skip on_silence = discard once_per = recipient timeout = 13s\n"
    "    concurrency = 4 }\n"
    "milter n { address = \"127.0.0.1:11332\" }\n"
    "relay { smarthost = \"mail.example.net:587\" protocol = lmtp tls = required tls_name = "
    "t.example\n"
    "    ca = /ca user = \"u@x\" password_file = /pw connections = 2 connection_messages = 3\n"
    "    recipients = 4 connect_timeout = 5s reply_timeout = 6s data_timeout = 7s retry = 8s\n"
    "    retry_max = 9s expire = 10s expire_bounce = 11s delay_report = none\n"
    "    account_messages = none messages = none redirect_sender = srs srs_domain = s.example\n"
    "    srs_local_max = 99 srs_secret_file = /srs }\n"
    "route r { domains = {\"*.example.org\", \"*\"} next_hop = \"unix:/r\" tls = none }\n"
    "route s { domains = {\"e.example\"} next_hop = \"[2001:db8::1]:24\" protocol = lmtp\n"
    "    tls = implicit tls_name = t.example ca = /ca user = u password_file = /pw connections = "
    "2\n"
    "    connection_messages = 3 recipients = 4 connect_timeout = 5s reply_timeout = 6s\n"
    "    data_timeout = 7s ask_recipients = no ask_timeout = 8s ask_accepted = 9s ask_refused = 1s "
    "}\n"
    "route home { next_hop = \"unix:/home\" protocol = lmtp }\n"
    "limits { message_size = 1M recipients = 2 connections = 3 command_line = 1000 errors = 4\n"
    "    message_memory = 5K memory = 2M transactions = 6 commands = 17\n"
    "    unknown_recipients = none tarpit_recipients = 8 network_connections = none\n"
    "    network_messages = 9 network_ipv4 = 24 network_ipv6 = 48 exempt = {\"10.1.0.0/16\"}\n"
    "    account_messages = none account_octets = 1G lookups = 100 handshakes = 70 data_rate = 1K "
    "busy = 50\n"
    "    disk_free = none programs = 4 }\n"
    "timeouts { command = 11ms data = 12s write = 13min answer = 14h drain = 15s sort = 16s\n"
    "    sort_wait = 17s session = 18min busy = 19s proxy = 20s tarpit = 21ms tarpit_max = 22s\n"
    "    handshake = 17s handshake_busy = 5s }\n"
    "auth { hash_memory = 1M hash_operations = 3 threads = 4 queue = 5 session_failures = 6\n"
    "    delay = 2s delay_max = 3s address_failures = 7 account_failures = 8 ban = 1h\n"
    "    decay = 2h }\n"
    "metrics { address = {\"192.0.2.1:9090\"} allow_remote = yes }\n"
    "sieve { scripts = 5 script_size = 64K storage = 1M outgoing = 7 outgoing_size = 3M\n"
    "before = {\"/etc/b\"} after = "
    "{\"/etc/a\"}\n"
    "discard = \"/etc/d\" create = no notes = no user_programs = yes global = \"/etc/g\" metadata "
    "= {\"/shared/a=b "
    "c\"}\n"
    "max_actions = 7 max_redirects = 8 notify_max_notifications = 9 variables_max_value_size = 5K\n"
    "notify_mailto_envelope_from = user_email report_from = \"Abuse <abuse@x.example>\"\n"
    "include_max_includes = 6 include_max_nesting_depth = 3 vacation_min_period = 1h\n"
    "vacation_default_period = 2h vacation_max_period = 3h vacation_default_subject = \"x\"\n"
    "vacation_default_subject_template = \"y\" vacation_send_from_recipient = yes\n"
    "vacation_check_recipient = no vacation_use_original_recipient = no\n"
    "duplicate_default_period = 1h duplicate_max_period = 3h editheader_max_header_size = 3K\n"
    "editheader_protected = \"a b\" editheader_forbid_add = \"c\" editheader_forbid_delete = "
    "\"d\"\n"
    "spamtest_status_type = \"text\" spamtest_status_header = \"S\" spamtest_score_max_value = "
    "\"5\"\n"
    "spamtest_score_max_header = \"M\" spamtest_text_value = {\"1=a\"}\n"
    "virustest_status_type = \"text\" virustest_status_header = \"S\"\n"
    "virustest_score_max_value = \"5\" virustest_score_max_header = \"M\"\n"
    "virustest_text_value = {\"1=a\"} environment = {\"a=b\"} }\n"
    "sieve_list \"tag:a.example,2026:x\" { file = \"/etc/l\" }\n";

static const struct {
    const char *name;
    const char *text;
} texts[] = {
    {"only a domain", "domain a.example {}"},
    {"nothing has its default", all_changed},
    {"quotes and backslashes", "domain a.example {} state_dir = '/a\"b\\\\c\\'d'"},
    {"what looks like the environment", "domain a.example {} state_dir = \"/\\${HOME}/\\$x\""},
    {"what looks like a comment", "domain a.example {} state_dir = \"/a//b/*c*/#d\""},
    {"what looks like syntax", "domain a.example {} state_dir = \"/{a}=(b),c;d\""},
    {"spaces and other scripts",
     "domain a.example {} state_dir = \"/ \xd0\xbf\xd0\xbe \xe6\x97\xa5\""},
    {"a percent sign", "domain a.example {} store maildir { path = \"/%%/%{user}%%\" }"},
    {"the delimiters that need quoting", "domain a.example { recipient_delimiter = \"$&'*|`\" }"},
    {"sizes that no unit divides",
     "domain a.example { quota = 1025 } limits { message_size = 65537 }"},
    {"many sections", "domain a.example {} domain b.example {} domain c.example { store = x }\n"
                      "store x { path = \"/%{user}\" driver = mbox }\n"
                      "listen smtp { address = {\"127.0.0.1:1\"} }\n"
                      "listen smtp { address = {\"127.0.0.1:2\"} }"},
};

static struct config *
parse(const char *name, const char *text)
{
    struct buf errors;
    struct config *c;

    buf_init(&errors, 65536);
    c = config_parse(text, "t", &errors);
    ck_assert_msg(c != NULL, "%s: %s", name, buf_str(&errors));
    buf_release(&errors);
    return c;
}

static const void *
section_base(const struct config_section *section, const struct settings *s, size_t i)
{
    const char *list;

    if (section->title == NULL)
        return (const char *)s + section->offset;
    memcpy(&list, (const char *)s + section->offset, sizeof(list));
    return list + i * section->size;
}

static size_t
section_count(const struct config_section *section, const struct settings *s)
{
    size_t count = 1;

    if (section->title != NULL)
        memcpy(&count, (const char *)s + section->count_offset, sizeof(count));
    return count;
}

/* Texts are compared as text, all else octet by octet; addresses by their octets behind the
 * pointers. */
static bool
is_equal(const struct config_row *row, const void *a, const void *b)
{
    const struct config_kind *kind = row_kind(row);
    const char *x, *y;

    if (kind->print == text_print) {
        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        return strcmp(x, y) == 0;
    }
    if (row->kind == KIND_ADDRESS) {
        const struct settings_address *p = a, *q = b;

        return strcmp(p->text, q->text) == 0 && strcmp(p->path, q->path) == 0 &&
               p->mode == q->mode && memcmp(&p->ip, &q->ip, sizeof(p->ip)) == 0;
    }
    if (row->kind == KIND_NEXT_HOP) {
        const struct settings_next_hop *p = a, *q = b;

        if (p->text == NULL || q->text == NULL)
            return p->text == q->text;
        return strcmp(p->text, q->text) == 0 && strcmp(p->path, q->path) == 0 &&
               strcmp(p->host, q->host) == 0 && p->port == q->port &&
               p->is_number == q->is_number && p->is_unix == q->is_unix;
    }
    return memcmp(a, b, kind->size) == 0;
}

static void
compare_rows(const char *name, const struct config_row *row, const void *a, const void *b)
{
    ck_assert_msg(row_length(row, a) == row_length(row, b), "%s: length of %s", name, row->name);
    for (size_t i = 0; i < row_length(row, a); i++)
        ck_assert_msg(is_equal(row, row_field(row, (void *)(uintptr_t)a, i),
                               row_field(row, (void *)(uintptr_t)b, i)),
                      "%s: %s differs", name, row->name);
}

static void
compare(const char *name, const struct settings *a, const struct settings *b)
{
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        const struct config_section *section = &config_sections[id];

        ck_assert_uint_eq(section_count(section, a), section_count(section, b));
        for (size_t i = 0; i < section_count(section, a); i++) {
            const void *x = section_base(section, a, i), *y = section_base(section, b, i);

            if (section->title != NULL)
                compare_rows(name, section->title, x, y);
            for (size_t j = 0; j < section->count; j++)
                compare_rows(name, &section->rows[j], x, y);
        }
    }
}

START_TEST(printed_settings_are_read_back)
{
    struct config *first = parse(texts[_i].name, texts[_i].text), *second;
    struct buf printed, again;

    buf_init(&printed, 65536);
    buf_init(&again, 65536);
    setenv("HOME", "/not/this", 1);
    ck_assert(config_print(first, &printed));
    second = parse(texts[_i].name, buf_str(&printed));
    compare(texts[_i].name, config_settings(first), config_settings(second));
    ck_assert(config_print(second, &again));
    ck_assert_str_eq(buf_str(&printed), buf_str(&again));
    config_free(second);
    config_free(first);
    buf_release(&again);
    buf_release(&printed);
}
END_TEST

static bool
differs(const struct config_row *row, const void *base)
{
    struct buf printed;
    bool result = row_length(row, base) > 0;

    buf_init(&printed, 65536);
    if (result) {
        ck_assert(row_kind(row)->print(row, row_field(row, (void *)(uintptr_t)base, 0), &printed));
        result = row->fallback == NULL || strcmp(row->fallback, buf_str(&printed)) != 0;
    }
    buf_release(&printed);
    return result;
}

/* Without this the test above could pass for a field that nobody fills. Of sections that there may
 * be several of, not every one can have every setting. */
START_TEST(every_setting_differs_from_its_default)
{
    struct config *changed = parse("changed", all_changed);
    const struct settings *s = config_settings(changed);
    const struct config_section *section = &config_sections[_i];

    for (size_t i = 0; i < section->count; i++) {
        bool found = false;

        for (size_t n = 0; n < section_count(section, s); n++)
            found = found || differs(&section->rows[i], section_base(section, s, n));
        ck_assert_msg(found, "%s still is %s", section->rows[i].name, section->rows[i].fallback);
    }
    config_free(changed);
}
END_TEST

START_TEST(printing_into_too_little_room_fails)
{
    struct config *c = parse("changed", all_changed);
    struct buf whole;

    buf_init(&whole, 65536);
    ck_assert(config_print(c, &whole));
    for (size_t room = 0; room < whole.len; room += 7) {
        struct buf small;

        buf_init(&small, room);
        ck_assert(!config_print(c, &small));
        ck_assert(!config_print_json(c, &small));
        buf_release(&small);
    }
    buf_release(&whole);
    config_free(c);
}
END_TEST

/* The text for the roles may be larger than any file. */
START_TEST(five_thousand_domains_are_read_back)
{
    struct buf text, printed, again;
    struct config *first, *second;

    buf_init(&text, 1 << 20);
    for (int i = 0; i < 5000; i++)
        ck_assert(buf_printf(&text, "domain d%d.example {}\n", i));
    buf_init(&printed, CONFIG_TEXT_MAX);
    buf_init(&again, CONFIG_TEXT_MAX);
    first = parse("many", buf_str(&text));
    ck_assert(config_print(first, &printed));
    ck_assert_uint_gt(printed.len, 1 << 20);
    second = parse("many", buf_str(&printed));
    ck_assert(config_print(second, &again));
    ck_assert(span_equal(buf_span(&printed), buf_span(&again)));
    config_free(second);
    config_free(first);
    buf_release(&again);
    buf_release(&printed);
    buf_release(&text);
}
END_TEST

START_TEST(json_has_every_setting_as_programs_read_it)
{
    struct config *c = parse("changed", all_changed);
    struct buf out;
    json_t *root, *domain, *listen;

    buf_init(&out, 65536);
    ck_assert(config_print_json(c, &out));
    root = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json_string_value(json_object_get(root, "hostname")), "h.example");
    ck_assert(json_is_true(json_object_get(root, "dsn")));
    ck_assert_int_eq(json_integer_value(json_object_get(root, "ledger_window")), 90000);
    listen = json_array_get(json_object_get(root, "listen"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(listen, "protocol")), "smtp");
    ck_assert_uint_eq(json_array_size(json_object_get(listen, "trusted")), 2);
    domain = json_array_get(json_object_get(root, "domain"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(domain, "name")), "d.example");
    ck_assert_int_eq(json_integer_value(json_object_get(domain, "quota")), INT64_C(3) << 30);
    ck_assert_uint_eq(json_object_size(domain), config_sections[SECTION_DOMAIN].count + 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(root, "limits"), "memory")),
                     2 << 20);
    json_decref(root);
    buf_release(&out);
    config_free(c);
}
END_TEST

START_TEST(json_has_null_where_there_is_no_limit)
{
    struct config *c = parse("domain", "domain a.example {}");
    struct buf out;
    json_t *root;

    buf_init(&out, 65536);
    ck_assert(config_print_json(c, &out));
    root = json_loads(buf_str(&out), 0, NULL);
    ck_assert(
        json_is_null(json_object_get(json_array_get(json_object_get(root, "domain"), 0), "quota")));
    json_decref(root);
    buf_release(&out);
    config_free(c);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config print");
    TCase *tcase = tcase_create("print");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, printed_settings_are_read_back, 0, sizeof(texts) / sizeof(texts[0]));
    tcase_add_loop_test(tcase, every_setting_differs_from_its_default, 0, SECTION_COUNT);
    tcase_add_test(tcase, five_thousand_domains_are_read_back);
    tcase_add_test(tcase, printing_into_too_little_room_fails);
    tcase_add_test(tcase, json_has_every_setting_as_programs_read_it);
    tcase_add_test(tcase, json_has_null_where_there_is_no_limit);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
