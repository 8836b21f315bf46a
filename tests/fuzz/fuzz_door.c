/* SPDX-License-Identifier: MIT
 *
 * Any packet through a door, with none to two descriptors: its frames come out whole or none does,
 * a descriptor with the first of them or nowhere, and always the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
send_packet(int fd, const uint8_t *data, size_t size, size_t descriptors)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[2] = {fd, fd};

    if (descriptors > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
        memcpy(CMSG_DATA(c), fds, descriptors * sizeof(int));
    }
    if (sendmsg(fd, &msg, 0) != (ssize_t)size)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct door_frame f;
    size_t seen = 0;
    int fds[2];

    if (!door_pair(fds))
        abort();
    struct door *d = door_new(fds[0], 0);
    if (d == NULL)
        abort();
    size_t descriptors = size > 0 ? data[size - 1] % 3u : 0;
    send_packet(fds[1], data, size, descriptors);
    close(fds[1]);
    enum door_result result = door_receive(d, &f);
    for (bool more = result == DOOR_OK; more;
         more = door_holds(d) && door_receive(d, &f) == DOOR_OK) {
        if (f.fd != -1 && (descriptors != 1 || seen > 0 || close(f.fd) != 0))
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
