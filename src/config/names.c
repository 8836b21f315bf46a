/* SPDX-License-Identifier: MIT
 *
 * Values that are kept as text: domains, users, accounts, names of stores and drivers, delimiters,
 * paths and path templates. What is refused here never reaches a system call.
 */
#include "row_priv.h"

#include <string.h>

#include "doorstep/address.h"
#include "nearest_priv.h"

#define LIST_TEXT_MAX 4095 /* of an element: a list's max is how many it has */
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define USER_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" NAME_CHARS ".-"

static bool
keep(struct span text, struct arena *arena, void *out, struct buf *why)
{
    char *copy = arena_copy(arena, text);

    if (copy == NULL) {
        buf_append_str(why, "does not fit: the configuration is too large");
        return false;
    }
    memcpy(out, &copy, sizeof(copy));
    return true;
}

static bool
check_length(const struct config_row *row, const char *text, struct buf *why)
{
    uint64_t max = (row->flags & ROW_LIST) != 0 ? LIST_TEXT_MAX : row->max;

    if (strlen(text) <= max)
        return true;
    buf_printf(why, "is longer than %llu octets", (unsigned long long)max);
    return false;
}

bool
text_print(const struct config_row *row, const void *value, struct buf *out)
{
    const char *text;

    (void)row;
    memcpy(&text, value, sizeof(text));
    return buf_append_str(out, text);
}

json_t *
text_json(const struct config_row *row, const void *value)
{
    const char *text;

    (void)row;
    memcpy(&text, value, sizeof(text));
    return json_string(text);
}

static bool
domain_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
             struct buf *why)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];

    (void)row;
    if (text[0] == '\0')
        return keep(span_of(text), arena, out, why);
    if (text[0] == '[' || !domain_normalize(span_of(text), domain, sizeof(domain))) {
        buf_append_str(why, "is no domain name");
        return false;
    }
    return keep(span_of(domain), arena, out, why);
}

static bool
user_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    if (text[0] == '-' || text[strspn(text, USER_CHARS)] != '\0') {
        buf_append_str(why, "is no user name");
        return false;
    }
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

/* Whatever another system calls its users. */
static bool
login_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
            struct buf *why)
{
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

static bool
name_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    if (text[strspn(text, NAME_CHARS)] != '\0') {
        buf_append_str(why, "may have a-z, 0-9 and _ only");
        return false;
    }
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

/* Levels between slashes, none of them empty or hidden; the store has the last word. */
static bool
mailbox_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
              struct buf *why)
{
    for (const char *level = text; level != NULL;) {
        if (level[0] == '\0' || level[0] == '.' || level[0] == '/') {
            buf_append_str(why, "is no mailbox such as Junk or Mail/Junk");
            return false;
        }
        level = strchr(level, '/');
        level = level == NULL ? NULL : level + 1;
    }
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

/* "ann" of the section's own domain, or "ann@example.org". */
static bool
account_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
              struct buf *why)
{
    struct span local = {text, strcspn(text, "@")};
    char domain[ADDRESS_DOMAIN_MAX + 1];
    bool good = text[0] == '\0' || account_name_check(local);

    if (good && text[local.n] == '@')
        good = text[local.n + 1] != '[' &&
               domain_normalize(span_of(text + local.n + 1), domain, sizeof(domain));
    if (!good) {
        buf_append_str(why, "is no account such as ann or ann@example.org");
        return false;
    }
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

/* Domains: "example.org", "*.example.org" for what lies below it, "*" for all. */
static bool
pattern_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
              struct buf *why)
{
    size_t wild = strcmp(text, "*") == 0 ? 1 : strncmp(text, "*.", 2) == 0 ? 2 : 0;
    char pattern[ADDRESS_DOMAIN_MAX + 3] = "*.";
    bool is_all = wild == 1;

    (void)row;
    if (!is_all && (text[wild] == '[' || !domain_normalize(span_of(text + wild), pattern + wild,
                                                           sizeof(pattern) - wild))) {
        buf_append_str(why, "is none of example.org, *.example.org and *");
        return false;
    }
    return keep(span_of(is_all ? "*" : pattern), arena, out, why);
}

