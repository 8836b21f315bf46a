/* SPDX-License-Identifier: MIT
 *
 * What callers may ask of any store: names of mailboxes and of messages, delivery ids. Looked at
 * once, in front of the drivers, because all of these go into paths.
 */
#include "store_priv.h"

#include <string.h>
#include <strings.h>
#include <unistr.h>

#define MAILBOX_DEPTH_MAX 32

/* One level of a mailbox name: octets, or 0 when it is none. */
static size_t
mailbox_level(const char *p)
{
    size_t n = strcspn(p, "/");

    if (p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.')))
        return 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c == 0x7f)
            return 0;
    }
    return n;
}

bool
store_mailbox_name_check(const char *mailbox)
{
    size_t length = strlen(mailbox);
    const char *p = mailbox;

    if (length >= STORE_MAILBOX_SIZE || u8_check((const uint8_t *)mailbox, length) != NULL)
        return false;
    for (unsigned depth = 1; depth <= MAILBOX_DEPTH_MAX; depth++) {
        size_t n = mailbox_level(p);
        if (n == 0)
            return false;
        p += n;
        if (*p == '\0')
            return true;
        p++;
    }
    return false;
}

/* The name as drivers get it, or NULL with `why`. */
const char *
store_check_mailbox(const char *mailbox, struct outcome *why)
{
    if (strcasecmp(mailbox, "INBOX") == 0)
        return "INBOX";
    if (store_mailbox_name_check(mailbox))
        return mailbox;
    outcome_set(why, OUTCOME_BAD_REQUEST, "not a mailbox name");
    return NULL;
}

/* A message's name goes into paths of the drivers. */
bool
store_check_name(const char *name, struct outcome *why)
{
    size_t n = strlen(name);

    if (n > 0 && n < STORE_REF_SIZE && name[0] != '.' && strchr(name, '/') == NULL)
        return true;
    return outcome_set(why, OUTCOME_NOT_FOUND, "not the name of a message");
}

/* Both, for the functions about one message. */
const char *
store_check_message(const char *mailbox, const char *name, struct outcome *why)
{
    return store_check_name(name, why) ? store_check_mailbox(mailbox, why) : NULL;
}

bool
store_cannot(struct outcome *why, const struct store *st, const char *what)
{
    return outcome_set(why, OUTCOME_BAD_REQUEST, "store driver %s cannot %s", st->driver->name,
                       what);
}

bool
store_check_mail(const struct store_mail *in, struct store_mail *out, struct outcome *why)
{
    static const char id_octets[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    size_t n = strlen(in->id);

    *out = *in;
    out->mailbox = store_check_mailbox(in->mailbox, why);
    if (out->mailbox == NULL)
        return false;
    if (n == 0 || n > 40 || strspn(in->id, id_octets) != n)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "not a delivery id");
    return true;
}
