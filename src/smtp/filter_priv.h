/* SPDX-License-Identifier: MIT
 *
 * A question to the content filters: filter.c asks it, filter_describe.c finds its words. Texts
 * without memory are left out or empty; the filters are asked all the same.
 */
#ifndef DOORSTEP_SMTP_FILTER_PRIV_H
#define DOORSTEP_SMTP_FILTER_PRIV_H

#include "session_priv.h"

struct question { /* an event and what its texts need */
    struct filter_event event;
    struct arena arena;
};

/* filter_has_forwarded_client() - did XFORWARD name another client for the next message? */
bool filter_has_forwarded_client(const struct smtp_session *s);

void question_describe_client(const struct smtp_session *s, struct question *q);
void question_describe_helo(const struct smtp_session *s, struct question *q);

/* question_describe_tls() - empty values unset what an earlier introduction said. */
void question_describe_tls(const struct smtp_session *s, struct question *q);

/* question_describe_path() - a reverse-path or recipient with its parameters as they were said. */
void question_describe_path(struct question *q, const struct address *a, const char *parameters);

/* question_address() - "<local@domain>" without its brackets. */
const char *question_address(struct question *q, const char *path);

/* question_message_id() - a queue id for the filters' logs: the MTA's where we know it, else one of
 * ours. */
const char *question_message_id(const struct smtp_session *s, struct question *q);

#endif
