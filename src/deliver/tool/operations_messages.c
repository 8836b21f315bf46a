/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on messages. A listing goes on in slices: first facts for what other
 * programs brought, then rows.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "flags_priv.h"
#include "operation_priv.h"
#include "reconcile_priv.h"

#define FACTS_A_SLICE 100
#define ROWS_A_SLICE 500
#define MESSAGE_ARENA (32 * 1024 * 1024)

/* RFC 3339, UTC. */
static json_t *
time_json(struct timespec when)
{
    struct tm tm;
    char text[40];

    gmtime_r(&when.tv_sec, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03ldZ", when.tv_nsec / 1000000);
    return json_string(text);
}

/* Raw header octets may be no UTF-8; JSON must be. */
static json_t *
text_json(const char *s)
{
    json_t *text = json_string(s == NULL ? "" : s);

    if (text != NULL)
        return text;
    struct buf latin;
    buf_init(&latin, 1024 * 1024);
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 128)
            buf_append_char(&latin, *s);
        else
            buf_printf(&latin, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
    }
    text = json_string(buf_str(&latin));
    buf_release(&latin);
    return text;
}

static json_t *
message_json(const struct index_message *m)
{
    static const struct facts unknown;
    const struct facts *f = m->facts == NULL ? &unknown : m->facts;
    json_t *row = json_object();
    const struct {
        const char *name;
        json_t *value;
    } fields[] = {
        {"uid", json_integer(m->uid)},
        {"modseq", json_integer((json_int_t)m->modseq)},
        {"flags", flags_json(m->flags)},
        {"keywords", keywords_json(m->keywords)},
        {"internal_date", time_json(m->received)},
        {"octets", json_integer((json_int_t)m->octets)},
        {"lines", json_integer((json_int_t)m->lines)},
        {"digest", text_json(m->digest)},
        {"message_id", text_json(f->message_id)},
        {"subject", text_json(f->subject)},
        {"from", text_json(f->from)},
        {"date", text_json(f->date)},
        {"envelope", text_json(f->envelope)},
        {"bodystructure", text_json(f->bodystructure)},
        {"preview", text_json(f->preview)},
        {"store_ref", text_json(m->ref.name)},
        {"delivery_id", text_json(m->delivery_id)},
        {"attachment", json_boolean((f->flags & FACTS_HAS_ATTACHMENT) != 0)},
        {"facts_known", json_boolean(m->facts != NULL)},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        json_object_set_new(row, fields[i].name, fields[i].value);
    return row;
}

struct page {
    struct operation *op;
    unsigned left;
    uint32_t next; /* UID to go on with, 0: that was all */
};

static bool
on_message(void *arg, const struct index_message *m)
{
    struct page *page = arg;

    if (page->left == 0) {
        page->next = m->uid;
        return false;
    }
    page->left--;
    page->op->done++;
    operation_row(page->op, message_json(m));
    return !page->op->failed;
}

static struct open_account *
failed(struct operation *op)
{
    op->failed = true;
    return NULL;
}

/* The argument `mailbox`, opened and in line with the store. NULL: failed, or op->more; with
 * `quiet` also for an account that has had no mail yet. */
static struct open_account *
open_mailbox(struct operation *op, struct worker *w, bool quiet, struct index_mailbox *box)
{
    const char *name = json_string_value(json_object_get(op->args, "mailbox"));
    struct open_account *oa =
        operation_account(op, w, quiet && (name == NULL || strcasecmp(name, "INBOX") == 0));

    if (oa == NULL)
        return NULL;
    if (op->uid > 0) /* a later slice: a look at the store each time would cost too much */
        return account_mailbox(w, oa, op->mailbox, false, box, &op->why) ? oa : failed(op);
    if (!operation_mailbox(op, w, oa, name == NULL ? "INBOX" : name, box))
        return NULL;
    memcpy(op->mailbox, box->name, sizeof op->mailbox);
    return oa;
}

void
operation_message_list(struct operation *op, struct worker *w)
{
    struct index_mailbox box;
    struct open_account *oa = open_mailbox(op, w, true, &box);
    struct page page = {.op = op, .left = ROWS_A_SLICE};

    if (oa == NULL)
        return;
    op->total = box.messages;
    if (!op->has_facts) {
        op->failed = !reconcile_facts(w, oa, &box, FACTS_A_SLICE, &op->uid, &op->why);
        op->has_facts = op->uid == 0;
        op->uid = op->has_facts ? 1 : op->uid;
        op->more = true;
        return;
    }
    op->failed =
        !index_message_list(oa->index, box.id, op->uid, true, on_message, &page, &op->why) ||
        op->failed;
    op->uid = page.next;
    op->more = page.next != 0;
}

/* The message that the arguments `mailbox` and `uid` name. */
struct found {
    struct open_account *oa;
    struct index_mailbox box;
    struct index_message m;
    struct arena arena; /* holds what m points to */
};

/* Facts are looked for when it has none. */
static bool
find_uid(struct operation *op, struct worker *w, struct found *f)
{
    json_t *value = json_object_get(op->args, "uid");
    uint32_t uid = json_is_integer(value) && json_integer_value(value) > 0 &&
                           json_integer_value(value) <= UINT32_MAX
                       ? (uint32_t)json_integer_value(value)
                       : 0;
    uint32_t from = uid;

    if (uid == 0) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "\"uid\" must be a number of at least 1");
        return false;
    }
    if (!reconcile_facts(w, f->oa, &f->box, 1, &from, &op->why) ||
        !index_message_find(f->oa->index, f->box.id, uid, &f->arena, &f->m, &op->why)) {
        op->failed = true;
        if (op->why.kind == OUTCOME_NOT_FOUND)
            operation_fail(op, OUTCOME_NOT_FOUND, "no message with UID %u in %s", uid, f->box.name);
        return false;
    }
    return true;
}

