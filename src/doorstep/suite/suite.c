/* SPDX-License-Identifier: MIT
 *
 * One .svtest file: compiled, run, counted. A file that cannot be compiled or does not come to its
 * end is one failure, whatever passed before.
 */
#include "suite_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../text_priv.h"
#include "doorstep/charset.h"

#define ARENA_MAX ((size_t)1 << 30)
#define FILE_OCTETS_MAX ((size_t)4 << 20)

const char *
suite_keep(struct suite *s, struct span text)
{
    const char *kept = arena_copy(&s->arena, text);

    return kept == NULL ? "" : kept;
}

bool
suite_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo never ends */
    struct stat st;
    char piece[8192];
    ssize_t n = -1;
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

    while (ok && (n = read(fd, piece, sizeof(piece))) > 0)
        ok = buf_append(out, piece, (size_t)n);
    if (fd >= 0)
        close(fd);
    return ok && n == 0;
}

/* ------------------------------------------------------------------ a line a test */

static void
print_line(const struct suite *s, const char *verdict, const char *name, const char *reason)
{
    struct buf line;

    buf_init(&line, 16384);
    buf_printf(&line, "%s ", verdict);
    text_escape(&line, span_of(s->path));
    if (name != NULL && buf_append_str(&line, ": "))
        text_escape(&line, span_of(name));
    if (reason != NULL && buf_append_str(&line, ": "))
        text_escape(&line, span_of(reason));
    fprintf(s->out, "%s\n", buf_str(&line));
    buf_release(&line);
}

void
suite_pass(struct suite *s, const char *name)
{
    ++*s->passed;
    print_line(s, "ok", name, NULL);
}

void
suite_failed(struct suite *s, const char *name, const char *reason)
{
    ++*s->failed;
    print_line(s, "not ok", name, reason);
}

static void
print_report(const struct suite *s, const struct sieve_report *report)
{
    struct buf text;

    buf_init(&text, (size_t)1 << 20);
    sieve_report_print(report, &text);
    struct span rest = buf_span(&text);
    while (rest.n > 0) {
        struct span line = {rest.p, span_find(rest, '\n')};
        struct buf safe;
        buf_init(&safe, 16384);
        text_escape(&safe, line);
        fprintf(s->out, "# %s\n", buf_str(&safe));
        buf_release(&safe);
        rest = span_skip(rest, line.n + 1);
    }
    buf_release(&text);
}

/* ------------------------------------------------------------------ running a file */

static void
say_broken(struct suite *s)
{
    const struct sieve_note *e = sieve_run_error(s->run);
    char reason[1024];

    snprintf(reason, sizeof(reason), "%s:%u: %s", e->script == NULL ? "" : e->script, e->at.line,
             e->text == NULL ? "out of memory" : e->text);
    suite_failed(s, s->test != NULL ? s->test : "the file was not run to its end", reason);
}

static void
run_program(struct suite *s, const struct sieve_program *p)
{
    struct charsets *charsets = charsets_new();
    struct sieve_input input = {
        .message = {suite_default_message, strlen(suite_default_message)},
        .envelope = &s->envelope,
        .user = &s->user,
        .host = &s->host,
        .limits = &s->limits,
        .charsets = charsets,
        .now = time(NULL),
    };

    suite_derive_envelope(s, input.message);
    s->run = sieve_run_new(&input);
    if (s->run == NULL)
        suite_failed(s, NULL, "out of memory");
    else if (sieve_run_script(s->run, p) != SIEVE_OK)
        say_broken(s);
    sieve_run_free(s->run);
    charsets_free(charsets);
}

static void
run_text(struct suite *s, struct span text)
{
    struct sieve_report *report = malloc(sizeof(*report));

    if (report == NULL) {
        suite_failed(s, NULL, "out of memory");
        return;
    }
    sieve_report_init(report);
    struct sieve_program *p = sieve_compile(&s->compiler, s->path, text, report);
    if (p == NULL) {
        print_report(s, report);
        suite_failed(s, NULL, "does not compile");
    } else {
        run_program(s, p);
    }
    sieve_program_free(p);
    sieve_report_release(report);
    free(report);
}

/* The built-in extensions and the suite's own. */
static bool
collect_extensions(struct suite *s)
{
    const struct sieve_extension *const *all = sieve_extensions();
    size_t n = 0;

    while (all[n] != NULL)
        n++;
    const struct sieve_extension **list = arena_alloc(&s->arena, (n + 2) * sizeof(*list));
    if (list == NULL)
        return false;
    memcpy(list, all, n * sizeof(*list));
    list[n] = &suite_extension;
    s->compiler = (struct sieve_compiler){
        .limits = &s->limits,
        .extensions = list,
        .is_administrators = true,
        .counts_errors = true,
        .load = suite_load,
        .arg = s,
    };
    return true;
}

/* Absolute where it can be, so that ${tst.path} means the same everywhere. */
static const char *
folder_of(struct suite *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct span folder = {path, slash == NULL ? 0 : (size_t)(slash - path) + 1};
    const char *kept = folder.n == 0 ? "." : suite_keep(s, folder);
    char *real = realpath(kept, NULL);

    if (real != NULL)
        kept = suite_keep(s, span_of(real));
    free(real);
    return kept;
}

static void
run_suite(struct suite *s)
{
    struct buf text;

    buf_init(&text, FILE_OCTETS_MAX);
    s->folder = folder_of(s, s->path);
    suite_settings_apply(s);
    suite_host_init(s);
    if (!suite_read(s->path, &text))
        suite_failed(s, NULL, "cannot be read");
    else if (collect_extensions(s))
        run_text(s, buf_span(&text));
    buf_release(&text);
}

void
suite_run_file(const char *path, FILE *out, uint32_t *passed, uint32_t *failed)
{
    struct suite s = {.path = path, .out = out, .passed = passed, .failed = failed};

    arena_init(&s.arena, ARENA_MAX);
    run_suite(&s);
    suite_programs_free(&s);
    suite_mailboxes_free(&s);
    free(s.letters);
    free(s.errors);
    arena_release(&s.arena);
}
