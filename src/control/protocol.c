/* SPDX-License-Identifier: MIT
 *
 * Requests and replies as lines of JSON, and back. Called by both halves; what a line means for a
 * connection is theirs. jansson bounds the nesting (2,048) and refuses NUL and bad UTF-8; the
 * length of a line is bounded by who reads it.
 */
#include "control_priv.h"

#include <string.h>

#include <sodium.h>

bool
control_call_parse(struct span line, struct control_call *out, struct outcome *why)
{
    json_error_t error;

    out->root = json_loadb(line.p != NULL ? line.p : "", line.n, JSON_REJECT_DUPLICATES, &error);
    out->op = json_string_value(json_object_get(out->root, "op"));
    out->args = json_object_get(out->root, "args");
    if (out->root == NULL) {
        outcome_set(why, OUTCOME_BAD_REQUEST, "column %d", error.column);
        outcome_say(why, "not JSON: %s", error.text);
    } else if (out->op == NULL) {
        outcome_set(why, OUTCOME_BAD_REQUEST, NULL);
        outcome_say(why, "a request is an object with the string \"op\"");
    } else if (out->args != NULL && !json_is_object(out->args)) {
        outcome_set(why, OUTCOME_BAD_REQUEST, NULL);
        outcome_say(why, "\"args\" must be an object");
    } else if (out->args == NULL &&
               json_object_set_new(out->root, "args", out->args = json_object()) < 0) {
        outcome_set(why, OUTCOME_SYSTEM, "no memory");
    } else {
        return true;
    }
    control_call_release(out);
    return false;
}

void
control_call_release(struct control_call *call)
{
    json_decref(call->root);
    *call = (struct control_call){0};
}

static int
append(const char *data, size_t n, void *arg)
{
    return buf_append(arg, data, n) ? 0 : -1;
}

static bool
append_json(struct buf *out, json_t *value)
{
    return json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
}

/* Undo half a line: a buffer never holds one. */
static bool
whole_or_nothing(struct buf *out, size_t before, bool whole)
{
    if (!whole && out->data != NULL) {
        out->len = before;
        out->data[before] = '\0';
    }
    return whole;
}

static bool
print_wrapped(struct buf *out, const char *key, json_t *value)
{
    size_t before = out->len;
    bool whole =
        buf_printf(out, "{\"%s\":", key) && append_json(out, value) && buf_append_str(out, "}\n");
    return whole_or_nothing(out, before, whole);
}

/* value stolen, NULL refused. */
static bool
print_wrapped_new(struct buf *out, const char *key, json_t *value)
{
    bool whole = value != NULL && print_wrapped(out, key, value);
    json_decref(value);
    return whole;
}

bool
control_print_call(struct buf *out, const char *op, json_t *args)
{
    json_t *call = json_pack("{s:s, s:O*}", "op", op, "args", args);
    size_t before = out->len;
    bool whole = call != NULL && append_json(out, call) && buf_append_char(out, '\n');

    json_decref(call);
    return whole_or_nothing(out, before, whole);
}

bool
control_print_row(struct buf *out, json_t *row)
{
    return print_wrapped(out, "row", row);
}

bool
control_print_ok(struct buf *out, json_t *ok)
{
    return print_wrapped(out, "ok", ok);
}

bool
control_print_bytes(struct buf *out, struct span piece)
{
    static const char head[] = "{\"bytes\":\"";
    size_t coded = sodium_base64_ENCODED_LEN(piece.n, sodium_base64_VARIANT_ORIGINAL);
    size_t before = out->len;

    if (!buf_append(out, head, sizeof(head) - 1) || !buf_reserve(out, coded + 3))
        return whole_or_nothing(out, before, false);
    sodium_bin2base64(out->data + out->len, coded, (const unsigned char *)piece.p, piece.n,
                      sodium_base64_VARIANT_ORIGINAL);
    out->len += coded - 1; /* without the NUL */
    return whole_or_nothing(out, before, buf_append_str(out, "\"}\n"));
}

