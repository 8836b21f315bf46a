/* SPDX-License-Identifier: MIT
 *
 * What is said through the doors: every frame type, who sends it, and its body as pack.h writes
 * it. A frame that is not in this list, or comes from the wrong side, breaks the door.
 */
#ifndef DOORSTEP_DOOR_FRAMES_H
#define DOORSTEP_DOOR_FRAMES_H

#define DOOR_VERSION 1

#define SORT_NAME_SIZE 513           /* of a script, with its NUL */
#define SORT_REPORT_MAX (256 * 1024) /* octets of what is wrong with it; longer ones are cut */
#define SORT_RUNS_MAX 50000          /* of one message */

/* What a sorter asks about the account of a run. */
enum sort_question {
    SORT_ASK_SCRIPT,      /* str hash: its text */
    SORT_ASK_INCLUDE,     /* u8 1 for a global one, str name: its text */
    SORT_ASK_MAILBOX,     /* str name */
    SORT_ASK_SPECIAL_USE, /* str name or "", str use */
    SORT_ASK_MAILBOX_ID,  /* str id */
    SORT_ASK_DUPLICATE,   /* str key */
    SORT_ASK_METADATA,    /* str mailbox or "" for the server, str name: its value */
    SORT_ASK_LIST,        /* str list, str value: is it on it? */
    SORT_ASK_LIST_KNOWN,  /* str list */
    SORT_ASK_LIST_LINES,  /* str list: what is on it, a line each */
    SORT_ASK_PROGRAM,     /* u8 enum program_use, u8 1 to get what it writes, str name, u32 count,
                           * arguments */
    SORT_QUESTIONS
};

enum sort_verdict { SORT_NO, SORT_YES, SORT_NOT_NOW };

enum door_frame_type {
    /* main -> any role. The first frames a role reads, on descriptor 3. */
    MAIN_SETTINGS = 1, /* fd: sealed memfd with the checked configuration's text */
    MAIN_LISTENER,     /* edge. u32 index in settings.listens, str address; fd: socket. metrics,
                        * passthrough: index of its address there, of settings.filters */
    MAIN_STORE_DOOR,   /* edge. fd: its door to the (new) store; an older one is closed */
    MAIN_EDGE_DOOR,    /* store. u32 edge slot; fd */
    MAIN_SORTER_DOOR,  /* store. u32 sorter slot; fd */
    MAIN_HAND_DOOR,    /* store. id: of STORE_WANT_HAND; u32 uid; fd, or none: refused */
    MAIN_CONTROL,      /* store. fd: listening control socket */
    MAIN_GO,       /* all set: sandbox yourself, start, say ROLE_READY. u8: 1 offline (no edge) */
    MAIN_RETIRE,   /* edge: close listeners, serve what is open, then exit (reload) */
    MAIN_DRAIN,    /* any: end within u32 ms (421 to idle sessions, finish DATA), then exit */
    MAIN_TLS = 14, /* edge. fd: sealed memfd, u32 count of services as tls_service_pack(); again
                    * when certificates have changed. Those of unknown names are ignored */
    MAIN_TICKET_KEYS,        /* edge. tls_ticket_keys_pack(); the one before, then every hour */
    MAIN_OUTBOUND_DOOR = 24, /* edge, store. fd: its door to the (new) outbound role */
    MAIN_RELAY_DOOR,         /* store. u32 slot, 0; fd: its door to the (new) relay role, which has
                              * the other end as MAIN_STORE_DOOR */
    MAIN_RELAY_SECRETS,      /* relay. fd: sealed memfd; include/doorstep/relay_secrets.h */
    MAIN_RUNNER_DOOR,        /* store. u32 runner slot; fd */
    MAIN_PASSTHROUGH_DOOR,   /* store. u32 slot, 0; fd: its door to the passthrough role */
    MAIN_SRS_SECRETS,        /* store. octets: text of srs_secret_file; include/doorstep/srs.h */

