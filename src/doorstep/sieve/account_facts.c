/* SPDX-License-Identifier: MIT
 *
 * What scripts ask about an account: see account_facts_priv.h.
 */
#include "account_facts_priv.h"

#include <string.h>
#include <strings.h>

#include "doorstep/list_name.h"
#include "doorstep/sieve_settings.h"

#define LIST_MAX ((size_t)64 << 20)

/* ------------------------------------------------------------------ out of the daemon */

static void
keep_mailbox(void *arg, json_t *row)
{
    struct account_facts *f = arg;

    json_array_append(f->mailboxes, row);
}

int
account_facts_open(struct account_facts *f, struct layers *layers)
{
    struct tool_answer answer = {.on_row = keep_mailbox, .arg = f};

    *f = (struct account_facts){layers, json_array(), json_object()};
    int code = tool_ask(layers->tool, "mailbox.list",
                        json_pack("{s:s}", "account", layers->account), &answer);
    json_decref(answer.ok);
    return code;
}

void
account_facts_release(struct account_facts *f)
{
    json_decref(f->mailboxes);
    json_decref(f->annotations);
}

static void
keep_annotation(void *arg, json_t *row)
{
    json_t *found = arg;

    json_array_append(found, row);
}

/* Those of a mailbox, or of the account; asked once. NULL: they cannot be had. */
static json_t *
annotations_of(struct account_facts *f, const char *mailbox)
{
    json_t *found = json_object_get(f->annotations, mailbox);

    if (found != NULL)
        return found;
    found = json_array();
    struct tool_answer answer = {.on_row = keep_annotation, .arg = found};
    int code =
        tool_ask(f->layers->tool, "mailbox.metadata",
                 json_pack("{s:s, s:s}", "account", f->layers->account, "name", mailbox), &answer);
    json_decref(answer.ok);
    json_object_set_new(f->annotations, mailbox, found);
    return code == EX_OK ? found : NULL;
}

/* ------------------------------------------------------------------ mailboxes */

static const char *
text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text == NULL ? "" : text;
}

static bool
is_named(const json_t *row, struct span name)
{
    struct span own = span_of(text_of(row, "name"));

    return span_equal(own, name) ||
           (span_equal_fold(name, SPAN("INBOX")) && span_equal(own, SPAN("INBOX")));
}

static bool
has_use(const json_t *row, struct span use)
{
    return use.n > 0 && span_equal_fold(span_of(text_of(row, "special_use")), use);
}

static const json_t *
find_named(const struct account_facts *f, struct span name)
{
    size_t i;
    json_t *row;

    json_array_foreach(f->mailboxes, i, row) if (is_named(row, name)) return row;
    return NULL;
}

/* The preferred one, when it has that use; else the first by name, as the list is. */
static const json_t *
find_use(const struct account_facts *f, struct span use, struct span preferred)
{
    const json_t *named = find_named(f, preferred);
    size_t i;
    json_t *row;

    if (named != NULL && has_use(named, use))
        return named;
    json_array_foreach(f->mailboxes, i, row) if (has_use(row, use)) return row;
    return NULL;
}

static const json_t *
find_id(const struct account_facts *f, struct span id)
{
    size_t i;
    json_t *row;

    json_array_foreach(f->mailboxes, i,
                       row) if (id.n > 0 && span_equal(span_of(text_of(row, "id")), id)) return row;
    return NULL;
}

const char *
account_facts_target(const struct account_facts *f, const struct sieve_storage *to)
{
    const json_t *row = NULL;

    if (to->mailbox_id != NULL)
        row = find_id(f, span_of(to->mailbox_id));
    if (row == NULL && to->special_use != NULL)
        row = find_use(f, span_of(to->special_use), span_of(to->mailbox));
    return row == NULL ? to->mailbox : text_of(row, "name");
}

static enum sieve_answer
answer_of(bool is_so)
{
    return is_so ? SIEVE_YES : SIEVE_NO;
}

/* INBOX is there before the first message is. */
static enum sieve_answer
mailbox_exists(void *arg, struct span mailbox)
{
    return answer_of(span_equal_fold(mailbox, SPAN("INBOX")) || find_named(arg, mailbox) != NULL);
}

