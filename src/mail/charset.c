/* SPDX-License-Identifier: MIT
 *
 * Charsets behind an allow-list: see charset.h. The list is what mail is written in; left out are
 * the ISO-2022-CN and EBCDIC families and the like, where most errors of glibc's converters were.
 */
#include "doorstep/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffd

struct charset_row {
    const char *name;  /* as mail writes it; matched without case */
    const char *iconv; /* as the C library calls it; NULL: guessed, by charset_guess_to_utf8() */
};

#define NOT_CONVERTED NULL

/* Labels that are subsets of another are read as the larger one, as every mail reader does: what
 * claims to be ISO-8859-1, GB2312 or KS C 5601 mostly comes from Windows. */
static const struct charset_row rows[] = {
    {"utf-8", NOT_CONVERTED},
    {"us-ascii", NOT_CONVERTED},
    {"utf8", NOT_CONVERTED},
    {"ascii", NOT_CONVERTED},
    {"ansi_x3.4-1968", NOT_CONVERTED},
    {"unknown-8bit", NOT_CONVERTED},
    {"iso-8859-1", "WINDOWS-1252"},
    {"latin1", "WINDOWS-1252"},
    {"windows-1252", "WINDOWS-1252"},
    {"cp1252", "WINDOWS-1252"},
    {"iso-8859-2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-9", "WINDOWS-1254"},
    {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-11", "ISO-8859-11"},
    {"tis-620", "ISO-8859-11"},
    {"windows-874", "CP874"},
    {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"},
    {"latin-9", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"},
    {"windows-1250", "WINDOWS-1250"},
    {"windows-1251", "WINDOWS-1251"},
    {"cp1251", "WINDOWS-1251"},
    {"windows-1253", "WINDOWS-1253"},
    {"windows-1254", "WINDOWS-1254"},
    {"windows-1255", "WINDOWS-1255"},
    {"windows-1256", "WINDOWS-1256"},
    {"windows-1257", "WINDOWS-1257"},
    {"windows-1258", "WINDOWS-1258"},
    {"koi8-r", "KOI8-R"},
    {"koi8-u", "KOI8-U"},
    {"ibm850", "CP850"},
    {"cp850", "CP850"},
    {"ibm866", "CP866"},
    {"cp866", "CP866"},
    {"macintosh", "MACINTOSH"},
    {"gb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"gb18030", "GB18030"},
    {"big5", "BIG5-HKSCS"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"iso-2022-jp", "ISO-2022-JP"},
    {"shift_jis", "CP932"},
    {"windows-31j", "CP932"},
    {"euc-jp", "EUC-JP"},
    {"euc-kr", "CP949"},
    {"ks_c_5601-1987", "CP949"},
    {"cp949", "CP949"},
    {"iso-2022-kr", "ISO-2022-KR"},
    {"utf-7", "UTF-7"},
    {"utf-16", "UTF-16"},
    {"utf-16le", "UTF-16LE"},
    {"utf-16be", "UTF-16BE"},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct charsets {
    iconv_t open[ROWS]; /* owned; by row, and (iconv_t)-1 where none is open */
    bool tried[ROWS];   /* so that what the C library lacks is asked for once */
};

/* The first row with the same iconv name keeps the descriptor. */
static size_t
row_of_descriptor(size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (rows[i].iconv != NULL && strcmp(rows[i].iconv, rows[row].iconv) == 0)
            return i;
    return row;
}

static iconv_t
charsets_get(struct charsets *set, size_t row)
{
    row = row_of_descriptor(row);
    if (!set->tried[row]) {
        set->tried[row] = true;
        set->open[row] = iconv_open("UTF-8", rows[row].iconv);
    }
    return set->open[row];
}

struct charsets *
charsets_new(void)
{
    struct charsets *set = calloc(1, sizeof *set);

    for (size_t i = 0; set != NULL && i < ROWS; i++)
        set->open[i] = (iconv_t)-1;
    return set;
}

void
charsets_free(struct charsets *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < ROWS; i++)
        if (set->open[i] != (iconv_t)-1)
            iconv_close(set->open[i]);
    free(set);
}

void
charsets_open_all(struct charsets *set)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].iconv != NULL)
            charsets_get(set, i);
}

/* The row of a name, or ROWS. RFC 2231 5: "*language" may follow it in an encoded word. */
static size_t
find_row(struct span name)
{
    name.n = span_find(name, '*');
    for (size_t i = 0; i < ROWS; i++)
        if (span_equal_fold(name, span_of(rows[i].name)))
            return i;
    return ROWS;
}

bool
charset_is_known(struct span name)
{
    return find_row(name) < ROWS;
}

/* One call of iconv() into a window, appended to out. Returns false when nothing more can come. */
static bool
convert_some(iconv_t cd, char **in, size_t *left, struct buf *out)
{
    char window[512];
    char *p = window;
    size_t room = sizeof window;

    size_t got = iconv(cd, *left == 0 ? NULL : in, left, &p, &room);
    int error = got == (size_t)-1 ? errno : 0;
    if (!buf_append(out, window, sizeof window - room))
        return false;
    if (error == E2BIG)
        return true;
    if (error == EILSEQ || error == EINVAL) { /* no character, or a cut one at the end */
        (*in)++;
        (*left)--;
        return utf8_append(out, REPLACEMENT);
    }
    return error == 0;
}

static void
convert(iconv_t cd, struct span in, struct buf *out)
{
    char *p = (char *)in.p; /* iconv(3) does not write there; its prototype is older than const */
    size_t left = in.n;

    iconv(cd, NULL, NULL, NULL, NULL); /* to the initial shift state */
    while (left > 0)
        if (!convert_some(cd, &p, &left, out))
            return;
    convert_some(cd, &p, &left, out); /* what a stateful charset held back */
}

static void
replace_wrong_utf8(struct span in, struct buf *out)
{
    while (in.n > 0) {
        struct span from = in;
        uint32_t c = utf8_next(&in);
        bool fits = c == UTF8_WRONG ? utf8_append(out, REPLACEMENT)
                                    : buf_append(out, from.p, from.n - in.n);
        if (!fits)
            return;
    }
}

/* In UTF-8 proper a wrong octet is replaced; the vaguer names are guessed. */
static void
take_unconverted(struct span name, struct span in, struct buf *out)
{
    bool is_utf8 = span_has_prefix_fold(name, SPAN("utf"));

    if (utf8_is_valid(in) && buf_append_span(out, in))
        return;
    if (is_utf8 || utf8_is_valid(in))
        replace_wrong_utf8(in, out);
    else
        charset_guess_to_utf8(in, out);
}

bool
charset_to_utf8(struct charsets *set, struct span name, struct span in, struct buf *out)
{
    size_t row = find_row(name);

    if (row == ROWS)
        return false;
    if (rows[row].iconv == NOT_CONVERTED) {
        take_unconverted(name, in, out);
        return true;
    }
    iconv_t cd = charsets_get(set, row);
    if (cd == (iconv_t)-1)
        return false;
    convert(cd, in, out);
    return true;
}

/* windows-1252 between 0x80 and 0x9f; the five holes stay control characters (WHATWG Encoding). */
static const uint16_t windows_1252[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

bool
charset_guess_to_utf8(struct span in, struct buf *out)
{
    if (utf8_is_valid(in))
        return buf_append_span(out, in);
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (!utf8_append(out, c >= 0x80 && c < 0xa0 ? windows_1252[c - 0x80] : c))
            return false;
    }
    return true;
}
