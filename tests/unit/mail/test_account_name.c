/* SPDX-License-Identifier: MIT
 *
 * Which names may become folders, and which names are the same: the table that stands between
 * a peer's local part and the file system.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/address.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(text) text, sizeof(text) - 1

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

static const struct {
    const char *name;
    const char *in;
    size_t n;
    bool ok;
} names[] = {
    {"plain", IN("ann"), true},
    {"one letter", IN("a"), true},
    {"inner dots", IN("ann.b..c"), true},
    {"trailing dot", IN("ann."), true},
    {"plus and minus", IN("-ann+lists"), true},
    {"an inner space", IN("ann b"), true},
    {"quotes, backslash, colon, tilde, percent", IN("~a\"\\:%{user}$"), true},
    {"a Maildir's own folders are names like others", IN("tmp"), true},
    {"64 octets", IN(A64), true},
    {"65 octets", IN(A64 "a"), false},
    {"empty", IN(""), false},
    {"the folder itself", IN("."), false},
    {"the folder above", IN(".."), false},
    {"three dots", IN("..."), false},
    {"hidden", IN(".ann"), false},
    {"a slash", IN("ann/bob"), false},
    {"only a slash", IN("/"), false},
    {"traversal", IN("../../etc/passwd"), false},
    {"traversal behind a name", IN("ann/../bob"), false},
    {"a leading space", IN(" ann"), false},
    {"a trailing space", IN("ann "), false},
    {"NUL", IN("ann\0"), false},
    {"NUL inside", IN("a\0b"), false},
    {"LF", IN("a\nb"), false},
    {"CR", IN("a\rb"), false},
    {"tab", IN("a\tb"), false},
    {"escape", IN("a\x1b[2J"), false},
    {"DEL", IN("a\x7f"), false},
    {"a C1 control", IN("a\xc2\x85"), false},
    {"UTF-8 letters", IN("j\xc3\xb6rg"), true},
    {"Chinese", IN("\xe5\xbc\xa0\xe4\xb8\x89"), true},
    {"Hindi with its vowel signs", IN("\xe0\xa4\xb0\xe0\xa4\xbe\xe0\xa4\xae"), true},
    {"64 octets of UTF-8", IN("\xc3\xb6\xc3\xb6" A16 A16 A16 "aaaaaaaaaaaa"), true},
    {"bad UTF-8", IN("j\xf6rg"), false},
    {"UTF-8 cut short", IN("j\xc3"), false},
    {"an overlong slash",
     IN("a\xc0\xaf"
        "b"),
     false},
    {"an overlong dot", IN("\xc0\xae\xc0\xae"), false},
    {"a UTF-8 surrogate", IN("\xed\xa0\x80"), false},
    {"beyond Unicode", IN("\xf4\x90\x80\x80"), false},
    {"right-to-left override",
     IN("a\xe2\x80\xae"
        "b"),
     false},
    {"left-to-right mark", IN("a\xe2\x80\x8e"), false},
    {"first strong isolate", IN("a\xe2\x81\xa8"), false},
    {"zero-width space", IN("a\xe2\x80\x8b"), false},
    {"zero-width joiner", IN("a\xe2\x80\x8d"), false},
    {"soft hyphen", IN("a\xc2\xad"), false},
    {"byte order mark",
     IN("\xef\xbb\xbf"
        "a"),
     false},
    {"no-break space",
     IN("a\xc2\xa0"
        "b"),
     false},
    {"ideographic space",
     IN("a\xe3\x80\x80"
        "b"),
     false},
    {"line separator", IN("a\xe2\x80\xa8"), false},
    {"a variation selector", IN("a\xef\xb8\x8f"), false},
    {"a combining grapheme joiner", IN("a\xcd\x8f"), false},
    {"a Hangul filler", IN("\xe3\x85\xa4"), false},
    {"a tag character", IN("a\xf3\xa0\x81\xa1"), false},
    {"private use", IN("\xee\x80\x80"), false},
    {"not assigned", IN("\xcd\xb8"), false},
    {"a noncharacter", IN("\xef\xbf\xbf"), false},
};

START_TEST(checked)
{
    char *copy = malloc(names[_i].n + 1); /* its own block: the sanitizer guards the end */

    memcpy(copy, names[_i].in, names[_i].n);
    copy = realloc(copy, names[_i].n > 0 ? names[_i].n : 1);
    bool ok = account_name_check((struct span){copy, names[_i].n});
    free(copy);
    ck_assert_msg(ok == names[_i].ok, "%s", names[_i].name);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    bool fold_case;
    const char *out; /* NULL: refused */
} folds[] = {
    {"ASCII case goes", "Ann.B", true, "ann.b"},
    {"ASCII case stays", "Ann.B", false, "Ann.B"},
    {"case beyond ASCII goes", "J\xc3\x96RG", true, "j\xc3\xb6rg"},
    {"case beyond ASCII stays", "J\xc3\x96RG", false, "J\xc3\x96RG"},
    {"decomposed is composed", "jo\xcc\x88rg", false, "j\xc3\xb6rg"},
    {"composed and folded", "JO\xcc\x88RG", true, "j\xc3\xb6rg"},
    {"final sigma is sigma", "\xce\xa3\xcf\x82", true, "\xcf\x83\xcf\x83"},
    {"sharp s stays",
     "stra\xc3\x9f"
     "e",
     true,
     "stra\xc3\x9f"
     "e"},
    {"capital sharp s is sharp s", "\xe1\xba\x9e", true, "\xc3\x9f"},
    {"the Kelvin sign is k", "\xe2\x84\xaa", true, "k"},
    {"dotless i is no i", "\xc4\xb1", true, "\xc4\xb1"},
    {"dotted capital I is no i", "\xc4\xb0", true, "\xc4\xb0"},
    {"full-width letters are others", "\xef\xbc\xa1", true, "\xef\xbd\x81"},
    {"a Greek question mark is a semicolon", "a\xcd\xbe", true, "a;"},
    {"a name that is none", "../x", true, NULL},
    {"a normal form that is too long",
     "\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98"
     "\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98\xe0\xa5\x98",
     true, NULL},
};

