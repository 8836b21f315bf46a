/* SPDX-License-Identifier: MIT
 *
 * lmtpload - load for an LMTP server: one line of JSON with messages a second and their latency.
 *
 *   lmtpload [-s SESSIONS] [-r RECIPIENTS] [-b OCTETS] [-u USERS] [-n NAME] [-t SECONDS]
 *            [-m MESSAGES] [-d DOMAIN] HOST:PORT | /path/of/socket
 *
 * Exit status: 0 all delivered, 1 something was refused or lost, 2 usage, or it could not begin.
 */
#include "load_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define GRACE_SECONDS 60

static const char usage[] =
    "usage: lmtpload [-s sessions] [-r recipients] [-b octets] [-u users] [-n name] [-t seconds]\n"
    "                [-m messages] [-d domain] HOST:PORT | /path/of/socket\n";

/* A number from..to, or 0 when it is none. */
static unsigned long
number(const char *text, unsigned long from, unsigned long to)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    return *text != '\0' && *end == '\0' && v >= from && v <= to ? v : 0;
}

static bool
read_options(struct load_options *o, int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "s:r:b:u:n:t:m:d:")) != -1)
        switch (c) {
        case 's':
            o->sessions = (unsigned)number(optarg, 1, 10000);
            break;
        case 'r':
            o->recipients = (unsigned)number(optarg, 1, 1000);
            break;
        case 'b':
            o->size = number(optarg, 512, 64ul << 20);
            break;
        case 'u':
            o->users = (unsigned)number(optarg, 1, 1000000);
            break;
        case 't':
            o->seconds = (double)number(optarg, 1, 3600);
            break;
        case 'n':
            o->name = optarg;
            break;
        case 'm':
            o->messages = number(optarg, 1, 1000000000);
            break;
        case 'd':
            o->domain = optarg;
            break;
        default:
            return false;
        }
    o->where = argv[optind];
    return optind == argc - 1 && o->sessions > 0 && o->recipients > 0 && o->size > 0 &&
           o->users > 0 && o->seconds > 0 && strlen(o->domain) < 200 && strlen(o->name) < 50;
}

static double
client_cpu(void)
{
    struct rusage r;

    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void
print_result(struct load *l)
{
    double seconds = l->last > 0 ? l->last : 1e-9;

    latencies_sort(&l->latencies);
    printf("{\"messages\":%llu,\"delivered\":%llu,\"refused\":%llu,\"lost\":%llu,\"seconds\":%.3f,"
           "\"messages_per_s\":%.1f,\"deliveries_per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f,\"client_cpu_s\":%.2f}\n",
           (unsigned long long)l->messages, (unsigned long long)l->delivered,
           (unsigned long long)l->refused, (unsigned long long)l->lost, seconds,
           (double)l->messages / seconds, (double)l->delivered / seconds,
           latencies_ms(&l->latencies, .50), latencies_ms(&l->latencies, .99),
           latencies_ms(&l->latencies, 1), client_cpu());
}

int
main(int argc, char **argv)
{
    struct load_options options = {.sessions = 1,
                                   .recipients = 1,
                                   .users = 1000,
                                   .name = "u",
                                   .size = 10240,
                                   .seconds = 3,
                                   .grace = GRACE_SECONDS,
                                   .domain = "example.com"};
    struct load load = {.options = &options};

    if (!read_options(&options, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    if (!target_find(&load.target, options.where) || !content_init(&load.content, options.size) ||
        !load_run(&load)) {
        fprintf(stderr, "lmtpload: %s: %s\n", options.where,
                errno == 0 ? "no such address" : strerror(errno));
        return 2;
    }
    print_result(&load);
    if (load.refused > 0)
        fprintf(stderr, "lmtpload: %llu refused, the first with: %s\n",
                (unsigned long long)load.refused, load.first_refusal);
    content_release(&load.content);
    latencies_release(&load.latencies);
    return load.refused == 0 && load.lost == 0 && load.messages > 0 ? 0 : 1;
}
