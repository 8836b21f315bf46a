/* SPDX-License-Identifier: MIT
 *
 * What the index costs: pages and time a delivery, alone and eight in a transaction, with five
 * mailboxes of which the first holds most; a reconcile of 100,000 entries, all new and all known;
 * and, with ACCOUNTS, as many indexes open at once that get rows in turn as a journal lets them,
 * merged and not synced. Prints a table; nothing is judged. Built with the tests, run by hand:
 * bench_index [FOLDER [ACCOUNTS]].
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/db.h"
#include "doorstep/index.h"

#define MAILBOXES 5
#define BEFORE 1000
#define DELIVERIES 4000
#define ENTRIES 100000
#define FRAME 4120 /* a page of 4 KiB with its header in the WAL */

static struct outcome why;
static int64_t mailboxes[MAILBOXES];

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            fprintf(stderr, "%s: %s\n", #call, why.cause);                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned long long
octets_written(void)
{
    char line[128];
    unsigned long long n = 0;
    FILE *io = fopen("/proc/self/io", "r");
    while (io != NULL && fgets(line, sizeof(line), io) != NULL)
        if (sscanf(line, "wchar: %llu", &n) == 1)
            break;
    if (io != NULL)
        fclose(io);
    return n;
}

static char *
filled(size_t n)
{
    char *s = malloc(n + 1);
    memset(s, 'x', n);
    s[n] = '\0';
    return s;
}

/* some_facts() - as long as those of ordinary mail: 1.2 to 2.8 KB. */
static struct facts
some_facts(int n)
{
    static struct facts_header headers[3];
    static struct facts_part parts[4] = {{.number = ""}, {.number = "1"}, {.number = "2"}};
    static char *texts[8];
    for (int i = 0; texts[0] == NULL || (i > 0 && i < 8); i++)
        texts[i] = filled(250 + 75 * (size_t)i);
    headers[0] = (struct facts_header){"Subject", "Minutes of the meeting"};
    headers[1] = (struct facts_header){"References", texts[n % 3]};
    headers[2] = (struct facts_header){"Content-Type", "multipart/alternative; boundary=x"};
    return (struct facts){
        .message_id = "<20261122033613.123456@mail.example.org>",
        .subject = "Minutes of the meeting",
        .base_subject = "MINUTES OF THE MEETING",
        .from = "Ann Example <ann@example.org>",
        .references = texts[n % 3],
        .list_id = "",
        .date = "2026-11-22T03:36:13Z",
        .envelope = texts[1 + n % 4],
        .bodystructure = texts[n % 7],
        .preview = texts[n % 2],
        .headers = headers,
        .header_count = 3,
        .parts = parts,
        .part_count = 3,
    };
}

static void
deliver(struct index *ix, int n)
{
    char key[INDEX_LEDGER_KEY_SIZE];
    struct facts facts = some_facts(n);
    struct index_message m = {
        .mailbox = mailboxes[n % 10 < 7 ? 0 : n % MAILBOXES],
        .keywords = "",
        .received = clock_wall(),
        .octets = 10400,
        .lines = 200,
        .delivery_id = "0123456789abcdefghijklm",
        .facts = &facts,
        .ref = {.stored_octets = 10240, .wire_octets = 10400, .trace_octets = 300},
    };
    snprintf(key, sizeof(key), "%016llx%016llx%016llx%016llx", (long long)random() << 32,
             (long long)random() << 32, (long long)random(), (long long)n);
    m.digest = key;
    snprintf(m.ref.name, sizeof(m.ref.name), "%d.M%ldP1234Q%d.mx.example.org,S=10240,W=10400",
             1795318573 + n, random() % 1000000, n);
    MUST(index_take_uid(ix, m.mailbox, &m.uid, &why));
    MUST(index_add(ix, &m, &why));
    MUST(index_ledger_add(ix, key, m.delivery_id, 1795318573 + n, &why));
}

static void
deliveries(struct index *ix, int count, int batch)
{
    static int n;
    for (int done = 0; done < count; done += batch) {
        MUST(index_begin(ix, &why));
        for (int i = 0; i < batch; i++)
            deliver(ix, n++);
        MUST(index_commit(ix, &why));
    }
}

static void
bench_deliveries(const char *folder, int batch)
{
    struct index_mailbox m;
    char name[32];
    struct index *ix = index_open(folder, true, &why);
    MUST(ix != NULL);
    MUST(index_begin(ix, &why));
    for (int i = 0; i < MAILBOXES; i++) {
        snprintf(name, sizeof(name), "Box %d of %d", i, batch);
        MUST(index_mailbox_add(ix, name, 1, &m, &why));
        mailboxes[i] = m.id;
    }
    MUST(index_commit(ix, &why));
    deliveries(ix, BEFORE, 8);
    unsigned long long before = octets_written();
    double start = seconds();
    deliveries(ix, DELIVERIES, batch);
    double took = seconds() - start;
    printf("%d in a transaction: %5.0f us, %5.2f pages written a delivery (WAL and checkpoints)\n",
           batch, took * 1e6 / DELIVERIES,
           (double)(octets_written() - before) / FRAME / DELIVERIES);
    start = seconds();
    index_close(ix);
    ix = index_open(folder, false, &why);
    MUST(ix != NULL);
    MUST(index_mailbox_find(ix, name, &m, &why));
    printf("close and open: %.0f us\n", (seconds() - start) * 1e6);
    index_close(ix);
}

static void
bench_reconcile(struct index *ix, int64_t mailbox, const char *what, int first)
{
    char name[STORE_REF_SIZE];
    struct index_changes changes;
    double start = seconds();
    MUST(index_begin(ix, &why));
    struct index_reconcile *r = index_reconcile_begin(ix, mailbox, &why);
    MUST(r != NULL);
    for (unsigned i = 0; i < ENTRIES; i++) {
        unsigned n = (unsigned)first + i * 7919U % ENTRIES; /* a folder lists in no order */
        struct store_entry e = {.name = name,
                                .stored_octets = 10240,
                                .wire_octets = 10400,
                                .arrived = 1795318573 + (time_t)n};
        snprintf(name, sizeof(name), "%u.M%06uP1234Q%u.mx.example.org,S=10240,W=10400",
                 1795318573 + n, n * 31 % 1000000, n);
        MUST(index_reconcile_entry(r, &e, &why));
    }
    MUST(index_reconcile_end(r, true, &changes, &why));
    MUST(index_commit(ix, &why));
    printf("reconcile, %s: %.2f s (%llu added, %llu reflagged, %llu removed)\n", what,
           seconds() - start, (unsigned long long)changes.added,
           (unsigned long long)changes.reflagged, (unsigned long long)changes.removed);
}

/* plain_facts() - of a message of one part, 10 KB, without a thread. */
static struct facts
plain_facts(void)
{
    static struct facts_header headers[] = {
        {"From", "\"Sender of the Message\" <sender@client.example.org>"},
        {"To", "<u0123@example.org>"},
        {"Subject", "A message of ten kilobytes for u0123"},
        {"Date", "Sun, 22 Nov 2026 03:36:13 +0000"},
        {"Message-ID", "<20261122033613.123456.789@client.example.org>"},
        {"Content-Type", "text/plain; charset=utf-8"},
    };
    static struct facts_part parts[] = {{.number = "", .body_start = 410, .body_octets = 9990},
                                        {.number = "1", .body_start = 410, .body_octets = 9990}};
    static char *preview;
    if (preview == NULL)
        preview = filled(200);
    return (struct facts){
        .octets = 10400,
        .lines = 200,
        .header_octets = 410,
        .received_count = 1,
        .message_id = headers[4].value,
        .subject = headers[2].value,
        .base_subject = "A MESSAGE OF TEN KILOBYTES FOR U0123",
        .from = "Sender of the Message <sender@client.example.org>",
        .references = "",
        .list_id = "",
        .date = "2026-11-22T03:36:13Z",
        .envelope = "(\"Sun, 22 Nov 2026 03:36:13 +0000\" \"A message of ten kilobytes for u0123\" "
                    "((\"Sender of the Message\" NIL \"sender\" \"client.example.org\")) "
                    "((\"Sender of the Message\" NIL \"sender\" \"client.example.org\")) "
                    "((\"Sender of the Message\" NIL \"sender\" \"client.example.org\")) "
                    "((NIL NIL \"u0123\" \"example.org\")) NIL NIL NIL "
                    "\"<20261122033613.123456.789@client.example.org>\")",
        .bodystructure = "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 9990 190 "
                         "NIL NIL NIL NIL)",
        .preview = preview,
        .headers = headers,
        .header_count = 6,
        .parts = parts,
        .part_count = 2,
    };
}

struct usage {
    double wall, user, system;
    unsigned long long octets, calls;
};

static struct usage
usage_now(void)
{
    struct rusage r;
    struct usage u = {.wall = seconds()};
    char line[128];
    FILE *io = fopen("/proc/self/io", "r");
    while (io != NULL && fgets(line, sizeof(line), io) != NULL) {
        (void)sscanf(line, "wchar: %llu", &u.octets);
        (void)sscanf(line, "syscw: %llu", &u.calls);
    }
    if (io != NULL)
        fclose(io);
    getrusage(RUSAGE_SELF, &r);
    u.user = (double)r.ru_utime.tv_sec + (double)r.ru_utime.tv_usec / 1e6;
    u.system = (double)r.ru_stime.tv_sec + (double)r.ru_stime.tv_usec / 1e6;
    return u;
}

static void
usage_print(const char *what, int n, struct usage from)
{
    struct usage to = usage_now();
    printf("%-28s %6.1f us (%5.1f user, %5.1f system), %5.2f writes, %6.0f octets\n", what,
           (to.wall - from.wall) * 1e6 / n, (to.user - from.user) * 1e6 / n,
           (to.system - from.system) * 1e6 / n, (double)(to.calls - from.calls) / n,
           (double)(to.octets - from.octets) / n);
}

static void
deliver_plain(struct index *ix, int64_t inbox, struct span facts)
{
    static int n;
    char key[INDEX_LEDGER_KEY_SIZE], digest[INDEX_LEDGER_KEY_SIZE], id[ID_SIZE];
    struct index_message m = {
        .mailbox = inbox,
        .keywords = "",
        .received = clock_wall(),
        .octets = 10700,
        .lines = 206,
        .digest = digest,
        .delivery_id = id,
        .facts_packed = facts,
        .ref = {.stored_octets = 10480, .wire_octets = 10700, .trace_octets = 300},
    };
    n++;
    snprintf(id, sizeof(id), "0123456789abcdef%06d", n % 1000000);
    snprintf(key, sizeof(key), "%08lx%056x", random(), n);
    snprintf(digest, sizeof(digest), "%08lx%056x", random(), n);
    snprintf(m.ref.name, sizeof(m.ref.name), "%ld.M%06dP1234Q%d.mx.example.org,S=10480,W=10700",
             (long)m.received.tv_sec, n * 31 % 1000000, n);
    MUST(index_reserve_uid(ix, m.mailbox, &m.uid, &why));
    MUST(index_add(ix, &m, &why));
    MUST(index_ledger_add(ix, key, id, m.received.tv_sec, &why));
}

static struct index **
open_all(const char *folder, int accounts, bool create)
{
    char name[4200];
    struct usage from = usage_now();
    struct index **list = calloc((size_t)accounts, sizeof(struct index *));
    for (int i = 0; i < accounts; i++) {
        snprintf(name, sizeof(name), "%s/u%04d", folder, i);
        list[i] = index_open(name, create, &why);
        MUST(list[i] != NULL);
    }
    usage_print(create ? "make an index" : "open", accounts, from);
    return list;
}

static void
close_all(struct index **list, int accounts)
{
    struct usage from = usage_now();
    for (int i = 0; i < accounts; i++)
        index_close(list[i]);
    usage_print("close", accounts, from);
    free(list);
}

static int64_t
make_inboxes(struct index **list, int accounts)
{
    struct index_mailbox m = {0};
    for (int i = 0; i < accounts; i++) {
        MUST(index_begin(list[i], &why));
        MUST(index_mailbox_add(list[i], "INBOX", 1, &m, &why));
        MUST(index_commit_unsynced(list[i], &why));
    }
    return m.id;
}

static void
bench_round(struct index **list, int accounts, int64_t inbox, int merged, int rounds)
{
    char what[64];
    const struct facts facts = plain_facts();
    struct buf packed;
    struct pack p;
    buf_init(&packed, 65536);
    pack_init(&p, &packed);
    facts_pack(&facts, &p);
    struct usage from = usage_now();
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < accounts; i++) {
            MUST(index_begin(list[i], &why));
            for (int row = 0; row < merged; row++)
                deliver_plain(list[i], inbox, buf_span(&packed));
            MUST(index_commit_unsynced(list[i], &why));
        }
    snprintf(what, sizeof(what), "%d in a transaction", merged);
    usage_print(what, rounds * accounts * merged, from);
    buf_release(&packed);
}