static enum sieve_answer
special_use_exists(void *arg, struct span mailbox, struct span use)
{
    const json_t *row = mailbox.n == 0 ? find_use(arg, use, SPAN_NONE) : find_named(arg, mailbox);

    return answer_of(row != NULL && has_use(row, use));
}

static enum sieve_answer
mailbox_id_exists(void *arg, struct span id)
{
    return answer_of(find_id(arg, id) != NULL);
}

/* ------------------------------------------------------------------ annotations */

static enum sieve_answer
tell_server(const struct settings_sieve *s, struct span name, struct buf *out)
{
    const char *value = settings_annotation(s, name.p, name.n);

    if (value == NULL)
        return SIEVE_NO;
    return buf_append_str(out, value) ? SIEVE_YES : SIEVE_TEMPFAIL;
}

static enum sieve_answer
metadata(void *arg, struct span mailbox, struct span name, struct buf *out)
{
    struct account_facts *f = arg;
    const json_t *box = mailbox.n == 0 ? NULL : find_named(f, mailbox);
    size_t i;
    json_t *row;

    if (mailbox.n > 0 && box == NULL)
        return SIEVE_NO;
    json_t *found = annotations_of(f, box == NULL ? "" : text_of(box, "name"));
    json_array_foreach(found, i,
                       row) if (span_equal_fold(span_of(text_of(row, "annotation")), name))
    {
        const json_t *value = json_object_get(row, "value");
        struct span text = {json_string_value(value), json_string_length(value)};
        return buf_append_span(out, text) ? SIEVE_YES : SIEVE_TEMPFAIL;
    }
    if (found == NULL)
        return SIEVE_TEMPFAIL;
    return box == NULL ? tell_server(&f->layers->settings, name, out) : SIEVE_NO;
}

/* ------------------------------------------------------------------ lists */

/* NULL: the configuration has none of that name. */
static const struct settings_sieve_list *
find_list(const struct account_facts *f, struct span list)
{
    const struct settings *s = tool_settings(f->layers->tool);
    const struct settings_sieve_list *found = NULL;
    struct buf name;

    buf_init(&name, 65536);
    for (size_t i = 0; s != NULL && found == NULL && i < s->sieve_list_count; i++) {
        buf_reset(&name);
        if (list_name_print(span_of(s->sieve_lists[i].name), &name) &&
            span_equal(buf_span(&name), list))
            found = &s->sieve_lists[i];
    }
    buf_release(&name);
    return found;
}

static enum sieve_answer
list_is_known(void *arg, struct span list)
{
    return answer_of(find_list(arg, list) != NULL);
}

static bool
find_value(struct span text, struct span value, struct buf *found)
{
    struct span one;

    while (list_next_value(&text, &one))
        if (span_equal_fold(one, value))
            return buf_append_span(found, one);
    return false;
}

static enum sieve_answer
list_has(void *arg, struct span list, struct span value, struct buf *found)
{
    const struct settings_sieve_list *l = find_list(arg, list);
    enum sieve_answer answer = SIEVE_NO;
    struct buf text;

    if (l == NULL)
        return SIEVE_NO;
    buf_init(&text, LIST_MAX);
    if (!script_read_file(l->file, &text))
        answer = SIEVE_TEMPFAIL;
    else if (find_value(buf_span(&text), value, found))
        answer = SIEVE_YES;
    buf_release(&text);
    return answer;
}

/* ------------------------------------------------------------------ all of it */

static const char *
setting(void *arg, const char *name)
{
    const struct account_facts *f = arg;

    return sieve_settings_find(&f->layers->settings, name);
}

struct sieve_host
account_facts_host(struct account_facts *f)
{
    return (struct sieve_host){
        .mailbox_exists = mailbox_exists,
        .special_use_exists = special_use_exists,
        .mailbox_id_exists = mailbox_id_exists,
        .metadata = metadata,
        .list_has = list_has,
        .list_is_known = list_is_known,
        .setting = setting,
        .arg = f,
    };
}
