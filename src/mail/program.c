/* SPDX-License-Identifier: MIT
 *
 * Jobs of external programs, and the variables of their arguments: see program.h.
 */
#include "doorstep/program.h"

#include <string.h>

#include "doorstep/unpack_string.h"

static const char *const names[PROGRAM_VARIABLES] = {
    [PROGRAM_SENDER] = "sender",
    [PROGRAM_CLIENT_IP] = "client_ip",
    [PROGRAM_CLIENT_NAME] = "client_name",
    [PROGRAM_CLIENT_PORT] = "client_port",
    [PROGRAM_PROTOCOL] = "protocol",
    [PROGRAM_CLIENT_SOURCE] = "client_source",
    [PROGRAM_HELO] = "helo",
    [PROGRAM_LOGIN] = "login",
    [PROGRAM_QUEUE_ID] = "queue_id",
    [PROGRAM_DELIVERY_ID] = "delivery_id",
    [PROGRAM_MESSAGE_SIZE] = "message_size",
    [PROGRAM_RECIPIENT] = "recipient",
    [PROGRAM_ORIGINAL_RECIPIENT] = "original_recipient",
    [PROGRAM_USER] = "user",
    [PROGRAM_DOMAIN] = "domain",
    [PROGRAM_DETAIL] = "detail",
    [PROGRAM_MAILBOX] = "mailbox",
};

const char *
program_variable_name(enum program_variable v)
{
    return names[v];
}

enum program_variable
program_variable_find(struct span name)
{
    unsigned v = 0;

    while (v < PROGRAM_VARIABLES && !span_equal(span_of(names[v]), name))
        v++;
    return (enum program_variable)v;
}

/* ---- templates ---- */

/* One %-sequence at the front of text: its length, 0 when it is none. *v: PROGRAM_VARIABLES for a
 * percent sign. */
static size_t
read_variable(const char *text, enum program_variable *v)
{
    size_t n;

    *v = PROGRAM_VARIABLES;
    if (text[1] == '%')
        return 2;
    if (text[1] != '{')
        return 0;
    n = strcspn(text + 2, "}");
    *v = program_variable_find((struct span){text + 2, n});
    return text[2 + n] == '}' && *v != PROGRAM_VARIABLES ? n + 3 : 0;
}

bool
program_template_check(const char *text, struct program_template *found, struct buf *why)
{
    *found = (struct program_template){0};
    for (const char *p = text; *p != '\0';) {
        enum program_variable v = PROGRAM_VARIABLES;
        size_t n = *p == '%' ? read_variable(p, &v) : 1;

        if (n == 0) {
            buf_printf(why, "has no variable at '%.40s'; %% itself is written %%%%", p);
            return false;
        }
        found->begins_with_variable =
            found->begins_with_variable || (p == text && v != PROGRAM_VARIABLES);
        found->names_recipient =
            found->names_recipient || (v >= PROGRAM_RECIPIENT && v != PROGRAM_VARIABLES);
        p += n;
    }
    return true;
}

static bool
append_expanded(const char *text, const char *const values[], struct buf *out)
{
    bool good = true;

    while (good && *text != '\0') {
        enum program_variable v = PROGRAM_VARIABLES;
        size_t n = *text == '%' ? read_variable(text, &v) : 0;

        if (n == 0)
            good = buf_append_char(out, *text++);
        else if (v == PROGRAM_VARIABLES)
            good = buf_append_char(out, '%');
        else if (values[v] != NULL)
            good = buf_append_str(out, values[v]);
        text += n;
    }
    return good;
}

const char *
program_expand(const char *text, const char *const values[PROGRAM_VARIABLES], struct arena *arena)
{
    const char *copy = NULL;
    struct buf out;

    buf_init(&out, 256 * 1024);
    if (append_expanded(text, values, &out))
        copy = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return copy;
}

/* ---- jobs ---- */

/* Nothing in a value ends a line or a string, or moves a terminal. */
static void
pack_value(const char *value, struct pack *p)
{
    char clean[PROGRAM_VALUE_MAX];
    size_t n = 0;

    for (; value != NULL && value[n] != '\0' && n < sizeof(clean); n++)
        clean[n] = (unsigned char)value[n] < 0x20 || value[n] == 0x7f ? '?' : value[n];
    pack_span(p, (struct span){clean, n});
}

void
program_job_pack(const struct program_job *job, struct pack *p)
{
    pack_str(p, job->program);
    pack_u8(p, (uint8_t)job->use);
    pack_str(p, job->file);
    pack_u32(p, job->argument_count);
    for (uint32_t i = 0; i < job->argument_count; i++)
        pack_str(p, job->arguments[i]);
    pack_u8(p, job->has_recipient);
    pack_u8(p, job->is_binary);
    pack_u8(p, job->wants_output);
    for (unsigned v = 0; v < PROGRAM_VARIABLES; v++)
        pack_value(job->values[v], p);
}

static void
unpack_arguments(struct program_job *job, struct arena *arena, struct unpack *u)
{
    uint32_t count = unpack_u32(u);

    if (count > PROGRAM_ARGUMENTS_MAX)
        u->broken = true;
    job->argument_count = u->broken ? 0 : count;
    for (uint32_t i = 0; i < job->argument_count; i++)
        job->arguments[i] = unpack_string(u, arena, PROGRAM_JOB_MAX);
}

bool
program_job_unpack(struct program_job *job, struct arena *arena, struct unpack *u)
{
    uint8_t use;

    *job = (struct program_job){0};
    job->program = unpack_line(u, arena, PROGRAM_VALUE_MAX);
    use = unpack_u8(u);
    if (use >= PROGRAM_USES)
        u->broken = true;
    job->use = u->broken ? PROGRAM_AS_FILTER : (enum program_use)use;
    job->file = unpack_line(u, arena, PROGRAM_VALUE_MAX);
    unpack_arguments(job, arena, u);
    job->has_recipient = unpack_u8(u) == 1;
    job->is_binary = unpack_u8(u) == 1;
    job->wants_output = unpack_u8(u) == 1;
    for (unsigned v = 0; v < PROGRAM_VARIABLES; v++)
        job->values[v] = unpack_line(u, arena, PROGRAM_VALUE_MAX);
    return !u->broken;
}