/* Punctuation that may stand in a local part without quotes (atext, RFC 5321 4.1.2). */
static bool
characters_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
                 struct buf *why)
{
    if (text[strspn(text, "!#$%&'*+-=?^_`{|}~.")] != '\0') {
        buf_append_str(why, "may have punctuation of a local part only, such as \"+\" or \"+-\"");
        return false;
    }
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

static bool
has_dot_dot(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")) != NULL; p++)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
            return true;
    return false;
}

static bool
path_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    if (text[0] != '/' && text[0] != '\0') {
        buf_append_str(why, "does not begin with /");
        return false;
    }
    if (has_dot_dot(text)) {
        buf_append_str(why, "goes through ..");
        return false;
    }
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

static bool
refuse_variable(struct span name, struct buf *why)
{
    static const char *const known[] = {"user", "domain", "home"};
    char text[16];
    size_t n = name.n < sizeof(text) ? name.n : sizeof(text) - 1;

    memcpy(text, name.p, n);
    text[n] = '\0';
    buf_printf(why, "has the unknown variable %%{%s}, did you mean '%%{%s}'?", text,
               nearest_name(text, known, sizeof(known) / sizeof(known[0])));
    return false;
}

/* check_variable() - one %-sequence at p; its length in octets, 0 when it is none (why says so). */
static size_t
check_variable(const char *p, bool at_start, bool *is_personal, struct buf *why)
{
    struct span name;

    if (p[1] == '%')
        return 2;
    name.p = p + 2;
    name.n = p[1] == '{' ? strcspn(p + 2, "}") : 0;
    if (p[1] != '{' || name.p[name.n] != '}') {
        buf_append_str(why, "has a % that begins no variable; % itself is written %%");
        return 0;
    }
    if (span_equal(name, SPAN("home")) && (!at_start || (name.p[5] != '/' && name.p[5] != '\0'))) {
        buf_append_str(why, "has %{home} elsewhere than as its first folder");
        return 0;
    }
    if (span_equal(name, SPAN("user")) || span_equal(name, SPAN("home")))
        *is_personal = true;
    else if (!span_equal(name, SPAN("domain")) && !refuse_variable(name, why))
        return 0;
    return name.n + 3;
}

static bool
check_template(const char *text, struct buf *why)
{
    bool is_personal = false;

    for (const char *p = text; *p != '\0';) {
        size_t n = *p == '%' ? check_variable(p, p == text, &is_personal, why) : 1;

        if (n == 0)
            return false;
        p += n;
    }
    if (!is_personal)
        buf_append_str(why, "has neither %{user} nor %{home}: all accounts would share it");
    return is_personal;
}

static bool
template_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
               struct buf *why)
{
    if (text[0] != '/' && strncmp(text, "%{home}", 7) != 0) {
        buf_append_str(why, "begins neither with / nor with %{home}");
        return false;
    }
    if (has_dot_dot(text)) {
        buf_append_str(why, "goes through ..");
        return false;
    }
    return check_template(text, why) && check_length(row, text, why) &&
           keep(span_of(text), arena, out, why);
}

static bool
text_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
           struct buf *why)
{
    return check_length(row, text, why) && keep(span_of(text), arena, out, why);
}

#define TEXT_KIND(kind, word)                                                                      \
    const struct config_kind kind_##kind = {                                                       \
        .name = word,                                                                              \
        .size = sizeof(char *),                                                                    \
        .parse = kind##_parse,                                                                     \
        .print = text_print,                                                                       \
        .json = text_json,                                                                         \
    }

TEXT_KIND(account, "account");
TEXT_KIND(characters, "characters");
TEXT_KIND(domain, "domain");
TEXT_KIND(login, "login");
TEXT_KIND(mailbox, "mailbox");
TEXT_KIND(name, "name");
TEXT_KIND(path, "path");
TEXT_KIND(pattern, "pattern");
TEXT_KIND(template, "template");
TEXT_KIND(text, "text");
TEXT_KIND(user, "user");
