/* SPDX-License-Identifier: MIT
 *
 * Macros: see macros_priv.h. The default lists are those of Postfix (MILTER_README), with the
 * client's name and address, which many filters use and few ask for.
 */
#include "macros_priv.h"

#include <stdlib.h>
#include <string.h>

static const char *const defaults[MACROS_STAGES] = {
    [MACROS_CONNECT] =
        "j {daemon_name} {daemon_addr} {daemon_port} v _ {client_addr} {client_name} "
        "{client_port} {client_ptr}",
    [MACROS_HELO] = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    [MACROS_MAIL] = "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} "
                    "{mail_mailer}",
    [MACROS_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    [MACROS_DATA] = "i",
    [MACROS_END] = "i",
    [MACROS_END_OF_HEADER] = "i",
};

void
macros_release(struct macros *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->list[i].name);
        free(m->list[i].value);
    }
    m->count = 0;
}

static size_t
place_of(const struct macros *m, struct span name)
{
    size_t i = 0;

    while (i < m->count && !span_equal(span_of(m->list[i].name), name))
        i++;
    return i;
}

static void
unset(struct macros *m, size_t at)
{
    free(m->list[at].name);
    free(m->list[at].value);
    m->list[at] = m->list[--m->count];
}

bool
macros_set(struct macros *m, struct span name, struct span value)
{
    size_t at = place_of(m, name);
    char *new_name, *new_value;

    if (at < m->count)
        unset(m, at);
    if (value.n == 0)
        return true;
    if (m->count == FILTER_MACROS_MAX)
        return false;
    new_name = strndup(name.p, name.n);
    new_value = strndup(value.p, value.n);
    if (new_name == NULL || new_value == NULL) {
        free(new_name);
        free(new_value);
        return false;
    }
    m->list[m->count].name = new_name;
    m->list[m->count++].value = new_value;
    return true;
}

struct span
macros_default(enum milter_macro_stage stage)
{
    return span_of(defaults[stage]);
}

bool
macros_put(const struct macros *m, struct span names, enum milter_command command, struct buf *out)
{
    size_t before = out->len;
    size_t at = milter_packet_begin(out, MILTER_MACROS);
    bool good = buf_append_char(out, (char)command);
    bool has_any = false;

    while (good && names.n > 0) {
        size_t n = span_find(names, ' ');
        struct span name = {names.p, n};
        size_t place = place_of(m, name);

        names = span_skip(names, n + 1);
        if (place == m->count)
            continue;
        has_any = true;
        good =
            milter_put_string(out, name) && milter_put_string(out, span_of(m->list[place].value));
    }
    if (!has_any && out->len >= before) {
        out->len = before;
        return good;
    }
    return good && milter_packet_end(out, at);
}
