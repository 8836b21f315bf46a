/* SPDX-License-Identifier: MIT
 *
 * Reverse-paths of what a redirect sends on: the sender's own, ours by SRS, or another, as
 * redirect_sender has it; and who stands behind one of ours when a report comes back to it.
 */
#ifndef DELIVER_SENDERS_PRIV_H
#define DELIVER_SENDERS_PRIV_H

#include "doorstep/envelope.h"
#include "doorstep/settings.h"
#include "doorstep/srs.h"

struct senders {
    const struct settings *settings; /* borrowed */
    struct srs srs;                  /* without keys nothing is rewritten, nor believed */
};

/* senders_init() - senders_take_secrets() follows where srs_secret_file is set: its text. */
void senders_init(struct senders *s, const struct settings *settings);
void senders_take_secrets(struct senders *s, struct span text);

/* senders_of_redirect() - the reverse-path, "" for the null one, which stays what it is; account is
 * "user@domain". Memory from arena; NULL: there is none. */
const char *senders_of_redirect(const struct senders *s, const struct address *reverse_path,
                                const char *account, struct arena *arena);

/* senders_is_rewritten() - does it claim to be one of our SRS domain? */
bool senders_is_rewritten(const struct senders *s, const struct address *a);

/* senders_behind() - whom it stands for; false: we did not make it, or too long ago. */
bool senders_behind(const struct senders *s, const struct address *a, struct arena *arena,
                    struct address *out);

/* senders_report_path() - whom to tell about a message that left with this reverse-path: itself, or
 * who stands behind one of ours, with no way round by a mail exchanger. Borrowed from either
 * argument. Any thread. */
const char *senders_report_path(const struct senders *s, const char *reverse_path,
                                struct arena *arena);

#endif
