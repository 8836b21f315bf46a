/* SPDX-License-Identifier: MIT
 *
 * BODYSTRUCTURE for people. The text is read into a tree of lists first, then the tree is walked
 * part by part; both without recursion, since a message's sender decides how deep it is.
 */
#include "bodystructure_priv.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "doorstep/arena.h"

#define MEMORY_MAX ((size_t)64 << 20)
#define DEPTH_MAX 1000 /* lists in lists; a part of depth 100 takes a few hundred */
#define NUMBER_MAX 1024
#define INDENT_MAX 20 /* levels */

/* ---- Text to tree ---- */

struct node {
    bool is_list;
    struct span text;   /* of a string or atom, without quotes; NIL is empty */
    struct node *child; /* first of a list */
    struct node *next;
};

struct reader {
    struct arena *arena;
    struct span rest;
    struct node **tail[DEPTH_MAX]; /* where the next node of each open list goes */
    size_t depth;
};

static struct node *
add_node(struct reader *r, bool is_list, struct span text)
{
    struct node *n = arena_alloc(r->arena, sizeof(*n));

    if (n == NULL)
        return NULL;
    *n = (struct node){.is_list = is_list, .text = text};
    *r->tail[r->depth] = n;
    r->tail[r->depth] = &n->next;
    return n;
}

static bool
open_list(struct reader *r)
{
    struct node *n = add_node(r, true, SPAN_NONE);

    r->rest = span_skip(r->rest, 1);
    if (n == NULL || r->depth + 1 >= DEPTH_MAX)
        return false;
    r->tail[++r->depth] = &n->child;
    return true;
}

static bool
close_list(struct reader *r)
{
    r->rest = span_skip(r->rest, 1);
    if (r->depth == 0)
        return false;
    r->depth--;
    return true;
}

/* "...", with \" and \\ left as they are: names for people may show them. */
static bool
read_quoted(struct reader *r)
{
    size_t n = 1;

    while (n < r->rest.n && r->rest.p[n] != '"')
        n += r->rest.p[n] == '\\' ? 2 : 1;
    if (n >= r->rest.n)
        return false;
    bool added = add_node(r, false, (struct span){r->rest.p + 1, n - 1}) != NULL;
    r->rest = span_skip(r->rest, n + 1);
    return added;
}

/* {12}CRLF and as many octets. */
static bool
read_literal(struct reader *r)
{
    size_t close = span_find(r->rest, '}');
    unsigned long long length;

    if (!span_parse_u64((struct span){r->rest.p + 1, close > 0 ? close - 1 : 0}, SIZE_MAX,
                        &length) ||
        r->rest.n - close < 3 || r->rest.n - close - 3 < length)
        return false;
    struct span text = {r->rest.p + close + 3, (size_t)length};
    r->rest = span_skip(r->rest, close + 3 + text.n);
    return add_node(r, false, text) != NULL;
}

static bool
read_atom(struct reader *r)
{
    size_t n = 0;

    while (n < r->rest.n && memchr(" ()\"{", r->rest.p[n], 5) == NULL)
        n++;
    struct span atom = {r->rest.p, n};
    r->rest = span_skip(r->rest, n);
    return n > 0 &&
           add_node(r, false, span_equal_fold(atom, SPAN("NIL")) ? SPAN_NONE : atom) != NULL;
}

static bool
read_tree(struct reader *r)
{
    while (r->rest.n > 0) {
        bool good = true;
        switch (r->rest.p[0]) {
        case ' ':
            r->rest = span_skip(r->rest, 1);
            break;
        case '(':
            good = open_list(r);
            break;
        case ')':
            good = close_list(r);
            break;
        case '"':
            good = read_quoted(r);
            break;
        case '{':
            good = read_literal(r);
            break;
        default:
            good = read_atom(r);
        }
        if (!good)
            return false;
    }
    return r->depth == 0;
}

/* ---- Tree to rows ---- */

struct todo { /* a part not yet shown */
    const struct node *body;
    const char *number; /* its own, or that of the message it is the body of */
    unsigned depth;
    bool is_root; /* the body of a message: its children carry on the message's number */
    struct todo *next;
};

struct walk {
    struct arena *arena;
    struct todo *todo;
    void (*fn)(void *arg, json_t *row);
    void *arg;
};

static const struct node *
nth(const struct node *list, size_t i)
{
    const struct node *n = list == NULL || !list->is_list ? NULL : list->child;

    for (; n != NULL && i > 0; i--)
        n = n->next;
    return n;
}

static struct span
text_of(const struct node *n)
{
    return n == NULL || n->is_list ? SPAN_NONE : n->text;
}

/* The value of a parameter in (name value name value ...). */
static struct span
parameter(const struct node *list, struct span name)
{
    for (const struct node *n = nth(list, 0); n != NULL && n->next != NULL; n = n->next->next) {
        if (span_equal_fold(text_of(n), name))
            return text_of(n->next);
    }
    return SPAN_NONE;
}

static const char *
join(struct arena *a, const char *number, unsigned i)
{
    char text[NUMBER_MAX];
    int n = snprintf(text, sizeof(text), "%s%s%u", number, number[0] == '\0' ? "" : ".", i);

    return n < 0 || (size_t)n >= sizeof(text) ? NULL : arena_copy(a, span_of(text));
}

