/* SPDX-License-Identifier: MIT
 *
 * Sessions of ManageSieve: what each command is answered (RFC 5804), whatever pieces it comes in,
 * and whether its owner answers at once or later.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/managesieve.h"

#include "dense.h"

#define PLAIN "AUTHENTICATE \"PLAIN\" \"AGFubgBw\"\r\n" /* ann, p */
#define CHALLENGED "AUTHENTICATE \"LOGIN\"\r\n"

struct fake {
    struct managesieve *m;
    struct buf output;
    bool is_late, is_away, is_full;
    bool owes_auth, owes_answer;
    struct managesieve_request asked;
    char octets[64]; /* of the log-in's last step */
    size_t n;
    unsigned steps, forgotten, aborted, tls;
    const char *closed; /* or NULL */
};

static bool
on_reply(void *arg, struct span octets)
{
    struct fake *f = arg;

    ck_assert(buf_append_span(&f->output, octets));
    return !f->is_full;
}

static bool
on_can_start_tls(void *arg)
{
    return !((struct fake *)arg)->is_away;
}

static void
on_start_tls(void *arg)
{
    ((struct fake *)arg)->tls++;
}

/* PLAIN is right with the password p; LOGIN asks twice, and all is right. */
static void
settle_auth(struct fake *f)
{
    bool is_plain = f->n > 0 && f->octets[0] == '\0';
    bool is_right = is_plain ? f->octets[f->n - 1] == 'p' : f->steps == 2;

    f->owes_auth = false;
    if (is_plain || f->steps == 2)
        managesieve_auth_done(f->m, is_right ? SASL_ACCEPTED : SASL_REFUSED, "ann@d.test",
                              is_plain ? SPAN_NONE : SPAN("last"));
    else
        managesieve_challenge(f->m, f->steps == 0 ? SPAN("Name:") : SPAN_NONE);
}

static bool
take_auth(struct fake *f, struct span octets)
{
    ck_assert(octets.n <= sizeof(f->octets));
    if (octets.n > 0)
        memcpy(f->octets, octets.p, octets.n);
    f->n = octets.n;
    f->owes_auth = !f->is_away;
    return !f->is_away;
}

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct fake *f = arg;

    (void)m;
    (void)has_initial;
    f->steps = 0;
    return take_auth(f, octets);
}

static bool
on_auth_step(void *arg, struct span octets)
{
    struct fake *f = arg;

    f->steps++;
    return take_auth(f, octets);
}

static void
on_auth_abort(void *arg)
{
    struct fake *f = arg;

    f->owes_auth = false;
    f->aborted++;
}

/* What the name says is the result: "missing", "exists", ... */
static enum managesieve_result
result_of(struct span name)
{
    static const char *const words[MANAGESIEVE_RESULTS] = {
        [MANAGESIEVE_REFUSED] = "refused",  [MANAGESIEVE_BAD_NAME] = "bad",
        [MANAGESIEVE_MISSING] = "missing",  [MANAGESIEVE_EXISTS] = "exists",
        [MANAGESIEVE_IS_ACTIVE] = "active", [MANAGESIEVE_TOO_MANY] = "many",
        [MANAGESIEVE_TOO_LONG] = "long",    [MANAGESIEVE_OVER_STORAGE] = "over",
        [MANAGESIEVE_FAILED] = "failed",
    };

    for (unsigned i = 0; i < MANAGESIEVE_RESULTS; i++)
        if (words[i] != NULL && span_equal(name, span_of(words[i])))
            return (enum managesieve_result)i;
    return MANAGESIEVE_DONE;
}

static struct span
text_of(const struct fake *f, enum managesieve_result result, struct span text)
{
    if (f->asked.verb == MANAGESIEVE_GET && result == MANAGESIEVE_DONE)
        return SPAN("keep;\r\n\"\r\n");
    if (result == MANAGESIEVE_REFUSED)
        return SPAN("x:1:1: error: \"no\"\n");
    return span_equal(text, SPAN("warn;")) ? SPAN("x:1:1: warning") : SPAN_NONE;
}

static void
settle_answer(struct fake *f, struct span name, struct span text)
{
    static const struct managesieve_script list[] = {
        {"a", false}, {"b \"\\", true}, {"\xc3\xbc", false}};
    struct managesieve_answer a = {.result = result_of(name)};

    f->owes_answer = false;
    a.text = text_of(f, a.result, text);
    if (f->asked.verb == MANAGESIEVE_LIST) {
        a.list = list;
        a.list_count = sizeof(list) / sizeof(list[0]);
    }
    managesieve_answer(f->m, &a);
}

