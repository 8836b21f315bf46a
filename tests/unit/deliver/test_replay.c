/* SPDX-License-Identifier: MIT
 *
 * A replay against real journals, indexes and Maildirs: what a crash may have left, and what is
 * there afterwards. Every row is replayed twice, which must come to the same.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/loop.h"

#include "kept_priv.h"
#include "replay_priv.h"
#include "restore_priv.h"
#include "suites.h"

#define BYTES "Subject: x\r\n\r\nbody\r\n"
#define TRACE "Return-Path: <>\r\n"
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define VALIDITY 77
#define UID 5

enum file { ABSENT, WHOLE, SHORT, SEEN, ELSEWHERE };
enum index_row { NONE, THERE, TAKEN, PASSED, OTHER_VALIDITY };
enum said {
    MESSAGE,
    CANCELLED,
    REMOVED,
    UNDONE,
    MOVED,
    FLAGGED,
    RECORDED_TWICE,
    GONE,
    DELETED,
    NEWER
};

static const struct {
    const char *name;
    enum file file;
    enum index_row row;
    enum said said;
    bool no_index;
    bool stranger; /* a message that no record knows lies in the store */
    unsigned files;
    uint32_t uid;     /* of the message in INBOX afterwards, 0: no row */
    uint32_t old_uid; /* the same in Old */
    bool keeps_validity;
} table[] = {
    {"all is there", WHOLE, THERE, .files = 1, .uid = UID, .keeps_validity = true},
    {"the row is missing", WHOLE, NONE, .files = 1, .uid = UID, .keeps_validity = true},
    {"the file is missing", ABSENT, THERE, .files = 1, .uid = UID, .keeps_validity = true},
    {"both are missing", ABSENT, NONE, .files = 1, .uid = UID, .keeps_validity = true},
    {"the file is torn", SHORT, NONE, .files = 1, .uid = UID, .keeps_validity = true},
    {"it was read and flagged", SEEN, NONE, .files = 1, .uid = UID, .keeps_validity = true},
    {"another program moved it", ELSEWHERE, NONE, .files = 1, .old_uid = 1, .keeps_validity = true},
    {"its UID is another's", WHOLE, TAKEN, .files = 1, .uid = UID + 1, .keeps_validity = true},
    {"a higher UID was seen", WHOLE, PASSED, .files = 1, .uid = UID + 3, .keeps_validity = true},
    {"UIDVALIDITY is another", WHOLE, OTHER_VALIDITY, .files = 1, .uid = 1},
    {"no index", WHOLE, NONE, .no_index = true, .files = 1, .uid = UID, .keeps_validity = true},
    {"nothing but the journal", ABSENT, NONE, .no_index = true, .files = 1, .uid = UID,
     .keeps_validity = true},
    {"no index, and mail that no record knows", WHOLE, NONE, .no_index = true, .stranger = true,
     .files = 2, .uid = 1},
    {"no index, and a newer UIDVALIDITY was given", WHOLE, NONE, NEWER, .no_index = true,
     .files = 1, .uid = 1},
    {"cancelled", ABSENT, NONE, CANCELLED, .keeps_validity = true},
    {"removed through us, and the file is back", WHOLE, THERE, REMOVED, .keeps_validity = true},
    {"removed through us", ABSENT, NONE, REMOVED, .keeps_validity = true},
    {"removed through us, which failed", ABSENT, NONE, UNDONE, .files = 1, .uid = UID,
     .keeps_validity = true},
    {"moved through us, and all is lost", ABSENT, NONE, MOVED, .files = 1, .old_uid = 9,
     .keeps_validity = true},
    {"moved through us, and the move is lost", WHOLE, THERE, MOVED, .files = 1, .old_uid = 9,
     .keeps_validity = true},
    {"moved through us, and the row is lost", ELSEWHERE, NONE, MOVED, .files = 1, .old_uid = 9,
     .keeps_validity = true},
    {"flagged through us", ABSENT, NONE, FLAGGED, .files = 1, .uid = UID, .keeps_validity = true},
    {"recorded again with another UID", ABSENT, NONE, RECORDED_TWICE, .files = 1, .uid = UID + 2,
     .keeps_validity = true},
    {"the account was deleted", ABSENT, NONE, GONE, .keeps_validity = true},
    {"moved into what was deleted", WHOLE, THERE, DELETED, .keeps_validity = true},
};

