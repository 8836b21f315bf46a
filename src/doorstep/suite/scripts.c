/* SPDX-License-Identifier: MIT
 *
 * Scripts that a suite compiles and runs: found beside the file, included from the folders
 * included/ and included-global/ there, or where settings say (storages.c). Their errors are kept
 * for test_error.
 */
#include "suite_priv.h"

#include <stdlib.h>

#include <limits.h>

#define SCRIPT_OCTETS_MAX ((size_t)64 << 20)
#define COMPILES_MAX 10000 /* in a file: scripts that compile scripts come to an end */

/* ------------------------------------------------------------------ errors */

void
suite_note(struct suite *s, const char *text)
{
    if (s->error_count == s->error_size) {
        uint32_t size = s->error_size == 0 ? 16 : s->error_size * 2;
        const char **more = realloc(s->errors, size * sizeof(*more));
        if (more == NULL)
            return;
        s->errors = more;
        s->error_size = size;
    }
    s->errors[s->error_count++] = suite_keep(s, span_of(text));
}

/* A script that is refused has one error more than it has mistakes: the one that says so. */
static void
note_report(struct suite *s, const struct sieve_report *report)
{
    for (uint32_t i = 0; i < report->count; i++)
        if (report->notes[i].severity == SIEVE_ERROR)
            suite_note(s, report->notes[i].text);
    suite_note(s, "validation failed");
}

/* ------------------------------------------------------------------ files */

static bool
read_script(const struct suite *s, const char *folder, struct span name, const char *suffix,
            struct buf *out)
{
    char path[PATH_MAX];

    if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL || name.n > PATH_MAX)
        return false;
    bool is_absolute = name.p[0] == '/';
    int n = snprintf(path, sizeof(path), "%s%s%.*s%s", is_absolute ? "" : s->folder,
                     is_absolute ? "" : folder, (int)name.n, name.p, suffix);
    return n > 0 && n < (int)sizeof(path) && suite_read(path, out);
}

enum sieve_found
suite_load(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    const char *folder = location == SIEVE_PERSONAL ? "/included/" : "/included-global/";

    if (suite_storage_read(arg, location, name, out))
        return SIEVE_FOUND;
    return read_script(arg, folder, name, ".sieve", out) ? SIEVE_FOUND : SIEVE_MISSING;
}

/* ------------------------------------------------------------------ compiling */

static struct suite_program *
program_kept(struct suite *s, struct sieve_program *p)
{
    struct suite_program *kept = p == NULL ? NULL : arena_alloc(&s->arena, sizeof(*kept));

    if (kept == NULL) {
        sieve_program_free(p);
        return NULL;
    }
    *kept = (struct suite_program){s->programs, p};
    s->programs = kept;
    return kept;
}

void
suite_programs_free(struct suite *s)
{
    for (struct suite_program *p = s->programs; p != NULL; p = p->next)
        sieve_program_free(p->program);
}

static struct sieve_program *
compile_text(struct suite *s, const char *name, struct span text)
{
    struct sieve_report *report = malloc(sizeof(*report));
    struct sieve_compiler compiler = s->compiler;

    if (report == NULL)
        return NULL;
    compiler.extensions = suite_offered(s);
    sieve_report_init(report);
    struct suite_program *kept = program_kept(s, sieve_compile(&compiler, name, text, report));
    if (kept == NULL)
        note_report(s, report);
    sieve_report_release(report);
    free(report);
    return kept == NULL ? NULL : kept->program;
}

static struct sieve_program *
compile_file(struct suite *s, struct span path)
{
    struct sieve_program *p = NULL;
    struct buf text;

    if (++s->compile_count > COMPILES_MAX) {
        suite_note(s, "too many scripts are compiled");
        return NULL;
    }
    buf_init(&text, SCRIPT_OCTETS_MAX); /* what passes sieve_max_script_size is told as that */
    if (read_script(s, "/", path, "", &text))
        p = compile_text(s, suite_keep(s, path), buf_span(&text));
    else
        suite_note(s, "the script cannot be read");
    buf_release(&text);
    return p;
}

