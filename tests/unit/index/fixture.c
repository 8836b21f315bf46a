/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct facts_header headers[] = {{"Subject", "It's \"quoted\"; DROP TABLE facts; --"},
                                        {"List-Id", "<list.example.org>"},
                                        {"X-Empty", ""}};
static struct facts_part parts[] = {{"", 0, 120, 900, 20, 5}, {"1.1", 130, 200, 700, 15, 9}};

const struct facts fixture_facts = {
    .flags = FACTS_HAS_ATTACHMENT,
    .octets = 1020,
    .lines = 25,
    .header_octets = 120,
    .received_count = 2,
    .message_id = "<1@example.org>",
    .subject = "It's",
    .base_subject = "IT'S",
    .from = "Ann <ann@example.org>",
    .references = "<0@example.org>",
    .list_id = "<list.example.org>",
    .date = "2026-11-22T03:36:13Z",
    .envelope = "(NIL \"It's\" NIL NIL NIL NIL NIL NIL NIL \"<1@example.org>\")",
    .bodystructure = "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 900 20)",
    .preview = "Gr\xc3\xbc\xc3\x9f Gott",
    .headers = headers,
    .header_count = 3,
    .parts = parts,
    .part_count = 2,
};

void
fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->folder, "/tmp/doorstep-index-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(f->folder));
    f->ix = index_open(f->folder, true, &f->why);
    ck_assert_msg(f->ix != NULL, "%s", f->why.cause);
    OK(f, index_begin(f->ix, &f->why));
    OK(f, index_mailbox_add(f->ix, "inbox", 1000, &f->inbox, &f->why));
    OK(f, index_commit(f->ix, &f->why));
}

void
fixture_release(struct fixture *f)
{
    char path[512];
    index_close(f->ix);
    DIR *d = opendir(f->folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", f->folder, e->d_name);
        unlink(path);
    }
    closedir(d);
    ck_assert_int_eq(rmdir(f->folder), 0);
}

void
fixture_reopen(struct fixture *f)
{
    index_close(f->ix);
    f->ix = index_open(f->folder, false, &f->why);
    ck_assert_msg(f->ix != NULL, "%s", f->why.cause);
}

struct index_message
fixture_message(int64_t mailbox, uint32_t uid, const char *name, unsigned flags,
                const struct facts *facts)
{
    struct index_message m = {
        .mailbox = mailbox,
        .uid = uid,
        .flags = flags,
        .keywords = "",
        .received = {.tv_sec = 1795318573, .tv_nsec = 123456789},
        .ref = {.stored_octets = 1000, .wire_octets = 1025, .trace_octets = 5},
        .octets = 1025,
        .lines = 25,
        .digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        .delivery_id = "id-of-the-delivery",
        .facts = facts,
    };
    snprintf(m.ref.name, sizeof(m.ref.name), "%s", name);
    return m;
}

uint32_t
fixture_add(struct fixture *f, const char *name, unsigned flags, const struct facts *facts)
{
    uint32_t uid = 0;
    OK(f, index_begin(f->ix, &f->why));
    OK(f, index_take_uid(f->ix, f->inbox.id, &uid, &f->why));
    struct index_message m = fixture_message(f->inbox.id, uid, name, flags, facts);
    OK(f, index_add(f->ix, &m, &f->why));
    OK(f, index_commit(f->ix, &f->why));
    return uid;
}

struct index_mailbox
fixture_mailbox(struct fixture *f, const char *name)
{
    struct index_mailbox m;
    OK(f, index_mailbox_find(f->ix, name, &m, &f->why));
    return m;
}
