/* SPDX-License-Identifier: MIT
 *
 * What no single value shows: defaults that depend on other settings or on the host, names given
 * twice, names that nobody defines, settings that contradict each other. Called once by config.c,
 * behind reader.c.
 */
#include "reader_priv.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/address.h"
#include "nearest_priv.h"

#define LMTP_DEFAULT "unix:/run/doorstep/lmtp.sock"
#define MAILDIR_DEFAULT "/var/mail/%{domain}/%{user}"
#define MBOX_DEFAULT "/var/mail/%{domain}/%{user}.mbox"

static const struct source_place built_in = {"built-in defaults", 0};

static const struct config_row *
find_row(enum config_section_id id, const char *name)
{
    for (size_t i = 0; i < config_sections[id].count; i++)
        if (strcmp(config_sections[id].rows[i].name, name) == 0)
            return &config_sections[id].rows[i];
    return NULL;
}

/* ---- defaults ---- */

static const char *
canonical_name(const char *host, struct reader *r)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found;
    const char *name = NULL;

    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return NULL;
    if (found->ai_canonname != NULL)
        name = arena_copy(r->arena, span_of(found->ai_canonname));
    freeaddrinfo(found);
    return name;
}

/* The host's name, with its domain when somebody knows that. */
static void
default_hostname(struct reader *r)
{
    const struct config_row *row = find_row(SECTION_ROOT, "hostname");
    const char *last_resort = "localhost", *full;
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        strcpy(host, last_resort);
    full = strchr(host, '.') == NULL ? canonical_name(host, r) : NULL;
    if (full != NULL && row_set(row, r->settings, &full, 1, r->arena))
        return;
    full = host;
    if (!row_set(row, r->settings, &full, 1, r->arena))
        r->settings->hostname = last_resort;
}

static void
default_listen(struct reader *r)
{
    const struct config_row *row = find_row(SECTION_LISTEN, "address");
    const char *address = LMTP_DEFAULT;
    struct settings_listen *listen = reader_add(r, SECTION_LISTEN, built_in);

    if (listen == NULL)
        return;
    listen->protocol = LISTEN_LMTP;
    if (!row_set(row, listen, &address, 1, r->arena))
        source_error(r->errors, built_in, "the configuration is too large");
}

static void
default_store(struct reader *r, const char *name)
{
    struct settings_store *store;

    if (settings_find_store(r->settings, name) != NULL)
        return;
    store = reader_add(r, SECTION_STORE, built_in);
    if (store != NULL)
        store->name = name;
}

static void
complete_store(struct reader *r, size_t i)
{
    struct settings_store *store = &r->settings->stores[i];

    if (store->driver == NULL)
        store->driver = store->name;
    if (store->path == NULL && strcmp(store->name, "maildir") == 0)
        store->path = MAILDIR_DEFAULT;
    if (store->path == NULL && strcmp(store->name, "mbox") == 0)
        store->path = MBOX_DEFAULT;
    if (store->path == NULL)
        source_error(r->errors, r->places[SECTION_STORE][i], "store '%s' has no path", store->name);
}

/* ---- given twice ---- */

struct named {
    const char *name;
    struct source_place at;
};

static int
compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    if (order != 0)
        return order;
    return (x->at.line > y->at.line) - (x->at.line < y->at.line);
}

static void
refuse_twice(struct reader *r, const char *what, struct named *list, size_t count)
{
    qsort(list, count, sizeof(*list), compare_named);
    for (size_t i = 1; i < count; i++) {
        const struct named *before = &list[i - 1];

        if (strcmp(list[i].name, before->name) != 0)
            continue;
        if (before->at.line > 0)
            source_error(r->errors, list[i].at, "%s '%s' was given before, at %s:%u", what,
                         list[i].name, before->at.file, before->at.line);
        else
            source_error(r->errors, list[i].at, "%s '%s' is given in section metrics too", what,
                         list[i].name);
    }
}

static struct named *
name_list(struct reader *r, size_t count)
{
    struct named *list = arena_alloc(r->arena, (count + 1) * sizeof(*list));

    if (list == NULL)
        source_error(r->errors, built_in, "the configuration is too large");
    return list;
}