/* The name and text of a request are the call's: later they are what they were then. */
static char later_name[600], later_text[64];

static bool
on_request(void *arg, const struct managesieve_request *r)
{
    struct fake *f = arg;

    ck_assert(!f->owes_answer);
    ck_assert_str_eq(managesieve_login(f->m), "ann@d.test");
    if (f->is_away)
        return false;
    f->asked = *r;
    f->owes_answer = true;
    snprintf(later_name, sizeof(later_name), "%.*s", (int)r->name.n, r->name.n ? r->name.p : "");
    snprintf(later_text, sizeof(later_text), "%.*s", (int)(r->text.n < 60 ? r->text.n : 60),
             r->text.n ? r->text.p : "");
    if (!f->is_late)
        settle_answer(f, span_of(later_name), span_of(later_text));
    return true;
}

static void
on_forget_login(void *arg)
{
    ((struct fake *)arg)->forgotten++;
}

static void
on_close(void *arg, const char *reason)
{
    struct fake *f = arg;

    ck_assert(f->closed == NULL);
    f->closed = reason;
}

static const struct managesieve_calls calls = {
    .reply = on_reply,
    .can_start_tls = on_can_start_tls,
    .start_tls = on_start_tls,
    .auth_begin = on_auth_begin,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .request = on_request,
    .forget_login = on_forget_login,
    .close = on_close,
};

static const struct managesieve_config plain_config = {
    .implementation = "Doorstep",
    .extensions = "fileinto",
    .notify = "",
    .lists = "urn",
    .redirects_max = 4,
    .script_max = 1000,
    .failures_max = 3,
    .errors_max = 5,
    .strange_commands_max = 20,
    .is_private = true,
};

static struct fake *
fake_new(const struct managesieve_config *config, bool is_late)
{
    struct fake *f = calloc(1, sizeof(*f));

    ck_assert(f != NULL);
    f->is_late = is_late;
    buf_init(&f->output, 1u << 20);
    f->m = managesieve_new(config, &calls, f);
    ck_assert(f->m != NULL);
    return f;
}

static void
fake_free(struct fake *f)
{
    managesieve_free(f->m);
    buf_release(&f->output);
    free(f);
}

static void
settle(struct fake *f)
{
    while (f->owes_auth || f->owes_answer) {
        if (f->owes_auth)
            settle_auth(f);
        else
            settle_answer(f, span_of(later_name), span_of(later_text));
    }
}

static void
feed(struct fake *f, struct span octets)
{
    managesieve_feed(f->m, octets);
    settle(f);
}

/* --- what is answered --- */

#define GREETING                                                                                   \
    "\"IMPLEMENTATION\" \"Doorstep\"\r\n\"SIEVE\" \"fileinto\"\r\n"                                \
    "\"EXTLISTS\" \"urn\"\r\n"                                                                     \
    "\"SASL\" \"PLAIN SCRAM-SHA-256 LOGIN\"\r\n\"MAXREDIRECTS\" \"4\"\r\n"                         \
    "\"UNAUTHENTICATE\"\r\n"
#define VERSION "\"VERSION\" \"1.0\"\r\nOK\r\n"
#define WRONG "NO \"The arguments of this command are wrong.\"\r\n"
#define NAME16 "nnnnnnnnnnnnnnnn"
#define NAME128 NAME16 NAME16 NAME16 NAME16 NAME16 NAME16 NAME16 NAME16
#define NAME512 NAME128 NAME128 NAME128 NAME128