/* false: failed, or op->more; there is no arena to release then. */
static bool
find_message(struct operation *op, struct worker *w, struct found *f)
{
    f->oa = open_mailbox(op, w, false, &f->box);
    if (f->oa == NULL)
        return false;
    arena_init(&f->arena, MESSAGE_ARENA);
    if (find_uid(op, w, f))
        return true;
    arena_release(&f->arena);
    return false;
}

static json_t *
headers_json(const struct facts *f)
{
    json_t *list = json_array();

    for (uint32_t i = 0; f != NULL && i < f->header_count; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, text_json(f->headers[i].name));
        json_array_append_new(pair, text_json(f->headers[i].value));
        json_array_append_new(list, pair);
    }
    return list;
}

static json_t *
parts_json(const struct facts *f)
{
    json_t *list = json_array();

    for (uint32_t i = 0; f != NULL && i < f->part_count; i++) {
        const struct facts_part *p = &f->parts[i];
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "number", p->number,
                                              "header_start", (json_int_t)p->header_start,
                                              "body_start", (json_int_t)p->body_start,
                                              "body_octets", (json_int_t)p->body_octets,
                                              "body_lines", (json_int_t)p->body_lines));
    }
    return list;
}

static json_t *
describe(const struct open_account *oa, const struct index_mailbox *box,
         const struct index_message *m)
{
    static const struct facts unknown;
    const struct facts *f = m->facts == NULL ? &unknown : m->facts;
    json_t *row = message_json(m);
    struct buf where;

    buf_init(&where, 8192);
    store_where(oa->store, box->name, m->ref.name, &where);
    json_object_set_new(row, "headers", headers_json(m->facts));
    json_object_set_new(row, "parts", parts_json(m->facts));
    json_object_set_new(row, "references", text_json(f->references));
    json_object_set_new(row, "list_id", text_json(f->list_id));
    json_object_set_new(row, "base_subject", text_json(f->base_subject));
    json_object_set_new(row, "path_hint", text_json(buf_str(&where)));
    buf_release(&where);
    return row;
}

void
operation_message_show(struct operation *op, struct worker *w)
{
    struct found f;

    if (!find_message(op, w, &f))
        return;
    op->ok = describe(f.oa, &f.box, &f.m);
    arena_release(&f.arena);
}

/* The bytes as they are stored; they are streamed from the loop's thread. */
void
operation_message_cat(struct operation *op, struct worker *w)
{
    struct found f;

    if (!find_message(op, w, &f))
        return;
    op->message = store_read(f.oa->store, f.box.name, f.m.ref.name, &op->why);
    arena_release(&f.arena);
    if (op->message == NULL)
        op->failed = true;
    else
        op->ok = json_pack("{s:I}", "octets", (json_int_t)message_traits(op->message)->octets);
}
