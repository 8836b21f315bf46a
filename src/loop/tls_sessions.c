/* SPDX-License-Identifier: MIT
 *
 * What a server gave us so that the next handshake with it costs less (RFC 8446 2.2, RFC 5077): in
 * memory alone, for one target. A session has the verdict of the handshake that it began with, and
 * so it is good for nobody but a target of the same name, verified in the same way, and not for
 * long; where a good certificate is needed, one of a bad certificate is not kept.
 */
#include "tls_priv.h"

#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 8 /* links of a route that may begin at once */

struct tls_sessions {
    char name[TLS_NAME_SIZE]; /* of the target that they are for */
    bool is_number, is_strict;
    SSL_SESSION *list[SESSIONS_MAX]; /* owned; the newest last */
    size_t count;
};

struct tls_sessions *
tls_sessions_new(void)
{
    return calloc(1, sizeof(struct tls_sessions));
}

static void
drop_first(struct tls_sessions *s)
{
    SSL_SESSION_free(s->list[0]);
    s->count--;
    memmove(&s->list[0], &s->list[1], s->count * sizeof(s->list[0]));
}

static void
drop_all(struct tls_sessions *s)
{
    while (s->count > 0)
        drop_first(s);
}

void
tls_sessions_free(struct tls_sessions *s)
{
    if (s == NULL)
        return;
    drop_all(s);
    free(s);
}

/* --- whose they are --- */

static bool
are_for(const struct tls_sessions *s, const struct tls_target *target)
{
    return strcmp(s->name, target->name) == 0 && s->is_number == target->is_number &&
           s->is_strict == target->is_strict;
}

static bool
belong(struct tls_sessions *s, const struct tls_target *target)
{
    if (are_for(s, target))
        return true;
    drop_all(s);
    if (strlen(target->name) >= sizeof(s->name))
        return false;
    strcpy(s->name, target->name);
    s->is_number = target->is_number;
    s->is_strict = target->is_strict;
    return true;
}

static bool
is_fresh(const SSL_SESSION *session)
{
    const long age = (long)time(NULL) - SSL_SESSION_get_time(session);
    const long life = SSL_SESSION_get_timeout(session);

    return SSL_SESSION_is_resumable(session) == 1 && age >= 0 && age < life &&
           age < TLS_TICKET_LIFE;
}

/* --- handshakes --- */

/* The newest one, as a copy: a server that gives no new one with it takes it again. That both are
 * seen to be the same client (RFC 8446 C.4) is no news about a mail server. */
bool
tls_sessions_use(struct tls_sessions *s, const struct tls_target *target, SSL *ssl)
{
    if (s == NULL || !belong(s, target))
        return true;
    SSL_set_app_data(ssl, s);
    while (s->count > 0 && !is_fresh(s->list[s->count - 1]))
        SSL_SESSION_free(s->list[--s->count]);
    if (s->count == 0)
        return true;
    SSL_SESSION *copy = SSL_SESSION_dup(s->list[s->count - 1]);
    bool done = copy != NULL && SSL_set_session(ssl, copy) == 1;
    SSL_SESSION_free(copy);
    return done;
}

void
tls_sessions_failed(SSL *ssl)
{
    struct tls_sessions *s = SSL_get_app_data(ssl);

    if (s != NULL)
        drop_all(s);
}

/* SSL_CTX_sess_set_new_cb(3): 1 where it is kept. */
int
tls_sessions_keep(SSL *ssl, SSL_SESSION *session)
{
    struct tls_sessions *s = SSL_get_app_data(ssl);

    if (s == NULL || (s->is_strict && SSL_get_verify_result(ssl) != X509_V_OK))
        return 0;
    if (s->count == SESSIONS_MAX)
        drop_first(s);
    s->list[s->count++] = session;
    return 1;
}