static const struct row {
    const char *said, *answered;
} rows[] = {
    {"NOOP\r\n", "OK \"Done\"\r\n"},
    {"noop \"a \\\"b\\\\\"\r\n", "OK (TAG \"a \\\"b\\\\\") \"Done\"\r\n"},
    {"NOOP {3+}\r\na\nb\r\n", "OK (TAG {3}\r\na\nb) \"Done\"\r\n"},
    {"NOOP {0+}\r\n\r\n", "OK (TAG \"\") \"Done\"\r\n"},
    {"NOOP {003}\r\nabc\r\n", "OK (TAG \"abc\") \"Done\"\r\n"},
    {"NOOP \"a\" \r\n", "OK (TAG \"a\") \"Done\"\r\n"},
    {"NOOP\n", "OK \"Done\"\r\n"},
    {"NOOP 1\r\n", WRONG},
    {"NOOP \"a\" \"b\"\r\n", WRONG},
    {"NOOP \"a\" \"b\" \"c\" \"d\"\r\n", "NO \"too many arguments\"\r\n"},
    {"NOOP \"\xff\"\r\n", WRONG},
    {"NOOP {}\r\nNOOP\r\n", "NO \"the length of a literal is wrong\"\r\nOK \"Done\"\r\n"},
    {"NOOP {+}\r\nNOOP\r\n", "NO \"the length of a literal is wrong\"\r\nOK \"Done\"\r\n"},
    {"NOOP {1+}x\r\naNOOP\r\n", "NO \"the length of a literal has no line end behind it\"\r\n"},
    {"NOOP \"a\nNOOP\r\n", "NO \"a quoted string has no end on its line\"\r\nOK \"Done\"\r\n"},
    {"NOOP \"a\rb\"\r\n", "NO \"a quoted string has no end on its line\"\r\n"},
    {"NOOP \"a\"b\r\n", "NO \"something follows an argument\"\r\n"},
    {"NOOP x\r\n", "NO \"an argument is neither string nor number\"\r\n"},
    {"NOOP\rX\r\n", "NO \"a CR without LF\"\r\n"},
    {"\r\n", "NO \"There is no such command.\"\r\n"},
    {"\"NOOP\"\r\n", "NO \"There is no such command.\"\r\n"},
    {"NO\x01P\r\n", "NO \"the command is no word\"\r\n"},
    {"LISTSCRIPTS\r\n", "NO \"Log in first.\"\r\n"},
    {"PUTSCRIPT \"a\" {6+}\r\nNOOP\r\n\r\n", "NO \"Log in first.\"\r\n"},
    {"UNAUTHENTICATE\r\n", "NO \"Log in first.\"\r\n"},
    {"CAPABILITY\r\n", GREETING VERSION},
    {"LOGOUT\r\nNOOP\r\n", "OK\r\n"},
    {"STARTTLS\r\n", "NO \"TLS is not possible here.\"\r\n"},
    {PLAIN, "OK\r\n"},
    {PLAIN PLAIN, "OK\r\nNO \"Not after a log-in.\"\r\n"},
    {PLAIN "STARTTLS\r\n", "OK\r\nNO \"Not after a log-in.\"\r\n"},
    {PLAIN "CAPABILITY\r\n", "OK\r\n" GREETING "\"OWNER\" \"ann@d.test\"\r\n" VERSION},
    {PLAIN "UNAUTHENTICATE\r\nLISTSCRIPTS\r\n" PLAIN, "OK\r\nOK\r\nNO \"Log in first.\"\r\nOK\r\n"},
    {"AUTHENTICATE {5+}\r\nplain {8+}\r\nAGFubgBw\r\n", "OK\r\n"},
    {"AUTHENTICATE \"PLAIN\" \"AGFubgBx\"\r\n", "NO \"The log-in has failed.\"\r\n"},
    {"AUTHENTICATE \"PLAIN\" \"A\"\r\n", "NO \"The initial response is no base64.\"\r\n"},
    {"AUTHENTICATE \"GSSAPI\"\r\n", "NO \"This mechanism is not supported.\"\r\n"},
    {"AUTHENTICATE \"EXTERNAL\"\r\n", "NO \"This mechanism cannot be used here.\"\r\n"},
    {"AUTHENTICATE\r\n", WRONG},
    {CHALLENGED "\"YW5u\"\r\n\"cA==\"\r\n", "\"TmFtZTo=\"\r\n\"\"\r\nOK (SASL \"bGFzdA==\")\r\n"},
    {CHALLENGED "{4+}\r\nYW5u\r\n\"\"\r\n", "\"TmFtZTo=\"\r\n\"\"\r\nOK (SASL \"bGFzdA==\")\r\n"},
    {CHALLENGED "\"*\"\r\n", "\"TmFtZTo=\"\r\nNO \"The log-in was cancelled.\"\r\n"},
    {CHALLENGED "NOOP\r\n", "\"TmFtZTo=\"\r\nNO \"The log-in was cancelled.\"\r\n"},
    {CHALLENGED "\"?\"\r\n", "\"TmFtZTo=\"\r\nNO \"The response is no base64.\"\r\n"},
    {CHALLENGED "\"\r\nNOOP\r\n",
     "\"TmFtZTo=\"\r\nNO \"a quoted string has no end on its line\"\r\nOK \"Done\"\r\n"},
    {PLAIN "LISTSCRIPTS\r\n", "OK\r\n\"a\"\r\n\"b \\\"\\\\\" ACTIVE\r\n\"\xc3\xbc\"\r\nOK\r\n"},
    {PLAIN "GETSCRIPT \"a\"\r\n", "OK\r\n{10}\r\nkeep;\r\n\"\r\n\r\nOK\r\n"},
    {PLAIN "GETSCRIPT \"missing\"\r\n",
     "OK\r\nNO (NONEXISTENT) \"There is no script of that name.\"\r\n"},
    {PLAIN "PUTSCRIPT \"a\" {5+}\r\nkeep;\r\n", "OK\r\nOK\r\n"},
    {PLAIN "PUTSCRIPT \"a\" \"keep;\"\r\n", "OK\r\nOK\r\n"},
    {PLAIN "PUTSCRIPT \"a\" \"warn;\"\r\n", "OK\r\nOK (WARNINGS) \"x:1:1: warning\"\r\n"},
    {PLAIN "PUTSCRIPT \"refused\" \"x\"\r\n", "OK\r\nNO {19}\r\nx:1:1: error: \"no\"\n\r\n"},
    {PLAIN "PUTSCRIPT \"many\" \"x\"\r\n",
     "OK\r\nNO (QUOTA/MAXSCRIPTS) \"There are too many scripts.\"\r\n"},
    {PLAIN "PUTSCRIPT \"over\" \"x\"\r\n",
     "OK\r\nNO (QUOTA) \"There is no room for this script.\"\r\n"},
    {PLAIN "PUTSCRIPT \"a\"\r\n", "OK\r\n" WRONG},
    {PLAIN "PUTSCRIPT \"a\" \"\xc3\"\r\n", "OK\r\n" WRONG},
    {PLAIN "HAVESPACE \"a\" 4294967295\r\n", "OK\r\nOK\r\n"},
    {PLAIN "HAVESPACE \"a\" 4294967296\r\n", "OK\r\nNO \"a number is too large\"\r\n"},
    {PLAIN "HAVESPACE \"long\" 2000\r\n",
     "OK\r\nNO (QUOTA/MAXSIZE) \"The script is too long.\"\r\n"},
    {PLAIN "HAVESPACE \"a\" \"5\"\r\n", "OK\r\n" WRONG},
    {PLAIN "CHECKSCRIPT \"keep;\"\r\n", "OK\r\nOK\r\n"},
    {PLAIN "SETACTIVE \"\"\r\n", "OK\r\nOK\r\n"},
    {PLAIN "DELETESCRIPT \"active\"\r\n",
     "OK\r\nNO (ACTIVE) \"The script is the active one.\"\r\n"},
    {PLAIN "RENAMESCRIPT \"exists\" \"b\"\r\n",
     "OK\r\nNO (ALREADYEXISTS) \"There is a script of that name already.\"\r\n"},
    {PLAIN "SETACTIVE \"failed\"\r\n", "OK\r\nNO (TRYLATER) \"This is not possible now.\"\r\n"},
    {PLAIN "SETACTIVE \"" NAME512 "\"\r\n", "OK\r\nOK\r\n"},
    {PLAIN "SETACTIVE \"" NAME512 "x\"\r\n", "OK\r\nNO \"No script can have this name.\"\r\n"},
    {PLAIN "XYZZY\r\nLISTSCRIPTS x\r\nNOOP\r\n",
     "OK\r\nNO \"There is no such command.\"\r\n"
     "NO \"an argument is neither string nor number\"\r\nOK \"Done\"\r\n"},
    {"X\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\n",
     "NO \"There is no such command.\"\r\nNO \"There is no such command.\"\r\n"
     "NO \"There is no such command.\"\r\nNO \"There is no such command.\"\r\n"
     "BYE \"Too many errors.\"\r\n"},
};