static void
check_titles_twice(struct reader *r, enum config_section_id id)
{
    const struct config_section *section = &config_sections[id];
    const char *settings = (const char *)r->settings, *structs;
    struct named *list;
    size_t count;

    memcpy(&count, settings + section->count_offset, sizeof(count));
    memcpy(&structs, settings + section->offset, sizeof(structs));
    list = name_list(r, count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        memcpy(&list[i].name, structs + i * section->size + section->title->offset,
               sizeof(list[i].name));
        list[i].at = r->places[id][i];
    }
    if (list != NULL)
        refuse_twice(r, section->name, list, count);
}

static const char *
place_of(const struct settings_address *a)
{
    return a->is_unix ? a->path : a->text;
}

static void
check_addresses_twice(struct reader *r)
{
    size_t count = r->settings->metrics.address_count + r->settings->filter_count, n = 0;
    struct named *list;

    for (size_t i = 0; i < r->settings->listen_count; i++)
        count += r->settings->listens[i].address_count;
    list = name_list(r, count);
    for (size_t i = 0; list != NULL && i < r->settings->listen_count; i++) {
        const struct settings_listen *l = &r->settings->listens[i];

        for (size_t j = 0; j < l->address_count; j++)
            list[n++] = (struct named){place_of(&l->address[j]), r->places[SECTION_LISTEN][i]};
    }
    for (size_t i = 0; list != NULL && i < r->settings->metrics.address_count; i++) {
        const struct settings_address *a = &r->settings->metrics.address[i];

        list[n++] = (struct named){place_of(a), {source_find(r->source, 1).file, 0}};
    }
    for (size_t i = 0; list != NULL && i < r->settings->filter_count; i++)
        list[n++] =
            (struct named){place_of(&r->settings->filters[i].back), r->places[SECTION_FILTER][i]};
    if (list != NULL)
        refuse_twice(r, "address", list, n);
}

/* ---- contradictions ---- */

static void
refuse_store(struct reader *r, const struct settings_domain *domain, struct source_place at)
{
    const char *names[128];
    size_t count = 0;

    for (; count < r->settings->store_count && count < 128; count++)
        names[count] = r->settings->stores[count].name;
    source_error(r->errors, at, "domain '%s': there is no store '%s', did you mean '%s'?",
                 domain->name, domain->store, nearest_name(domain->store, names, count));
}

static void
check_domain(struct reader *r, size_t i)
{
    const struct settings_domain *domain = &r->settings->domains[i];
    const struct settings_store *store = settings_find_store(r->settings, domain->store);
    struct source_place at = r->places[SECTION_DOMAIN][i];
    bool has_home =
        strcmp(domain->accounts, "passwd") == 0 || strcmp(domain->accounts, "file") == 0;

    if (strcmp(domain->accounts, "file") == 0 && domain->accounts_file[0] == '\0')
        source_error(r->errors, at, "domain '%s': accounts = \"file\" needs accounts_file",
                     domain->name);
    if (domain->forward[0] != '\0' && settings_find_route(r->settings, domain->forward) == NULL)
        source_error(r->errors, at, "domain '%s': there is no route '%s'", domain->name,
                     domain->forward);
    if (store == NULL)
        refuse_store(r, domain, at);
    else if (strncmp(store->path, "%{home}", 7) == 0 && !has_home)
        source_error(
            r->errors, at,
            "domain '%s': store '%s' has %%{home} in its path, and accounts = \"%s\" knows "
            "no home",
            domain->name, store->name, domain->accounts);
}

static void
refuse_milter(struct reader *r, const char *name, struct source_place at)
{
    const char *names[64];
    size_t count = 0;

    for (; count < r->settings->milter_count && count < 64; count++)
        names[count] = r->settings->milters[count].name;
    if (count == 0)
        source_error(r->errors, at, "there is no milter '%s'", name);
    else
        source_error(r->errors, at, "there is no milter '%s', did you mean '%s'?", name,
                     nearest_name(name, names, count));
}

static void
check_listen_milters(struct reader *r, size_t i)
{
    const struct settings_listen *l = &r->settings->listens[i];

    for (size_t j = 0; j < l->milter_count; j++) {
        if (settings_find_milter(r->settings, l->milters[j]) == NULL)
            refuse_milter(r, l->milters[j], r->places[SECTION_LISTEN][i]);
        for (size_t k = 0; k < j; k++)
            if (strcmp(l->milters[j], l->milters[k]) == 0)
                source_error(r->errors, r->places[SECTION_LISTEN][i], "milter '%s' is given twice",
                             l->milters[j]);
    }
}