static char folder[64];
static struct settings_domain domain = {.name = "example.org",
                                        .accounts = "any",
                                        .store = "maildir",
                                        .accounts_file = "",
                                        .recipient_delimiter = "",
                                        .catch_all = "",
                                        .postmaster = "",
                                        .forward = "",
                                        .accounts_max = 10};
static struct settings_store in = {.name = "maildir", .driver = "maildir", .tmp_max_age = 1000};
static struct settings settings = {.hostname = "mx.example.org",
                                   .state_dir = folder,
                                   .plugin_dir = "",
                                   .user = "",
                                   .workers = 1,
                                   .journal_size = 8 << 20,
                                   .domains = &domain,
                                   .domain_count = 1,
                                   .stores = &in,
                                   .store_count = 1};
static const struct account ann = {.user = "ann",
                                   .domain = "example.org",
                                   .enabled = true,
                                   .quota = UINT64_MAX,
                                   .quota_messages = UINT64_MAX};
static struct loop *loop;
static struct worker worker;
static atomic_uint open_total;
static struct store_ref ref;
static struct outcome why;
static char mail_path[128], journal_path[128];

#define OK(expression) ck_assert_msg(expression, "%s: %s", table[_i].name, why.cause)

/* ---- before ---- */

static void
make(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert(mkdir(path, 0700) == 0);
}

static void
set_up(void)
{
    strcpy(folder, "/tmp/test_replay.XXXXXX");
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(mail_path, sizeof mail_path, "%s/mail/%%{user}", folder);
    snprintf(journal_path, sizeof journal_path, "%s/journal", folder);
    in.path = mail_path;
    make("mail");
    make("journal");
    make("spool");
    make("accounts");
    loop = loop_new();
    worker = (struct worker){.open_total = &open_total, .open_max = 4};
    worker.with = (struct worker_services){.settings = &settings, .loop = loop};
    worker.with.directory = directory_new(&settings, loop, &why);
    worker.with.syncer = syncer_new(folder, &why);
    ck_assert_msg(worker.with.directory != NULL && worker.with.syncer != NULL, "%s", why.cause);
}

