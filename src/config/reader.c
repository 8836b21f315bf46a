/* SPDX-License-Identifier: MIT
 *
 * libconfuse at work: every value is a string to it and is checked by its row as soon as it is
 * read, so that one run finds all wrong values; a syntax error or an unknown name ends the run.
 * libconfuse keeps one section of a title and lets a second replace it: here each section is copied
 * to the settings and removed from libconfuse as it closes, so that all of them count. libconfuse's
 * lexer is global: one thread at a time.
 */
#include "reader_priv.h"

#include <confuse.h>
#include <stdio.h>
#include <string.h>

#include "nearest_priv.h"

/* The first option of every section carries the reader to the callbacks, which get no pointer of
 * the user's otherwise. cfg_getopt() cuts names at '|', so no file can say this one. */
#define CONTEXT_NAME "reader|"
#define NAMES_MAX 64

static struct reader *
reader_of(cfg_t *cfg)
{
    return (struct reader *)(void *)cfg->opts[0].simple_value.ptr;
}

static const struct config_section *
section_of(cfg_t *cfg)
{
    for (size_t i = SECTION_ROOT + 1; i < SECTION_COUNT; i++)
        if (strcmp(config_sections[i].name, cfg_name(cfg)) == 0)
            return &config_sections[i];
    return &config_sections[SECTION_ROOT];
}

static struct source_place
place_of(cfg_t *cfg)
{
    return source_find(reader_of(cfg)->source, cfg->line > 0 ? (unsigned)cfg->line : 1);
}

static void
too_large(struct reader *r)
{
    source_error(r->errors, source_find(r->source, 1), "the configuration is too large");
}

static void *
in_settings(const struct reader *r, size_t offset)
{
    return (char *)r->settings + offset;
}

static bool
set_defaults(const struct config_section *section, void *base, struct arena *arena)
{
    for (size_t i = 0; i < section->count; i++)
        if (!row_set_default(&section->rows[i], base, arena))
            return false;
    return true;
}

/* Room for the file's sections and for those that check.c adds: two stores, one listener. */
static bool
make_room(struct reader *r, enum config_section_id id)
{
    const struct config_section *section = &config_sections[id];
    size_t count = source_count(r->source, section->name) + 2;
    void *list;

    if (count > section->max + 2)
        count = section->max + 2;
    list = arena_alloc(r->arena, count * section->size);
    r->places[id] = arena_alloc(r->arena, count * sizeof(struct source_place));
    memcpy(in_settings(r, section->offset), &list, sizeof(list));
    return list != NULL && r->places[id] != NULL;
}

bool
reader_init(struct reader *r, struct arena *arena, struct settings *settings,
            const struct source *source, struct source_errors *errors)
{
    *r = (struct reader){.arena = arena, .settings = settings, .source = source, .errors = errors};
    *settings = (struct settings){0};
    for (enum config_section_id id = SECTION_ROOT; id < SECTION_COUNT; id++) {
        const struct config_section *section = &config_sections[id];

        if (section->title != NULL
                ? !make_room(r, id)
                : !set_defaults(section, in_settings(r, section->offset), arena)) {
            too_large(r);
            return false;
        }
    }
    return true;
}

void *
reader_add(struct reader *r, enum config_section_id id, struct source_place at)
{
    const struct config_section *section = &config_sections[id];
    size_t count;
    char *list;

    memcpy(&count, in_settings(r, section->count_offset), sizeof(count));
    memcpy(&list, in_settings(r, section->offset), sizeof(list));
    if (count >= section->max) {
        source_error(r->errors, at, "there are more than %zu %s sections", section->max,
                     section->name);
        return NULL;
    }
    if (!set_defaults(section, list + count * section->size, r->arena)) {
        too_large(r);
        return NULL;
    }
    r->places[id][count++] = at;
    memcpy(in_settings(r, section->count_offset), &count, sizeof(count));
    return list + (count - 1) * section->size;
}

