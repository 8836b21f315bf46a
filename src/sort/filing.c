/* SPDX-License-Identifier: MIT
 *
 * Sieve in a sorter: what the store asked for before a message is run on it, recipient by
 * recipient, and each result goes out behind the message's facts. A script that fails does no harm
 * to the next one.
 */
#include "filing_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDITED_SPARE (1024 * 1024) /* what scripts may add to a message */

enum sorter_result
sorter_take_run(struct sorter *so, uint64_t id, struct span packed)
{
    if (so->run_count > 0 && so->runs_id != id)
        return SORTER_IS_BROKEN;
    if (so->run_count == so->run_room) {
        uint32_t room = so->run_room > 0 ? 2 * so->run_room : 16;
        struct span *more = reallocarray(so->runs, room, sizeof *more);
        if (more == NULL)
            return SORTER_IS_BROKEN;
        so->runs = more;
        so->run_room = room;
    }
    const char *copy = arena_copy(&so->runs_arena, packed);
    if (copy == NULL || so->run_count >= SORT_RUNS_MAX)
        return SORTER_IS_BROKEN;
    so->runs_id = id;
    so->runs[so->run_count++] = (struct span){copy, packed.n};
    return SORTER_GOES_ON;
}

/* ---- programs ---- */

static enum sieve_found
load(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    static const enum sieve_found found[] = {
        [SORT_NO] = SIEVE_MISSING, [SORT_YES] = SIEVE_FOUND, [SORT_NOT_NOW] = SIEVE_UNKNOWN};
    struct filer *f = arg;
    struct buf question, text;
    struct pack p;

    buf_init(&question, FILING_NAME_MAX + 16);
    buf_init(&text, f->sorter->options->sieve.script_max + 1);
    pack_init(&p, &question);
    pack_u8(&p, location == SIEVE_GLOBAL);
    pack_span(&p, name);
    enum sort_verdict verdict =
        p.full ? SORT_NO : filer_ask_text(f, SORT_ASK_INCLUDE, buf_span(&question), &text);
    if (verdict == SORT_NOT_NOW || (location == SIEVE_PERSONAL && f->layer != FILING_PERSONAL))
        f->is_passing = true;
    if (verdict == SORT_YES && !buf_append_span(out, buf_span(&text)))
        verdict = SORT_NOT_NOW;
    buf_release(&question);
    buf_release(&text);
    return found[verdict];
}

/* The first thing that is wrong, for people. */
static void
note_report(struct filer *f, const struct sieve_report *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const struct sieve_note *n = &r->notes[i];
        if (n->severity != SIEVE_ERROR)
            continue;
        snprintf(f->error, sizeof f->error, "%s:%u: %s", n->script, n->at.line, n->text);
        return;
    }
}

static struct sieve_program *
compile(struct filer *f, const struct filing_script *s, struct span text)
{
    const struct sieve_compiler compiler = {
        .limits = &f->sorter->options->sieve,
        .is_administrators = s->layer != FILING_PERSONAL || f->sorter->options->has_user_programs,
        .load = load,
        .arg = f,
    };
    struct sieve_report report;

    sieve_report_init(&report);
    struct sieve_program *p = sieve_compile(&compiler, s->name, text, &report);
    if (p == NULL)
        note_report(f, &report);
    sieve_report_release(&report);
    return p;
}

/* From those that are kept, else compiled from the text that the store has. The hash stands for
 * what an account's script includes as well; not for what an administrator's takes from an
 * account, which is not kept. */
static struct sieve_program *
find_program(struct filer *f, const struct filing_script *s)
{
    char key[FILING_NAME_MAX + 2]; /* no hash is longer: filing_run_unpack() */
    struct buf question, text;
    struct pack p;

    key[0] = s->layer == FILING_PERSONAL ? 'p' : 'a';
    memcpy(key + 1, s->hash, strlen(s->hash) + 1);
    struct sieve_program *program = programs_find(f->sorter->programs, key);
    if (program != NULL)
        return program;
    buf_init(&question, FILING_NAME_MAX + 16);
    buf_init(&text, f->sorter->options->sieve.script_max + 1);
    pack_init(&p, &question);
    pack_str(&p, s->hash);
    f->is_passing = false;
    f->layer = s->layer;
    snprintf(f->error, sizeof f->error, "%s: the script could not be read", s->name);
    if (filer_ask_text(f, SORT_ASK_SCRIPT, buf_span(&question), &text) == SORT_YES)
        program = compile(f, s, buf_span(&text));
    buf_release(&question);
    buf_release(&text);
    if (program == NULL || (!f->is_passing && programs_keep(f->sorter->programs, key, program)))
        return program;
    f->unkept[f->unkept_count++] = program;
    return program;
}

