/* SPDX-License-Identifier: MIT
 *
 * Prints messages that Doorstep would send, for other programs to judge (tests/integration/
 * generated.py). The messages that cause them come on the standard input, each behind its length in
 * octets and a line end; what is made of each is printed in the same way.
 *
 *   generated_dump sieve SENDER RECIPIENT SCRIPT
 *   generated_dump dsn SENDER ADDRESS ORCPT ACTION CODE ENHANCED TEXT REMOTE ENVID RET UTF8
 *
 * ACTION, RET and UTF8 are numbers of dsn.h. What sends nothing prints a message of 0 octets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "doorstep/charset.h"
#include "doorstep/dsn.h"
#include "doorstep/relay.h"

#define MESSAGE_MAX ((size_t)16 << 20)
#define HOSTNAME "mx.example.org"
#define POSTMASTER "postmaster@example.org"
#define ID "20261122-1"

static int
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return EXIT_FAILURE;
}

/* false: there is none left. */
static bool
read_message(struct buf *out)
{
    size_t n;

    buf_reset(out);
    return scanf("%zu", &n) == 1 && getchar() == '\n' && n <= MESSAGE_MAX && buf_reserve(out, n) &&
           fread(out->data, 1, n, stdin) == n && (out->len = n, true);
}

static int
write_message(bool is_printed, const struct buf *out)
{
    if (!is_printed)
        return fail("it cannot be printed");
    printf("%zu\n", out->len);
    return fwrite(buf_str(out), 1, out->len, stdout) == out->len ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ------------------------------------------------------------------ reports */

static int
print_dsn(char **words, struct span message)
{
    const struct dsn_recipient r = {
        .address = words[1],
        .orcpt = words[2],
        .action = (enum dsn_action)atoi(words[3]),
        .code = (uint16_t)atoi(words[4]),
        .enhanced = words[5],
        .text = words[6],
        .remote = words[7],
        .last_attempt = time(NULL),
        .retry_until = time(NULL) + 3600,
    };
    const struct dsn d = {
        .hostname = HOSTNAME,
        .postmaster = POSTMASTER,
        .id = ID,
        .sender = words[0],
        .envid = words[8],
        .received_from = "client.example.net",
        .now = time(NULL),
        .arrived = time(NULL) - 60,
        .ret = (enum envelope_ret)atoi(words[9]),
        .may_utf8 = atoi(words[10]) != 0,
        .original = message,
        .original_octets = message.n,
        .recipients = &r,
        .recipient_count = 1,
    };
    struct buf out;

    buf_init(&out, MESSAGE_MAX);
    int status = write_message(dsn_print(&d, &out), &out);
    buf_release(&out);
    return status;
}

/* ------------------------------------------------------------------ scripts */

static struct sieve_program *
compile(const struct sieve_limits *limits, const char *script)
{
    const struct sieve_compiler c = {.limits = limits};
    struct sieve_report *report = malloc(sizeof(*report));

    if (report == NULL)
        return NULL;
    sieve_report_init(report);
    struct sieve_program *program = sieve_compile(&c, "script", span_of(script), report);
    if (program == NULL && report->count > 0)
        fprintf(stderr, "%s\n", report->notes[0].text);
    sieve_report_release(report);
    free(report);
    return program;
}

static int
print_action(struct sieve_run *run, const struct sieve_user *user,
             const struct sieve_envelope *envelope)
{
    const struct relay_origin o = {.user = user, .envelope = envelope, .now = time(NULL), .id = ID};
    uint32_t count;
    const struct sieve_action *actions = sieve_run_finish(run, &count);

    for (uint32_t i = 0; i < count; i++) {
        struct buf out;
        if (!relay_sends(&o, &actions[i]))
            continue;
        buf_init(&out, MESSAGE_MAX);
        int status = write_message(relay_print(&o, &actions[i], &out), &out);
        buf_release(&out);
        return status;
    }
    puts("0");
    return EXIT_SUCCESS;
}

static int
print_script(char **words, struct span message)
{
    const struct sieve_user user = {.address = "ann@example.org",
                                    .name = "ann",
                                    .delimiters = "+",
                                    .postmaster = POSTMASTER,
                                    .hostname = HOSTNAME};
    const struct sieve_envelope envelope = {words[0], words[1], "", "", "", "", "", "", ""};
    const struct sieve_host host = {.arg = NULL};
    struct charsets *charsets = charsets_new();
    struct sieve_limits limits;

    sieve_limits_default(&limits);
    struct sieve_program *program = compile(&limits, words[2]);
    const struct sieve_input in = {.message = message,
                                   .envelope = &envelope,
                                   .user = &user,
                                   .host = &host,
                                   .limits = &limits,
                                   .charsets = charsets,
                                   .now = time(NULL)};
    struct sieve_run *run = sieve_run_new(&in);
    int status = EXIT_FAILURE;
    if (program != NULL && run != NULL && sieve_run_script(run, program) == SIEVE_OK)
        status = print_action(run, &user, &envelope);
    sieve_run_free(run);
    sieve_program_free(program);
    charsets_free(charsets);
    return status;
}

int
main(int argc, char **argv)
{
    bool is_dsn = argc == 13 && strcmp(argv[1], "dsn") == 0;
    int status = EXIT_SUCCESS;
    struct buf message;

    if (!is_dsn && (argc != 5 || strcmp(argv[1], "sieve") != 0))
        return fail("see the head of generated_dump.c");
    buf_init(&message, MESSAGE_MAX);
    while (status == EXIT_SUCCESS && read_message(&message))
        status = is_dsn ? print_dsn(argv + 2, buf_span(&message))
                        : print_script(argv + 2, buf_span(&message));
    buf_release(&message);
    return status;
}