    /* any role -> main */
    ROLE_READY = 32,
    STORE_WANT_HAND,          /* store. id; u32 uid, u32 gid, str user name, str home */
    STORE_KILL_SORTER,        /* store. u32 slot: it hangs; end it and send another */
    STORE_KILL_AUTH,          /* store. u32 slot, 0: it broke its door or hangs; another one */
    STORE_KILL_EDGE,          /* store. u32 slot: it broke its door; end it and send another */
    STORE_KILL_OUTBOUND = 40, /* store. u32 slot: it hangs or broke its door */
    STORE_KILL_RELAY,         /* the same */
    STORE_KILL_RUNNER,        /* store. u32 slot: the same */
    STORE_KILL_PASSTHROUGH,   /* the same */

    /* edge -> store */
    EDGE_RCPT = 64,  /* id; u8 enum rcpt_asker, address, reverse-path address, u64 SIZE= or 0 */
    EDGE_DATA_BEGIN, /* id: the transaction's from here on; u64 SIZE= or 0 */
    EDGE_DATA,       /* id; octets, as many as fit; decoded, before trace */
    EDGE_ENVELOPE,   /* id; a piece of the packed envelope, which may pass one frame */
    EDGE_DATA_END,   /* id; the envelope, or its last piece */
    EDGE_DATA_ABORT, /* id; the client is gone or broke the rules: forget it */
    EDGE_ALIAS,      /* id; address: what does it lead to? */

    /* store -> edge */
    STORE_RCPT = 96,  /* id; outcome */
    STORE_ANSWER,     /* id; u32 index of recipient, outcome, str delivery id; one a recipient */
    STORE_LOST = 111, /* id of a message that has ended: nobody will get it, all answers are 451 */
    STORE_DISK,       /* u8: 1 a disk is nearly full (limits.disk_free), 0 it is not any more */
    STORE_ALIAS,      /* id; outcome (NOT_FOUND: no alias), u32 count, addresses */

    /* store -> sorter */
    SORT_MESSAGE = 128, /* id; u8 kind (0 inline, 1 by fd), u64 octets, octets or fd. More inline
                         * octets follow in SORT_MORE */
    SORT_MORE,          /* id; octets */
    SORT_CHECK,         /* id; str name, u64 octets, octets of a Sieve script; SORT_MORE as above */
    SORT_RUN,  /* id of the SORT_MESSAGE behind it; packed struct filing_run: one for each run */
    SORT_TOLD, /* id; u8 1 when more frames follow, a piece of: u8 enum sort_verdict, octets */

    /* sorter -> store; id; u8 1 when more frames follow, then a piece of the packed */
    SORT_FACTS = 160, /* facts */
    SORT_REPORT,      /* u32 errors, u32 warnings, str what is wrong with the script, UTF-8 */
    SORT_EDITION,     /* behind the facts: an edited message of the run that is answered next */
    SORT_FILED,       /* struct filing_result: one for each run, in order */
    SORT_ASK, /* id; one frame: u32 run, u8 enum sort_question, its words; answered by SORT_TOLD */
    SORT_INPUT, /* before a SORT_ASK_PROGRAM: what the program reads */

    /* edge -> outbound; include/doorstep/filter.h has the bodies */
    FILTER_OPEN = 256, /* id: the session's; str key, u32 count and names of milters, u64 ticket,
                        * event of FILTER_CONNECT */
    FILTER_EVENT,      /* id; u64 ticket, event */
    FILTER_HANDED,     /* id; str name: the message is the store's now, which will ask about it */
    FILTER_ABORT,      /* id; the transaction ends without a message */
    FILTER_CLOSE,      /* id; the session ends; a message that was handed on is still answered */

    /* outbound -> edge */
    FILTER_VERDICT = 264, /* id; u64 ticket, u8: 1 when a filter was lost, outcome */

