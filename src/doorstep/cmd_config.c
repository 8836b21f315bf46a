/* SPDX-License-Identifier: MIT
 *
 * doorstep config show, config check: the configuration as doorstepd would read it. No daemon is
 * asked.
 */
#include "tool_priv.h"

#include <stdio.h>

int
cmd_config_show(struct tool *t)
{
    struct buf out;

    if (tool_settings(t) == NULL)
        return EX_CONFIG;
    buf_init(&out, 4 << 20);
    bool printed = t->json ? config_print_json(t->config, &out) : config_print(t->config, &out);
    if (printed) {
        fwrite(out.data, 1, out.len, stdout);
        if (out.len > 0 && out.data[out.len - 1] != '\n')
            putchar('\n');
    }
    buf_release(&out);
    return printed ? EX_OK : tool_error(EX_OSERR, "no memory");
}

int
cmd_config_check(struct tool *t)
{
    struct buf errors;

    buf_init(&errors, 1 << 20);
    t->config = config_load(t->config_path, &errors);
    bool good = t->config != NULL;
    if (t->json) {
        json_t *lines = json_array();
        for (struct span rest = buf_span(&errors); rest.n > 0;) {
            size_t n = span_find(rest, '\n');
            json_array_append_new(lines, json_stringn(rest.p, n));
            rest = span_skip(rest, n + 1);
        }
        json_t *result = json_pack("{s:b, s:o}", "good", good, "errors", lines);
        tool_print_json(t, result);
        json_decref(result);
    } else if (good) {
        printf("%s: good\n", t->config_path);
    }
    if (!t->json)
        fputs(buf_str(&errors), stderr);
    buf_release(&errors);
    return good ? EX_OK : EX_CONFIG;
}
