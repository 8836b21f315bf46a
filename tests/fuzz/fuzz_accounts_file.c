/* SPDX-License-Identifier: MIT
 *
 * An accounts file of any octets: every entry has a name that may be an account's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/address.h"
#include "file_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
hear(void *arg, unsigned line, const char *what)
{
    unsigned *last = arg;
    if (line < *last || what[0] == '\0')
        abort();
    *last = line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct settings_domain domain = {.name = "example.org",
                                                  .recipient_delimiter = "+"};
    struct file_table t;
    unsigned last = 0;
    if (!file_table_parse(&t, (struct span){(const char *)data, size}, &domain, hear, &last))
        abort();
    for (const struct file_entry *e = t.entries; e != NULL; e = e->hh.next)
        if (!account_name_check(span_of(e->user)) || file_table_find(&t, e->user) != e ||
            strlen(e->forward) >= ACCOUNT_ROUTE_SIZE)
            abort();
    file_table_release(&t);
    return 0;
}