static void
check_locks(struct reader *r, size_t i)
{
    const struct settings_store *store = &r->settings->stores[i];
    unsigned seen = 0;

    for (size_t j = 0; j < store->lock_count; j++) {
        if ((seen & 1U << store->lock[j]) != 0)
            source_error(r->errors, r->places[SECTION_STORE][i],
                         "store '%s': a lock is given twice", store->name);
        seen |= 1U << store->lock[j];
    }
}

/* Nobody could ever connect: a TCP peer is believed by its network alone. */
static void
check_proxy(struct reader *r, size_t i)
{
    const struct settings_listen *l = &r->settings->listens[i];
    bool has_tcp = false;

    for (size_t j = 0; j < l->address_count; j++)
        has_tcp = has_tcp || !l->address[j].is_unix;
    if (l->proxy_protocol && has_tcp && l->proxy_trusted_count == 0)
        source_error(r->errors, r->places[SECTION_LISTEN][i],
                     "section listen: proxy_protocol needs proxy_trusted");
    if (!l->proxy_protocol && l->proxy_trusted_count > 0)
        source_error(r->errors, r->places[SECTION_LISTEN][i],
                     "section listen: proxy_trusted needs proxy_protocol = yes");
}

/* ---- metrics ---- */

bool
check_is_local(const struct settings_address *a)
{
    const struct sockaddr_in *in = (const void *)&a->ip;
    const struct sockaddr_in6 *in6 = (const void *)&a->ip;

    if (a->is_unix)
        return true;
    return a->ip.ss_family == AF_INET ? ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                      : IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static void
check_metrics(struct reader *r)
{
    const struct settings_metrics *m = &r->settings->metrics;

    for (size_t i = 0; i < m->address_count && !m->allow_remote; i++)
        if (!check_is_local(&m->address[i]))
            source_error(r->errors, (struct source_place){source_find(r->source, 1).file, 0},
                         "metrics: anybody could read them at %s; allow_remote = yes if you want "
                         "that",
                         m->address[i].text);
}

void
check_settings(struct reader *r)
{
    struct source_place first = source_find(r->source, 1);

    if (r->settings->hostname == NULL)
        default_hostname(r);
    default_store(r, "maildir");
    default_store(r, "mbox");
    if (r->settings->authserv_id == NULL)
        r->settings->authserv_id = r->settings->hostname;
    if (r->settings->listen_count == 0)
        default_listen(r);
    for (size_t i = 0; i < r->settings->store_count; i++)
        complete_store(r, i);
    for (size_t i = 0; i < r->settings->milter_count; i++)
        if (r->settings->milters[i].address.text == NULL)
            source_error(r->errors, r->places[SECTION_MILTER][i], "milter '%s' has no address",
                         r->settings->milters[i].name);
    check_filter_addresses(r);
    check_sieve(r);
    if (r->errors->count > 0)
        return;
    check_titles_twice(r, SECTION_DOMAIN);
    check_titles_twice(r, SECTION_MILTER);
    check_titles_twice(r, SECTION_ROUTE);
    check_titles_twice(r, SECTION_PROGRAM);
    check_titles_twice(r, SECTION_FILTER);
    for (size_t i = 0; i < r->settings->listen_count; i++)
        check_listen_milters(r, i);
    check_titles_twice(r, SECTION_STORE);
    check_addresses_twice(r);
    for (size_t i = 0; i < r->settings->domain_count; i++)
        check_domain(r, i);
    for (size_t i = 0; i < r->settings->store_count; i++)
        check_locks(r, i);
    for (size_t i = 0; i < r->settings->listen_count; i++) {
        check_listen(r, i);
        check_proxy(r, i);
    }
    check_programs(r);
    check_filters(r);
    check_metrics(r);
    check_relay(r);
    if (r->settings->domain_count == 0)
        source_error(r->errors, (struct source_place){first.file, 0},
                     "there is no domain section: no mail would be accepted");
    if (r->settings->limits.message_memory > r->settings->limits.memory)
        source_error(r->errors, (struct source_place){first.file, 0},
                     "limits: message_memory is larger than memory");
    if (r->settings->timeouts.tarpit > r->settings->timeouts.tarpit_max)
        source_error(r->errors, (struct source_place){first.file, 0},
                     "timeouts: tarpit is larger than tarpit_max");
    if (r->settings->auth.delay > r->settings->auth.delay_max)
        source_error(r->errors, (struct source_place){first.file, 0},
                     "auth: delay is larger than delay_max");
}
