/* SPDX-License-Identifier: MIT
 *
 * What the owner of a mailbox, or another user of the machine, may plant in the way: at every step
 * of the path a link, a FIFO, a device, a folder in place of a file and the reverse. Each time the
 * delivery fails for now, and nothing outside was touched (CVE-2008-2936, CVE-2008-2937,
 * CVE-2010-2023).
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "beneath_priv.h"
#include "doorstep/beneath.h"

enum plant {
    PLANT_LINK_TO_FOLDER,
    PLANT_LINK_TO_FILE,
    PLANT_DANGLING_LINK,
    PLANT_HARD_LINK,
    PLANT_FIFO,
    PLANT_DEVICE,
    PLANT_FILE,
    PLANT_FOLDER,
    PLANT_FOREIGN_FILE,
    PLANT_FOREIGN_FOLDER,
    PLANT_KINDS
};

static const char *const plant_names[] = {
    "link to a folder", "link to a file", "dangling link", "hard link",    "FIFO",
    "device",           "file",           "folder",        "foreign file", "foreign folder"};

/* Where, and which plants are no harm there. */
static const struct {
    const char *kind;
    const char *at; /* below the scratch folder */
    const char *mailbox;
    unsigned flags;
    unsigned harmless; /* bits by enum plant */
} places[] = {
    {"maildir", "example.org", NULL, 0, 1u << PLANT_FOLDER | 1u << PLANT_FOREIGN_FOLDER},
    {"maildir", "example.org/ann", NULL, 0, 1u << PLANT_FOLDER},
    {"maildir", "example.org/ann/new", NULL, 0, 1u << PLANT_FOLDER},
    {"maildir", "example.org/ann/cur", NULL, STORE_SEEN, 1u << PLANT_FOLDER},
    {"maildir", "example.org/ann/.Sub", "Sub", 0, 1u << PLANT_FOLDER},
    {"maildir", "example.org/ann/.Sub/new", "Sub", 0, 1u << PLANT_FOLDER},
    {"maildir by tmp", "ann/tmp", NULL, 0, 1u << PLANT_FOLDER | 1u << PLANT_FOREIGN_FOLDER},
    {"mbox", "example.org", NULL, 0, 1u << PLANT_FOLDER | 1u << PLANT_FOREIGN_FOLDER},
    {"mbox", "example.org/ann.mbox", NULL, 0, 1u << PLANT_FILE},
    {"mbox", "example.org/ann.mbox.d", "Sub", 0, 0},
    {"mbox", "example.org/ann.mbox.d/Sub", "Sub", 0, 1u << PLANT_FILE},
    {"mbox", "example.org/.ann.mbox.doorstep", NULL, 0, 1u << PLANT_FILE},
    {"mbox", "example.org/ann.mbox.lock", NULL, 0, 0},
    {"plugin", "example.org/ann", NULL, 0, 1u << PLANT_FOLDER},
};
#define PLACES (int)(sizeof(places) / sizeof(places[0]))

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nbody\r\n", 20}};

/* false: this user cannot plant that. */
static bool
plant(enum plant what, const char *at, const char *outside_file, const char *outside_folder)
{
    switch (what) {
    case PLANT_LINK_TO_FOLDER:
        return symlink(outside_folder, at) == 0;
    case PLANT_LINK_TO_FILE:
        return symlink(outside_file, at) == 0;
    case PLANT_DANGLING_LINK:
        return symlink("/nowhere/at/all", at) == 0;
    case PLANT_HARD_LINK:
        return link(outside_file, at) == 0;
    case PLANT_FIFO:
        return mkfifo(at, 0600) == 0;
    case PLANT_DEVICE:
        return mknod(at, S_IFCHR | 0600, makedev(1, 3)) == 0;
    case PLANT_FILE:
        return close(open(at, O_WRONLY | O_CREAT, 0600)) == 0;
    case PLANT_FOLDER:
        return mkdir(at, 0700) == 0;
    case PLANT_FOREIGN_FILE:
        return geteuid() == 0 && close(open(at, O_WRONLY | O_CREAT, 0666)) == 0 &&
               chown(at, 65534, 65534) == 0;
    case PLANT_FOREIGN_FOLDER:
        return geteuid() == 0 && mkdir(at, 0777) == 0 && chown(at, 65534, 65534) == 0;
    case PLANT_KINDS:
        break;
    }
    return false;
}

