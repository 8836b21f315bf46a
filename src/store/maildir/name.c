/* SPDX-License-Identifier: MIT
 *
 * File names of a Maildir: TIME.UNIQUE.HOST,S=octets,W=octets:2,FLAGS. Written by many programs;
 * read here from directories where anybody may have put anything.
 */
#include "maildir_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    char letter;
    unsigned flag;
} letters[] = {
    /* in ASCII order, as maildir(5) wants them written */
    {'D', STORE_DRAFT},    {'F', STORE_FLAGGED}, {'P', STORE_FORWARDED},
    {'R', STORE_ANSWERED}, {'S', STORE_SEEN},    {'T', STORE_DELETED},
};

#define LETTERS (sizeof(letters) / sizeof(letters[0]))

static unsigned
name_flag(char c)
{
    for (size_t i = 0; i < LETTERS; i++) {
        if (letters[i].letter == c)
            return letters[i].flag;
    }
    return 0;
}

/* ,S=123 or ,W=123 somewhere in the base name, ended by ',' or its end. */
static uint64_t
name_number(struct span base, const char *tag)
{
    for (size_t i = 0; i + 3 <= base.n; i++) {
        unsigned long long v;
        if (memcmp(base.p + i, tag, 3) != 0)
            continue;
        struct span digits = span_skip(base, i + 3);
        digits.n = span_find(digits, ',');
        return span_parse_u64(digits, INT64_MAX, &v) ? v : UINT64_MAX;
    }
    return UINT64_MAX;
}

static time_t
name_time(struct span base)
{
    struct span digits = {base.p, span_find(base, '.')};
    unsigned long long v;

    return span_parse_u64(digits, INT64_MAX, &v) ? (time_t)v : (time_t)-1;
}

bool
maildir_name_parse(const char *file, struct maildir_name *out)
{
    struct span base = {file, strcspn(file, ":")};

    if (base.n == 0 || file[0] == '.' || base.n >= STORE_REF_SIZE)
        return false;
    *out = (struct maildir_name){
        .base_length = base.n,
        .stored_octets = name_number(base, ",S="),
        .wire_octets = name_number(base, ",W="),
        .arrived = name_time(base),
    };
    if (strncmp(file + base.n, ":2,", 3) != 0)
        return true;
    for (const char *p = file + base.n + 3; *p != '\0' && *p != ','; p++)
        out->flags |= name_flag(*p);
    return true;
}

/* '/' and ':' as maildir(5) says; ',' too, because sizes follow one. */
void
maildir_host(char out[MAILDIR_HOST_SIZE])
{
    char host[65] = "";
    size_t n = 0;

    if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
        strcpy(host, "localhost");
    for (const char *p = host; *p != '\0' && n + 5 < MAILDIR_HOST_SIZE; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '/' || c == ':' || c == ',' || c <= 0x20 || c >= 0x7f)
            n += (size_t)sprintf(out + n, "\\%03o", c);
        else
            out[n++] = *p;
    }
    out[n] = '\0';
}

void
maildir_flags_print(unsigned flags, const char *old, char out[64])
{
    const char *theirs = old + strcspn(old, ":");
    size_t n = (size_t)sprintf(out, ":2,");

    for (size_t i = 0; i < LETTERS; i++) {
        if ((flags & letters[i].flag) != 0)
            out[n++] = letters[i].letter;
    }
    /* Dovecot's keywords are a to z: behind the capitals they keep the ASCII order. */
    for (theirs += strncmp(theirs, ":2,", 3) == 0 ? 3 : strlen(theirs); *theirs != '\0'; theirs++) {
        if (*theirs >= 'a' && *theirs <= 'z' && n < 62)
            out[n++] = *theirs;
    }
    out[n] = '\0';
}
