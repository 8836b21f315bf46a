/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on accounts and aliases.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "change_priv.h"
#include "kept_priv.h"
#include "operation_priv.h"
#include "account_personal_priv.h"
#include "moved_on_priv.h"
#include "reconcile_priv.h"
#include "rows_priv.h"
#include "syncer_priv.h"

static json_t *
json_limit(uint64_t v)
{
    return v == UINT64_MAX ? json_null() : json_integer((json_int_t)v);
}

/* A limit: a number, or null for none. */
static bool
read_limit(struct operation *op, const char *name, bool *set, uint64_t *value)
{
    json_t *v = json_object_get(op->args, name);

    if (v == NULL)
        return true;
    *set = true;
    *value = UINT64_MAX;
    if (json_is_null(v))
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "\"%s\" must be a number of at least 0", name);
        return false;
    }
    *value = (uint64_t)json_integer_value(v);
    return true;
}

/* The route to its home, or null for what the domain says. */
static bool
read_forward(struct operation *op, const char **forward)
{
    json_t *v = json_object_get(op->args, "forward");

    if (v == NULL)
        return true;
    *forward = json_is_null(v) ? "" : json_string_value(v);
    if (json_is_null(v) || json_string_length(v) > 0)
        return true;
    operation_fail(op, OUTCOME_BAD_REQUEST, "\"forward\" must be the name of a route, or null");
    return false;
}

static bool
read_change(struct operation *op, struct account_change *change)
{
    json_t *enabled = json_object_get(op->args, "enabled");
    json_t *disabled = json_object_get(op->args, "disabled");

    *change = (struct account_change){0};
    if (json_is_boolean(enabled) || json_is_boolean(disabled)) {
        change->set_enabled = true;
        change->enabled = disabled != NULL ? !json_is_true(disabled) : json_is_true(enabled);
    }
    change->password = json_string_value(json_object_get(op->args, "password"));
    change->password_hash = json_string_value(json_object_get(op->args, "password_hash"));
    return read_forward(op, &change->forward) &&
           read_limit(op, "quota", &change->set_quota, &change->quota) &&
           read_limit(op, "quota_messages", &change->set_quota_messages, &change->quota_messages);
}

typedef bool (*change_fn)(struct accounts *a, const char *name, const struct account_change *with,
                          struct outcome *why);

static void
change_account(struct operation *op, change_fn change)
{
    const char *name = operation_text(op, "name");
    struct account_change with;

    if (name == NULL || !read_change(op, &with))
        return;
    struct accounts *accounts = directory_lock(op->deliver->directory);
    if (!change(accounts, name, &with, &op->why))
        op->failed = true;
    directory_unlock(op->deliver->directory);
}

void
operation_account_add(struct operation *op, struct worker *w)
{
    (void)w;
    change_account(op, accounts_add);
}

void
operation_account_set(struct operation *op, struct worker *w)
{
    (void)w;
    change_account(op, accounts_set);
}

void
operation_account_passwd(struct operation *op, struct worker *w)
{
    (void)w;
    if (operation_text(op, "password") != NULL)
        change_account(op, accounts_set);
}

struct list_job {
    struct operation *op;
    json_t *into; /* aliases of `of`; NULL: every alias is a row */
    const char *of;
};

static bool
on_alias(void *arg, const char *alias, const char *target)
{
    struct list_job *job = arg;

    if (job->into == NULL)
        operation_row(job->op, json_pack("{s:s, s:s}", "alias", alias, "target", target));
    else if (strcasecmp(target, job->of) == 0)
        json_array_append_new(job->into, json_string(alias));
    return !job->op->failed;
}

void
operation_alias_list(struct operation *op, struct worker *w)
{
    struct list_job job = {.op = op};
    const char *domain = json_string_value(json_object_get(op->args, "domain"));
    struct accounts *accounts = directory_lock(op->deliver->directory);

    (void)w;
    if (!accounts_alias_list(accounts, domain, on_alias, &job, &op->why))
        op->failed = true;
    directory_unlock(op->deliver->directory);
}

