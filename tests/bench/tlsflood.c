/* SPDX-License-Identifier: MIT
 *
 * Clients for implicit TLS on 127.0.0.1, for tests/bench/tls.py:
 *
 *   tlsflood handshakes PORT RATE SECONDS THREADS   full handshakes, RATE a second at most, each on
 *                                                   a connection of its own; prints how many
 *   tlsflood idle PORT COUNT                        COUNT connections that say nothing more, until
 *                                                   standard input ends
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64

static SSL_CTX *context;
static struct sockaddr_in server;
static atomic_ulong done, failed;
static double interval, until;

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
connect_one(void)
{
    const struct linger reset = {1, 0}; /* or the ports run out */
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    if (connect(fd, (const struct sockaddr *)&server, sizeof(server)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The greeting is waited for: the server has done its part of the handshake then. */
static SSL *
shake(int fd)
{
    char greeting[512];
    SSL *ssl = SSL_new(context);

    if (ssl == NULL)
        return NULL;
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) == 1 && SSL_read(ssl, greeting, sizeof(greeting)) > 0)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

static void *
run_thread(void *arg)
{
    double next = now();

    (void)arg;
    while (now() < until) {
        double wait = next - now();
        int fd;
        SSL *ssl;

        if (wait > 0)
            usleep((useconds_t)(wait * 1e6));
        next += interval;
        fd = connect_one();
        ssl = fd < 0 ? NULL : shake(fd);
        atomic_fetch_add(ssl != NULL ? &done : &failed, 1);
        SSL_free(ssl);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

static int
flood(double rate, double seconds, int threads)
{
    pthread_t ids[THREADS_MAX];
    double begun = now();

    interval = threads / rate;
    until = begun + seconds;
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, run_thread, NULL);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    printf("%lu handshakes, %lu failed, %.1f a second\n", atomic_load(&done), atomic_load(&failed),
           (double)atomic_load(&done) / (now() - begun));
    return 0;
}

static int
hold(int count)
{
    struct rlimit files;
    int held = 0;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (int i = 0; i < count; i++) {
        int fd = connect_one();

        held += fd >= 0 && shake(fd) != NULL; /* kept until we end */
    }
    printf("%d\n", held);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc < 4)
        return 64;
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[2])),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return 1;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (strcmp(argv[1], "idle") == 0)
        return hold(atoi(argv[3]));
    if (argc < 6 || atoi(argv[5]) < 1 || atoi(argv[5]) > THREADS_MAX)
        return 64;
    return flood(atof(argv[3]), atof(argv[4]), atoi(argv[5]));
}