    /* store -> outbound */
    FILTER_MESSAGE = 272, /* id; str name, u8 kind (0 inline, 1 by fd), u64 octets; fd */
    FILTER_MORE,          /* id; octets */

    /* outbound -> store */
    FILTER_RESULT = 280, /* id; u8 1 when more frames follow, a piece of the packed result; with the
                          * last one the descriptor of a new body, sealed, where there is one */

    /* store -> runner: a program and the message that it reads */
    PROGRAM_RUN = 336, /* id; packed struct program_job, u8 kind (0 inline, 1 by fd), u64 octets;
                        * fd */
    PROGRAM_MORE,      /* id; octets */

    /* runner -> store */
    PROGRAM_RESULT = 344, /* as FILTER_RESULT */

    /* store -> passthrough: a message for a content filter that gives it back */
    PASS_MESSAGE = 352, /* as PROGRAM_RUN */
    PASS_MORE,          /* id; octets */

    /* passthrough -> store */
    PASS_RESULT = 360, /* as FILTER_RESULT */

    /* store -> hand, and back: store/hand/hand_priv.h */
    HAND_CALL = 192,
    HAND_REPLY,

    /* main -> store: a door to the auth role; u32 slot, 0; fd */
    MAIN_AUTH_DOOR = 224,

    /* edge -> store: AUTH. The id is the attempt's, until STORE_AUTH_DONE or EDGE_AUTH_ABORT. */
    EDGE_AUTH_BEGIN, /* id; struct login_client, u8 mechanism, u8 1 with an initial response, octets
                      */
    EDGE_AUTH_STEP,  /* id; octets */
    EDGE_AUTH_ABORT, /* id; the client gave up, or is gone */

    /* store -> edge */
    STORE_AUTH_CHALLENGE, /* id; octets */
    STORE_AUTH_DONE,      /* id; u8 verdict, str login, or "" */

    /* store -> auth */
    AUTH_BEGIN =
        240,     /* id; struct auth_facts, u8 mechanism, u8 1 with an initial response, octets */
    AUTH_STEP,   /* id; octets */
    AUTH_SECRET, /* id; struct auth_secret of the name that was asked for */
    AUTH_ABORT,  /* id */

    /* auth -> store */
    AUTH_WANT_SECRET = 248, /* id; str name as the client wrote it, str authorization name */
    AUTH_CHALLENGE,         /* id; octets */
    AUTH_DONE,              /* id; u8 verdict, str new password hash or "", str SCRAM keys or "" */

    /* edge -> store: scripts (ManageSieve). The id is a log-in's: it begins as one of AUTH does,
     * with the same frames behind it, and when it succeeds the store remembers whose it is until
     * EDGE_SCRIPT_LOGOUT or the edge's end. One request at a time. */
    EDGE_SCRIPT_LOGIN = 304, /* id; as EDGE_AUTH_BEGIN */
    EDGE_SCRIPT_ASK,    /* id; u8 1 when more follows, a piece of managesieve_request_pack()'s */
    EDGE_SCRIPT_LOGOUT, /* id; whatever it did is forgotten */

    /* store -> edge */
    STORE_SCRIPT = 312, /* id; u8 1 when more follows, a piece of managesieve_answer_pack()'s */

    /* store -> relay: a transaction with a next hop; include/doorstep/relay_job.h has the bodies */
    RELAY_SEND = 320, /* id; u8 1 when more frames follow, a piece of the packed job; with the last
                       * one fd: the message behind the job's head, sealed or read-only */
    RELAY_CANCEL,     /* id; nobody waits for it any more: no result comes */

    /* relay -> store */
    RELAY_RESULT = 328, /* id; u8 1 when more frames follow, a piece of the packed result */

    /* main -> whoever reads counters (store, metrics) */
    MAIN_METRICS_PAGE = 288 /* u32 role (METRICS_ROLE_*); fd: its page, to be read only */
};

#endif
