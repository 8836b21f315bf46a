/* SPDX-License-Identifier: MIT
 *
 * Messages on their way: each is answered once, at the latest when its time is up. What it holds
 * goes with its answer: whoever still has something to say about it speaks to nobody.
 */
#include "passthrough_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/clock.h"

#define ARENA_MAX (1024 * 1024)
#define INLINE_MAX (64u << 20) /* the largest message_memory */

/* ---- ends ---- */

void
pass_free(struct pass *pass)
{
    struct passthrough *p = pass->role;

    if (pass->gate != NULL)
        gate_leave(pass->gate, pass);
    if (pass->talk != NULL)
        talk_let_go(pass->talk);
    if (pass->giver != NULL)
        giver_cut(pass->giver);
    if (pass->is_named)
        HASH_DELETE(hh_token, p->by_token, pass);
    HASH_DEL(p->passes, pass);
    loop_timer_free(pass->timer);
    if (pass->message >= 0)
        close(pass->message);
    if (pass->given >= 0)
        close(pass->given);
    arena_release(&pass->arena);
    free(pass);
}

/* The pass is gone when something came of it. */
static void
judge(struct pass *pass)
{
    bool discards = pass->gate != NULL && pass->gate->settings->on_silence == SILENCE_DISCARD;
    enum pass_end end;
    const char *why;

    pass->facts.is_returning = pass->giver != NULL;
    end = pass_judge(&pass->facts, discards, &why);
    if (end == PASS_GOES_ON)
        return;
    pass_say(pass, end, why);
    pass_free(pass);
}

void
pass_failed(struct pass *pass, const char *cause)
{
    if (pass->facts.failure == NULL)
        snprintf(pass->cause, sizeof(pass->cause), "%s", cause);
    pass->facts.failure = pass->cause;
    judge(pass);
}

static void
on_timeout(void *arg)
{
    struct pass *pass = arg;

    if (!pass->is_running) {
        pass_failed(pass, "it has waited too long for its turn");
        return;
    }
    pass->facts.is_late = true;
    judge(pass);
}

/* ---- what connections tell ---- */

void
pass_answered(struct pass *pass, const struct relay_answer *answer)
{
    char cause[CAUSE_SIZE];

    if (answer->code == 0) {
        pass_failed(pass, answer->text);
    } else if (!pass_is_verdict(answer->code)) {
        snprintf(cause, sizeof(cause), "it answered %u %s", answer->code, answer->text);
        pass_failed(pass, cause);
    } else {
        pass->facts.reply = answer->code;
        memcpy(pass->enhanced, answer->enhanced, sizeof(pass->enhanced));
        snprintf(pass->text, sizeof(pass->text), "%s", answer->text);
        token_hide(pass->text, pass->token);
        judge(pass);
    }
}

struct pass *
pass_find(const struct gate *g, const char *token)
{
    struct pass *pass;

    HASH_FIND(hh_token, g->role->by_token, token, TOKEN_SIZE - 1, pass);
    return pass != NULL && pass->gate == g ? pass : NULL;
}

void
pass_given(struct pass *pass, int fd, uint64_t octets)
{
    HASH_DELETE(hh_token, pass->role->by_token, pass); /* it comes back once */
    pass->is_named = false;
    pass->giver = NULL;
    pass->given = fd;
    pass->given_octets = octets;
    pass->facts.is_returned = true;
    judge(pass);
}

/* ---- begins ---- */

/* A new token for each attempt: what is left of an earlier one leads nowhere. */
void
pass_begin(struct pass *pass)
{
    struct passthrough *p = pass->role;

    pass->begun_us = clock_us();
    loop_timer_start(pass->timer, pass->gate->settings->timeout);
    token_make(pass->token);
    HASH_ADD(hh_token, p->by_token, token, TOKEN_SIZE - 1, pass);
    pass->is_named = !pass->is_unlisted;
    if (pass->is_named)
        pass->talk = talk_open(pass);
    if (pass->talk == NULL)
        pass_failed(pass, "there is no memory for a connection");
}

bool
pass_is_whole(const struct pass *pass)
{
    return pass->come == pass->octets;
}

/* ---- what the store says ---- */

/* Octets that come in pieces go into a file in memory. */
static bool
read_message(struct pass *pass, struct door_frame *f, struct unpack *u)
{
    bool by_fd = unpack_u8(u) != 0;

    pass->octets = unpack_u64(u);
    if (!unpack_done(u) || by_fd != (f->fd >= 0) || (!by_fd && pass->octets > INLINE_MAX))
        return false;
    pass->message = by_fd ? f->fd : memfd_create("message", MFD_CLOEXEC);
    pass->come = by_fd ? pass->octets : 0;
    f->fd = -1;
    return pass->message >= 0;
}

static struct pass *
pass_new(struct passthrough *p, uint64_t id)
{
    struct pass *pass = calloc(1, sizeof(*pass));

    if (pass == NULL)
        return NULL;
    pass->role = p;
    pass->id = id;
    pass->message = pass->given = -1;
    pass->timer = loop_timer_new(p->loop, on_timeout, pass);
    if (pass->timer != NULL)
        HASH_ADD(hh, p->passes, id, sizeof(pass->id), pass);
    if (pass->timer == NULL || pass->is_unlisted) {
        loop_timer_free(pass->timer);
        free(pass);
        return NULL;
    }
    arena_init(&pass->arena, ARENA_MAX);
    return pass;
}

bool
pass_take(struct passthrough *p, struct door_frame *f)
{
    struct pass *pass;
    struct unpack u;

    HASH_FIND(hh, p->passes, &f->id, sizeof(f->id), pass);
    pass = pass == NULL ? pass_new(p, f->id) : NULL;
    if (pass == NULL)
        return false;
    unpack_init(&u, f->body);
    if (!program_job_unpack(&pass->asked, &pass->arena, &u) || !read_message(pass, f, &u)) {
        pass_free(pass);
        return false;
    }
    pass->gate = gate_find(p, pass->asked.program);
    if (pass->gate == NULL) {
        pass_failed(pass, "there is no such filter");
        return true; /* what follows is nobody's */
    }
    loop_timer_start(pass->timer, p->settings->timeouts.answer / 2);
    gate_wait(pass->gate, pass);
    return true;
}

bool
pass_more(struct passthrough *p, const struct door_frame *f)
{
    struct pass *pass;

    HASH_FIND(hh, p->passes, &f->id, sizeof(f->id), pass);
    if (f->fd >= 0 || f->body.n == 0)
        return false;
    if (pass == NULL)
        return true; /* its time was up */
    if (pass->is_running || f->body.n > pass->octets - pass->come ||
        write(pass->message, f->body.p, f->body.n) != (ssize_t)f->body.n)
        return false;
    pass->come += f->body.n;
    gate_look(pass->gate);
    return true;
}
