/* SPDX-License-Identifier: MIT
 *
 * Messages: the same traits, digest and bytes however they are cut, in memory and in a file.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/message.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(text) text, sizeof(text) - 1

static int
spill_to_memfd(void *arg)
{
    (*(unsigned *)arg)++;
    return memfd_create("message", MFD_CLOEXEC);
}

static int
spill_refused(void *arg)
{
    (void)arg;
    errno = ENOSPC;
    return -1;
}

static int
spill_to_a_full_disk(void *arg)
{
    (void)arg;
    return open("/dev/full", O_RDWR | O_CLOEXEC);
}

static const struct {
    const char *name;
    const char *in;
    size_t n;
    struct message_traits t;
} rows[] = {
    {"empty", IN(""), {0, 0, 0, false, false, true}},
    {"one line", IN("a\r\n"), {3, 1, 0, false, false, true}},
    {"no line end", IN("a"), {1, 0, 0, false, false, false}},
    {"only a line end", IN("\r\n"), {2, 1, 0, false, false, true}},
    {"bare LF", IN("a\nb\r\n"), {5, 1, 1, false, false, true}},
    {"bare CR", IN("a\rb\r\n"), {5, 1, 1, false, false, true}},
    {"bare LF at the start", IN("\n"), {1, 0, 1, false, false, false}},
    {"bare CR at the end", IN("a\r"), {2, 0, 1, false, false, false}},
    {"CR CR LF has one bare CR", IN("\r\r\n"), {3, 1, 1, false, false, true}},
    {"CR LF LF has one bare LF", IN("\r\n\n"), {3, 1, 1, false, false, false}},
    {"LF CR is two", IN("\n\r"), {2, 0, 2, false, false, false}},
    {"NUL", IN("a\0\r\n"), {4, 1, 0, true, false, true}},
    {"8 bits", IN("\xc3\xb6\r\n"), {4, 1, 0, false, true, true}},
    {"the last of 7 bits", IN("\x7f\r\n"), {3, 1, 0, false, false, true}},
    {"all at once", IN("\r\rA\0\r\n\n\n\r\n\x80\r\r\r\n.\r\n\n"), {19, 4, 7, true, true, false}},
};

static void
check_traits(const char *name, const struct message_traits *a, const struct message_traits *b)
{
    ck_assert_msg(a->octets == b->octets, "%s: octets %ju", name, (uintmax_t)a->octets);
    ck_assert_msg(a->lines == b->lines, "%s: lines %ju", name, (uintmax_t)a->lines);
    ck_assert_msg(a->bare == b->bare, "%s: bare %ju", name, (uintmax_t)a->bare);
    ck_assert_msg(a->has_nul == b->has_nul, "%s: NUL", name);
    ck_assert_msg(a->has_8bit == b->has_8bit, "%s: 8 bits", name);
    ck_assert_msg(a->ends_with_crlf == b->ends_with_crlf, "%s: end", name);
}

START_TEST(traits)
{
    struct message *m = message_from_memory((struct span){rows[_i].in, rows[_i].n});

    check_traits(rows[_i].name, message_traits(m), &rows[_i].t);
    message_unref(m);
}
END_TEST

START_TEST(traits_octet_by_octet)
{
    struct outcome why;
    struct message *m = message_new(100, NULL, NULL);

    for (size_t i = 0; i < rows[_i].n; i++)
        ck_assert(message_append(m, rows[_i].in + i, 1, &why));
    message_seal(m);
    check_traits(rows[_i].name, message_traits(m), &rows[_i].t);
    message_unref(m);
}
END_TEST

static const struct {
    const char *name;
    struct span in, lf;
} lf_rows[] = {
    {"every line end", {IN("a\r\n\r\nb\r\n")}, {IN("a\n\nb\n")}},
    {"the last line has none", {IN("a\r\nb")}, {IN("a\nb")}},
    {"no line end at all", {IN("ab")}, {IN("ab")}},
    {"a bare LF: kept as it is", {IN("a\nb\r\n")}, {NULL, 0}},
    {"a bare CR: kept as it is", {IN("a\rb\r\n")}, {NULL, 0}},
    {"nothing", {IN("")}, {NULL, 0}},
};

START_TEST(line_ends_are_converted_for_all)
{
    struct message *m = message_from_memory(lf_rows[_i].in);

    ck_assert_ptr_nonnull(m);
    ck_assert(message_lf(m).n == 0);
    message_make_lf(m);
    message_make_lf(m); /* a message that goes to the same ones again */
    ck_assert_msg(span_equal(message_lf(m), lf_rows[_i].lf), "%s", lf_rows[_i].name);
    message_drop(m);
    ck_assert(message_lf(m).n == 0);
    message_unref(m);
}
END_TEST

