/* SPDX-License-Identifier: MIT
 *
 * Reverse-paths of what is sent on: see senders_priv.h.
 */
#include "senders_priv.h"

#include <string.h>
#include <time.h>

#include "doorstep/log.h"

void
senders_init(struct senders *s, const struct settings *settings)
{
    *s = (struct senders){.settings = settings};
    s->srs.domain = settings->relay.srs_domain;
    s->srs.local_max = (size_t)settings->relay.srs_local_max;
}

void
senders_take_secrets(struct senders *s, struct span text)
{
    if (!srs_set_secrets(&s->srs, text))
        log_event(LOG_LEVEL_ERROR, "srs_secrets", "file", s->settings->relay.srs_secret_file,
                  "cause", "it needs 1 to 8 lines of 16 octets or more", "effect",
                  "nothing is rewritten", NULL);
}

static const char *
print(const struct address *a, struct arena *arena)
{
    struct buf text;

    buf_init(&text, ADDRESS_PATH_MAX);
    bool ok = address_print(a, &text);
    const char *copy = ok ? arena_copy(arena, buf_span(&text)) : NULL;
    buf_release(&text);
    return copy;
}

/* What is too long to be rewritten is reported to the account that sends it on. */
static const char *
rewritten(const struct senders *s, const struct address *sender, const char *account,
          struct arena *arena)
{
    struct address out;

    return srs_forward(&s->srs, sender, time(NULL), arena, &out)
               ? print(&out, arena)
               : arena_copy(arena, span_of(account));
}

const char *
senders_of_redirect(const struct senders *s, const struct address *reverse_path,
                    const char *account, struct arena *arena)
{
    if (reverse_path->is_null)
        return "";
    switch (s->settings->relay.redirect_sender) {
    case REDIRECT_NULL:
        return "";
    case REDIRECT_RECIPIENT:
        return arena_copy(arena, span_of(account));
    case REDIRECT_SRS:
        return rewritten(s, reverse_path, account, arena);
    case REDIRECT_AUTO:
    case REDIRECT_ORIGINAL:
        break;
    }
    return print(reverse_path, arena);
}

bool
senders_is_rewritten(const struct senders *s, const struct address *a)
{
    return s->srs.key_count > 0 && srs_is_one(&s->srs, a);
}

bool
senders_behind(const struct senders *s, const struct address *a, struct arena *arena,
               struct address *out)
{
    return srs_reverse(&s->srs, a, time(NULL), arena, out) == SRS_OK;
}

const char *
senders_report_path(const struct senders *s, const char *reverse_path, struct arena *arena)
{
    const unsigned flags = ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8;
    struct address path, behind;
    const char *text = NULL;

    if (address_parse_mailbox(span_of(reverse_path), flags, arena, &path) == ADDRESS_OK &&
        senders_is_rewritten(s, &path) && senders_behind(s, &path, arena, &behind))
        text = print(&behind, arena);
    return text == NULL ? reverse_path : text;
}