static void
run_row(const struct row *row, bool is_late, size_t piece)
{
    struct fake *f = fake_new(&plain_config, is_late);
    struct span in = span_of(row->said);

    ck_assert_str_eq(buf_str(&f->output), GREETING VERSION);
    buf_reset(&f->output);
    while (in.n > 0) {
        size_t n = piece < in.n ? piece : in.n;

        feed(f, (struct span){in.p, n});
        in = span_skip(in, n);
    }
    ck_assert_str_eq(buf_str(&f->output), row->answered);
    fake_free(f);
}

START_TEST(a_command_gets)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 2, 7};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        run_row(&rows[_i], false, pieces[i]);
        run_row(&rows[_i], true, pieces[i]);
    }
}
END_TEST

/* --- what a row cannot say --- */

START_TEST(a_name_with_a_nul_reaches_nobody)
{
    struct fake *f = fake_new(&plain_config, false);

    feed(f, SPAN(PLAIN));
    buf_reset(&f->output);
    feed(f, SPAN("GETSCRIPT {3+}\r\na\0b\r\n"));
    ck_assert_str_eq(buf_str(&f->output), "NO \"No script can have this name.\"\r\n");
    fake_free(f);
}
END_TEST

START_TEST(a_literal_that_is_too_large_is_read_and_not_carried_out)
{
    char octets[3000];
    struct fake *f = fake_new(&plain_config, true);

    feed(f, SPAN(PLAIN));
    buf_reset(&f->output);
    for (size_t i = 0; i < sizeof(octets); i += 6)
        memcpy(octets + i, "NOOP\r\n", 6);
    feed(f, SPAN("PUTSCRIPT \"a\" {3000+}\r\n"));
    feed(f, (struct span){octets, sizeof(octets)});
    feed(f, SPAN("\r\nNOOP\r\n"));
    ck_assert_str_eq(buf_str(&f->output),
                     "NO (QUOTA/MAXSIZE) \"The script is too long.\"\r\nOK \"Done\"\r\n");
    feed(f, SPAN("PUTSCRIPT \"a\" {99999999999999999999999+}\r\nNOOP\r\n"));
    ck_assert_str_eq(f->closed, "The literal is far too large.");
    fake_free(f);
}
END_TEST

