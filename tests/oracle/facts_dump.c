/* SPDX-License-Identifier: MIT
 *
 * Prints the facts of the messages that are named, one JSON object a line, for the scripts that hold
 * them against other programs' answers. Run by facts_dovecot.py and facts_python.py.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/sort.h"

#define ARENA_MAX (4 * SORT_FACTS_MAX)

/* ENVELOPE and BODYSTRUCTURE may hold octets that JSON cannot: they are printed as Latin-1. */
static json_t *
octets(const char *s)
{
    struct buf text;
    json_t *value = NULL;

    buf_init(&text, strlen(s) * 2);
    bool ok = true;
    for (; *s != '\0' && ok; s++)
        ok = utf8_append(&text, (unsigned char)*s);
    if (ok)
        value = json_stringn(buf_str(&text), text.len);
    buf_release(&text);
    return value;
}

static json_t *
headers(const struct facts *f)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < f->header_count; i++)
        json_array_append_new(all, json_pack("[o, o]", octets(f->headers[i].name),
                                             octets(f->headers[i].value)));
    return all;
}

static json_t *
parts(const struct facts *f)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < f->part_count; i++) {
        const struct facts_part *p = &f->parts[i];
        json_array_append_new(
            all, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "number", p->number, "header_start",
                           (json_int_t)p->header_start, "body_start", (json_int_t)p->body_start,
                           "body_octets", (json_int_t)p->body_octets, "body_lines",
                           (json_int_t)p->body_lines, "lines_before",
                           (json_int_t)p->lines_before));
    }
    return all;
}

static bool
print_facts(const char *path, const struct facts *f)
{
    json_t *o = json_pack(
        "{s:s, s:i, s:I, s:I, s:I, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, "
        "s:o}",
        "path", path, "flags", (int)f->flags, "octets", (json_int_t)f->octets, "lines",
        (json_int_t)f->lines, "header_octets", (json_int_t)f->header_octets, "received_count",
        (int)f->received_count, "message_id", f->message_id, "subject", f->subject, "base_subject",
        f->base_subject, "from", f->from, "references", f->references, "list_id", f->list_id,
        "date", f->date, "envelope", octets(f->envelope), "bodystructure",
        octets(f->bodystructure), "preview", f->preview, "headers", headers(f), "parts", parts(f));

    if (o == NULL) {
        fprintf(stderr, "facts_dump: %s: facts are not valid UTF-8\n", path);
        return false;
    }
    bool ok = json_dumpf(o, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(o);
    return ok;
}

static bool
feed_file(struct sort_scan *scan, const char *path)
{
    char window[16384];
    FILE *in = fopen(path, "rb");
    size_t n;

    if (in == NULL) {
        fprintf(stderr, "facts_dump: %s: %s\n", path, strerror(errno));
        return false;
    }
    while ((n = fread(window, 1, sizeof window, in)) > 0)
        sort_scan_feed(scan, window, n);
    bool ok = ferror(in) == 0;
    fclose(in);
    return ok;
}

static bool
dump(struct sort_scan *scan, const char *path)
{
    struct arena arena;
    struct facts facts;

    arena_init(&arena, ARENA_MAX);
    bool ok = feed_file(scan, path) && sort_scan_finish(scan, &arena, &facts) &&
              print_facts(path, &facts);
    arena_release(&arena);
    return ok;
}

int
main(int argc, char **argv)
{
    struct sort_scan *scan = sort_scan_new();
    bool ok = scan != NULL;

    for (int i = 1; i < argc && ok; i++)
        ok = dump(scan, argv[i]);
    sort_scan_free(scan);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
