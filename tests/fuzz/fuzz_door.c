/* SPDX-License-Identifier: MIT
 *
 * Any packet through a door: a frame comes out whole or not at all, and always the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct door_frame f;
    int fds[2];

    if (!door_pair(fds))
        abort();
    struct door *d = door_new(fds[0], 0);
    if (d == NULL || send(fds[1], data, size, 0) != (ssize_t)size)
        abort();
    close(fds[1]);
    enum door_result result = door_receive(d, &f);
    if (result == DOOR_OK && (f.fd != -1 || f.body.n + 16 != size))
        abort();
    if (result == DOOR_AGAIN || door_receive(d, &f) != DOOR_CLOSED)
        abort();
    door_free(d);
    return 0;
}