/* bench_accounts() - the cost of a row where no cache of the processor holds the index. */
static void
bench_accounts(const char *folder, int accounts)
{
    struct rusage r;
    struct index **list = open_all(folder, accounts, true);
    int64_t inbox = make_inboxes(list, accounts);
    bench_round(list, accounts, inbox, 8, 2);
    bench_round(list, accounts, inbox, 1, 8);
    bench_round(list, accounts, inbox, 4, 4);
    bench_round(list, accounts, inbox, 8, 4);
    getrusage(RUSAGE_SELF, &r);
    printf("memory at most: %ld KiB an account\n", r.ru_maxrss / accounts);
    close_all(list, accounts);
    list = open_all(folder, accounts, false);
    bench_round(list, accounts, inbox, 1, 1);
    struct usage from = usage_now();
    for (int i = 0; i < accounts; i++)
        MUST(index_checkpoint(list[i], 0, &why));
    usage_print("checkpoint", accounts, from);
    bench_round(list, accounts, inbox, 1, 1);
    close_all(list, accounts);
    list = open_all(folder, accounts, false);
    close_all(list, accounts);
}

static bool
count_one(void *arg, const struct index_message *m)
{
    *(uint64_t *)arg += m->octets > 0;
    return true;
}

int
main(int argc, char **argv)
{
    char folder[4096], command[4200];
    struct index_mailbox m;
    uint64_t n = 0;
    snprintf(folder, sizeof(folder), "%s/doorstep-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    db_setup();
    if (mkdtemp(folder) == NULL)
        return 1;
    if (argc > 2) {
        bench_accounts(folder, atoi(argv[2]));
        goto out;
    }
    bench_deliveries(folder, 1);
    bench_deliveries(folder, 8);
    struct index *ix = index_open(folder, false, &why);
    MUST(ix != NULL && index_begin(ix, &why));
    MUST(index_mailbox_add(ix, "Large", 1, &m, &why) && index_commit(ix, &why));
    bench_reconcile(ix, m.id, "100,000 new", 0);
    bench_reconcile(ix, m.id, "100,000 known", 0);
    double start = seconds();
    MUST(index_message_list(ix, m.id, 1, true, count_one, &n, &why));
    printf("list of %llu with facts: %.2f s\n", (unsigned long long)n, seconds() - start);
    bench_reconcile(ix, m.id, "50,000 new, 50,000 gone", ENTRIES / 2);
    index_close(ix);
out:
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