/* Everything is there; then the place is taken away and something else put there. */
static bool
plant_at(struct fixture *f, int place, enum plant what, const char *outside)
{
    char at[400], aside[400], file[400];
    struct outcome why;
    struct posted p;
    struct letter l = plain;

    if (places[place].mailbox != NULL) {
        l.mailbox = places[place].mailbox;
        ck_assert(store_mailbox_create(f->st, "Sub", &why));
    }
    ck_assert_msg(letter_deliver(f->st, &plain, &p), "%s", p.why.cause);
    ck_assert_msg(letter_deliver(f->st, &l, &p), "%s", p.why.cause);
    store_close(f->st);
    f->st = NULL;
    snprintf(at, sizeof(at), "%s/%s", f->dir, places[place].at);
    snprintf(aside, sizeof(aside), "%s/aside", f->dir);
    snprintf(file, sizeof(file), "%s/file", outside);
    ck_assert(rename(at, aside) == 0 || errno == ENOENT);
    return plant(what, at, file, outside);
}

static void
check_place(int place, enum plant what)
{
    struct fixture f;
    struct posted p = {.ref = {.name = ""}};
    struct buf content;
    char outside[] = "/tmp/doorstep-outside-XXXXXX", file[64];
    struct letter l = plain;
    struct outcome why;

    fixture_begin(&f, kind_find(places[place].kind));
    ck_assert_ptr_nonnull(mkdtemp(outside));
    snprintf(file, sizeof(file), "%s/file", outside);
    write_file(file, SPAN("precious"));
    l.mailbox = places[place].mailbox;
    l.flags = places[place].flags;
    if (!plant_at(&f, place, what, outside)) {
        printf("skipped: %s at %s (%s)\n", plant_names[what], places[place].at, strerror(errno));
    } else {
        struct store *st = fixture_try_open(&f, &why);
        bool done = st != NULL && letter_deliver(st, &l, &p);
        const struct outcome *said = st != NULL ? &p.why : &why;
        bool harmless = (places[place].harmless & 1u << what) != 0;
        ck_assert_msg(done == harmless, "%s: %s at %s: %s", places[place].kind, plant_names[what],
                      places[place].at, said->cause);
        ck_assert_msg(done || outcome_is_temporary(said) || said->kind == OUTCOME_NOT_FOUND,
                      "%s at %s says %s", plant_names[what], places[place].at, said->cause);
        store_close(st);
    }
    buf_init(&content, 64);
    read_file(file, &content);
    ck_assert_str_eq(buf_str(&content), "precious");
    ck_assert_msg(count_files(outside) == 1, "%s at %s: written outside", plant_names[what],
                  places[place].at);
    buf_release(&content);
    unlink(file);
    rmdir(outside);
    fixture_end(&f);
}

START_TEST(nothing_planted_is_followed)
{
    for (int what = 0; what < PLANT_KINDS; what++)
        check_place(_i, (enum plant)what);
}
END_TEST

/* ---- a race ---- */

struct racer {
    char at[300];
    char outside[300];
    char kept[300];
    atomic_bool end;
};

/* The mailbox is now a file or folder, now a link, as fast as it goes. */
static void *
race(void *arg)
{
    struct racer *r = arg;

    while (!atomic_load(&r->end)) {
        (void)!rename(r->at, r->kept);
        (void)!symlink(r->outside, r->at);
        unlink(r->at);
        (void)!rename(r->kept, r->at);
    }
    return NULL;
}

START_TEST(a_racing_link_is_never_written_through)
{
    static const struct {
        const char *kind, *at;
        bool is_file;
    } targets[] = {{"maildir", "/new", false}, {"maildir", "", false}, {"mbox", "", true}};
    struct fixture f;
    struct racer r = {.end = false};
    struct posted p;
    pthread_t thread;
    char outside[] = "/tmp/doorstep-outside-XXXXXX", file[64];
    struct buf content;

    fixture_begin(&f, kind_find(targets[_i].kind));
    ck_assert(letter_deliver(f.st, &plain, &p));
    store_close(f.st);
    ck_assert_ptr_nonnull(mkdtemp(outside));
    snprintf(file, sizeof(file), "%s/new", outside);
    if (targets[_i].is_file)
        write_file(file, SPAN_NONE);
    else
        ck_assert_int_eq(mkdir(file, 0700), 0);
    snprintf(r.at, sizeof(r.at), "%.280s", fixture_path(&f, targets[_i].at));
    snprintf(r.kept, sizeof(r.kept), "%.290s.kept", r.at);
    snprintf(r.outside, sizeof(r.outside), "%s%s", outside,
             targets[_i].at[0] == '\0' && !targets[_i].is_file ? "" : "/new");
    ck_assert_int_eq(pthread_create(&thread, NULL, race, &r), 0);
    for (int i = 0; i < 1000; i++) {
        struct outcome why;
        struct store *st = fixture_try_open(&f, &why);
        if (st != NULL)
            letter_deliver(st, &plain, &p);
        store_close(st);
    }
    atomic_store(&r.end, true);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(count_files(outside), targets[_i].is_file ? 1 : 0);
    if (targets[_i].is_file) {
        buf_init(&content, 1 << 20);
        read_file(file, &content);
        ck_assert_uint_eq(content.len, 0);
        buf_release(&content);
        unlink(file);
    }
    rmdir(file);
    rmdir(outside);
    f.st = fixture_open(&f);
    fixture_end(&f);
}
END_TEST