bool
control_print_progress(struct buf *out, uint64_t done, uint64_t total)
{
    return print_wrapped_new(
        out, "progress",
        json_pack("{s:I, s:I}", "done", (json_int_t)done, "total", (json_int_t)total));
}

/* Texts of outcomes may quote a path or a peer: what is no UTF-8 must not cost the whole answer. */
static json_t *
json_text(const char *s)
{
    char ascii[sizeof(((struct control_reply *)0)->text)];
    json_t *text = json_string(s);

    if (text != NULL)
        return text;
    size_t n = strnlen(s, sizeof(ascii) - 1);
    for (size_t i = 0; i < n; i++)
        ascii[i] = (unsigned char)s[i] < 0x80 ? s[i] : '?';
    return json_stringn(ascii, n);
}

bool
control_print_error(struct buf *out, int code, const char *enhanced, const char *text,
                    const char *cause)
{
    json_t *error = json_pack("{s:i, s:s, s:o*, s:o*}", "code", code, "enhanced", enhanced, "text",
                              json_text(text), "cause", cause[0] == '\0' ? NULL : json_text(cause));

    return print_wrapped_new(out, "error", error);
}

static bool
parse_number(json_t *object, const char *key, uint64_t *out)
{
    json_t *value = json_object_get(object, key);
    *out = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool
parse_progress(json_t *value, struct control_reply *reply)
{
    reply->kind = CONTROL_PROGRESS;
    return parse_number(value, "done", &reply->done) && parse_number(value, "total", &reply->total);
}

static bool
parse_bytes(json_t *value, struct control_reply *reply, struct buf *bytes)
{
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);
    size_t decoded = 0;

    reply->kind = CONTROL_BYTES;
    buf_reset(bytes);
    if (text == NULL || !buf_reserve(bytes, n / 4 * 3 + 3) ||
        sodium_base642bin((unsigned char *)bytes->data, n / 4 * 3 + 3, text, n, NULL, &decoded,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        return false;
    }
    bytes->len = decoded;
    reply->bytes = buf_span(bytes);
    return true;
}

static void
copy_string(char *out, size_t size, json_t *value)
{
    const char *s = json_string_value(value);
    size_t n = s == NULL ? 0 : strnlen(s, size - 1);

    memcpy(out, s == NULL ? "" : s, n);
    out[n] = '\0';
}

static bool
parse_error(json_t *value, struct control_reply *reply)
{
    uint64_t code;

    reply->kind = CONTROL_ERROR;
    copy_string(reply->enhanced, sizeof(reply->enhanced), json_object_get(value, "enhanced"));
    copy_string(reply->text, sizeof(reply->text), json_object_get(value, "text"));
    copy_string(reply->cause, sizeof(reply->cause), json_object_get(value, "cause"));
    if (!parse_number(value, "code", &code) || code > 599)
        return false;
    reply->code = (int)code;
    return true;
}

bool
control_reply_parse(struct span line, struct control_reply *reply, json_t **root, struct buf *bytes)
{
    json_t *value;

    *reply = (struct control_reply){0};
    *root = json_loadb(line.p != NULL ? line.p : "", line.n, 0, NULL);
    if ((value = json_object_get(*root, "row")) != NULL) {
        reply->kind = CONTROL_ROW;
        reply->row = value;
        return json_is_object(value);
    }
    if ((value = json_object_get(*root, "ok")) != NULL) {
        reply->kind = CONTROL_OK;
        reply->row = value;
        return json_is_object(value);
    }
    if ((value = json_object_get(*root, "bytes")) != NULL)
        return parse_bytes(value, reply, bytes);
    if ((value = json_object_get(*root, "progress")) != NULL)
        return parse_progress(value, reply);
    value = json_object_get(*root, "error");
    return value != NULL && parse_error(value, reply);
}