static void
change_alias(struct operation *op, const char *target, bool add)
{
    const char *alias = operation_text(op, "alias");

    if (op->failed)
        return;
    struct accounts *accounts = directory_lock(op->deliver->directory);
    bool ok = add ? accounts_alias_add(accounts, alias, target, &op->why)
                  : accounts_alias_delete(accounts, alias, target, &op->why);
    directory_unlock(op->deliver->directory);
    if (!ok)
        op->failed = true;
}

void
operation_alias_add(struct operation *op, struct worker *w)
{
    const char *target = operation_text(op, "target");

    (void)w;
    if (target != NULL)
        change_alias(op, target, true);
}

void
operation_alias_delete(struct operation *op, struct worker *w)
{
    (void)w;
    change_alias(op, json_string_value(json_object_get(op->args, "target")), false);
}

static json_t *
describe(struct operation *op, const struct account *a, json_t *octets, json_t *messages)
{
    char name[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    const struct settings_domain *domain = settings_find_domain(op->deliver->settings, a->domain);

    snprintf(name, sizeof name, "%s@%s", a->user, a->domain);
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:s?, s:s}", "name", name, "enabled",
                     (int)a->enabled, "quota", json_limit(a->quota), "quota_messages",
                     json_limit(a->quota_messages), "octets", octets, "messages", messages,
                     "forward", a->forward[0] == '\0' ? NULL : a->forward, "driver",
                     domain == NULL ? "" : domain->accounts);
}

/* How full it is; null when it has had no mail. */
static void
usage_json(struct operation *op, struct open_account *oa, json_t **octets, json_t **messages)
{
    uint64_t bytes, count;

    if (oa != NULL && index_usage(oa->index, &bytes, &count, &op->why)) {
        *octets = json_integer((json_int_t)bytes);
        *messages = json_integer((json_int_t)count);
    } else {
        *octets = json_null();
        *messages = json_null();
    }
}

void
operation_account_list(struct operation *op, struct worker *w)
{
    struct open_account *oa = operation_account(op, w, true);
    json_t *octets, *messages;

    if (op->more)
        return;
    op->failed = false; /* one account that cannot be opened is listed all the same */
    op->done++;
    usage_json(op, oa, &octets, &messages);
    operation_row(op, describe(op, &op->accounts[op->current], octets, messages));
}

static bool
count_mailbox(void *arg, const struct index_mailbox *m)
{
    uint64_t *count = arg;

    (void)m;
    (*count)++;
    return true;
}

