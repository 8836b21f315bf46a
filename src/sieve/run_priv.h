/* SPDX-License-Identifier: MIT
 *
 * The state of a run, shared by the files that carry it out.
 */
#ifndef SIEVE_RUN_PRIV_H
#define SIEVE_RUN_PRIV_H

#include "doorstep/addresslist.h"
#include "program_priv.h"

struct frame { /* of one script of the program */
    struct frame *caller;
    const struct unit *unit;
    struct span *values; /* of its own variables */
    bool has_part;       /* included in a loop over parts: part_row is its whole message */
    uint32_t part_row;
    uint64_t found; /* extensions, by number, that its ihave tests have found */
};

struct kept_address {
    struct kept_address *next;
    struct sieve_address address;
};

/* The addresses of a field's value, read as far as a test has asked for them. */
struct kept_addresses {
    struct kept_addresses *next; /* of the run */
    struct addresslist list;     /* the rest; released where is_over */
    bool is_over;
    bool is_cut; /* there was no memory for one of them */
    struct kept_address *first, **end;
};

/* What was made of a field's value: the same field is asked for again and again. */
struct sieve_field_memo {
    struct span decoded; /* p NULL: nobody has asked */
    struct span folded;  /* decoded, as the comparator folds it */
    const struct sieve_comparator *comparator;
    struct kept_addresses *addresses;
};

#define NAMES_BUCKETS 64

/* The first field of each bucket of names; field->namesake is the next. The last's is the number of
 * fields. */
struct sieve_names {
    uint32_t first[NAMES_BUCKETS];
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
    struct buf folded;  /* the value that is being matched, in a comparator's form */
    struct buf extents; /* of its characters there: match_extents() */
    struct kept_addresses *address_lists; /* of all fields whose addresses were asked for */
    const struct sieve_program *program;
    struct frame *frame;
    struct sieve_match *match; /* of the test that is being run, one after the other; or NULL */
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
    uint64_t steps, work_left;
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

/* addresses.c: those of a field, one at a time. field_addresses() - NULL: the run has failed.
 * next_address() - the one behind *at, NULL at the beginning; false: the run has failed; *at is
 * NULL behind the last. release_addresses() - at the end of the run. */
struct kept_addresses *field_addresses(struct sieve_run *r, const struct sieve_field *f);
bool next_address(struct sieve_run *r, struct kept_addresses *k, const struct kept_address **at);
void release_addresses(struct sieve_run *r);

/* edition.c */
struct sieve_edition *edition_new(struct sieve_run *r, struct span whole);

/* fields_read() - a header block into its fields; *rest begins with its empty line, if it has one.
 */
bool fields_read(struct sieve_run *r, struct span block, struct sieve_fields *out,
                 struct span *rest);

/* fields.c: fields_index() - so that they are found by name without a look at all others; without
 * memory they are found all the same. */
void fields_index(struct sieve_run *r, struct sieve_fields *fields);

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