static bool
push(struct walk *w, struct todo ***at, struct todo what)
{
    struct todo *t = arena_alloc(w->arena, sizeof(*t));

    if (t == NULL || what.number == NULL)
        return false;
    *t = what;
    t->next = **at;
    **at = t;
    *at = &t->next;
    return true;
}

struct part {
    const char *number;
    unsigned depth;
    struct span type, subtype, name, encoding, octets, lines; /* SPAN_NONE where there is none */
};

static void
set_text(json_t *row, const char *key, struct span s)
{
    if (s.n > 0)
        json_object_set_new(row, key, json_stringn(s.p, s.n));
}

static void
set_number(json_t *row, const char *key, struct span s)
{
    unsigned long long n;

    if (span_parse_u64(s, INT64_MAX, &n))
        json_object_set_new(row, key, json_integer((json_int_t)n));
}

static int
shown(struct span s)
{
    return s.n < 127 ? (int)s.n : 127;
}

/* "  text/plain", as deep as the part lies, in lower case. */
static struct span
label(char *out, size_t size, const struct part *p)
{
    int indent = p->depth < INDENT_MAX ? (int)p->depth * 2 : INDENT_MAX * 2;
    int n = snprintf(out, size, "%*s%.*s/%.*s", indent, "", shown(p->type),
                     p->type.p == NULL ? "" : p->type.p, shown(p->subtype),
                     p->subtype.p == NULL ? "" : p->subtype.p);

    for (int i = 0; i < n; i++)
        out[i] = (char)tolower((unsigned char)out[i]);
    return (struct span){out, n > 0 ? (size_t)n : 0};
}

static void
emit(struct walk *w, const struct part *p)
{
    char text[256 + 2 * INDENT_MAX + 2];
    json_t *row = json_object();

    set_text(row, "number", span_of(p->number[0] == '\0' ? "-" : p->number));
    set_text(row, "type", label(text, sizeof(text), p));
    set_text(row, "name", p->name);
    set_text(row, "encoding", p->encoding);
    set_number(row, "octets", p->octets);
    set_number(row, "lines", p->lines);
    w->fn(w->arg, row);
    json_decref(row);
}

/* (child child ... subtype ...): the children come next, numbered from 1. */
static bool
walk_multipart(struct walk *w, const struct todo *t, struct todo **at)
{
    const struct node *n = nth(t->body, 0);
    bool good = true;

    for (unsigned i = 1; good && n != NULL && n->is_list; i++, n = n->next)
        good =
            push(w, &at, (struct todo){n, join(w->arena, t->number, i), t->depth + 1, false, NULL});
    emit(w, &(struct part){.number = t->number,
                           .depth = t->depth,
                           .type = SPAN("multipart"),
                           .subtype = text_of(n)});
    return good;
}

/* The file name: of the disposition, the first list ("attachment" (...)) behind the fields of the
 * basic type, else of the parameters. */
static struct span
file_name(const struct node *body, size_t extension)
{
    struct span name = SPAN_NONE;

    for (const struct node *n = nth(body, extension); n != NULL && name.n == 0; n = n->next)
        name = parameter(nth(n, 1), SPAN("filename"));
    return name.n > 0 ? name : parameter(nth(body, 2), SPAN("name"));
}

/* (type subtype params id description encoding octets ...): text adds lines, message/rfc822 adds
 * envelope, body and lines. */
static bool
walk_single(struct walk *w, const struct todo *t, struct todo **at)
{
    const struct node *b = t->body;
    struct part p = {.number = t->is_root ? join(w->arena, t->number, 1) : t->number,
                     .depth = t->depth,
                     .type = text_of(nth(b, 0)),
                     .subtype = text_of(nth(b, 1)),
                     .encoding = text_of(nth(b, 5)),
                     .octets = text_of(nth(b, 6))};
    bool is_message = span_equal_fold(p.type, SPAN("message")) && nth(b, 8) != NULL &&
                      nth(b, 8)->is_list && nth(nth(b, 8), 0) != NULL;

    if (p.number == NULL)
        return false;
    p.lines = is_message ? text_of(nth(b, 9)) : text_of(nth(b, 7));
    p.name = file_name(b, is_message ? 10 : 7);
    emit(w, &p);
    return !is_message ||
           push(w, &at, (struct todo){nth(b, 8), p.number, t->depth + 1, true, NULL});
}

static bool
walk_all(struct walk *w)
{
    while (w->todo != NULL) {
        const struct todo *t = w->todo;
        const struct node *first = nth(t->body, 0);
        w->todo = t->next;
        if (first == NULL)
            return false;
        if (first->is_list ? !walk_multipart(w, t, &w->todo) : !walk_single(w, t, &w->todo))
            return false;
    }
    return true;
}

bool
bodystructure_rows(struct span text, void (*fn)(void *arg, json_t *row), void *arg)
{
    struct arena arena;
    struct node *root = NULL;

    arena_init(&arena, MEMORY_MAX);
    struct reader r = {.arena = &arena, .rest = text, .tail = {&root}};
    bool good = read_tree(&r) && root != NULL && root->is_list;
    struct walk w = {.arena = &arena, .fn = fn, .arg = arg};
    struct todo top = {.body = root, .number = "", .is_root = true};
    w.todo = &top;
    good = good && walk_all(&w);
    arena_release(&arena);
    return good;
}