/* ---- beneath ---- */

typedef int (*open_fn)(int dir, const char *path, int flags, mode_t mode);

static const struct {
    const char *path;
    int flags;
    int error; /* 0: opens */
} opens[] = {
    {"a", O_RDONLY | O_DIRECTORY, 0},
    {"a/b/file", O_RDONLY, 0},
    {"a//b/./file", O_RDONLY, 0},
    {"a/b/none", O_RDONLY, ENOENT},
    {"none/file", O_RDONLY, ENOENT},
    {"a/b/new", O_WRONLY | O_CREAT | O_EXCL, 0},
    {"a/b/file/x", O_RDONLY, ENOTDIR},
    {"a/out", O_RDONLY, -1},
    {"a/out/file", O_RDONLY, -1},
    {"a/self/file", O_RDONLY, -1}, /* a link that stays inside is refused too */
    {"../x", O_RDONLY, -1},
    {"a/../a", O_RDONLY, -1},
    {"a/b/../../..", O_RDONLY, -1},
    {"/etc/passwd", O_RDONLY, -1},
    {"", O_RDONLY, -1},
};

START_TEST(nothing_above_is_opened)
{
    static const open_fn ways[] = {beneath_open, beneath_walk};
    char dir[] = "/tmp/doorstep-beneath-XXXXXX", path[100];

    ck_assert_ptr_nonnull(mkdtemp(dir));
    int root = beneath_root(dir);
    int b = beneath_make_folder(root, "a/b");
    ck_assert_int_ge(b, 0);
    snprintf(path, sizeof(path), "%s/a/b/file", dir);
    write_file(path, SPAN_NONE);
    ck_assert_int_eq(symlinkat("/etc", root, "a/out"), 0);
    ck_assert_int_eq(symlinkat("b", root, "a/self"), 0);
    for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
        if (strcmp(opens[i].path, "a/../a") == 0 && _i == 0)
            continue; /* the kernel lets it be, since it stays inside */
        int fd = ways[_i](root, opens[i].path, opens[i].flags, 0600);
        if (opens[i].error == 0) {
            ck_assert_msg(fd >= 0, "%s: %s", opens[i].path, strerror(errno));
            ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
            close(fd);
        } else {
            ck_assert_msg(fd < 0, "%s opens", opens[i].path);
            ck_assert_msg(opens[i].error < 0 || errno == opens[i].error, "%s: %s", opens[i].path,
                          strerror(errno));
        }
        unlinkat(b, "new", 0);
    }
    close(b);
    ck_assert_int_lt(beneath_make_folder(root, "a/out/x"), 0);
    ck_assert_int_lt(beneath_make_folder(root, "../x"), 0);
    unlinkat(root, "a/b/file", 0);
    unlinkat(root, "a/out", 0);
    unlinkat(root, "a/self", 0);
    unlinkat(root, "a/b", AT_REMOVEDIR);
    unlinkat(root, "a", AT_REMOVEDIR);
    close(root);
    rmdir(dir);
}
END_TEST

/* ---- path templates ---- */

