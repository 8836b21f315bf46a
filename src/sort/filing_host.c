/* SPDX-License-Identifier: MIT
 *
 * What a script asks about its account: each question goes to the store and waits for the answer.
 */
#include "filing_priv.h"

#include <string.h>

#include "doorstep/program.h"

#define ANSWER_MAX (1024 * 1024)

/* One question whose words are texts; numbers before them in `first`, or -1. */
static enum sort_verdict
ask(struct filer *f, enum sort_question what, struct span question, struct buf *answer)
{
    uint8_t verdict = SORT_NOT_NOW;

    if (f->door != SORTER_GOES_ON)
        return SORT_NOT_NOW;
    buf_reset(answer);
    f->door = sorter_ask(f->sorter, f->number, what, question, answer, &verdict);
    return verdict <= SORT_NOT_NOW ? (enum sort_verdict)verdict : SORT_NOT_NOW;
}

enum sort_verdict
filer_ask_text(struct filer *f, enum sort_question what, struct span question, struct buf *text)
{
    return ask(f, what, question, text);
}

static enum sieve_answer
ask_value(struct filer *f, enum sort_question what, struct span first, const struct span *second,
          struct buf *out)
{
    static const enum sieve_answer answers[] = {
        [SORT_NO] = SIEVE_NO, [SORT_YES] = SIEVE_YES, [SORT_NOT_NOW] = SIEVE_TEMPFAIL};
    struct buf question;
    struct pack p;

    buf_init(&question, DOOR_BODY_MAX - 16);
    pack_init(&p, &question);
    pack_span(&p, first);
    if (second != NULL)
        pack_span(&p, *second);
    enum sort_verdict verdict =
        p.full ? SORT_NO : ask(f, what, buf_span(&question), out); /* too long to be there */
    buf_release(&question);
    return answers[verdict];
}

static enum sieve_answer
ask_words(struct filer *f, enum sort_question what, struct span first, const struct span *second)
{
    struct buf answer;

    buf_init(&answer, ANSWER_MAX);
    enum sieve_answer result = ask_value(f, what, first, second, &answer);
    buf_release(&answer);
    return result;
}

static enum sieve_answer
mailbox_exists(void *arg, struct span mailbox)
{
    return ask_words(arg, SORT_ASK_MAILBOX, mailbox, NULL);
}

static enum sieve_answer
special_use_exists(void *arg, struct span mailbox, struct span use)
{
    return ask_words(arg, SORT_ASK_SPECIAL_USE, mailbox, &use);
}

static enum sieve_answer
mailbox_id_exists(void *arg, struct span id)
{
    return ask_words(arg, SORT_ASK_MAILBOX_ID, id, NULL);
}

static enum sieve_answer
metadata(void *arg, struct span mailbox, struct span name, struct buf *out)
{
    return ask_value(arg, SORT_ASK_METADATA, mailbox, &name, out);
}

static enum sieve_answer
list_has(void *arg, struct span list, struct span value, struct buf *found)
{
    return ask_value(arg, SORT_ASK_LIST, list, &value, found);
}

static enum sieve_answer
list_is_known(void *arg, struct span list)
{
    return ask_words(arg, SORT_ASK_LIST_KNOWN, list, NULL);
}

/* RFC 5183 4.1: who gave us the message. The rest the engine knows itself. */
static bool
environment(void *arg, struct span name, struct buf *out)
{
    const struct filer *f = arg;

    if (span_equal_fold(name, SPAN("remote-ip")))
        return buf_append_str(out, f->run.remote_ip);
    if (span_equal_fold(name, SPAN("remote-host")))
        return buf_append_str(out, f->run.remote_host);
    return false;
}

static const char *
setting(void *arg, const char *name)
{
    const struct filer *f = arg;
    const struct sort_options *o = f->sorter->options;

    return o->setting == NULL ? NULL : o->setting(o->arg, name);
}

/* How long a mark holds was said when it was made. */
static enum sieve_answer
duplicate(void *arg, struct span key, uint32_t seconds)
{
    char hex[FILING_KEY_SIZE];

    (void)seconds;
    filer_hash_key(key, hex);
    return ask_words(arg, SORT_ASK_DUPLICATE, span_of(hex), NULL);
}

/* ---- programs ---- */

static bool
pack_program(struct pack *p, const char *kind, const char *name, const char *const *arguments,
             uint32_t count)
{
    enum program_use use = strcmp(kind, "pipe") == 0     ? PROGRAM_BY_PIPE
                           : strcmp(kind, "filter") == 0 ? PROGRAM_BY_FILTER
                                                         : PROGRAM_BY_EXECUTE;

    pack_u8(p, (uint8_t)use);
    pack_u8(p, use != PROGRAM_BY_PIPE);
    pack_str(p, name);
    pack_u32(p, count);
    for (uint32_t i = 0; i < count; i++)
        pack_str(p, arguments[i]);
    return !p->full;
}

static enum sieve_answer
program(void *arg, const char *kind, const char *name, const char *const *arguments, uint32_t count,
        struct span in, struct buf *out)
{
    static const enum sieve_answer answers[] = {
        [SORT_NO] = SIEVE_NO, [SORT_YES] = SIEVE_YES, [SORT_NOT_NOW] = SIEVE_TEMPFAIL};
    struct filer *f = arg;
    enum sort_verdict verdict = SORT_NOT_NOW;
    struct buf question;
    struct pack p;

    buf_init(&question, PROGRAM_JOB_MAX);
    pack_init(&p, &question);
    if (pack_program(&p, kind, name, arguments, count) && f->door == SORTER_GOES_ON) {
        if (in.n > 0)
            f->door = sorter_send(f->sorter, SORT_INPUT, f->sorter->runs_id, in);
        verdict = ask(f, SORT_ASK_PROGRAM, buf_span(&question), out);
    }
    buf_release(&question);
    return answers[verdict];
}

struct sieve_host
filer_host(struct filer *f)
{
    return (struct sieve_host){
        .mailbox_exists = mailbox_exists,
        .special_use_exists = special_use_exists,
        .mailbox_id_exists = mailbox_id_exists,
        .metadata = metadata,
        .duplicate = duplicate,
        .list_has = list_has,
        .list_is_known = list_is_known,
        .environment = environment,
        .setting = setting,
        .program = program,
        .runs_pipes = true,
        .arg = f,
    };
}
