/* SPDX-License-Identifier: MIT
 *
 * Programs that scripts call (vnd.dovecot.pipe, filter, execute): a name becomes a section of the
 * configuration, or a file in the folder of one, and what the program says goes to the sorter that
 * waits for it. The sorter is not believed: it names what the configuration offers, or nothing.
 */
#include "hooks_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "doorstep/log.h"
#include "doorstep/unpack_string.h"

#define PROGRAMS_MAX 16 /* of one run of a script, on the average */
#define ARENA_MAX (16 * 1024 * 1024)
#define MARGIN_MS 15000 /* beyond what its runner may take */

struct call { /* lives until its program has answered, also when the transaction has ended */
    struct sorters_question q;
    struct arena arena;
};

/* ---- which program ---- */

static enum program_command
command_of(enum program_use use)
{
    if (use == PROGRAM_BY_PIPE)
        return PROGRAM_PIPE;
    return use == PROGRAM_BY_FILTER ? PROGRAM_FILTER : PROGRAM_EXECUTE;
}

static bool
offers(const struct settings_program *p, enum program_use use)
{
    for (size_t i = 0; i < p->sieve_count; i++)
        if (p->sieve[i] == command_of(use))
            return true;
    return false;
}

/* One that has the name, else the first folder. NULL: there is none. */
static const struct settings_program *
find(const struct settings *s, const struct program_job *job)
{
    const struct settings_program *named = settings_find_program(s, job->program);

    if (named != NULL && named->command_count > 0 && offers(named, job->use))
        return named;
    for (size_t i = 0; i < s->program_count; i++)
        if (s->programs[i].command_count == 0 && offers(&s->programs[i], job->use))
            return &s->programs[i];
    return NULL;
}

/* Somebody who may call programs has a script that runs. */
static bool
may_call(const struct transaction *t)
{
    const struct deliver *d = t->deliver;

    return d->settings->sieve.user_programs ||
           (d->global_scripts != NULL && d->global_scripts->count > 0);
}

/* ---- the answer ---- */

static void
tell_output(const struct call *c, uint64_t octets, int fd)
{
    void *map = octets == 0 ? NULL : mmap(NULL, octets, PROT_READ, MAP_PRIVATE, fd, 0);

    if (map == MAP_FAILED) {
        sorters_tell(&c->q, SORT_NOT_NOW, SPAN_NONE);
        return;
    }
    sorters_tell(&c->q, SORT_YES, (struct span){map, octets});
    if (map != NULL)
        munmap(map, octets);
}

static void
on_answer(void *arg, const struct filter_result *r, int body_fd)
{
    struct call *c = arg;

    if (r->verdict == FILTER_PASS && r->has_new_body)
        tell_output(c, r->body_octets, body_fd);
    else if (r->verdict == FILTER_PASS)
        sorters_tell(&c->q, SORT_YES, SPAN_NONE);
    else
        sorters_tell(&c->q, r->verdict == FILTER_LOST ? SORT_NOT_NOW : SORT_NO, SPAN_NONE);
    arena_release(&c->arena);
    free(c);
}

/* ---- the question ---- */

static bool
read_words(struct program_job *job, struct arena *arena, struct span words)
{
    struct unpack u;
    uint8_t use;

    unpack_init(&u, words);
    use = unpack_u8(&u);
    job->use = (enum program_use)use;
    job->wants_output = unpack_u8(&u) == 1;
    job->program = unpack_string(&u, arena, PROGRAM_VALUE_MAX);
    job->argument_count = unpack_u32(&u);
    if (use == PROGRAM_AS_FILTER || use >= PROGRAM_USES ||
        job->argument_count > PROGRAM_ARGUMENTS_MAX)
        return false;
    for (uint32_t i = 0; i < job->argument_count; i++)
        job->arguments[i] = unpack_string(&u, arena, PROGRAM_JOB_MAX);
    return unpack_done(&u);
}

static void
run(struct transaction *t, const struct parcel *p, struct call *c, struct program_job *job,
    struct message *input)
{
    const struct settings *s = t->deliver->settings;
    const struct settings_program *program = find(s, job);

    if (program == NULL) {
        log_event(LOG_LEVEL_WARNING, "no_program", "id", t->source.id, "name", job->program, NULL);
        on_answer(c, &(struct filter_result){.verdict = FILTER_LOST}, -1);
        return;
    }
    if (program->command_count == 0)
        job->file = job->program;
    job->program = program->name;
    hooks_fill_job(t, p, job);
    sorters_extend(&c->q, s->timeouts.answer / 2 + program->timeout + MARGIN_MS);
    runners_ask(t->deliver->runners, program, job, input, true, &c->arena, on_answer, c);
}

void
filing_ask_program(struct transaction *t, const struct parcel *p, const struct sorters_question *q,
                   struct span words)
{
    struct message *input = sorters_take_input(q);
    struct program_job job = {.file = ""};
    struct call *c = calloc(1, sizeof *c);

    if (c == NULL || !may_call(t) ||
        ++t->filing->programs > PROGRAMS_MAX * t->filing->asked.count) {
        sorters_tell(q, SORT_NOT_NOW, SPAN_NONE);
        free(c);
    } else {
        c->q = *q;
        arena_init(&c->arena, ARENA_MAX);
        if (read_words(&job, &c->arena, words))
            run(t, p, c, &job, input);
        else
            on_answer(c, &(struct filter_result){.verdict = FILTER_LOST}, -1);
    }
    message_unref(input);
}