static void
tear_down(void)
{
    char command[128];

    kept_free_all(&worker);
    account_close_all(&worker);
    syncer_free(worker.with.syncer);
    directory_free(worker.with.directory);
    loop_free(loop);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct open_account *
open_ann(void)
{
    struct open_account *oa;
    struct store_wait wait;

    enum account_result opened = account_open(&worker, &ann, true, &oa, &wait, &why);
    ck_assert_msg(opened == ACCOUNT_OPEN, "%s", why.cause);
    return oa;
}

/* A message whose name is known is staged, and published or not. */
static void
put_file(struct open_account *oa, const char *mailbox, bool publish, struct store_ref *out)
{
    struct message *msg = message_from_memory(SPAN(BYTES));
    const struct store_mail mail = {.msg = msg,
                                    .mailbox = mailbox,
                                    .trace = SPAN(TRACE),
                                    .return_path = "",
                                    .id = "0abcdefghij",
                                    .received = {.tv_sec = 1700000000}};
    struct store_staged *staged;
    struct store_wait wait;

    ck_assert_int_eq(store_stage(oa->store, &mail, &staged, out, &wait, &why), STORE_DONE);
    if (publish) {
        ck_assert(store_publish(oa->store, staged, &why));
        store_forget(oa->store, staged);
    } else {
        store_discard(oa->store, staged);
    }
    message_unref(msg);
}

static void
find_file(const char *sub, const char *prefix, char path[512])
{
    char dir[256];
    struct dirent *e;

    snprintf(dir, sizeof dir, "%s/mail/ann/%s", folder, sub);
    DIR *d = opendir(dir);
    while ((e = readdir(d)) != NULL)
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
            snprintf(path, 512, "%s/%s", dir, e->d_name);
    closedir(d);
}

static void
prepare_file(struct open_account *oa, enum file file)
{
    char path[512] = "", to[600];

    put_file(oa, file == ELSEWHERE ? "Old" : "INBOX", file != ABSENT, &ref);
    if (file == SHORT || file == SEEN)
        find_file("new", ref.name, path);
    if (file == SHORT)
        ck_assert_int_eq(truncate(path, 7), 0);
    if (file == SEEN) {
        snprintf(to, sizeof to, "%s/mail/ann/cur/%s:2,S", folder, ref.name);
        ck_assert_int_eq(rename(path, to), 0);
    }
}

static void
add_row(struct open_account *oa, int64_t mailbox, uint32_t uid, const char *name)
{
    struct index_message m = {.mailbox = mailbox,
                              .uid = uid,
                              .keywords = "",
                              .digest = "",
                              .delivery_id = "",
                              .ref = ref};

    strcpy(m.ref.name, name);
    ck_assert_msg(index_add(oa->index, &m, &why), "%s", why.cause);
}

static void
prepare_rows(struct open_account *oa, enum index_row row)
{
    struct index_mailbox inbox, old;

    ck_assert(index_begin(oa->index, &why));
    ck_assert(
        index_mailbox_add(oa->index, "INBOX", row == OTHER_VALIDITY ? 78 : VALIDITY, &inbox, &why));
    ck_assert(index_mailbox_add(oa->index, "Old", 90, &old, &why));
    if (row == THERE || row == TAKEN)
        add_row(oa, inbox.id, UID, row == THERE ? ref.name : "another");
    if (row == PASSED)
        add_row(oa, inbox.id, UID + 2, "another");
    ck_assert(index_commit(oa->index, &why));
}

/* ---- the journal ---- */

static void
pack_message(struct buf *out, uint32_t uid)
{
    const char *keys[] = {KEY};
    struct record_part part = {.account = ann,
                               .mailbox = "INBOX",
                               .ref = ref,
                               .trace = SPAN(TRACE),
                               .keys = keys,
                               .key_count = 1};
    struct record_message m = {.id = "0abcdefghij",
                               .received = {.tv_sec = 1700000000},
                               .return_path = "",
                               .body_lines = 3,
                               .spool = "",
                               .parts = &part,
                               .part_count = 1};

    memset(m.digest, 'a', sizeof m.digest - 1);
    ck_assert(record_message_repack(out, &m, &part, VALIDITY, uid));
    ck_assert(buf_append_str(out, BYTES));
}

static void
pack_change(struct buf *out, enum change_kind kind, const char *id)
{
    struct change_message m = {
        .uid = UID, .name = ref.name, .flags = STORE_FLAGGED, .keywords = "work", .to_uid = 9};
    struct change c = {.kind = kind,
                       .mailbox = kind == CHANGE_DELETED ? "Old" : "INBOX",
                       .uid_validity = kind == CHANGE_DELETED ? 90 : VALIDITY,
                       .to = kind == CHANGE_MOVE ? "Old" : "",
                       .to_validity = 90,
                       .list = &m,
                       .count = kind <= CHANGE_REMOVE};

    strcpy(c.id, id);
    ck_assert(record_change_pack(out, &ann, &c));
}

static void
pack_cancel(struct buf *out)
{
    struct delivery d = {.ref = ref};

    d.target.account = ann;
    ck_assert(record_cancel_pack(out, &d));
}

static void
add(struct journal *j, uint16_t type, struct buf *record)
{
    const struct span part = buf_span(record);
    uint64_t segment;

    ck_assert_msg(journal_add(j, type, &part, 1, &segment, &why), "%s", why.cause);
    ck_assert_msg(journal_sync(j, &why), "%s", why.cause);
    buf_reset(record);
}

static struct journal *
open_journal(unsigned number)
{
    const struct journal_options options = {
        .folder = journal_path, .number = number, .segment_octets = 1 << 20, .segments_max = 2};
    struct journal *j = journal_open(&options, &why);

    ck_assert_msg(j != NULL, "%s", why.cause);
    return j;
}

static void
add_changes(struct journal *j, enum said said, struct buf *record)
{
    static const enum change_kind kinds[] = {
        [REMOVED] = CHANGE_REMOVE, [UNDONE] = CHANGE_REMOVE,  [MOVED] = CHANGE_MOVE,
        [FLAGGED] = CHANGE_FLAGS,  [NEWER] = CHANGE_VALIDITY, [GONE] = CHANGE_GONE,
        [DELETED] = CHANGE_MOVE};

    if (said == CANCELLED) {
        pack_cancel(record);
        add(j, RECORD_CANCEL, record);
    }
    if (said == RECORDED_TWICE) {
        pack_message(record, UID + 2);
        add(j, RECORD_KEPT, record);
    }
    if (said == MESSAGE || said == CANCELLED || said == RECORDED_TWICE)
        return;
    pack_change(record, kinds[said], "1");
    add(j, RECORD_CHANGE, record);
    if (said != UNDONE && said != DELETED)
        return;
    pack_change(record, said == UNDONE ? CHANGE_UNDONE : CHANGE_DELETED,
                said == UNDONE ? "1" : "2");
    add(j, RECORD_CHANGE, record);
}

static void
write_journal(enum said said)
{
    struct journal *j = open_journal(3);
    struct buf record;

    buf_init(&record, 1 << 16);
    pack_message(&record, UID);
    add(j, RECORD_MESSAGE, &record);
    add_changes(j, said, &record);
    buf_release(&record);
    journal_close(j);
}

static void
replay(struct replay_counts *counts)
{
    struct journal_reader *reader = journal_reader_open(journal_path, &why);
    struct replay_plan *plan = reader != NULL ? replay_plan_new(reader, &why) : NULL;

    ck_assert_msg(plan != NULL, "%s", why.cause);
    replay_run(&worker, plan, counts);
    account_close_all(&worker);
    replay_plan_free(plan);
    journal_reader_close(reader);
}

/* ---- afterwards ---- */

static unsigned
count_files(const char *sub)
{
    char path[256];
    struct dirent *e;
    unsigned count = 0;

    snprintf(path, sizeof path, "%s/mail/ann/%s", folder, sub);
    DIR *d = opendir(path);
    while (d != NULL && (e = readdir(d)) != NULL)
        count += e->d_name[0] != '.';
    if (d != NULL)
        closedir(d);
    return count;
}

static uint32_t
uid_in(struct open_account *oa, const char *mailbox, struct index_mailbox *box, unsigned *flags)
{
    struct index_message m;
    struct arena memory;
    uint32_t uid = 0;

    arena_init(&memory, 1 << 20);
    if (index_mailbox_find(oa->index, mailbox, box, &why) &&
        index_message_find_ref(oa->index, box->id, ref.name, &memory, &m, &why)) {
        uid = m.uid;
        *flags = m.flags;
    }
    arena_release(&memory);
    return uid;
}

static bool
ledger_has_it(struct open_account *oa)
{
    char id[ID_SIZE];

    return index_ledger_find(oa->index, KEY, 0, id, &why);
}

static void
check_after(int row)
{
    struct open_account *oa = open_ann();
    struct index_mailbox inbox = {0}, old;
    unsigned flags = 0;
    const char *name = table[row].name;

    uint32_t uid = uid_in(oa, "INBOX", &inbox, &flags);
    ck_assert_msg(uid == table[row].uid, "%s: UID %u", name, uid);
    ck_assert_msg(flags == (table[row].said == FLAGGED ? STORE_FLAGGED : 0), "%s: flags", name);
    uid = uid_in(oa, "Old", &old, &flags);
    ck_assert_msg(uid == table[row].old_uid, "%s: UID %u in Old", name, uid);
    ck_assert_msg(inbox.id == 0 || (inbox.uid_validity == VALIDITY) == table[row].keeps_validity,
                  "%s: UIDVALIDITY %u", name, inbox.uid_validity);
    ck_assert_msg(inbox.id == 0 || inbox.uid_next > table[row].uid, "%s: UIDNEXT", name);
    bool is_delivered = table[row].uid + table[row].old_uid > 0;
    ck_assert_msg(!is_delivered || ledger_has_it(oa), "%s: the ledger", name);
    account_close_all(&worker);
    unsigned files =
        count_files("new") + count_files("cur") + count_files(".Old/new") + count_files(".Old/cur");
    ck_assert_msg(files == table[row].files, "%s: %u files", name, files);
    ck_assert_msg(count_files("tmp") == 0, "%s: something in tmp/", name);
}

START_TEST(what_a_crash_leaves_is_mended)
{
    struct replay_counts counts;
    struct open_account *oa = open_ann();
    struct store_ref ignored;
    char path[256];

    OK(store_mailbox_create(oa->store, "Old", &why));
    prepare_file(oa, table[_i].file);
    if (table[_i].stranger)
        put_file(oa, "INBOX", true, &ignored);
    prepare_rows(oa, table[_i].row);
    snprintf(path, sizeof path, "%s", oa->folder);
    account_close_all(&worker);
    if (table[_i].no_index)
        OK(index_remove(path, &why));
    write_journal(table[_i].said);
    for (int run = 0; run < 2; run++) {
        replay(&counts);
        ck_assert_msg(counts.kept == 0 && worker.kept == NULL, "%s: kept", table[_i].name);
        check_after(_i);
    }
}
END_TEST

START_TEST(two_journals_that_both_know_it_make_one_copy)
{
    struct replay_counts counts;
    struct open_account *oa = open_ann();

    prepare_file(oa, ABSENT);
    account_close_all(&worker);
    write_journal(MESSAGE);
    struct journal *j = open_journal(0);
    struct buf record;
    buf_init(&record, 1 << 16);
    pack_message(&record, UID);
    add(j, RECORD_MESSAGE, &record);
    buf_release(&record);
    journal_close(j);
    replay(&counts);
    ck_assert_uint_eq(counts.rows, 1);
    ck_assert_uint_eq(count_files("new"), 1);
}
END_TEST

START_TEST(what_cannot_be_brought_back_is_kept_until_it_can)
{
    struct replay_counts counts;
    struct open_account *oa = open_ann();
    char from[256], to[256];

    prepare_file(oa, ABSENT);
    account_close_all(&worker);
    write_journal(MESSAGE);
    snprintf(from, sizeof from, "%s/mail", folder);
    snprintf(to, sizeof to, "%s/away", folder);
    ck_assert_int_eq(rename(from, to), 0);
    replay(&counts);
    ck_assert(counts.kept == 1 && worker.kept != NULL);
    ck_assert_uint_eq(worker.kept->uid, UID);
    ck_assert_uint_eq(atomic_load(&worker.kept_count), 1);

    ck_assert_msg(checkpoint_open(&worker, &why), "%s", why.cause);
    ck_assert(kept_carry(&worker, UINT64_MAX, &why));
    uint64_t first = kept_oldest(&worker);
    journal_turn(worker.journal);
    ck_assert(kept_carry(&worker, first + 1, &why) && kept_oldest(&worker) == first + 1);
    ck_assert_uint_eq(kept_retry(&worker), 0);
    ck_assert_int_eq(rename(to, from), 0);
    ck_assert_uint_eq(kept_retry(&worker), 1);
    ck_assert(worker.kept == NULL && kept_oldest(&worker) == UINT64_MAX);
    ck_assert_uint_eq(count_files("new"), 1);
    syncer_end(worker.with.syncer);
    journal_close(worker.journal);
    worker.journal = NULL;
}
END_TEST

TCase *
replay_tests(void)
{
    TCase *t = tcase_create("replay");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, what_a_crash_leaves_is_mended, 0, sizeof table / sizeof table[0]);
    tcase_add_test(t, two_journals_that_both_know_it_make_one_copy);
    tcase_add_test(t, what_cannot_be_brought_back_is_kept_until_it_can);
    tcase_set_timeout(t, 60);
    return t;
}
