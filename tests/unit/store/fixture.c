/* SPDX-License-Identifier: MIT
 *
 * See fixture.h.
 */
#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "maildir/maildir_priv.h"

const struct kind kinds[] = {
    {.name = "maildir", .driver = "maildir", .path = "%{domain}/%{user}"},
    {.name = "maildir with CRLF", .driver = "maildir", .path = "%{user}", .crlf = true},
    {.name = "maildir by tmp", .driver = "maildir", .path = "%{user}", .no_unnamed = true},
    {.name = "mbox", .driver = "mbox", .path = "%{domain}/%{user}.mbox", .is_mbox = true},
    {.name = "maildir by hand", .driver = "maildir", .path = "%{user}", .by_hand = true},
    {.name = "mbox by hand", .driver = "mbox", .path = "%{user}", .by_hand = true, .is_mbox = true},
    {.name = "plugin", .driver = "dated", .path = "%{domain}/%{user}"},
};
const int kind_count = (int)(sizeof(kinds) / sizeof(kinds[0]));

static const struct store_account ann = {"ann", "example.org", ""};

const struct kind *
kind_find(const char *name)
{
    for (int i = 0; i < kind_count; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    ck_abort_msg("no kind %s", name);
    return NULL;
}

static struct store *
open_by_hand(struct fixture *f)
{
    struct outcome why;
    int fds[2];

    ck_assert(door_pair(fds));
    f->hand = fork();
    ck_assert_int_ge(f->hand, 0);
    if (f->hand == 0) {
        close(fds[0]);
        _exit(store_hand_run(fds[1], 60000));
    }
    close(fds[1]);
    struct store *st = store_open_by_hand(fds[0], &f->settings, PLUGIN_DIR, &ann, &why);
    ck_assert_msg(st != NULL, "%s", why.cause);
    return st;
}

struct store *
fixture_try_open(struct fixture *f, struct outcome *why)
{
    struct store *st = store_open(&f->settings, PLUGIN_DIR, &ann, why);

    if (st != NULL && f->kind->no_unnamed)
        ((struct maildir *)st)->no_tmpfile = true;
    return st;
}

struct store *
fixture_open(struct fixture *f)
{
    struct outcome why;
    struct store *st = fixture_try_open(f, &why);

    ck_assert_msg(st != NULL, "%s", why.cause);
    return st;
}

void
fixture_begin(struct fixture *f, const struct kind *kind)
{
    *f = (struct fixture){.kind = kind};
    snprintf(f->dir, sizeof(f->dir), "%.32s/doorstep-store-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, kind->path);
    f->settings = (struct settings_store){
        .name = "test",
        .driver = kind->driver,
        .path = f->path,
        .crlf = kind->crlf,
        .lock = {STORE_LOCK_FCNTL, STORE_LOCK_DOTLOCK},
        .lock_count = 2,
        .lock_timeout = 5000,
        .tmp_max_age = 36 * 3600 * 1000,
    };
    f->st = kind->by_hand ? open_by_hand(f) : fixture_open(f);
}

static void
fixture_close(struct fixture *f)
{
    int status = 0;

    store_close(f->st);
    f->st = NULL;
    if (f->hand > 0) {
        ck_assert_int_eq(waitpid(f->hand, &status, 0), f->hand);
        ck_assert_int_eq(status, 0);
        f->hand = 0;
    }
}

void
fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    f->st = f->kind->by_hand ? open_by_hand(f) : fixture_open(f);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void
fixture_end(struct fixture *f)
{
    fixture_close(f);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
fixture_path(const struct fixture *f, const char *suffix)
{
    static _Thread_local char paths[4][512];
    static _Thread_local unsigned turn;
    char *out = paths[turn++ % 4];

    if (strstr(f->kind->path, "%{domain}") != NULL)
        snprintf(out, 512, "%s/example.org/ann%s%s", f->dir,
                 strstr(f->kind->path, ".mbox") != NULL ? ".mbox" : "", suffix);
    else
        snprintf(out, 512, "%s/ann%s", f->dir, suffix);
    return out;
}

/* ---- letters ---- */

static int
spill_to(void *arg)
{
    (void)arg;
    return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static struct message *
letter_message(const struct letter *l)
{
    struct outcome why;
    size_t memory = l->spill > 0 ? l->spill : l->bytes.n;
    struct message *m = message_new(memory, spill_to, NULL);

    ck_assert_ptr_nonnull(m);
    ck_assert(message_append(m, l->bytes.p, l->bytes.n, &why));
    message_seal(m);
    return m;
}

static struct store_mail
letter_mail(const struct letter *l, const struct posted *p)
{
    return (struct store_mail){
        .msg = letter_message(l),
        .mailbox = l->mailbox != NULL ? l->mailbox : "INBOX",
        .keep_bytes = l->keep_bytes,
        .return_path = l->sender != NULL ? l->sender : "a@example.org",
        .received = p->received,
        .flags = l->flags,
        .id = p->id,
        .trace = span_of(p->trace),
    };
}

enum store_result
letter_stage(struct store *st, const struct letter *l, struct posted *p)
{
    memset(p, 0, sizeof(*p));
    id_make(p->id);
    p->received = l->when != 0 ? (struct timespec){.tv_sec = l->when} : clock_wall();
    if (!l->no_trace)
        snprintf(p->trace, sizeof(p->trace),
                 "Return-Path: <a@example.org>\r\nReceived: from x\r\n\tby y (Doorstep) with LMTP "
                 "id %s;\r\n\tSun, 22 Nov 2026 00:00:00 +0000\r\n",
                 p->id);
    struct store_mail mail = letter_mail(l, p);
    enum store_result result = store_stage(st, &mail, &p->staged, &p->ref, &p->wait, &p->why);
    message_unref(mail.msg);
    return result;
}

/* What a journal keeps of it besides the mail. */
void
letter_place(struct store *st, struct posted *p)
{
    struct buf place;

    buf_init(&place, sizeof(p->place));
    ck_assert(store_place(st, p->staged, &place));
    p->place_n = place.len;
    if (place.len > 0)
        memcpy(p->place, place.data, place.len);
    buf_release(&place);
}

bool
letter_publish(struct store *st, const struct letter *l, struct posted *p)
{
    if (letter_stage(st, l, p) != STORE_DONE)
        return false;
    letter_place(st, p);
    if (store_publish(st, p->staged, &p->why)) {
        store_forget(st, p->staged);
        return true;
    }
    store_discard(st, p->staged);
    return false;
}

enum store_result
letter_restore(struct store *st, const struct letter *l, struct posted *p, char *mailbox)
{
    struct store_mail mail = letter_mail(l, p);
    struct span place = {p->place, p->place_n};
    enum store_result result = store_restore(st, &mail, &p->ref, place, mailbox, &p->wait, &p->why);

    message_unref(mail.msg);
    return result;
}

bool
letter_deliver(struct store *st, const struct letter *l, struct posted *p)
{
    if (letter_stage(st, l, p) != STORE_DONE)
        return false;
    if (store_sync(st, p->staged, &p->why) && store_publish(st, p->staged, &p->why) &&
        store_commit(st, &p->why)) {
        store_forget(st, p->staged);
        return true;
    }
    store_discard(st, p->staged);
    return false;
}

static size_t
bare_count(struct span s)
{
    size_t bare = 0;

    for (size_t i = 0; i < s.n; i++) {
        bare += s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n');
        bare += s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r');
    }
    return bare;
}

void
letter_stored(const struct kind *kind, const struct letter *l, const struct posted *p,
              struct buf *out)
{
    bool verbatim = l->keep_bytes || bare_count(l->bytes) > 0 || (kind->crlf && !kind->is_mbox);
    struct buf all;

    buf_init(&all, SIZE_MAX);
    ck_assert(buf_append_str(&all, p->trace) && buf_append_span(&all, l->bytes));
    ck_assert(buf_reserve(out, all.len + 1));
    for (size_t i = 0; i < all.len; i++) {
        if (verbatim || all.data[i] != '\r')
            out->data[out->len++] = all.data[i];
    }
    if (kind->is_mbox && out->len > 0 && out->data[out->len - 1] != '\n')
        ck_assert(buf_append_str(out, verbatim ? "\r\n" : "\n"));
    buf_release(&all);
}

/* ---- looking ---- */

void
read_back(struct store *st, const char *mailbox, const char *name, struct buf *out)
{
    struct outcome why;
    struct message *m = store_read(st, mailbox, name, &why);
    char piece[4096];
    ssize_t got;

    ck_assert_msg(m != NULL, "%s: %s", name, why.cause);
    for (uint64_t at = 0; (got = message_read(m, at, piece, sizeof(piece))) > 0;
         at += (uint64_t)got)
        ck_assert(buf_append(out, piece, (size_t)got));
    ck_assert_int_eq(got, 0);
    ck_assert_uint_eq(message_traits(m)->octets, out->len);
    message_unref(m);
}

static bool
on_listed(void *arg, const struct store_entry *e)
{
    struct listed *l = arg;
    struct listed_entry *to = &l->list[l->count++];

    ck_assert_uint_le(l->count, 512);
    strcpy(to->name, e->name);
    to->flags = e->flags;
    to->stored_octets = e->stored_octets;
    to->wire_octets = e->wire_octets;
    to->arrived = e->arrived;
    to->is_new = e->is_new;
    return true;
}

void
list_messages(struct store *st, const char *mailbox, struct listed *out)
{
    struct outcome why;

    out->count = 0;
    ck_assert_msg(store_scan(st, mailbox, on_listed, out, &why), "%s", why.cause);
}

static bool
on_counted(void *arg, const struct store_entry *e)
{
    (void)e;
    ++*(size_t *)arg;
    return true;
}

size_t
count_messages(struct store *st, const char *mailbox)
{
    struct outcome why;
    size_t count = 0;

    ck_assert_msg(store_scan(st, mailbox, on_counted, &count, &why), "%s", why.cause);
    return count;
}

const struct listed_entry *
list_find(const struct listed *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->list[i].name, name) == 0)
            return &l->list[i];
    }
    return NULL;
}

static bool
on_mailbox(void *arg, const char *mailbox)
{
    struct names *n = arg;

    ck_assert_uint_lt(n->count, 64);
    strcpy(n->list[n->count++], mailbox);
    return true;
}

void
list_mailboxes(struct store *st, struct names *out)
{
    struct outcome why;

    out->count = 0;
    ck_assert_msg(store_mailbox_list(st, on_mailbox, out, &why), "%s", why.cause);
}

bool
names_have(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (strcmp(n->list[i], name) == 0)
            return true;
    }
    return false;
}

static size_t files;

static int
count_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)path, (void)ftw;
    files += flag == FTW_F && S_ISREG(st->st_mode);
    return 0;
}

size_t
count_files(const char *folder)
{
    files = 0;
    nftw(folder, count_one, 16, FTW_PHYS);
    return files;
}

void
write_file(const char *path, struct span bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_msg(fd >= 0, "%s", path);
    ck_assert(store_write_all(fd, bytes.p, bytes.n));
    close(fd);
}

void
read_file(const char *path, struct buf *out)
{
    char piece[4096];
    int fd = open(path, O_RDONLY);
    ssize_t got;

    ck_assert_msg(fd >= 0, "%s", path);
    while ((got = read(fd, piece, sizeof(piece))) > 0)
        ck_assert(buf_append(out, piece, (size_t)got));
    close(fd);
}