void
operation_account_show(struct operation *op, struct worker *w)
{
    const struct account *a = &op->accounts[op->current];
    struct open_account *oa = operation_account(op, w, true);
    char name[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    json_t *octets, *messages;
    uint64_t mailboxes = 0;

    if (op->more || op->failed)
        return;
    snprintf(name, sizeof name, "%s@%s", a->user, a->domain);
    struct list_job job = {op, json_array(), name};
    struct accounts *accounts = directory_lock(op->deliver->directory);
    accounts_alias_list(accounts, NULL, on_alias, &job, &op->why);
    directory_unlock(op->deliver->directory);
    usage_json(op, oa, &octets, &messages);
    if (oa != NULL)
        index_mailbox_list(oa->index, count_mailbox, &mailboxes, &op->why);
    op->ok = describe(op, a, octets, messages);
    json_object_set_new(op->ok, "home", json_string(a->home));
    json_object_set_new(op->ok, "aliases", job.into);
    json_object_set_new(op->ok, "mailboxes", json_integer((json_int_t)mailboxes));
}

struct removal {
    struct open_account *oa;
    struct outcome *why;
    bool failed;
    json_t *names; /* what to remove: collected first, since removing changes what is listed */
};

static bool
on_entry(void *arg, const struct store_entry *e)
{
    struct removal *r = arg;

    return json_array_append_new(r->names, json_string(e->name)) == 0;
}

static bool
on_mailbox(void *arg, const char *mailbox)
{
    struct removal *r = arg;

    return strcmp(mailbox, "INBOX") == 0 ||
           json_array_append_new(r->names, json_string(mailbox)) == 0;
}

static bool
remove_mail(struct open_account *oa, struct outcome *why)
{
    struct removal r = {.names = json_array()};
    bool ok = store_mailbox_list(oa->store, on_mailbox, &r, why);

    for (size_t i = json_array_size(r.names); ok && i > 0; i--) /* children before parents */
        ok =
            store_mailbox_delete(oa->store, json_string_value(json_array_get(r.names, i - 1)), why);
    json_array_clear(r.names);
    ok = ok && store_scan(oa->store, "INBOX", on_entry, &r, why);
    for (size_t i = 0; ok && i < json_array_size(r.names); i++)
        ok = store_remove(oa->store, "INBOX", json_string_value(json_array_get(r.names, i)), why);
    ok = ok && store_commit(oa->store, why);
    json_decref(r.names);
    return ok;
}

/* Mail that stays where it is must be safe there: the journal will not bring it back. */
static bool
leave_mail(struct worker *w, struct outcome *why)
{
    bool more;

    if (rows_flush_below(w, UINT64_MAX, UINT_MAX, &more))
        return syncer_now(w->with.syncer, why);
    return outcome_set(why, OUTCOME_BUSY, "rows of deliveries cannot be written now");
}

static bool
delete_account(struct operation *op, const char *name)
{
    struct accounts *accounts = directory_lock(op->deliver->directory);
    bool ok = accounts_delete(accounts, name, &op->why);

    directory_unlock(op->deliver->directory);
    return ok;
}

/* No replay brings anything of it back, from the record on. */
static bool
delete_with_record(struct operation *op, struct worker *w, struct open_account *with_mail_of)
{
    const struct account *a = &op->accounts[op->current];
    const char *name = json_string_value(json_object_get(op->args, "name"));
    struct change gone = {.kind = CHANGE_GONE, .mailbox = "", .to = ""};

    if (!change_record(w, a, &gone, &op->why))
        return false;
    bool ok = with_mail_of == NULL ||
              (remove_mail(with_mail_of, &op->why) && syncer_now(w->with.syncer, &op->why));
    if (ok && delete_account(op, name))
        return true;
    change_undo(w, a, &gone);
    return false;
}

/* What its scripts sent and that waits goes with its mail. */
static bool
remove_leftovers(struct worker *w, const struct account *a, const char *folder, struct outcome *why)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    uint64_t count;

    snprintf(key, sizeof key, "%s@%s", a->user, a->domain);
    return queue_delete_account(w->with.queue, key, clock_wall().tv_sec, &count, why) &&
           moved_on_remove(folder, why) && personal_remove(folder, why) &&
           index_remove(folder, why);
}

/* Without mail: true the mail stays where it is, for whoever gets that name next. */
void
operation_account_delete(struct operation *op, struct worker *w)
{
    const struct account *a = &op->accounts[op->current];
    struct open_account *oa = NULL;
    char *folder = NULL;

    batch_finish(w); /* which may lend it */
    if (account_is_lent(w, a->user, a->domain)) {
        op->more = true;
        return;
    }
    if (json_is_true(json_object_get(op->args, "mail")))
        oa = operation_account(op, w, true);
    if (op->more || op->failed)
        return;
    op->failed = (oa == NULL && !leave_mail(w, &op->why)) || !delete_with_record(op, w, oa);
    if (op->failed)
        return;
    if (oa != NULL && asprintf(&folder, "%s", oa->folder) < 0)
        folder = NULL;
    batch_forget_account(w, a->user, a->domain);
    kept_forget(w, a->user, a->domain);
    if (folder != NULL && !remove_leftovers(w, a, folder, &op->why))
        op->failed = true;
    free(folder);
}
