/* SPDX-License-Identifier: MIT
 *
 * What store and sorter say to each other about Sieve: a run is asked for, its result comes back.
 * The store reads a result as it reads the network: counts and lengths are bounded, texts are
 * UTF-8, and a mailbox's name is checked once more by whoever opens it.
 */
#ifndef DOORSTEP_FILING_H
#define DOORSTEP_FILING_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/pack.h"

#define FILING_ACTIONS_MAX 64
#define FILING_FLAGS_MAX 64
#define FILING_FIELDS_MAX 64
#define FILING_SCRIPTS_MAX 34 /* of one run: 16 before, the account's, 16 after, one more */
#define FILING_ALIASES_MAX 1000
#define FILING_TEXT_MAX (64 * 1024)     /* octets of a text that an action brings */
#define FILING_NAME_MAX 1024            /* of a name or an address */
#define FILING_RECIPIENTS_MAX 64        /* of one message that leaves */
#define FILING_HEAD_MAX 4096            /* octets of the fields in front of it */
#define FILING_PACKED_MAX (1024 * 1024) /* octets of one packed run or result */

enum filing_layer {
    FILING_BEFORE,
    FILING_PERSONAL,
    FILING_AFTER,
    FILING_DISCARD /* runs for what the others would only discard */
};

struct filing_script {
    const char *name; /* for people */
    const char *hash; /* of its text: what the sorter keeps the program by */
    enum filing_layer layer;
};

struct filing_run { /* strings are "" where nothing is known */
    const char *id; /* of the delivery: what is sent has Message-IDs made of it */
    const char *sender, *recipient, *original_recipient, *login;
    const char *notify, *orcpt, *ret, *envid;
    const char *remote_ip, *remote_host; /* of the client that gave us the message */
    const char *address, *user;          /* of the account */
    const char *delimiters;
    const char **aliases; /* further addresses of the account */
    uint32_t alias_count;
    struct filing_script *scripts; /* in the order in which they run */
    uint32_t script_count;
};

void filing_run_pack(const struct filing_run *run, struct pack *p);

/* filing_run_unpack() - memory from arena; a wrong one breaks u. */
void filing_run_unpack(struct filing_run *run, struct arena *arena, struct unpack *u);

enum filing_kind {
    FILING_FILE, /* a copy in a mailbox: keep, fileinto, :fcc */
    FILING_DISCARD_IT,
    FILING_REJECT,
    FILING_EREJECT,
    FILING_MARK,     /* remember `key` for `seconds` */
    FILING_REDIRECT, /* these leave: relay's */
    FILING_VACATION,
    FILING_NOTIFY,
    FILING_REPORT,
    FILING_PIPE, /* a program has it already */
    FILING_KINDS
};

/* filing_kind_name() - "fileinto", as the RFCs spell it. */
const char *filing_kind_name(enum filing_kind kind);

struct filing_field { /* of what leaves, for people and for RFC 6009: "subject", "notify" */
    const char *name, *value;
};

struct filing_action {
    enum filing_kind kind;
    uint32_t line;       /* of `script`; 0: the implicit keep */
    const char *script;  /* name of the script, or "" */
    uint32_t edition;    /* which message: 0 as it came, else from 1: of the result's editions */
    bool is_sent;        /* FILE: a copy of what leaves, not of what came (RFC 8580) */
    const char *mailbox; /* FILE, or "" */
    const char *special_use, *mailbox_id; /* "" or before the name (RFC 8579, RFC 9042) */
    bool create;
    bool has_flags;
    const char **flags;
    uint32_t flag_count;
    const char *text;            /* REJECT, EREJECT: for the sender */
    const char *key;             /* MARK, VACATION: hex */
    uint32_t seconds;            /* the same */
    const char *reverse_path;    /* of what leaves; "" is the null one */
    const char **recipients;     /* the same: addresses without brackets */
    uint32_t recipient_count;    /* 0: it does not leave, see the field "withheld" */
    const char *head;            /* the same: fields in front of the message, CRLF, or "" */
    struct filing_field *fields; /* the same */
    uint32_t field_count;
};

enum filing_status {
    FILING_OK,
    FILING_FAILED,  /* the script's fault: `error`; what earlier scripts did stands */
    FILING_DEFERRED /* something outside failed for now */
};

struct filing_result {
    enum filing_status status;
    enum filing_layer layer; /* FAILED: of the script */
    const char *error;       /* "main:3: ...", for people, or "" */
    uint32_t edition_count;  /* edited messages that came before the result */
    struct filing_action *actions;
    uint32_t action_count;
};

void filing_result_pack(const struct filing_result *result, struct pack *p);

/* filing_result_unpack() - as filing_run_unpack(). */
void filing_result_unpack(struct filing_result *result, struct arena *arena, struct unpack *u);

#endif
