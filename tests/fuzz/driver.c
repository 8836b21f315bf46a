/* SPDX-License-Identifier: MIT
 *
 * What libFuzzer is elsewhere, for any compiler: runs a target on every file of the folders given,
 * and then for some seconds on mutations of them. It sees no coverage and finds less; ./tests/run
 * takes it, since it needs no second build of everything. What it cannot survive lies in the file
 * named by -crash.
 *
 *     fuzz_NAME SECONDS CRASH-FILE FOLDER...
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 65536
#define SEEDS_MAX 4096
#define MUTATIONS_MAX 8 /* of one input, one on top of the other */
#define RUN_SECONDS_MAX 30

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data; /* owned */
    size_t size;
};

static struct input seeds[SEEDS_MAX];
static size_t seed_count;
static struct input current; /* what the target is running on */
static const char *crash_path;
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

/* --- what it died of --- */

/* abort(3), the sanitizers with abort_on_error=1, or no end: only what a handler may call. */
static void
on_death(int signum)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd >= 0 && write(fd, current.data, current.size) >= 0)
        close(fd);
    signal(SIGABRT, SIG_DFL);
    if (signum == SIGALRM)
        abort();
}

static void
run(const uint8_t *data, size_t size)
{
    current.data = malloc(size > 0 ? size : 1); /* its own block: what is read behind it shows */
    if (current.data == NULL)
        exit(EX_OSERR);
    memcpy(current.data, data, size);
    current.size = size;
    alarm(RUN_SECONDS_MAX);
    (void)LLVMFuzzerTestOneInput(current.data, size);
    free(current.data);
}

/* --- seeds --- */

static void
read_seed(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *data;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || seed_count == SEEDS_MAX) {
        if (fd >= 0)
            close(fd);
        return;
    }
    data = malloc(INPUT_MAX);
    if (data == NULL)
        exit(EX_OSERR);
    ssize_t n = read(fd, data, INPUT_MAX);

    close(fd);
    if (n < 0)
        exit(EX_IOERR);
    seeds[seed_count++] = (struct input){data, (size_t)n};
}

static void
read_seeds(const char *path)
{
    DIR *folder = opendir(path);

    if (folder == NULL)
        exit(EX_NOINPUT);
    for (struct dirent *e = readdir(folder); e != NULL; e = readdir(folder))
        read_seed(dirfd(folder), e->d_name);
    closedir(folder);
}

/* --- mutations --- */

static size_t
below(size_t n) /* n > 0 */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)(random_state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n;
}

static size_t
insert(uint8_t *to, size_t size, const uint8_t *piece, size_t n)
{
    size_t at = below(size + 1);

    if (size + n > INPUT_MAX)
        return size;
    memmove(to + at + n, to + at, size - at);
    memcpy(to + at, piece, n);
    return size + n;
}

static size_t
erase(uint8_t *from, size_t size)
{
    size_t at = below(size), n = 1 + below(size - at);

    memmove(from + at, from + at + n, size - at - n);
    return size - n;
}

static size_t
splice_seed(uint8_t *to, size_t size)
{
    const struct input *other = &seeds[below(seed_count)];
    size_t at, n;

    if (other->size == 0)
        return size;
    at = below(other->size);
    n = 1 + below(other->size - at);
    return insert(to, size, other->data + at, n);
}

/* A piece of itself, up to many times over: deep nesting, long lists. */
static size_t
repeat(uint8_t *to, size_t size)
{
    uint8_t piece[64];
    size_t at = below(size);
    size_t n = 1 + below(size - at < sizeof(piece) ? size - at : sizeof(piece));

    memcpy(piece, to + at, n);
    for (size_t times = 1 + below(64); times > 0; times--)
        size = insert(to, size, piece, n);
    return size;
}

static size_t
mutate(uint8_t *data, size_t size)
{
    static const uint8_t telling[] = "\0\r\n\t .<>@\"\\()[]{}=;:,%+-_/\x7f\x80\xff";
    uint8_t octet = telling[below(sizeof(telling) - 1)];
    size_t choice = below(7);

    if (size == 0 || choice == 0)
        return insert(data, size, &octet, 1);
    if (choice == 1)
        data[below(size)] = octet;
    else if (choice == 2)
        data[below(size)] ^= (uint8_t)(1u << below(8));
    else if (choice == 3)
        data[below(size)] = (uint8_t)below(256);
    else if (choice == 4)
        return erase(data, size);
    else if (choice == 5)
        return splice_seed(data, size);
    else
        return repeat(data, size);
    return size;
}

static void
run_mutation(void)
{
    static uint8_t data[INPUT_MAX];
    const struct input *seed = &seeds[below(seed_count)];
    size_t size = seed->size;

    memcpy(data, seed->data, size);
    for (size_t n = 1 + below(MUTATIONS_MAX); n > 0; n--)
        size = mutate(data, size);
    run(data, size);
}

static bool
is_over(const struct timespec *end)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

int
main(int argc, char **argv)
{
    struct timespec end;
    size_t runs = 0;

    if (argc < 4)
        return EX_USAGE;
    crash_path = argv[2];
    signal(SIGABRT, on_death);
    signal(SIGALRM, on_death);
    for (int i = 3; i < argc; i++)
        read_seeds(argv[i]);
    if (seed_count == 0)
        return EX_NOINPUT;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += atoi(argv[1]);
    for (size_t i = 0; i < seed_count; i++)
        run(seeds[i].data, seeds[i].size);
    for (; !is_over(&end); runs++)
        run_mutation();
    printf("%zu seeds, %zu mutations\n", seed_count, runs);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].data);
    return EXIT_SUCCESS;
}