/* Say what is wrong with a value, which may be long or hold what no terminal should see. */
static void
refuse_value(cfg_t *cfg, const struct config_row *row, const char *value, const struct buf *why)
{
    char shown[65];
    size_t n = 0;

    for (; value[n] != '\0' && n < sizeof(shown) - 1; n++)
        shown[n] = (unsigned char)value[n] < 0x20 || value[n] == 0x7f ? '?' : value[n];
    shown[n] = '\0';
    source_error(reader_of(cfg)->errors, place_of(cfg), "%s: '%s%s' %s", row->name, shown,
                 value[n] != '\0' ? "..." : "", buf_str(why));
}

/* on_value() - libconfuse read a value (or one of a list). Always 0: a wrong one was said, and the
 * run goes on to find the next. */
static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct reader *r = reader_of(cfg);
    const struct config_row *row = &section_of(cfg)->rows[opt - cfg->opts - 1];
    void *scratch = arena_alloc(r->arena, row_kind(row)->size);
    struct buf why;

    buf_init(&why, 512);
    if (scratch == NULL)
        too_large(r);
    else if (!row_parse(row, value, r->arena, scratch, &why))
        refuse_value(cfg, row, value, &why);
    if ((row->flags & ROW_LIST) != 0 && opt->nvalues == row->max + 1)
        source_error(r->errors, place_of(cfg), "%s has more than %u elements", row->name,
                     (unsigned)row->max);
    buf_release(&why);
    *(const char **)result = value;
    return 0;
}

/* Copy a setting that the file gives; its texts were checked by on_value(). */
static void
copy_row(struct reader *r, const struct config_row *row, cfg_opt_t *opt, void *base)
{
    unsigned count = cfg_opt_size(opt);
    const char **texts = arena_alloc(r->arena, (count + 1) * sizeof(*texts));

    if (texts == NULL) {
        too_large(r);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        texts[i] = cfg_opt_getnstr(opt, i);
    if (!row_set(row, base, texts, count, r->arena) && r->errors->count == 0)
        too_large(r);
}

static void
copy_rows(struct reader *r, const struct config_section *section, cfg_t *cfg, void *base,
          struct source_place at)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct config_row *row = &section->rows[i];
        cfg_opt_t *opt = &cfg->opts[i + 1];

        if ((opt->flags & CFGF_MODIFIED) != 0)
            copy_row(r, row, opt, base);
        if ((row->flags & ROW_LIST) != 0 && cfg_opt_size(opt) == 0 &&
            row_length(row, base) < row->min)
            source_error(r->errors, at, "section %s has no %s", section->name, row->name);
    }
}

static void
copy_title(struct reader *r, const struct config_section *section, const char *title, void *base,
           struct source_place at)
{
    struct buf why;

    buf_init(&why, 512);
    if (!row_parse(section->title, title, r->arena, row_field(section->title, base, 0), &why))
        source_error(r->errors, at, "the %s of section %s %s", section->title->doc, section->name,
                     buf_str(&why));
    buf_release(&why);
}

/* on_section() - the closing brace was read. */
static int
on_section(cfg_t *cfg, cfg_opt_t *opt)
{
    struct reader *r = reader_of(cfg);
    unsigned last = cfg_opt_size(opt) - 1;
    cfg_t *read = cfg_opt_getnsec(opt, last);
    const struct config_section *section = section_of(read);
    struct source_place at = source_section(r->source, r->closed++)->at;
    void *base;

    if (section->title == NULL) {
        copy_rows(r, section, read, in_settings(r, section->offset), at);
        return 0;
    }
    base = reader_add(r, (enum config_section_id)(section - config_sections), at);
    if (base == NULL)
        return 1;
    copy_title(r, section, cfg_title(read), base, at);
    copy_rows(r, section, read, base, at);
    cfg_opt_rmnsec(opt, last);
    return 0;
}

/* Every name that may stand in a section; in the root also those of sections. */
static size_t
known_names(const struct config_section *section, const char *names[static NAMES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < section->count && n < NAMES_MAX; i++)
        names[n++] = section->rows[i].name;
    for (size_t i = SECTION_ROOT + 1; section == config_sections && i < SECTION_COUNT; i++)
        if (n < NAMES_MAX)
            names[n++] = config_sections[i].name;
    return n;
}

