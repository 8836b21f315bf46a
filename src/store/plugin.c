/* SPDX-License-Identifier: MIT
 *
 * Store drivers from outside: libdoorstep_store_NAME.so in the operator's plugin folder. A plugin
 * is code with all our rights, so only that folder is searched, under a plain name. It stays
 * loaded: its functions may stand in a backtrace, and accounts come and go all day.
 */
#include "store_priv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static bool
plugin_name_check(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* The driver that the file says to be, checked; what a plugin of another version would do wrong
 * shows here and not in the middle of a delivery. */
static const struct store_driver *
plugin_check(const struct store_driver *d, const char *name, const char *file, struct outcome *why)
{
    if (d == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "%s: no symbol %s", file, STORE_DRIVER_SYMBOL);
        return NULL;
    }
    if (d->abi != STORE_DRIVER_ABI) {
        outcome_set(why, OUTCOME_SYSTEM, "%s: built for store driver ABI %u, this is %u", file,
                    d->abi, STORE_DRIVER_ABI);
        return NULL;
    }
    if (d->name == NULL || strcmp(d->name, name) != 0 || d->size < sizeof(struct store)) {
        outcome_set(why, OUTCOME_SYSTEM, "%s: is not the driver %s", file, name);
        return NULL;
    }
    return d;
}

const struct store_driver *
store_plugin_find(const char *plugin_dir, const char *name, struct outcome *why)
{
    char file[STORE_PATH_MAX + 1];
    int n = snprintf(file, sizeof(file), "%s/libdoorstep_store_%s.so", plugin_dir, name);

    if (!plugin_name_check(name) || plugin_dir[0] != '/' || n < 0 || (size_t)n >= sizeof(file)) {
        outcome_set(why, OUTCOME_SYSTEM, "no store driver is called %s", name);
        return NULL;
    }
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "store driver %s: %s", name, dlerror());
        return NULL;
    }
    const struct store_driver *d =
        plugin_check(dlsym(handle, STORE_DRIVER_SYMBOL), name, file, why);
    dlclose(handle); /* one count less; RTLD_NODELETE keeps the code */
    return d;
}
