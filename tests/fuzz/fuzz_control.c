/* SPDX-License-Identifier: MIT
 *
 * A line of the control socket through both parsers: as a request to the daemon, and as a reply to
 * the tool. What a parser takes must print and parse again to the same.
 */
#include <assert.h>
#include <stdint.h>

#include "control_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_request(struct span line)
{
    struct control_call call, again;
    struct outcome why;
    struct buf out;

    if (!control_call_parse(line, &call, &why))
        return;
    buf_init(&out, 8 * CONTROL_REQUEST_MAX);
    if (control_print_call(&out, call.op, call.args)) {
        assert(control_call_parse((struct span){out.data, out.len - 1}, &again, &why));
        assert(json_equal(call.args, again.args));
        control_call_release(&again);
    }
    buf_release(&out);
    control_call_release(&call);
}

static void
try_reply(struct span line)
{
    struct control_reply reply;
    json_t *root = NULL;
    struct buf bytes;

    buf_init(&bytes, CONTROL_REPLY_MAX);
    if (control_reply_parse(line, &reply, &root, &bytes) && reply.kind == CONTROL_BYTES)
        assert(reply.bytes.n <= line.n);
    json_decref(root);
    buf_release(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span line = {(const char *)data, size};

    try_request(line);
    try_reply(line);
    return 0;
}