/* ---- a run ---- */

static void
fail(struct filer *f, enum filing_status status, enum filing_layer layer, const char *error)
{
    f->result.status = status;
    f->result.layer = layer;
    f->result.error = error;
}

static void
fail_with_note(struct filer *f, enum filing_layer layer, enum sieve_status status)
{
    const struct sieve_note *n = sieve_run_error(f->sieve);

    if (n->at.line > 0)
        snprintf(f->error, sizeof f->error, "%s:%u: %s", n->script, n->at.line,
                 n->text == NULL ? "" : n->text);
    else
        snprintf(f->error, sizeof f->error, "%s: %s", n->script == NULL ? "" : n->script,
                 n->text == NULL ? "no memory" : n->text);
    fail(f, status == SIEVE_DEFERRED ? FILING_DEFERRED : FILING_FAILED, layer, f->error);
}

static bool
is_due(struct filer *f, const struct filing_script *s)
{
    if (s->layer != FILING_DISCARD)
        return sieve_run_goes_on(f->sieve);
    if (!sieve_run_only_discards(f->sieve))
        return false;
    sieve_run_reset(f->sieve);
    return true;
}

static void
run_scripts(struct filer *f)
{
    for (uint32_t i = 0; i < f->run.script_count; i++) {
        const struct filing_script *s = &f->run.scripts[i];
        if (!is_due(f, s))
            continue;
        struct sieve_program *p = find_program(f, s);
        if (p == NULL) {
            fail(f, FILING_FAILED, s->layer, f->error);
            return;
        }
        enum sieve_status status = sieve_run_script(f->sieve, p);
        if (status != SIEVE_OK) {
            fail_with_note(f, s->layer, status);
            return;
        }
    }
}

/* ---- results ---- */

/* A message that was made and is no longer than FILING_SENT_MAX costs nobody else's room. */
static bool
send_text(struct filer *f, uint64_t id, struct span text, size_t room)
{
    bool is_short = text.n <= FILING_SENT_MAX;

    if (!is_short && text.n > room)
        return false;
    f->sorter->edited += is_short ? 0 : text.n;
    f->door = sorter_send(f->sorter, SORT_EDITION, id, text);
    return true;
}

static bool
send_edition(struct filer *f, uint64_t id, const struct sieve_edition *e, size_t room)
{
    struct buf whole;

    buf_init(&whole, room);
    bool ok = sieve_edition_print(e, &whole);
    if (ok) {
        f->sorter->edited += whole.len;
        f->door = sorter_send(f->sorter, SORT_EDITION, id, buf_span(&whole));
    }
    buf_release(&whole);
    return ok;
}

/* Twice the message and a little for all runs together: a thousand recipients must not make a
 * thousand messages of a large one. */
static void
send_editions(struct filer *f, uint64_t id, size_t octets)
{
    size_t most = 2 * octets + EDITED_SPARE;
    uint32_t count = f->result.edition_count;

    for (uint32_t i = 0; f->door == SORTER_GOES_ON && i < count; i++) {
        size_t room = f->sorter->edited < most ? most - (size_t)f->sorter->edited : 0;
        const struct rendition *e = &f->editions[i];
        if (e->edition == NULL ? send_text(f, id, buf_span(&e->text), room)
                               : room > 0 && send_edition(f, id, e->edition, room))
            continue;
        f->result.edition_count = i; /* those that went out are thrown away */
        f->result.action_count = 0;
        fail(f, FILING_FAILED, FILING_PERSONAL, "the edited message is too large");
        return;
    }
}

static enum sorter_result
send_result(struct filer *f, uint64_t id)
{
    struct buf *packed = &f->sorter->packed;
    struct pack p;

    buf_reset(packed);
    pack_init(&p, packed);
    filing_result_pack(&f->result, &p);
    if (p.full) {
        f->result.action_count = 0;
        fail(f, FILING_FAILED, FILING_PERSONAL, "the script does too much with one message");
        buf_reset(packed);
        pack_init(&p, packed);
        filing_result_pack(&f->result, &p);
    }
    return p.full ? SORTER_IS_BROKEN : sorter_send(f->sorter, SORT_FILED, id, buf_span(packed));
}

