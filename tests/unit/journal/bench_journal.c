/* SPDX-License-Identifier: MIT
 *
 * What the journal costs on the file system of a folder: time a sync for batches of 1 and 20
 * records of 10 KB, by segment size, with segments prepared and not, beside a thread that calls
 * syncfs(2) for each complete segment as a checkpoint does. Prints a table; nothing is judged.
 * Built with the tests, run by hand:
 *
 *     bench_journal FOLDER [RECORDS=1] [MIB=16] [SEGMENTS=8] [SECONDS=3] [prepare|lazy]
 * [OCTETS=10240] bench_journal checksum
 */
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "doorstep/journal.h"

#define SYNCS_MAX 4000000

static struct outcome why;
static struct journal *journal;
static int folder;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t current, checked; /* segments below `checked` are on stable storage */
static bool ends, prepares;

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *
checkpoint(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (!ends) {
        uint64_t to = current;
        if (to == checked) {
            pthread_cond_wait(&changed, &lock);
            continue;
        }
        pthread_mutex_unlock(&lock);
        if (prepares)
            journal_prepare(journal);
        if (syncfs(folder) != 0)
            perror("syncfs");
        pthread_mutex_lock(&lock);
        checked = to;
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Tells the checkpoint of a complete segment, and frees what it has finished. */
static void
look(void)
{
    pthread_mutex_lock(&lock);
    if (journal_current(journal) != current) {
        current = journal_current(journal);
        pthread_cond_signal(&changed);
    }
    journal_free(journal, checked);
    pthread_mutex_unlock(&lock);
}

static bool
add_all(unsigned records, struct span message)
{
    static const char facts[600];
    struct span parts[] = {{facts, sizeof facts}, message};
    uint64_t segment;

    for (unsigned i = 0; i < records; i++)
        while (!journal_add(journal, 20, parts, 2, &segment, &why)) {
            if (why.kind != OUTCOME_DISK_FULL)
                return false;
            usleep(100); /* the checkpoint cannot keep up */
            look();
        }
    return true;
}

static int
compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

static int
run(unsigned records, double run_for, size_t octets)
{
    float *took = malloc(SYNCS_MAX * sizeof *took);
    char *message = malloc(octets);
    size_t n = 0;
    double begin = seconds(), end = begin, before;

    memset(message, 'x', octets);
    for (; end - begin < run_for && n < SYNCS_MAX; n++) {
        before = end;
        if (!add_all(records, (struct span){message, octets}) || !journal_sync(journal, &why)) {
            fprintf(stderr, "%s\n", why.cause);
            return 1;
        }
        look();
        end = seconds();
        took[n] = (float)((end - before) * 1e6);
    }
    qsort(took, n, sizeof *took, compare);
    printf("%8.0f records/s  sync p50 %6.0f p90 %6.0f p99 %7.0f max %8.0f us\n",
           (double)(n * records) / (end - begin), took[n / 2], took[n * 9 / 10], took[n * 99 / 100],
           took[n - 1]);
    free(took);
    free(message);
    return 0;
}

static int
bench_disk(int argc, char **argv)
{
    unsigned records = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    struct journal_options options = {.folder = argv[1],
                                      .segment_octets = (uint64_t)(argc > 3 ? atoi(argv[3]) : 16)
                                                        << 20,
                                      .segments_max = argc > 4 ? (unsigned)atoi(argv[4]) : 8};
    pthread_t thread;
    int r;

    prepares = argc <= 6 || strcmp(argv[6], "lazy") != 0;
    folder = open(argv[1], O_RDONLY | O_DIRECTORY);
    journal = journal_open(&options, &why);
    if (folder < 0 || journal == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], why.cause);
        return 1;
    }
    if (prepares)
        journal_prepare(journal); /* the first; the thread has the second ready at once */
    pthread_create(&thread, NULL, checkpoint, NULL);
    r = run(records, argc > 5 ? atof(argv[5]) : 3, argc > 7 ? (size_t)atol(argv[7]) : 10240);
    pthread_mutex_lock(&lock);
    ends = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    journal_close(journal);
    return r;
}

static uint64_t
hash_xxh3(const void *p, size_t n)
{
    return XXH3_64bits_withSeed(p, n, 4711);
}

static uint64_t
hash_siphash(const void *p, size_t n)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES] = {47};
    uint64_t v;

    crypto_shorthash((unsigned char *)&v, p, n, key);
    return v;
}

static int
bench_checksum(void)
{
    static const struct {
        const char *name;
        uint64_t (*hash)(const void *p, size_t n);
    } hashes[] = {{"XXH3", hash_xxh3}, {"SipHash-2-4 (libsodium)", hash_siphash}};
    static unsigned char data[10240];
    volatile uint64_t sum = 0;

    for (size_t h = 0; h < 2; h++) {
        double begin = seconds();
        for (int i = 0; i < 100000; i++)
            sum = sum + hashes[h].hash(data, sizeof data);
        printf("%-24s %6.2f us for 10 KB\n", hashes[h].name, (seconds() - begin) * 10);
    }
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_journal FOLDER [RECORDS] [MIB] [SEGMENTS] [SECONDS] "
                        "[prepare|lazy] [OCTETS]\n       bench_journal checksum\n");
        return 64;
    }
    return strcmp(argv[1], "checksum") == 0 ? bench_checksum() : bench_disk(argc, argv);
}
