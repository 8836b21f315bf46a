/* SPDX-License-Identifier: MIT
 *
 * What a script asks about its account: each question goes to the store and waits for the answer.
 */
#include "filing_priv.h"

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
ask_words(struct filer *f, enum sort_question what, struct span first, const struct span *second)
{
    static const enum sieve_answer answers[] = {
        [SORT_NO] = SIEVE_NO, [SORT_YES] = SIEVE_YES, [SORT_NOT_NOW] = SIEVE_TEMPFAIL};
    struct buf question, answer;
    struct pack p;

    buf_init(&question, DOOR_BODY_MAX - 16);
    buf_init(&answer, ANSWER_MAX);
    pack_init(&p, &question);
    pack_span(&p, first);
    if (second != NULL)
        pack_span(&p, *second);
    enum sort_verdict verdict =
        p.full ? SORT_NO : ask(f, what, buf_span(&question), &answer); /* too long to be there */
    buf_release(&question);
    buf_release(&answer);
    return answers[verdict];
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

/* How long a mark holds was said when it was made. */
static enum sieve_answer
duplicate(void *arg, struct span key, uint32_t seconds)
{
    char hex[FILING_KEY_SIZE];

    (void)seconds;
    filer_hash_key(key, hex);
    return ask_words(arg, SORT_ASK_DUPLICATE, span_of(hex), NULL);
}

struct sieve_host
filer_host(struct filer *f)
{
    return (struct sieve_host){
        .mailbox_exists = mailbox_exists,
        .special_use_exists = special_use_exists,
        .mailbox_id_exists = mailbox_id_exists,
        .duplicate = duplicate,
        .arg = f,
    };
}
