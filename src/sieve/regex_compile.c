/* SPDX-License-Identifier: MIT
 *
 * A translated expression to PCRE2's code. Every step calls back (PCRE2_AUTO_CALLOUT), for
 * match_regex.c to count.
 */
#include "regex_priv.h"

#define PATTERN_MAX (4 * 1024 * 1024)

static void *
take(size_t n, void *arena)
{
    return arena_alloc(arena, n);
}

static void
give(void *memory, void *arena)
{
    (void)memory, (void)arena; /* the arena frees all at once */
}

pcre2_general_context *
regex_memory(struct arena *arena)
{
    return pcre2_general_context_create(take, give, arena);
}

static uint32_t
options(enum regex_flavour flavour)
{
    uint32_t usual = PCRE2_MULTILINE | PCRE2_AUTO_CALLOUT;

    switch (flavour) {
    case REGEX_OCTETS:
        return usual | PCRE2_NEVER_UTF;
    case REGEX_ASCII_CASE:
        return usual | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    case REGEX_UNICODE_CASE:
        return usual | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_UCP | PCRE2_CASELESS;
    }
    return usual;
}

/* Of what passed the translation, only size is left to go wrong. */
static pcre2_code *
compile(struct span pattern, enum regex_flavour flavour, struct arena *arena)
{
    pcre2_general_context *memory = regex_memory(arena);
    pcre2_compile_context *context = memory == NULL ? NULL : pcre2_compile_context_create(memory);
    PCRE2_SIZE offset;
    int error;

    if (context == NULL)
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    return pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options(flavour), &error, &offset,
                         context);
}

pcre2_code *
regex_compile(struct span ere, enum regex_flavour flavour, struct arena *arena,
              struct regex_remark *why)
{
    struct buf pattern;
    pcre2_code *code = NULL;

    buf_init(&pattern, PATTERN_MAX);
    if (regex_translate(ere, flavour, &pattern, why)) {
        struct span text = {buf_str(&pattern), pattern.len};
        code = compile(text, flavour, arena);
        if (code == NULL)
            *why = (struct regex_remark){.text = "too large"};
    }
    buf_release(&pattern);
    return code;
}