START_TEST(what_is_pipelined_waits_for_the_answer)
{
    struct fake *f = fake_new(&plain_config, true);

    managesieve_feed(f->m, SPAN(PLAIN "NOOP\r\n"));
    buf_reset(&f->output);
    ck_assert(managesieve_is_waiting(f->m) && !managesieve_wants_input(f->m));
    settle_auth(f);
    ck_assert_str_eq(buf_str(&f->output), "OK\r\nOK \"Done\"\r\n");
    ck_assert(managesieve_wants_input(f->m) && managesieve_is_idle(f->m));
    fake_free(f);
}
END_TEST

START_TEST(who_does_not_read_is_not_carried_out_further)
{
    struct fake *f = fake_new(&plain_config, false);

    f->is_full = true;
    buf_reset(&f->output);
    feed(f, SPAN("NOOP\r\nNOOP\r\nNOOP\r\n"));
    ck_assert_str_eq(buf_str(&f->output), "OK \"Done\"\r\n");
    ck_assert(!managesieve_wants_input(f->m));
    f->is_full = false;
    managesieve_writable(f->m);
    ck_assert_str_eq(buf_str(&f->output), "OK \"Done\"\r\nOK \"Done\"\r\nOK \"Done\"\r\n");
    ck_assert(managesieve_wants_input(f->m));
    fake_free(f);
}
END_TEST

START_TEST(behind_starttls_nothing_in_the_clear_is_carried_out)
{
    struct managesieve_config config = plain_config;
    struct fake *f;

    config.can_start_tls = config.requires_tls = true;
    f = fake_new(&config, false);
    buf_reset(&f->output);
    feed(f, SPAN(PLAIN));
    ck_assert_str_eq(buf_str(&f->output),
                     "NO (ENCRYPT-NEEDED) \"This mechanism cannot be used here.\"\r\n");
    buf_reset(&f->output);
    feed(f, SPAN("STARTTLS\r\nNOOP\r\nNO"));
    ck_assert_str_eq(buf_str(&f->output), "OK\r\n");
    ck_assert_uint_eq(f->tls, 1);
    buf_reset(&f->output);
    managesieve_tls_started(f->m, true, true);
    ck_assert(strstr(buf_str(&f->output), "STARTTLS") == NULL);
    ck_assert(strstr(buf_str(&f->output), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 LOGIN EXTERNAL\"") !=
              NULL);
    buf_reset(&f->output);
    feed(f, SPAN("NOOP\r\n" PLAIN));
    ck_assert_str_eq(buf_str(&f->output), "OK \"Done\"\r\nOK\r\n");
    fake_free(f);
}
END_TEST

START_TEST(an_exchange_that_is_not_ended_is_aborted)
{
    struct fake *f = fake_new(&plain_config, false);

    feed(f, SPAN(CHALLENGED));
    managesieve_bye(f->m, NULL, "Time is over.");
    ck_assert_uint_eq(f->aborted, 1);
    ck_assert(managesieve_is_closed(f->m));
    managesieve_bye(f->m, NULL, "Again.");
    managesieve_auth_done(f->m, SASL_ACCEPTED, "ann@d.test", SPAN_NONE);
    ck_assert_ptr_null(managesieve_login(f->m));
    fake_free(f);
}
END_TEST