/* The script that was compiled before stays when this one is refused. */
enum sieve_truth
test_script_compile(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);
    struct span path;

    if (!sieve_value_string(r, &op->arguments[0], &path))
        return SIEVE_BROKEN;
    s->error_count = 0;
    struct sieve_program *p = compile_file(s, path);
    if (p != NULL)
        s->compiled = p;
    return p != NULL ? SIEVE_TRUE : SIEVE_FALSE;
}

/* ------------------------------------------------------------------ running */

/* A script inside may use the suite's language too: then test_fail ends it and it has failed. */
static bool
run_program(struct suite *s, const struct sieve_program *p)
{
    s->depth++;
    s->is_inner_over = false;
    enum sieve_status status = sieve_run_inner(s->run, p);
    s->depth--;
    if (status != SIEVE_OK)
        suite_note(s, sieve_run_error(s->run)->text);
    bool ok = status == SIEVE_OK && !s->is_inner_over;
    s->is_inner_over = false;
    return ok;
}

const struct sieve_tag script_run_tags[] = {
    {"append_result", SIEVE_TAKES_NOTHING, SIEVE_SLOT_OWN, 0, 0, NULL},
    {0},
};

#define SCRIPTS_DEEP 8 /* scripts that run scripts */

enum sieve_truth
test_script_run(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);

    if (s->compiled == NULL || s->depth == SCRIPTS_DEEP) {
        sieve_run_fail(r, op, "%s",
                       s->compiled == NULL ? "no script was compiled" : "scripts run too deep");
        return SIEVE_BROKEN;
    }
    if (sieve_op_tag(op, SIEVE_SLOT_OWN) == NULL)
        suite_result_reset(s);
    return run_program(s, s->compiled) ? SIEVE_TRUE : SIEVE_FALSE;
}

static bool
run_one_of_many(struct suite *s, struct span path)
{
    struct sieve_program *p = compile_file(s, path);

    if (p == NULL || !sieve_run_goes_on(s->run))
        return p != NULL;
    sieve_run_next(s->run);
    return run_program(s, p);
}

/* One after the other while keep is in effect; what they said is then carried out. */
enum sieve_truth
test_multiscript(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);
    const struct sieve_value *scripts = &op->arguments[0];
    bool ok = true;
    struct span path;

    if (s->depth == SCRIPTS_DEEP)
        return SIEVE_FALSE;
    suite_result_reset(s);
    s->error_count = 0;
    for (uint32_t i = 0; ok && i < scripts->count; i++) {
        if (!sieve_text_get(r, sieve_text_at(scripts, i), &path))
            return SIEVE_BROKEN;
        ok = run_one_of_many(s, path);
    }
    return suite_execute(s) && ok ? SIEVE_TRUE : SIEVE_FALSE;
}

/* ------------------------------------------------------------------ compiled scripts by name */

/* Programs live in memory alone: there is no file that could be stale. */
enum sieve_step
test_binary_save(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);
    struct suite_binary *b = arena_alloc(&s->arena, sizeof(*b));
    struct span name;

    if (!sieve_value_string(r, &op->arguments[0], &name))
        return SIEVE_BREAKDOWN;
    if (s->compiled == NULL || b == NULL) {
        sieve_run_fail(r, op, "no script was compiled");
        return SIEVE_BREAKDOWN;
    }
    *b = (struct suite_binary){s->binaries, suite_keep(s, name), s->compiled};
    s->binaries = b; /* in front of an older one of that name */
    return SIEVE_GO;
}

enum sieve_step
test_binary_load(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);
    struct span name;

    if (!sieve_value_string(r, &op->arguments[0], &name))
        return SIEVE_BREAKDOWN;
    for (const struct suite_binary *b = s->binaries; b != NULL; b = b->next) {
        if (span_equal(span_of(b->name), name)) {
            s->compiled = b->program;
            return SIEVE_GO;
        }
    }
    sieve_run_fail(r, op, "no binary was saved as '%.*s'", name.n < 80 ? (int)name.n : 80, name.p);
    return SIEVE_BREAKDOWN;
}
