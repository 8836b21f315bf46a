/* SPDX-License-Identifier: MIT
 *
 * Who gets a vacation reply (RFC 5230 4.5, 4.6, RFC 3834 2): people who wrote to this person; no
 * programs, no lists, not oneself.
 */
#include "reply_priv.h"

#include "doorstep/addresslist.h"

/* ------------------------------------------------------------------ programs and lists */

static bool
has_suffix_fold(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_equal_fold(span_skip(s, s.n - suffix.n), suffix);
}

/* Names under which no person reads; without case, as people write them in all ways. */
static bool
is_program(const char *sender)
{
    static const char *const names[] = {"mailer-daemon", "listserv", "majordomo",   "sourceforge",
                                        "noreply",       "no-reply", "do-not-reply"};
    const char *at = strrchr(sender, '@');
    struct span local = {sender, at == NULL ? strlen(sender) : (size_t)(at - sender)};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_equal_fold(local, span_of(names[i])))
            return true;
    return span_has_prefix_fold(local, SPAN("owner-")) ||
           has_suffix_fold(local, SPAN("-request")) || has_suffix_fold(local, SPAN("-owner")) ||
           has_suffix_fold(local, SPAN("-bounces"));
}

static bool
has_list_field(struct sieve_run *r)
{
    static const char *const names[] = {"List-Id",         "List-Help", "List-Subscribe",
                                        "List-Archive",    "List-Post", "List-Owner",
                                        "List-Unsubscribe"};
    const struct sieve_fields *fields = sieve_message_fields(r);

    for (uint32_t i = 0; i < fields->count; i++)
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            if (span_equal_fold(fields->items[i].name, span_of(names[n])))
                return true;
    return false;
}

static bool
field_says(struct sieve_run *r, const char *name, const char *const *words, bool *out)
{
    struct span value;

    *out = false;
    if (!reply_field(r, name, false, &value))
        return false;
    while (value.n > 0) {
        struct span word = span_trim((struct span){value.p, span_find(value, ',')});
        for (size_t i = 0; words[i] != NULL; i++)
            *out = *out || span_equal_fold(word, span_of(words[i]));
        value = span_skip(value, span_find(value, ',') + 1);
    }
    return true;
}

static bool
made_by_program(struct sieve_run *r, const char **why)
{
    static const char *const bulk[] = {"bulk", "list", "junk", NULL};
    static const char *const suppress[] = {"all", "oof", "autoreply", NULL};
    bool is_automatic, is_bulk, is_suppressed;

    if (!reply_is_automatic(r, &is_automatic) || !field_says(r, "Precedence", bulk, &is_bulk) ||
        !field_says(r, "X-Auto-Response-Suppress", suppress, &is_suppressed))
        return false;
    *why = is_automatic    ? "the message was made by a program (Auto-Submitted)"
           : is_bulk       ? "the message is bulk mail (Precedence)"
           : is_suppressed ? "the message asks for no replies (X-Auto-Response-Suppress)"
                           : NULL;
    return true;
}

/* ------------------------------------------------------------------ whose addresses */

struct own { /* addresses of the user */
    struct sieve_run *run;
    const struct sieve_value *script; /* :addresses, or NULL */
};

/* Case does not matter: nobody has two people whose addresses differ in it alone. */
static bool
equals(struct span a, const char *b)
{
    return b[0] != '\0' && span_equal_fold(a, span_of(b));
}

static bool
is_known_address(struct sieve_run *r, struct span address)
{
    const struct sieve_input *in = sieve_run_input(r);

    if (equals(address, in->envelope->recipient) || equals(address, in->user->address))
        return true;
    if (sieve_setting_bool(r, "sieve_vacation_use_original_recipient", true) &&
        equals(address, in->envelope->original_recipient))
        return true;
    if (equals(address, sieve_setting(r, "sieve_user_email", "")))
        return true;
    for (size_t i = 0; in->user->aliases != NULL && in->user->aliases[i] != NULL; i++)
        if (equals(address, in->user->aliases[i]))
            return true;
    return false;
}

static enum sieve_truth
is_mine(struct own *own, struct span address)
{
    struct span s;

    if (is_known_address(own->run, address))
        return SIEVE_TRUE;
    for (uint32_t i = 0; own->script != NULL && i < own->script->count; i++) {
        if (!sieve_text_get(own->run, sieve_text_at(own->script, i), &s))
            return SIEVE_BROKEN;
        if (span_equal_fold(span_trim(s), address))
            return SIEVE_TRUE;
    }
    return SIEVE_FALSE;
}

