/* SPDX-License-Identifier: MIT
 *
 * One run of Sieve in a sorter, and what its files share.
 */
#ifndef SORT_FILING_PRIV_H
#define SORT_FILING_PRIV_H

#include "sorter_priv.h"

#define EDITIONS_MAX FILING_ACTIONS_MAX

#define FILING_SENT_MAX                                                                            \
    (128 * 1024) /* octets of a message that is made, besides what it quotes                       \
                  */

struct rendition { /* what goes to the store before the result */
    const struct sieve_edition *edition;
    struct buf text; /* owned; where there is no edition: a message that was made */
};

struct filer {
    struct sorter *sorter;
    uint32_t number;     /* of the run */
    struct arena *arena; /* borrowed: the sorter's, of one run after the other */
    struct filing_run run;
    struct sieve_run *sieve; /* the same */
    struct sieve_program
        *unkept[FILING_SCRIPTS_MAX]; /* owned: those that hold for this run alone */
    uint32_t unkept_count;
    bool is_passing;         /* the program being compiled is such a one */
    enum filing_layer layer; /* of the script being compiled */
    enum sorter_result door; /* not SORTER_GOES_ON: a question failed, and all is over */
    char error[1024];        /* of a script that does not compile */
    struct filing_result result;
    struct rendition editions[EDITIONS_MAX];
    uint32_t rendition_count; /* of those that were begun */
    char send_error[512];     /* why what leaves cannot, or "" */
    struct span message;
    const struct sieve_user *user;
    const struct sieve_envelope *envelope;
    time_t now;
};

/* filer_host - what scripts ask of the account; arg is the struct filer. */
struct sieve_host filer_host(struct filer *f);

/* filer_ask_text() - the text of a script; what as of sorter_ask(). */
enum sort_verdict filer_ask_text(struct filer *f, enum sort_question what, struct span question,
                                 struct buf *text);

#define FILING_KEY_SIZE 65

/* filer_hash_key() - what a script remembers something by, as the store keeps it: in hex. */
void filer_hash_key(struct span key, char out[FILING_KEY_SIZE]);

/* filer_send() - of an action that sends something: envelope and message into out. Nothing where it
 * is withheld. false: no memory, too much, or f->send_error says what. */
bool filer_send(struct filer *f, const struct sieve_action *a, uint32_t number,
                struct filing_action *out);

/* filer_fcc() - where a copy of what it sends goes, or NULL. */
const struct sieve_storage *filer_fcc(const struct sieve_action *a);

/* filer_take_actions() - those of the run into f->result, in f->arena. false: no memory, or more
 * than a result can hold. */
bool filer_take_actions(struct filer *f, const struct sieve_action *actions, uint32_t count);

#endif
