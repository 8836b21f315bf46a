/* SPDX-License-Identifier: MIT
 *
 * The scripts around an account's own: see layers_priv.h.
 */
#include "layers_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../text_priv.h"
#include "doorstep/sieve_settings.h"

/* ------------------------------------------------------------------ scripts */

static int
add_file(struct layers *l, const char *path)
{
    struct script *s = &l->scripts[l->count];
    int code = script_read(s, path);

    if (code == EX_OK) {
        s->tool = l->tool; /* what it includes may be the account's */
        s->account = l->account;
        s->global = l->settings.global;
        sieve_settings_limits(&l->settings, &s->limits);
        code = script_compile(s, true) ? EX_OK : EX_DATAERR;
    }
    l->count++;
    if (code == EX_DATAERR)
        script_print_report(s, stderr);
    return code;
}

static int
add_files(struct layers *l, const char *const *paths, size_t count)
{
    int code = EX_OK;

    for (size_t i = 0; code == EX_OK && i < count; i++)
        code = add_file(l, paths[i]);
    return code;
}

static int
add_all(struct layers *l, const struct script *own)
{
    const struct settings_sieve *s = &l->settings;
    int code = add_files(l, s->before, s->before_count);

    if (code != EX_OK)
        return code;
    l->scripts[l->count++] = *own;
    l->own = l->count;
    code = add_files(l, s->after, s->after_count);
    if (code != EX_OK || s->discard[0] == '\0')
        return code;
    l->has_discard = true;
    return add_file(l, s->discard);
}

/* ------------------------------------------------------------------ the account */

static int
ask_aliases(struct layers *l, struct tool *t, const char *account)
{
    struct tool_answer answer = {0};
    int code = tool_ask(t, "account.show", json_pack("{s:s}", "name", account), &answer);
    json_t *found = json_object_get(answer.ok, "aliases");
    size_t i;
    json_t *alias;

    l->aliases = json_is_array(found) ? json_incref(found) : json_array();
    json_decref(answer.ok);
    l->list = calloc(json_array_size(l->aliases) + 1, sizeof *l->list);
    if (code != EX_OK || l->list == NULL)
        return code != EX_OK ? code : tool_error(EX_OSERR, "no memory");
    size_t n = 0;
    json_array_foreach(l->aliases, i, alias)
    {
        if (json_is_string(alias))
            l->list[n++] = json_string_value(alias);
    }
    return EX_OK;
}

static const char *
delimiters_of(const struct settings *s, const char *account)
{
    const char *at = strrchr(account, '@');
    const struct settings_domain *d = at == NULL ? NULL : settings_find_domain(s, at + 1);

    return d == NULL ? "+" : d->recipient_delimiter;
}

int
layers_open(struct layers *l, struct tool *t, const char *account, const struct script *own)
{
    const struct settings *s = tool_settings(t);

    *l = (struct layers){.count = 0};
    if (s == NULL)
        return EX_CONFIG;
    l->settings = s->sieve;
    l->tool = t;
    l->account = account;
    l->delimiters = delimiters_of(s, account);
    int code = ask_aliases(l, t, account);
    return code == EX_OK ? add_all(l, own) : code;
}

void
layers_release(struct layers *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (i + 1 != l->own)
            script_release(&l->scripts[i]);
    json_decref(l->aliases);
    free(l->list);
}

void
layers_limits(const struct layers *l, struct sieve_limits *out)
{
    sieve_settings_limits(&l->settings, out);
}

void
layers_know(const struct layers *l, struct sieve_user *user)
{
    user->aliases = l->list;
    user->delimiters = l->delimiters;
}

/* ------------------------------------------------------------------ running */

static bool
is_due(const struct layers *l, uint32_t i, struct sieve_run *r)
{
    if (!l->has_discard || i + 1 < l->count)
        return sieve_run_goes_on(r);
    if (!sieve_run_only_discards(r))
        return false;
    sieve_run_reset(r);
    return true;
}

/* Which script the steps that follow belong to. */
static void
say_script(const struct layers *l, const struct script *s, struct explain *why)
{
    struct buf name;

    why->script = s;
    if (why->json != NULL || l->count == 1)
        return;
    buf_init(&name, 16384);
    text_escape(&name, span_of(s->path));
    fprintf(why->out, "%s:\n", buf_str(&name));
    buf_release(&name);
}

enum sieve_status
layers_run(const struct layers *l, struct sieve_run *r, struct explain *why)
{
    enum sieve_status status = SIEVE_OK;

    for (uint32_t i = 0; status == SIEVE_OK && i < l->count; i++) {
        if (!is_due(l, i, r))
            continue;
        if (why != NULL)
            say_script(l, &l->scripts[i], why);
        status = sieve_run_script(r, l->scripts[i].program);
    }
    return status;
}
