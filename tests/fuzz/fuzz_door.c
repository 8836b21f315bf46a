/* SPDX-License-Identifier: MIT
 *
 * Any packet through a door: its frames come out whole or none does, and always the end.
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
    size_t seen = 0;
    int fds[2];

    if (!door_pair(fds))
        abort();
    struct door *d = door_new(fds[0], 0);
    if (d == NULL || send(fds[1], data, size, 0) != (ssize_t)size)
        abort();
    close(fds[1]);
    enum door_result result = door_receive(d, &f);
    for (bool more = result == DOOR_OK; more;
         more = door_holds(d) && door_receive(d, &f) == DOOR_OK) {
        if (f.fd != -1)
            abort();
        seen += f.body.n + 16;
    }
    if (result == DOOR_OK && seen != size)
        abort();
    if (result == DOOR_AGAIN || door_receive(d, &f) != DOOR_CLOSED)
        abort();
    door_free(d);
    return 0;
}
