/* SPDX-License-Identifier: MIT
 *
 * Tokens: see token_priv.h.
 */
#include "token_priv.h"

#include <sodium.h>
#include <string.h>

#include "doorstep/address.h"

#define TOKEN_LENGTH (TOKEN_SIZE - 1)

void
token_make(char out[TOKEN_SIZE])
{
    unsigned char random[TOKEN_LENGTH / 2];

    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(out, TOKEN_SIZE, random, sizeof(random));
}

/* Atoms with dots between them (RFC 5321 4.1.2), all of ASCII. */
static bool
is_plain(struct span local)
{
    static const char signs[] = "!#$%&'*+-/=?^_`{|}~.";
    char before = '.';

    for (size_t i = 0; i < local.n; i++) {
        char c = local.p[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if ((!is_alnum && (c == '\0' || strchr(signs, c) == NULL)) || (c == '.' && before == '.'))
            return false;
        before = c;
    }
    return local.n > 0 && before != '.';
}

bool
token_recipient(const char *user, const char *domain, const char *token, struct buf *out)
{
    bool has_room = strlen(user) + 1 + TOKEN_LENGTH <= ADDRESS_LOCAL_MAX;

    if (has_room && is_plain(span_of(user)) && !buf_printf(out, "%s+", user))
        return false;
    return buf_printf(out, "%s@%s", token, domain);
}

bool
token_find(const char *local, char out[TOKEN_SIZE])
{
    size_t n = strlen(local);

    if (n < TOKEN_LENGTH || (n > TOKEN_LENGTH && local[n - TOKEN_LENGTH - 1] != '+'))
        return false;
    local += n - TOKEN_LENGTH;
    for (size_t i = 0; i < TOKEN_LENGTH; i++) {
        char c = local[i] >= 'A' && local[i] <= 'F' ? (char)(local[i] + 32) : local[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        out[i] = c;
    }
    out[TOKEN_LENGTH] = '\0';
    return true;
}

void
token_hide(char *text, const char *token)
{
    for (char *at; (at = strcasestr(text, token)) != NULL;) {
        const char *behind = at + strlen(token);

        if (at > text && at[-1] == '+')
            at--;
        memmove(at, behind, strlen(behind) + 1);
    }
}
