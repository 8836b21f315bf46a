/* SPDX-License-Identifier: MIT
 *
 * The one place that decides which local parts may name an account, and so a folder, and under
 * which spelling it is kept. Asked by accounts/ before any name becomes part of a path.
 */
#include "doorstep/address.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "account_name_priv.h"

#define ACCOUNT_NAME_MAX ADDRESS_LOCAL_MAX

/* Controls, format characters (among them bidirectional marks and joiners), line and paragraph
 * separators, surrogates, private use; and unassigned ones, whose normal form a later Unicode
 * may still change. What else shows nothing is a default-ignorable code point. */
static bool
account_name_char_is_visible(ucs4_t c)
{
    const uint32_t refused = UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z;

    if (c == ' ')
        return true;
    return !uc_is_general_category_withtable(c, refused) &&
           !uc_is_property_default_ignorable_code_point(c);
}

bool
account_name_check(struct span name)
{
    const uint8_t *p = (const uint8_t *)name.p;

    if (name.n == 0 || name.n > ACCOUNT_NAME_MAX || name.p[0] == '.')
        return false;
    if (name.p[0] == ' ' || name.p[name.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < name.n;) {
        ucs4_t c;
        int used = u8_mbtoucr(&c, p + i, name.n - i);
        if (used <= 0 || c == '/' || !account_name_char_is_visible(c))
            return false;
        i += (size_t)used;
    }
    return true;
}

/* Simple case folding (Unicode CaseFolding.txt, C and S), a character for a character: sharp s
 * stays a letter of its own, as it does in domains. Going through upper case joins letters with
 * several small forms (final sigma); the Turkish dotted and dotless i have no simple folding.
 * Compared with that file, Cherokee alone comes out otherwise, as small letters, and as the same
 * pairs. */
static ucs4_t
name_fold_char(ucs4_t c)
{
    return c == 0x130 || c == 0x131 ? c : uc_tolower(uc_toupper(c));
}

static bool
name_is_ascii(struct span name)
{
    unsigned char high = 0;

    for (size_t i = 0; i < name.n; i++)
        high |= (unsigned char)name.p[i];
    return high < 0x80;
}

static bool
name_fold_ascii(struct span name, bool fold_case, char *out, size_t size)
{
    if (name.n >= size)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        out[i] = fold_case && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[name.n] = '\0';
    return true;
}

/* The NFC of name as code points; freed by the caller; NULL for bad UTF-8 or without memory. */
static uint32_t *
name_normal_wide(struct span name, size_t *length)
{
    size_t n = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFC, (const uint8_t *)name.p, name.n, NULL, &n);

    if (normal == NULL)
        return NULL;
    uint32_t *wide = u8_to_u32(normal, n, NULL, length);
    free(normal);
    return wide;
}

static bool
name_store(const uint32_t *wide, size_t n, char *out, size_t size)
{
    size_t length = 0;
    uint8_t *narrow = u32_to_u8(wide, n, NULL, &length);
    bool fits = narrow != NULL && length < size;

    if (fits) {
        memcpy(out, narrow, length);
        out[length] = '\0';
    }
    free(narrow);
    return fits;
}

bool
name_fold(struct span name, bool fold_case, char *out, size_t size)
{
    size_t n = 0, folded_n = 0;

    if (name_is_ascii(name))
        return name_fold_ascii(name, fold_case, out, size);
    uint32_t *wide = name_normal_wide(name, &n);
    if (wide == NULL)
        return false;
    for (size_t i = 0; fold_case && i < n; i++)
        wide[i] = name_fold_char(wide[i]);
    /* A small letter may compose with a mark where its capital does not. */
    uint32_t *folded = u32_normalize(UNINORM_NFC, wide, n, NULL, &folded_n);
    bool ok = folded != NULL && name_store(folded, folded_n, out, size);
    free(folded);
    free(wide);
    return ok;
}

bool
account_name_fold(struct span name, bool fold_case, char *out, size_t size)
{
    if (!account_name_check(name) || !name_fold(name, fold_case, out, size))
        return false;
    /* Normal forms may be longer, and nothing may come out of them that was refused above. */
    return account_name_check(span_of(out));
}
