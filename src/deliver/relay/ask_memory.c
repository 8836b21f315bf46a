/* SPDX-License-Identifier: MIT
 *
 * What homes of accounts said: see ask_memory_priv.h.
 */
#include "ask_memory_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/buf.h"
#include "doorstep/charset.h"
#include "doorstep/table.h"

#define KEY_MAX 4096
#define TEXT_MAX 256 /* octets of a reply that are kept */

struct answer {
    uint64_t size;
    uint64_t until_ms;
    uint16_t code; /* 0: yes */
    char enhanced[12];
    char *text;        /* owned; NULL with a yes */
    UT_hash_handle hh; /* in the order in which they came */
    char key[];
};

struct ask_memory {
    unsigned max;
    struct answer *answers;
};

/* The parts, LF between: no address has one. false: it is too long to be remembered. */
static bool
print_key(const struct ask_subject *s, struct buf *key)
{
    buf_init(key, KEY_MAX);
    return buf_printf(key, "%s\n%s\n%s", s->route, s->from, s->to);
}

static struct answer *
find(const struct ask_memory *m, const struct ask_subject *s)
{
    struct answer *a = NULL;
    struct buf key;

    if (print_key(s, &key))
        HASH_FIND_STR(m->answers, buf_str(&key), a);
    buf_release(&key);
    return a;
}

static void
forget(struct ask_memory *m, struct answer *a)
{
    HASH_DEL(m->answers, a);
    free(a->text);
    free(a);
}

static bool
is_about(const struct answer *a, uint64_t size)
{
    return a->code == 0 ? size <= a->size : size >= a->size;
}

bool
ask_memory_find(struct ask_memory *m, const struct ask_subject *s, uint64_t now_ms,
                struct outcome *out)
{
    struct answer *a = find(m, s);

    if (a == NULL)
        return false;
    if (now_ms >= a->until_ms) {
        forget(m, a);
        return false;
    }
    if (!is_about(a, s->size))
        return false;
    if (a->code == 0)
        outcome_set(out, OUTCOME_RCPT_OK, NULL);
    else
        outcome_relayed(out, a->code, a->enhanced, a->text);
    return true;
}

static struct answer *
answer_new(const struct ask_subject *s, const struct outcome *said, uint64_t until_ms)
{
    struct answer *a = NULL;
    struct buf key;

    if (print_key(s, &key))
        a = calloc(1, sizeof *a + key.len + 1);
    if (a != NULL) {
        memcpy(a->key, buf_str(&key), key.len + 1);
        a->size = s->size;
        a->until_ms = until_ms;
    }
    buf_release(&key);
    if (a == NULL || outcome_is_success(said))
        return a;
    struct span text = utf8_cut(span_of(outcome_text(said)), TEXT_MAX);
    a->code = (uint16_t)outcome_code(said);
    memcpy(a->enhanced, said->enhanced, sizeof a->enhanced);
    a->text = strndup(text.p, text.n);
    if (a->text != NULL)
        return a;
    free(a);
    return NULL;
}

void
ask_memory_add(struct ask_memory *m, const struct ask_subject *s, const struct outcome *answer,
               uint64_t until_ms)
{
    struct answer *a;

    ask_memory_forget(m, s);
    if (outcome_is_temporary(answer))
        return;
    a = answer_new(s, answer, until_ms);
    if (a == NULL)
        return;
    if (HASH_COUNT(m->answers) >= m->max)
        forget(m, m->answers); /* the oldest */
    HASH_ADD_STR(m->answers, key, a);
    if (a->hh.tbl != NULL)
        return;
    free(a->text);
    free(a);
}

void
ask_memory_forget(struct ask_memory *m, const struct ask_subject *s)
{
    struct answer *a = find(m, s);

    if (a != NULL)
        forget(m, a);
}

unsigned
ask_memory_count(const struct ask_memory *m)
{
    return HASH_COUNT(m->answers);
}

struct ask_memory *
ask_memory_new(unsigned max)
{
    struct ask_memory *m = calloc(1, sizeof *m);

    if (m != NULL)
        m->max = max;
    return m;
}

void
ask_memory_free(struct ask_memory *m)
{
    if (m == NULL)
        return;
    while (m->answers != NULL)
        forget(m, m->answers);
    free(m);
}
