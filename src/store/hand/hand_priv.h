/* SPDX-License-Identifier: MIT
 *
 * What a store and its hand say to each other through their door: frames HAND_CALL and HAND_REPLY,
 * and what their bodies hold in the order of pack.h. One call at a time; its frame id is the
 * reply's.
 *
 * A call is a verb (u8) and its arguments. A reply is a result (u8) and, unless that is HAND_DONE
 * or HAND_MORE, an outcome; behind HAND_DONE stands what the verb gives back. HAND_MORE frames come
 * before the last one of a listing, each with some entries.
 *
 *     verb         arguments                                             HAND_DONE
 *     OPEN         settings, str plugin folder, str user, domain, home   u32 can
 *     STAGE        mail, message                                         u64 handle, ref
 *     SYNC, PUBLISH, DISCARD, FORGET    u64 handle
 *     COMMIT
 *     SCAN         str mailbox                                           (HAND_MORE: entries)
 *     STAMP        str mailbox                                           u64 stamp
 *     READ         str mailbox, str name                                 message
 *     SET_FLAGS    str mailbox, str name, u32 flags
 *     REMOVE       str mailbox, str name
 *     MOVE         str from, str name, str to                            str name there
 *     LIST                                                               (HAND_MORE: str names)
 *     CREATE, DELETE   str mailbox
 *     RENAME       str from, str to
 *     TIDY         u64 now
 *
 * A message is u8 1 and its octets in the frame (a span), or u8 0 and a read-only descriptor.
 */
#ifndef STORE_HAND_PRIV_H
#define STORE_HAND_PRIV_H

#include "doorstep/message.h"
#include "doorstep/pack.h"
#include "doorstep/store_driver.h"

#define HAND_TIMEOUT_MS 10000
#define HAND_INLINE_MAX 49152 /* octets of a message inside a frame */
#define HAND_STAGED_MAX 4096  /* deliveries between stage and forget */
#define HAND_ID_SIZE 64
#define HAND_RETURN_PATH_SIZE 2048
#define HAND_TRACE_MAX 8192

enum hand_verb {
    HAND_OPEN = 1,
    HAND_STAGE,
    HAND_SYNC,
    HAND_PUBLISH,
    HAND_COMMIT,
    HAND_DISCARD,
    HAND_FORGET,
    HAND_SCAN,
    HAND_STAMP,
    HAND_READ,
    HAND_SET_FLAGS,
    HAND_REMOVE,
    HAND_LIST,
    HAND_CREATE,
    HAND_RENAME,
    HAND_DELETE,
    HAND_TIDY,
    HAND_MOVE
};

enum hand_result {
    HAND_DONE,
    HAND_FAILED, /* an outcome follows */
    HAND_LATER,  /* u32 ms follows */
    HAND_MORE
};

/* Both sides write and read these alike. */
void hand_pack_settings(const struct settings_store *s, struct pack *p);
void hand_pack_ref(const struct store_ref *ref, struct pack *p);
void hand_unpack_ref(struct store_ref *ref, struct unpack *u);
void hand_pack_entry(const struct store_entry *e, struct pack *p);
/* hand_unpack_entry() - name: where the entry's name is put. */
void hand_unpack_entry(struct store_entry *e, char name[STORE_REF_SIZE], struct unpack *u);

/* hand_pack_message() - *fd: -1, or a read-only descriptor for the frame, owned by the caller. */
bool hand_pack_message(const struct message *m, struct pack *p, int *fd, struct outcome *why);
/* hand_unpack_message() - takes fd (or -1) whatever happens. A descriptor must be a regular file.
 * NULL: `why`. */
struct message *hand_unpack_message(struct unpack *u, int fd, struct outcome *why);

#endif
