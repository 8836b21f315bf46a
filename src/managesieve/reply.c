/* SPDX-License-Identifier: MIT
 *
 * See reply_priv.h.
 */
#include "reply_priv.h"

#include "doorstep/charset.h"

#define QUOTED_MAX 1024 /* octets of a quoted string (RFC 5804 4) */

static bool
is_special(char c)
{
    return c == '"' || c == '\\';
}

static bool
can_be_quoted(struct span s)
{
    size_t n = s.n;

    for (size_t i = 0; i < s.n && n <= QUOTED_MAX; i++) {
        if (s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n')
            return false;
        n += is_special(s.p[i]);
    }
    return n <= QUOTED_MAX && utf8_is_valid(s);
}

bool
managesieve_print_string(struct span s, struct buf *out)
{
    bool ok = true;

    if (!can_be_quoted(s))
        return buf_printf(out, "{%zu}\r\n", s.n) && buf_append_span(out, s);
    ok = buf_append_char(out, '"');
    for (size_t i = 0; ok && i < s.n; i++)
        ok = (!is_special(s.p[i]) || buf_append_char(out, '\\')) && buf_append_char(out, s.p[i]);
    return ok && buf_append_char(out, '"');
}

bool
managesieve_print_reply(const char *word, const char *code, struct span text, struct buf *out)
{
    return buf_append_str(out, word) && (code == NULL || buf_printf(out, " (%s)", code)) &&
           (text.n == 0 || (buf_append_char(out, ' ') && managesieve_print_string(text, out))) &&
           buf_append_str(out, "\r\n");
}

/* ------------------------------------------------------------------ capabilities */

const char *
managesieve_refusal(const struct managesieve_config *config, enum sasl_mechanism m)
{
    if (config->requires_tls)
        return "ENCRYPT-NEEDED";
    switch (m) {
    case SASL_PLAIN:
    case SASL_LOGIN:
        return config->is_private || config->plain_without_tls ? NULL : "ENCRYPT-NEEDED";
    case SASL_SCRAM_SHA_256:
        return NULL;
    case SASL_SCRAM_SHA_256_PLUS:
        return config->has_binding ? NULL : "";
    case SASL_EXTERNAL:
        return config->has_outer_name ? NULL : "";
    case SASL_MECHANISM_COUNT:
        break;
    }
    return "";
}

/* The order means nothing (1.7), but there are clients that know no mechanism except the first, or
 * PLAIN. */
static const enum sasl_mechanism order[SASL_MECHANISM_COUNT] = {
    SASL_PLAIN, SASL_SCRAM_SHA_256_PLUS, SASL_SCRAM_SHA_256, SASL_LOGIN, SASL_EXTERNAL,
};

static bool
print_mechanisms(const struct managesieve_config *config, struct buf *out)
{
    bool ok = buf_append_str(out, "\"SASL\" \""), is_first = true;

    for (size_t i = 0; ok && i < SASL_MECHANISM_COUNT; i++) {
        if (managesieve_refusal(config, order[i]) != NULL)
            continue;
        ok = (is_first || buf_append_char(out, ' ')) &&
             buf_append_str(out, sasl_mechanism_name(order[i]));
        is_first = false;
    }
    return ok && buf_append_str(out, "\"\r\n");
}

static bool
print_capability(const char *name, const char *value, struct buf *out)
{
    return managesieve_print_string(span_of(name), out) && buf_append_char(out, ' ') &&
           managesieve_print_string(span_of(value), out) && buf_append_str(out, "\r\n");
}

bool
managesieve_print_capabilities(const struct managesieve_config *config, const char *login,
                               struct buf *out)
{
    return print_capability("IMPLEMENTATION", config->implementation, out) &&
           print_capability("SIEVE", config->extensions, out) &&
           (config->notify[0] == '\0' || print_capability("NOTIFY", config->notify, out)) &&
           (config->lists[0] == '\0' || print_capability("EXTLISTS", config->lists, out)) &&
           print_mechanisms(config, out) &&
           (!config->can_start_tls || buf_append_str(out, "\"STARTTLS\"\r\n")) &&
           buf_printf(out, "\"MAXREDIRECTS\" \"%llu\"\r\n",
                      (unsigned long long)config->redirects_max) &&
           buf_append_str(out, "\"UNAUTHENTICATE\"\r\n") &&
           (login == NULL || print_capability("OWNER", login, out)) &&
           print_capability("VERSION", "1.0", out);
}

/* ------------------------------------------------------------------ answers */

static const struct {
    const char *code, *text;
} results[MANAGESIEVE_RESULTS] = {
    [MANAGESIEVE_DONE] = {NULL, NULL},
    [MANAGESIEVE_REFUSED] = {NULL, "The script has errors."},
    [MANAGESIEVE_BAD_NAME] = {NULL, "No script can have this name."},
    [MANAGESIEVE_MISSING] = {"NONEXISTENT", "There is no script of that name."},
    [MANAGESIEVE_EXISTS] = {"ALREADYEXISTS", "There is a script of that name already."},
    [MANAGESIEVE_IS_ACTIVE] = {"ACTIVE", "The script is the active one."},
    [MANAGESIEVE_TOO_MANY] = {"QUOTA/MAXSCRIPTS", "There are too many scripts."},
    [MANAGESIEVE_TOO_LONG] = {"QUOTA/MAXSIZE", "The script is too long."},
    [MANAGESIEVE_OVER_STORAGE] = {"QUOTA", "There is no room for this script."},
    [MANAGESIEVE_FAILED] = {"TRYLATER", "This is not possible now."},
};

const char *
managesieve_code(enum managesieve_result result)
{
    return results[result].code;
}

const char *
managesieve_text(enum managesieve_result result)
{
    return results[result].text;
}