static enum sieve_truth
item_is_mine(struct own *own, const struct addresslist_item *item)
{
    struct buf *whole = sieve_run_buf(own->run);

    buf_printf(whole, "%.*s@%.*s", (int)item->local.n, item->local.p, (int)item->domain.n,
               item->domain.p);
    struct span kept = {sieve_run_copy(own->run, buf_span(whole)), whole->len};
    return kept.p == NULL ? SIEVE_BROKEN : is_mine(own, kept);
}

static enum sieve_truth
field_is_mine(struct own *own, const struct sieve_field *f)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    enum sieve_truth truth = SIEVE_FALSE;

    if (!sieve_run_work(own->run, f->value.n))
        return SIEVE_BROKEN;
    addresslist_init(&list, f->value);
    while (truth == SIEVE_FALSE && (kind = addresslist_next(&list, &item)) != ADDRESSLIST_END)
        if (kind == ADDRESSLIST_MAILBOX)
            truth = item_is_mine(own, &item);
    addresslist_release(&list);
    return truth;
}

/* RFC 5230 4.5: one of the user's addresses stands in a field for recipients. */
static enum sieve_truth
was_written_to(struct own *own)
{
    static const char *const names[] = {"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"};
    const struct sieve_fields *fields = sieve_message_fields(own->run);
    enum sieve_truth truth = SIEVE_FALSE;

    for (uint32_t i = 0; i < fields->count && truth == SIEVE_FALSE; i++)
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]) && truth == SIEVE_FALSE; n++)
            if (span_equal_fold(fields->items[i].name, span_of(names[n])))
                truth = field_is_mine(own, &fields->items[i]);
    return truth;
}

static bool
checks_recipient(struct sieve_run *r)
{
    return sieve_setting_bool(r, "sieve_vacation_check_recipient", true) &&
           !sieve_setting_bool(r, "sieve_vacation_dont_check_recipient", false);
}

/* ------------------------------------------------------------------ the sender's own spelling */

static bool
names_sender(const struct sieve_field *f, const char *sender)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    bool is_found = false;
    const char *at = strrchr(sender, '@');

    addresslist_init(&list, f->value);
    kind = addresslist_next(&list, &item);
    if (kind == ADDRESSLIST_MAILBOX && at != NULL)
        is_found = span_equal_fold(item.local, (struct span){sender, (size_t)(at - sender)}) &&
                   span_equal_fold(item.domain, span_of(at + 1)) &&
                   addresslist_next(&list, &item) == ADDRESSLIST_END;
    addresslist_release(&list);
    return is_found;
}

/* Sender or From, when it is this address alone: with the name of the person. */
static bool
find_to_field(struct sieve_run *r, const char *sender, const char **out)
{
    static const char *const names[] = {"Sender", "Resent-From", "From"};
    const struct sieve_fields *fields = sieve_message_fields(r);
    struct span value;

    *out = NULL;
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (uint32_t i = 0; i < fields->count && *out == NULL; i++) {
            if (!span_equal_fold(fields->items[i].name, span_of(names[n])) ||
                !names_sender(&fields->items[i], sender))
                continue;
            if (!sieve_field_value(r, &fields->items[i], false, &value))
                return false;
            *out = reply_one_line(r, value, 500);
            if (*out == NULL)
                return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ all of it */

static bool
sender_withheld(struct sieve_run *r, struct own *own, const char **why)
{
    const char *sender = sieve_run_input(r)->envelope->sender;

    if (sender[0] == '\0') {
        *why = "the message has a null reverse-path";
        return true;
    }
    enum sieve_truth mine = is_mine(own, span_of(sender));
    if (mine == SIEVE_TRUE)
        *why = "the sender is the user himself";
    else if (is_program(sender))
        *why = "the sender is no person";
    else if (has_list_field(r))
        *why = "the message came through a mailing list";
    return mine != SIEVE_BROKEN;
}

bool
vacation_withheld(struct sieve_run *r, const struct sieve_value *addresses, const char **why,
                  const char **to_field)
{
    struct own own = {.run = r, .script = addresses};

    *why = NULL;
    if (!find_to_field(r, sieve_run_input(r)->envelope->sender, to_field) ||
        !sender_withheld(r, &own, why))
        return false;
    if (*why == NULL && !made_by_program(r, why))
        return false;
    if (*why != NULL || !checks_recipient(r))
        return true;
    enum sieve_truth written = was_written_to(&own);
    if (written == SIEVE_FALSE)
        *why = "no address of the user stands in To, Cc or Bcc";
    return written != SIEVE_BROKEN;
}