static void
release_renditions(struct filer *f)
{
    for (uint32_t i = 0; i < f->rendition_count; i++)
        if (f->editions[i].edition == NULL)
            buf_release(&f->editions[i].text);
}

static enum sorter_result
finish(struct filer *f, uint64_t id, size_t octets)
{
    uint32_t count = 0;
    const struct sieve_action *actions = sieve_run_finish(f->sieve, &count);

    if (!filer_take_actions(f, actions, count)) {
        f->result.action_count = 0;
        f->result.edition_count = 0;
        fail(f, FILING_FAILED, FILING_PERSONAL,
             f->send_error[0] != '\0' ? f->send_error
                                      : "the script does too much with one message");
    }
    send_editions(f, id, octets);
    return f->door == SORTER_GOES_ON ? send_result(f, id) : f->door;
}

/* The run before lends its memory. */
static bool
begin_run(struct filer *f, const struct sieve_input *in)
{
    struct sorter *so = f->sorter;

    if (so->sieve == NULL)
        so->sieve = sieve_run_new(in);
    else if (!sieve_run_again(so->sieve, in))
        return false;
    f->sieve = so->sieve;
    return f->sieve != NULL;
}

static enum sorter_result
run_on(struct filer *f, uint64_t id, struct span message)
{
    const struct filing_run *run = &f->run;
    const struct sieve_host host = filer_host(f);
    const struct sieve_envelope envelope = {
        .sender = run->sender,
        .recipient = run->recipient,
        .original_recipient = run->original_recipient,
        .login = run->login,
        .notify = run->notify,
        .orcpt = run->orcpt,
        .ret = run->ret,
        .envid = run->envid,
        .deliverby = "",
    };
    const struct sieve_user user = {
        .address = run->address,
        .name = run->user,
        .aliases = run->aliases,
        .delimiters = run->delimiters,
        .postmaster = f->sorter->options->postmaster,
        .hostname = f->sorter->options->hostname,
    };
    const struct sieve_input in = {
        .message = message,
        .envelope = &envelope,
        .user = &user,
        .host = &host,
        .limits = &f->sorter->options->sieve,
        .charsets = f->sorter->charsets,
        .now = time(NULL),
    };

    f->message = message;
    f->user = &user;
    f->envelope = &envelope;
    f->now = in.now;
    if (!begin_run(f, &in))
        return SORTER_IS_BROKEN;
    run_scripts(f);
    return f->door == SORTER_GOES_ON ? finish(f, id, message.n) : f->door;
}

/* Aliases end with NULL. */
static bool
end_aliases(struct filer *f)
{
    const char **list = arena_alloc(f->arena, (f->run.alias_count + 1) * sizeof *list);

    if (list == NULL)
        return false;
    for (uint32_t i = 0; i < f->run.alias_count; i++)
        list[i] = f->run.aliases[i];
    f->run.aliases = list;
    return true;
}

static enum sorter_result
file_one(struct sorter *so, uint32_t number, uint64_t id, struct span message)
{
    struct filer f = {.sorter = so,
                      .number = number,
                      .arena = &so->run_arena,
                      .door = SORTER_GOES_ON,
                      .result = {.error = ""}};
    struct unpack u;

    unpack_init(&u, so->runs[number]);
    filing_run_unpack(&f.run, f.arena, &u);
    bool ok = unpack_done(&u) && end_aliases(&f);
    enum sorter_result result = ok ? run_on(&f, id, message) : SORTER_IS_BROKEN;
    for (uint32_t i = 0; i < f.unkept_count; i++)
        sieve_program_free(f.unkept[i]);
    programs_trim(so->programs);
    release_renditions(&f);
    sieve_run_end(so->sieve);
    arena_reset(f.arena);
    return result;
}

enum sorter_result
sorter_file(struct sorter *so, uint64_t id, struct span message)
{
    enum sorter_result result = SORTER_GOES_ON;
    uint32_t count = so->run_count;

    so->edited = 0;
    for (uint32_t i = 0; result == SORTER_GOES_ON && i < count; i++)
        result = file_one(so, i, id, message);
    so->run_count = 0;
    arena_reset(&so->runs_arena);
    return result;
}