START_TEST(who_fails_too_often_is_ended)
{
    struct fake *f = fake_new(&plain_config, false);

    for (unsigned i = 0; i < 3; i++)
        feed(f, SPAN("AUTHENTICATE \"PLAIN\" \"AGFubgBx\"\r\n"));
    ck_assert_str_eq(f->closed, "Too many failed log-ins.");
    fake_free(f);
    f = fake_new(&plain_config, false);
    for (unsigned i = 0; i < 21; i++)
        feed(f, SPAN("NOOP\r\n"));
    ck_assert_str_eq(f->closed, "Too many commands without a log-in.");
    fake_free(f);
}
END_TEST

START_TEST(when_nobody_is_there_it_is_for_later)
{
    struct fake *f = fake_new(&plain_config, false);

    f->is_away = true;
    buf_reset(&f->output);
    feed(f, SPAN(PLAIN));
    ck_assert_str_eq(buf_str(&f->output), "NO (TRYLATER) \"Nobody can log in now.\"\r\n");
    f->is_away = false;
    feed(f, SPAN(PLAIN));
    f->is_away = true;
    buf_reset(&f->output);
    feed(f, SPAN("LISTSCRIPTS\r\nUNAUTHENTICATE\r\n"));
    ck_assert_str_eq(buf_str(&f->output), "NO (TRYLATER) \"This is not possible now.\"\r\nOK\r\n");
    ck_assert_uint_eq(f->forgotten, 1);
    fake_free(f);
}
END_TEST

/* --- any octets, in any pieces --- */

#define SPLITS 10000

static size_t
make_random(uint64_t *state, char out[1024])
{
    static const char *const pieces[] = {
        PLAIN,
        CHALLENGED,
        "NOOP",
        "\r\n",
        "NOOP \"a\"\r\n",
        "LISTSCRIPTS\r\n",
        "{5+}\r\n",
        "{2000+}",
        "\"",
        "\\",
        "GETSCRIPT \"a\"",
        "UNAUTHENTICATE\r\n",
        "PUTSCRIPT ",
        "\"YW5u\"",
        "\"*\"",
        "12",
        " ",
        "HAVESPACE \"long\" 7\r\n",
        "keep;",
        "LOGOUT",
        "\n",
        "\xc3",
        "XYZZY\r\n",
        "CAPABILITY\r\n",
    };
    size_t n = 0;

    for (unsigned i = 0; i < 14; i++) {
        const char *piece = pieces[random_below(state, sizeof(pieces) / sizeof(pieces[0]))];

        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return n;
}

START_TEST(any_octets_in_any_pieces_get_the_same_answers)
{
    uint64_t state = 0x5eed;

    for (unsigned i = 0; i < SPLITS; i++) {
        struct fake *whole = fake_new(&plain_config, false);
        struct fake *pieces = fake_new(&plain_config, random_below(&state, 2) == 1);
        char octets[1024];
        struct span in = {octets, make_random(&state, octets)};

        feed(whole, in);
        while (in.n > 0) {
            size_t n = 1 + random_below(&state, (unsigned)in.n);

            feed(pieces, (struct span){in.p, n});
            in = span_skip(in, n);
        }
        DENSE_CHECK(span_equal(buf_span(&whole->output), buf_span(&pieces->output)));
        DENSE_CHECK((whole->closed == NULL) == (pieces->closed == NULL));
        fake_free(whole);
        fake_free(pieces);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("managesieve");
    TCase *cases = tcase_create("managesieve");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_command_gets, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(cases, a_name_with_a_nul_reaches_nobody);
    tcase_add_test(cases, a_literal_that_is_too_large_is_read_and_not_carried_out);
    tcase_add_test(cases, what_is_pipelined_waits_for_the_answer);
    tcase_add_test(cases, who_does_not_read_is_not_carried_out_further);
    tcase_add_test(cases, behind_starttls_nothing_in_the_clear_is_carried_out);
    tcase_add_test(cases, an_exchange_that_is_not_ended_is_aborted);
    tcase_add_test(cases, who_fails_too_often_is_ended);
    tcase_add_test(cases, when_nobody_is_there_it_is_for_later);
    tcase_add_test(cases, any_octets_in_any_pieces_get_the_same_answers);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