START_TEST(digest_is_blake2b_256)
{
    struct message *m = message_from_memory(SPAN("abc"));

    ck_assert_str_eq(message_digest(m),
                     "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    message_unref(m);
    m = message_from_memory(SPAN_NONE);
    ck_assert_str_eq(message_digest(m),
                     "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    message_unref(m);
}
END_TEST

/* Bytes in which line ends, NULs and 8-bit octets are frequent. */
static void
fill(char *out, size_t n, unsigned *seed)
{
    static const char octets[] = "\r\n\r\n\0ab.\xff";

    for (size_t i = 0; i < n; i++)
        out[i] = octets[(unsigned)rand_r(seed) % (sizeof(octets) - 1)];
}

static void
check_bytes(const struct message *m, const char *bytes, size_t n, unsigned *seed)
{
    char got[600];
    bool spilled;
    struct span all = message_inline(m, &spilled);

    ck_assert(spilled == (message_fd(m) >= 0));
    if (!spilled)
        ck_assert(span_equal(all, (struct span){bytes, n}));
    ck_assert_int_eq(message_read(m, 0, got, sizeof(got)), (ssize_t)n);
    ck_assert_int_eq(memcmp(got, bytes, n), 0);
    size_t from = (unsigned)rand_r(seed) % (n + 1);
    ck_assert_int_eq(message_read(m, from, got, sizeof(got)), (ssize_t)(n - from));
    ck_assert_int_eq(memcmp(got, bytes + from, n - from), 0);
    ck_assert_int_eq(message_read(m, n, got, sizeof(got)), 0);
    ck_assert_int_eq(message_read(m, UINT64_MAX, got, sizeof(got)), 0);
}

START_TEST(any_split_is_the_same_message)
{
    unsigned seed = 20250101;
    char bytes[500];

    for (unsigned round = 0; round < 1000; round++) {
        size_t n = (unsigned)rand_r(&seed) % sizeof(bytes);
        unsigned spills = 0;
        struct outcome why;
        fill(bytes, n, &seed);
        struct message *whole = message_from_memory((struct span){bytes, n});
        struct message *cut = message_new((unsigned)rand_r(&seed) % 600, spill_to_memfd, &spills);
        for (size_t at = 0, piece; at < n; at += piece) {
            piece = 1 + (unsigned)rand_r(&seed) % (round % 2 == 0 ? 3 : 100);
            piece = piece > n - at ? n - at : piece;
            ck_assert(message_append(cut, bytes + at, piece, &why));
        }
        message_seal(cut);
        check_traits("split", message_traits(cut), message_traits(whole));
        ck_assert_str_eq(message_digest(cut), message_digest(whole));
        check_bytes(cut, bytes, n, &seed);
        ck_assert_uint_eq(spills, message_fd(cut) >= 0 ? 1 : 0);
        message_unref(cut);
        message_unref(whole);
    }
}
END_TEST

START_TEST(spilled_past_the_threshold)
{
    unsigned spills = 0;
    struct outcome why;
    struct message *m = message_new(4, spill_to_memfd, &spills);

    ck_assert(message_append(m, "abcd", 4, &why));
    ck_assert_int_eq(message_fd(m), -1);
    ck_assert(message_append(m, "e", 1, &why));
    ck_assert_int_ge(message_fd(m), 0);
    ck_assert_uint_eq(spills, 1);
    message_unref(m);
}
END_TEST

START_TEST(memory_only)
{
    struct outcome why;
    struct message *m = message_new(4, NULL, NULL);

    ck_assert(!message_append(m, "abcde", 5, &why));
    ck_assert_int_eq(why.kind, OUTCOME_DISK_FULL);
    message_unref(m);
}
END_TEST

START_TEST(disk_full)
{
    struct outcome why;
    struct message *m = message_new(4, spill_refused, NULL);

    ck_assert(!message_append(m, "abcde", 5, &why));
    ck_assert_int_eq(why.kind, OUTCOME_DISK_FULL);
    message_unref(m);
    m = message_new(4, spill_to_a_full_disk, NULL);
    ck_assert(message_append(m, "abcd", 4, &why));
    ck_assert(!message_append(m, "e", 1, &why));
    ck_assert_int_eq(why.kind, OUTCOME_DISK_FULL);
    message_unref(m);
}
END_TEST

/* In memory and in a file, begun at any time. */
START_TEST(a_digest_from_an_offset_on)
{
    unsigned seed = 9, spills = 0;
    char bytes[50000];
    struct outcome why;
    uint64_t offset;

    fill(bytes, sizeof(bytes), &seed);
    struct message *end = message_from_memory((struct span){bytes + 33, sizeof(bytes) - 33});
    for (size_t begun = 33; begun <= sizeof(bytes); begun += 9994) {
        struct message *m = message_new(20000, spill_to_memfd, &spills);

        ck_assert(message_append(m, bytes, begun, &why));
        ck_assert(message_digest_from(m, 33));
        ck_assert(message_append(m, bytes + begun, sizeof(bytes) - begun, &why));
        message_seal(m);
        ck_assert_str_eq(message_tail_digest(m, &offset), message_digest(end));
        ck_assert_uint_eq(offset, 33);
        ck_assert_str_ne(message_digest(m), message_digest(end));
        message_unref(m);
    }
    ck_assert_str_eq(message_tail_digest(end, &offset), message_digest(end));
    ck_assert_uint_eq(offset, 0);
    message_unref(end);
}
END_TEST

START_TEST(from_a_descriptor)
{
    unsigned seed = 7;
    struct outcome why;
    size_t n = 200000; /* several pieces of reading */
    char *bytes = malloc(n);
    int fd = memfd_create("message", MFD_CLOEXEC);

    fill(bytes, n, &seed);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    struct message *m = message_from_fd(fd, &why);
    struct message *same = message_from_memory((struct span){bytes, n});
    check_traits("file", message_traits(m), message_traits(same));
    ck_assert_str_eq(message_digest(m), message_digest(same));
    ck_assert_int_eq(message_fd(m), fd);
    message_unref(m);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* closed with it */
    message_unref(same);
    free(bytes);
}
END_TEST

START_TEST(from_a_descriptor_that_cannot_be_read)
{
    struct outcome why;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_ptr_null(message_from_fd(fds[0], &why));
    ck_assert(outcome_is_temporary(&why));
    ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1); /* taken all the same */
    close(fds[1]);
}
END_TEST

static void *
use_and_drop(void *arg)
{
    struct message *m = arg;

    for (int i = 0; i < 10000; i++)
        message_unref(message_ref(m));
    ck_assert_uint_eq(message_traits(m)->octets, 3);
    message_unref(m);
    return NULL;
}

START_TEST(references_are_counted_by_all_threads)
{
    struct message *m = message_from_memory(SPAN("abc"));
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_and_drop, message_ref(m)), 0);
    message_unref(m);
    for (size_t i = 0; i < COUNT(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    message_unref(NULL);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("message");
    TCase *t = tcase_create("message");

    tcase_add_loop_test(t, traits, 0, COUNT(rows));
    tcase_add_loop_test(t, traits_octet_by_octet, 0, COUNT(rows));
    tcase_add_loop_test(t, line_ends_are_converted_for_all, 0, COUNT(lf_rows));
    tcase_add_test(t, digest_is_blake2b_256);
    tcase_add_test(t, any_split_is_the_same_message);
    tcase_add_test(t, spilled_past_the_threshold);
    tcase_add_test(t, memory_only);
    tcase_add_test(t, disk_full);
    tcase_add_test(t, a_digest_from_an_offset_on);
    tcase_add_test(t, from_a_descriptor);
    tcase_add_test(t, from_a_descriptor_that_cannot_be_read);
    tcase_add_test(t, references_are_counted_by_all_threads);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
