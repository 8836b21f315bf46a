/* SPDX-License-Identifier: MIT
 *
 * sieveload SCRIPT MESSAGE [SECONDS]: how long Doorstep's engine takes to compile a script, and to
 * run it on a message, as a sorter does: one thread, the medians of many. Prints JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "doorstep/sieve.h"

#define SAMPLES_MAX 200000

static bool
read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    char piece[65536];
    size_t n;

    buf_init(out, (size_t)256 << 20);
    while (f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_append(out, piece, n);
    if (f != NULL)
        fclose(f);
    return f != NULL;
}

static double
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double
at(double *samples, size_t n, double part)
{
    qsort(samples, n, sizeof(*samples), by_size);
    return samples[(size_t)((double)(n - 1) * part)];
}

/* ------------------------------------------------------------------ what is measured */

static struct sieve_program *
compile(struct span script, const struct sieve_limits *limits)
{
    static struct sieve_report report;
    const struct sieve_compiler c = {.limits = limits};

    sieve_report_init(&report);
    struct sieve_program *p = sieve_compile(&c, "script", script, &report);
    if (p == NULL) {
        struct buf text;
        buf_init(&text, 1 << 20);
        sieve_report_print(&report, &text);
        fputs(buf_str(&text), stderr);
        exit(EXIT_FAILURE);
    }
    sieve_report_release(&report);
    return p;
}

/* In the memory of the run before, as a sorter does it; *kept is NULL before the first. */
static uint32_t
run(struct sieve_run **kept, const struct sieve_program *p, struct span message,
    const struct sieve_limits *limits, struct charsets *charsets)
{
    static const struct sieve_envelope envelope = {
        "bob@example.com", "ann@example.org", "", "", "", "", "", "", ""};
    static const struct sieve_user user = {.address = "ann@example.org",
                                           .name = "ann",
                                           .delimiters = "+",
                                           .postmaster = "postmaster@example.org",
                                           .hostname = "mx.example.org"};
    static const struct sieve_host host = {0};
    const struct sieve_input in = {.message = message,
                                   .envelope = &envelope,
                                   .user = &user,
                                   .host = &host,
                                   .limits = limits,
                                   .charsets = charsets,
                                   .now = 1700000000};
    bool ok = *kept != NULL ? sieve_run_again(*kept, &in) : (*kept = sieve_run_new(&in)) != NULL;
    uint32_t count = 0;

    if (!ok || sieve_run_script(*kept, p) != SIEVE_OK) {
        fprintf(stderr, "%s\n", !ok ? "no memory" : sieve_run_error(*kept)->text);
        exit(EXIT_FAILURE);
    }
    sieve_run_finish(*kept, &count);
    sieve_run_end(*kept);
    return count;
}

/* ------------------------------------------------------------------ loops */

static size_t
time_compile(struct span script, const struct sieve_limits *limits, double seconds, double *samples)
{
    double end = now_us() + seconds * 1e6;
    size_t n = 0;

    for (double begin = now_us(); begin < end && n < SAMPLES_MAX; begin = now_us()) {
        sieve_program_free(compile(script, limits));
        samples[n++] = now_us() - begin;
    }
    return n;
}

static size_t
time_run(struct span script, struct span message, const struct sieve_limits *limits, double seconds,
         double *samples, uint32_t *actions)
{
    struct sieve_program *p = compile(script, limits);
    struct charsets *charsets = charsets_new();
    struct sieve_run *kept = NULL;
    double end = now_us() + seconds * 1e6;
    size_t n = 0;

    for (double begin = now_us(); begin < end && n < SAMPLES_MAX; begin = now_us()) {
        *actions = run(&kept, p, message, limits, charsets);
        samples[n++] = now_us() - begin;
    }
    sieve_run_free(kept);
    charsets_free(charsets);
    sieve_program_free(p);
    return n;
}

int
main(int argc, char **argv)
{
    struct buf script, message;
    struct sieve_limits limits;
    double *samples = malloc(SAMPLES_MAX * sizeof(*samples));
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 2;
    uint32_t actions = 0;

    if (argc < 3 || samples == NULL || !read_file(argv[1], &script) ||
        !read_file(argv[2], &message)) {
        fputs("usage: sieveload SCRIPT MESSAGE [SECONDS]\n", stderr);
        return EXIT_FAILURE;
    }
    sieve_limits_default(&limits);
    size_t n = time_compile(buf_span(&script), &limits, seconds, samples);
    printf("{\"compile_us\": %.1f, \"compile_p99_us\": %.1f, ", at(samples, n, 0.5),
           at(samples, n, 0.99));
    n = time_run(buf_span(&script), buf_span(&message), &limits, seconds, samples, &actions);
    printf("\"runs\": %zu, \"run_us\": %.1f, \"run_p99_us\": %.1f, \"actions\": %u}\n", n,
           at(samples, n, 0.5), at(samples, n, 0.99), actions);
    buf_release(&script);
    buf_release(&message);
    free(samples);
    return EXIT_SUCCESS;
}
