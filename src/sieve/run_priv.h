/* SPDX-License-Identifier: MIT
 *
 * The state of a run, shared by the files that carry it out.
 */
#ifndef SIEVE_RUN_PRIV_H
#define SIEVE_RUN_PRIV_H

#include "program_priv.h"

struct frame { /* of one script of the program */
    struct frame *caller;
    const struct unit *unit;
    struct span *values; /* of its own variables */
    bool has_part;       /* included in a loop over parts: part_row is its whole message */
    uint32_t part_row;
    uint64_t found; /* extensions, by number, that its ihave tests have found */
};

struct sieve_edition {
    struct sieve_fields fields;
    struct span body;
    bool has_body;                        /* an empty line ends its header */
    struct span whole;                    /* what it was made of */
    const char *line_end;                 /* as its first line has it */
    bool is_original;                     /* still equal to whole */
    bool is_taken;                        /* an action points to it: edits make a new one */
    const struct sieve_edition *enclosed; /* RFC 5703 6: what a redirect takes; or NULL */
    struct span text;          /* as it is now, lines end in CRLF; p NULL: nobody has asked */
    struct sieve_part **parts; /* of text, by row; NULL: nobody has asked */
    uint32_t part_count;
};

struct sieve_run {
    struct sieve_input in;
    struct arena arena;
    struct arena message_arena; /* what is made of the message: its size bounds it */
    struct buf scratch;
    struct buf folded; /* the value that is being matched, in a comparator's form */
    const struct sieve_program *program;
    struct frame *frame;
    const struct sieve_op *op; /* the innermost that is being run: where an error is noted */
    struct span *globals;
    struct span match_values[MATCH_VALUES_MAX];
    uint32_t match_count;
    struct span sized; /* the message that has this size; nothing: it was not asked for */
    uint64_t size;
    struct sieve_edition *first; /* the message as it came in */
    struct sieve_edition *edition;
    struct sieve_part *part;     /* foreverypart's */
    struct sieve_part *replaced; /* the part that came in its place, in this round of the loop */
    struct sieve_action *actions;
    uint32_t action_count, action_size;
    uint32_t script_begin; /* the first action of this script */
    uint32_t redirects, notifies;
    bool is_keep_cancelled;
    bool has_explicit_keep;
    bool is_finished;
    bool chain_taken; /* of if, elsif, else */
    enum sieve_status status;
    struct sieve_note error;
    uint64_t steps, work;
    uint32_t depth;
    struct {
        const struct sieve_extension *extension;
        void *memory;
    } states[EXTENSIONS_MAX];
};

/* run.c */
enum sieve_step run_ops(struct sieve_run *r, const struct sieve_op *ops, uint32_t count);

/* run_unit() - an included script, with variables of its own (RFC 6609). */
enum sieve_step run_unit(struct sieve_run *r, const struct unit *unit);
void run_trace(struct sieve_run *r, struct sieve_trace t, const struct sieve_op *op);

/* run_is_traced() - somebody listens; else there is no need to make what run_trace() would take. */
static inline bool
run_is_traced(const struct sieve_run *r)
{
    return r->in.on_trace != NULL;
}

/* variables.c */
struct span *variable_slot(struct sieve_run *r, uint32_t number);

/* edition.c */
struct sieve_edition *edition_new(struct sieve_run *r, struct span whole);

/* fields_read() - a header block into its fields; *rest begins with its empty line, if it has one.
 */
bool fields_read(struct sieve_run *r, struct span block, struct sieve_fields *out,
                 struct span *rest);

/* edition_encloses() - the present edition has `inner` in it; what is redirected is that. */
void edition_encloses(struct sieve_run *r, const struct sieve_edition *inner);

/* parts.c: edition_text() - the text that the parts lie in, with line ends as CRLF; its header may
 * have been edited since. edition_now() - the present message, with all edits. False: noted. */
bool edition_text(struct sieve_run *r, struct span *out);
bool edition_now(struct sieve_run *r, struct span *out);

/* message_crlf() - s with line ends as CRLF: itself, or a copy that is kept with the message. */
bool message_crlf(struct sieve_run *r, struct span s, struct span *out);

/* edition_adopt() - `whole`, which is kept with the message, is the message from here on. */
bool edition_adopt(struct sieve_run *r, struct span whole);

/* message_alloc() - memory for what is made of the message; NULL: noted. */
void *message_alloc(struct sieve_run *r, size_t n);

#endif