/* The section that knows the name, when another than this does. */
static const struct config_section *
home_of(const char *name)
{
    for (size_t i = 0; i < SECTION_COUNT; i++)
        for (size_t j = 0; j < config_sections[i].count; j++)
            if (strcmp(config_sections[i].rows[j].name, name) == 0)
                return &config_sections[i];
    return NULL;
}

static void
refuse_name(cfg_t *cfg, const char *name)
{
    const struct config_section *section = section_of(cfg), *home = home_of(name);
    const char *names[NAMES_MAX];
    size_t count = known_names(section, names);
    struct reader *r = reader_of(cfg);
    bool is_root = section == config_sections;

    if (home != NULL && home != config_sections)
        source_error(r->errors, place_of(cfg), "setting '%.64s' belongs into section %s", name,
                     home->name);
    else if (home != NULL)
        source_error(r->errors, place_of(cfg), "setting '%.64s' belongs to no section", name);
    else
        source_error(r->errors, place_of(cfg), "unknown setting '%.64s'%s%s, did you mean '%s'?",
                     name, is_root ? "" : " in section ", section->name,
                     nearest_name(name, names, count));
}

/* on_error() - libconfuse has something to say. Its word for an unknown name is replaced by ours.
 */
__attribute__((format(printf, 2, 0))) static void
on_error(cfg_t *cfg, const char *format, va_list arguments)
{
    char text[256];

    if (strcmp(format, "no such option '%s'") == 0) {
        refuse_name(cfg, va_arg(arguments, const char *));
        return;
    }
    vsnprintf(text, sizeof(text), format, arguments);
    source_error(reader_of(cfg)->errors, place_of(cfg), "%s", text);
}

static cfg_opt_t *
make_options(struct reader *r, const struct config_section *section, size_t more)
{
    cfg_opt_t *opts = arena_alloc(r->arena, (section->count + more + 2) * sizeof(*opts));

    if (opts == NULL)
        return NULL;
    opts[0] =
        (cfg_opt_t){.name = CONTEXT_NAME, .type = CFGT_PTR, .simple_value.ptr = (void **)(void *)r};
    for (size_t i = 0; i < section->count; i++)
        opts[i + 1] = (cfg_opt_t){
            .name = section->rows[i].name,
            .type = CFGT_STR,
            .flags = CFGF_NODEFAULT | ((section->rows[i].flags & ROW_LIST) != 0 ? CFGF_LIST : 0),
            .parsecb = on_value,
        };
    return opts; /* what follows is zero: CFG_END() */
}

static cfg_opt_t *
make_root(struct reader *r)
{
    cfg_opt_t *root = make_options(r, config_sections, SECTION_COUNT - 1);

    for (size_t i = SECTION_ROOT + 1; root != NULL && i < SECTION_COUNT; i++) {
        const struct config_section *section = &config_sections[i];
        cfg_opt_t *opts = make_options(r, section, 0);

        if (opts == NULL)
            return NULL;
        root[config_sections[SECTION_ROOT].count + i] = (cfg_opt_t){
            .name = section->name,
            .type = CFGT_SEC,
            .flags = section->title != NULL ? CFGF_MULTI | CFGF_TITLE : CFGF_NONE,
            .subopts = opts,
            .validcb = on_section,
        };
    }
    return root;
}

/* libconfuse takes the end of the file for the end of every section. */
static void
check_closed(struct reader *r)
{
    const struct source_section *open = source_unclosed(r->source);

    if (open != NULL)
        source_error(r->errors, open->at, "section %s has no closing brace", open->name);
}

void
reader_run(struct reader *r)
{
    cfg_opt_t *root = make_root(r);
    cfg_t *cfg = root != NULL ? cfg_init(root, CFGF_NONE) : NULL;
    size_t before = r->errors->count;
    int result;

    if (cfg == NULL) {
        too_large(r);
        return;
    }
    cfg_set_error_function(cfg, on_error);
    result = cfg_parse_buf(cfg, buf_str(&r->source->text));
    if (result == CFG_SUCCESS)
        copy_rows(r, config_sections, cfg, r->settings, source_find(r->source, 1));
    else if (r->errors->count == before)
        source_error(r->errors, place_of(cfg), "this cannot be parsed");
    if (r->errors->count == before)
        check_closed(r);
    cfg_free(cfg);
}