static const struct {
    const char *path, *user, *domain, *home;
    const char *want; /* of the account; NULL: refused */
    const char *root;
} templates[] = {
    {"/v/%{domain}/%{user}", "ann", "x.org", "", "/v/x.org/ann", "/v"},
    {"/v/m-%{user}.mbox", "ann", "x.org", "", "/v/m-ann.mbox", "/v"},
    {"%{home}/Maildir", "ann", "", "/home/ann", "/home/ann/Maildir", "/home/ann"},
    {"/v/all", "ann", "x.org", "", "/v/all", "/v"},
    {"/%{user}", "ann", "x.org", "", "/ann", "/"},
    {"/v/%{user}/", "ann", "x.org", "", "/v/ann", "/v"},
    {"/v//%{user}", "ann", "x.org", "", "/v//ann", "/v/"},
    {"/v/%{user}", "%{domain}", "x.org", "", "/v/%{domain}", "/v"},
    {"/v/%{user}", "../x", "x.org", "", NULL, NULL},
    {"/v/%{user}", "..", "x.org", "", NULL, NULL},
    {"/v/%{user}", ".ssh", "x.org", "", NULL, NULL},
    {"/v/%{user}", "", "x.org", "", NULL, NULL},
    {"/v/%{user}", "a/b", "x.org", "", NULL, NULL},
    {"/v/%{domain}", "ann", "..", "", NULL, NULL},
    {"/v/%{host}", "ann", "x.org", "", NULL, NULL},
    {"/v/%{user", "ann", "x.org", "", NULL, NULL},
    {"/v/%user", "ann", "x.org", "", NULL, NULL},
    {"/v/%", "ann", "x.org", "", NULL, NULL},
    {"v/%{user}", "ann", "x.org", "", NULL, NULL},
    {"/v/../%{user}", "ann", "x.org", "", "/v/../ann", "/v/.."}, /* the operator's own words */
    {"/v/%{user}/../x", "ann", "x.org", "", NULL, NULL},
    {"/v/%{home}", "ann", "x.org", "/home/ann", NULL, NULL},
    {"%{home}/m", "ann", "", "home", NULL, NULL},
    {"%{home}/m", "ann", "", "/home/../etc", NULL, NULL},
    {"%{home}/m", "ann", "", "", NULL, NULL},
    {"%{home}", "ann", "", "/home/ann", NULL, NULL},
    {"", "ann", "", "", NULL, NULL},
};
#define TEMPLATES (int)(sizeof(templates) / sizeof(templates[0]))

static bool
open_nothing(struct store *st, struct outcome *why)
{
    (void)st, (void)why;
    return true;
}

static void
close_nothing(struct store *st)
{
    (void)st;
}

START_TEST(paths_are_filled_in)
{
    static const struct store_driver nothing = {
        .size = sizeof(struct store), .open = open_nothing, .close = close_nothing};
    struct settings_store settings = {.path = templates[_i].path};
    struct store_account who = {templates[_i].user, templates[_i].domain, templates[_i].home};
    struct outcome why;
    struct store *st = store_new(&nothing, &settings, &who, &why);

    if (templates[_i].want == NULL) {
        ck_assert_msg(st == NULL, "%s", templates[_i].path);
        ck_assert_int_eq(why.kind, OUTCOME_SYSTEM);
        return;
    }
    ck_assert_msg(st != NULL, "%s: %s", templates[_i].path, why.cause);
    ck_assert_str_eq(st->path, templates[_i].want);
    ck_assert_str_eq(st->root, templates[_i].root);
    ck_assert_msg(st->below[0] != '/' && st->below[0] != '\0', "%s", st->below);
    store_close(st);
}
END_TEST

START_TEST(plugins_are_checked)
{
    static const char *const names[] = {"none", "", "../dated", "DATED", "a/b", "lib", "hand"};
    struct settings_store settings = {.path = "/tmp/%{user}"};
    const struct store_account who = {"ann", "example.org", ""};
    struct outcome why;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        settings.driver = names[i];
        ck_assert_ptr_null(store_open(&settings, PLUGIN_DIR, &who, &why));
        ck_assert_int_eq(why.kind, OUTCOME_SYSTEM);
    }
    settings.driver = "dated";
    ck_assert_ptr_null(store_open(&settings, "", &who, &why));
    ck_assert_ptr_null(store_open(&settings, "relative", &who, &why));
    ck_assert_ptr_null(store_open(&settings, NULL, &who, &why));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store hostile");
    TCase *all = tcase_create("hostile");

    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, nothing_planted_is_followed, 0, PLACES);
    tcase_add_loop_test(all, a_racing_link_is_never_written_through, 0, 3);
    tcase_add_loop_test(all, nothing_above_is_opened, 0, 2);
    tcase_add_loop_test(all, paths_are_filled_in, 0, TEMPLATES);
    tcase_add_test(all, plugins_are_checked);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
