/* SPDX-License-Identifier: MIT
 *
 * What an account's owner wrote, where an older program kept it here: it is told once and then
 * removed. Since then it has a database of its own (include/doorstep/personal.h).
 */
#include "index_priv.h"

struct telling {
    struct index *ix;
    const struct index_personal_fns *fns;
    void *arg;
};

typedef bool (*row_fn)(const struct telling *t, struct db_statement *row);

static bool
tell(const struct telling *t, const char *sql, row_fn fn, struct outcome *why)
{
    struct db_statement *s = db_prepare(t->ix->db, sql, why);
    enum db_result result;

    if (s == NULL)
        return false;
    while ((result = db_next(s, why)) == DB_ROW && fn(t, s))
        ;
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED;
}

static bool
tell_script(const struct telling *t, struct db_statement *row)
{
    return t->fns->script(t->arg, db_text(row, 0), db_blob(row, 1), db_text(row, 4),
                          (time_t)db_int(row, 2), db_int(row, 3) == 1);
}

static bool
tell_use(const struct telling *t, struct db_statement *row)
{
    return t->fns->use(t->arg, db_text(row, 0), db_text(row, 1));
}

static bool
tell_annotation(const struct telling *t, struct db_statement *row)
{
    return t->fns->annotation(t->arg, db_text(row, 0), db_text(row, 1), db_blob(row, 2));
}

bool
index_has_personal(const struct index *ix)
{
    return ix->has_personal;
}

bool
index_personal(struct index *ix, const struct index_personal_fns *fns, void *arg,
               struct outcome *why)
{
    const struct telling t = {ix, fns, arg};
    bool ok =
        tell(&t, "SELECT name, text, changed, is_active, hash FROM scripts", tell_script, why);

    ok = tell(&t, "SELECT name, special_use FROM mailboxes WHERE special_use != ''", tell_use,
              why) &&
         ok;
    return tell(&t,
                "SELECT coalesce(m.name, ''), a.name, a.value FROM annotations a "
                "LEFT JOIN mailboxes m ON m.id = a.mailbox WHERE a.mailbox = 0 OR m.id NOT NULL",
                tell_annotation, why) &&
           ok;
}

static bool
run(struct index *ix, const char *sql, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db, sql, why);
    bool ok = s != NULL && db_run(s, why);

    if (ok)
        db_finish(s);
    return ok;
}

bool
index_personal_clear(struct index *ix, struct outcome *why)
{
    if (!index_begin(ix, why))
        return false;
    bool ok = run(ix, "DELETE FROM scripts", why) && run(ix, "DELETE FROM annotations", why) &&
              run(ix, "UPDATE mailboxes SET special_use = '' WHERE special_use != ''", why) &&
              run(ix, "UPDATE account SET has_personal = 0", why) && index_commit(ix, why);
    if (ok)
        ix->has_personal = false;
    index_rollback(ix); /* where nothing was committed */
    return ok;
}
