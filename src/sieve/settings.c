/* SPDX-License-Identifier: MIT
 *
 * Settings of extensions, as the host spells them.
 */
#include "run_priv.h"

#include <strings.h>

const char *
sieve_setting(struct sieve_run *r, const char *name, const char *otherwise)
{
    const struct sieve_host *h = r->in.host;
    const char *value = h == NULL || h->setting == NULL ? NULL : h->setting(h->arg, name);

    return value == NULL ? otherwise : value;
}

bool
sieve_setting_bool(struct sieve_run *r, const char *name, bool otherwise)
{
    const char *value = sieve_setting(r, name, "");

    if (strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
        return true;
    if (strcasecmp(value, "no") == 0 || strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
        return false;
    return otherwise;
}

/* "30 days": digits, blanks, letters. */
static bool
split(const char *value, unsigned long long *number, struct span *unit)
{
    struct span s = span_trim(span_of(value)), digits = s;

    digits.n = 0;
    while (digits.n < s.n && s.p[digits.n] >= '0' && s.p[digits.n] <= '9')
        digits.n++;
    *unit = span_trim(span_skip(s, digits.n));
    return span_parse_u64(digits, UINT32_MAX, number);
}

uint64_t
sieve_setting_seconds(struct sieve_run *r, const char *name, uint64_t otherwise)
{
    static const struct {
        char letter;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    unsigned long long n;
    struct span unit;

    if (!split(sieve_setting(r, name, ""), &n, &unit))
        return otherwise;
    for (size_t i = 0; unit.n > 0 && i < sizeof(units) / sizeof(units[0]); i++)
        if ((unit.p[0] | 0x20) == units[i].letter)
            return n * units[i].seconds;
    return unit.n == 0 ? n : otherwise;
}

uint64_t
sieve_setting_size(struct sieve_run *r, const char *name, uint64_t otherwise)
{
    unsigned long long n;
    struct span unit;

    if (!split(sieve_setting(r, name, ""), &n, &unit))
        return otherwise;
    switch (unit.n == 0 ? 'b' : unit.p[0] | 0x20) {
    case 'b':
        return n;
    case 'k':
        return n << 10;
    case 'm':
        return n << 20;
    case 'g':
        return n << 30;
    default:
        return otherwise;
    }
}