START_TEST(folded)
{
    char out[256];
    bool ok = account_name_fold(span_of(folds[_i].in), folds[_i].fold_case, out, sizeof(out));

    ck_assert_msg(ok == (folds[_i].out != NULL), "%s", folds[_i].name);
    if (ok)
        ck_assert_msg(strcmp(out, folds[_i].out) == 0, "%s: %s", folds[_i].name, out);
}
END_TEST

/* Puts the UTF-8 of c; the octets. */
static size_t
put_utf8(unsigned c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

START_TEST(folding_twice_changes_nothing)
{
    size_t named = 0;

    for (unsigned c = 1; c < 0x20000; c++) {
        char in[4], once[64], twice[64];
        size_t n = put_utf8(c, in);
        if (!account_name_fold((struct span){in, n}, true, once, sizeof(once)))
            continue;
        named++;
        ck_assert_msg(account_name_fold(span_of(once), true, twice, sizeof(twice)), "U+%04X", c);
        ck_assert_msg(strcmp(once, twice) == 0, "U+%04X: %s %s", c, once, twice);
    }
    ck_assert_uint_gt(named, 50000);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    char out[4];

    ck_assert(account_name_fold(SPAN("ann"), true, out, sizeof(out)));
    ck_assert(!account_name_fold(SPAN("anna"), true, out, sizeof(out)));
    ck_assert(!account_name_fold(SPAN("j\xc3\xb6r"), true, out, sizeof(out)));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("account_name");
    TCase *t = tcase_create("account_name");

    tcase_add_loop_test(t, checked, 0, COUNT(names));
    tcase_add_loop_test(t, folded, 0, COUNT(folds));
    tcase_add_test(t, folding_twice_changes_nothing);
    tcase_add_test(t, what_does_not_fit_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
