/* SPDX-License-Identifier: MIT
 *
 * Reads what proc(5) says of each role's process: see watch_priv.h. Confined roles cannot look at
 * themselves. What the kernel does not tell is left at 0.
 */
#include "watch_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/clock.h"

#include "supervise_priv.h"

#define EVERY_MS 5000

struct sums { /* over the processes of one role */
    int64_t processes, octets, descriptors;
};

/* The file's first line; false without one. */
static bool
read_line(pid_t pid, const char *name, char *line, size_t size)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool ok = fgets(line, (int)size, file) != NULL;
    fclose(file);
    return ok;
}

/* statm: "size resident shared ...", in pages. */
static int64_t
resident(pid_t pid)
{
    char line[256];
    long long pages = 0;

    if (!read_line(pid, "statm", line, sizeof(line)) || sscanf(line, "%*s %lld", &pages) != 1)
        return 0;
    return pages * sysconf(_SC_PAGESIZE);
}

/* The folder tells its number of entries since Linux 6.2; before, whoever may read it can count. */
static int64_t
descriptors(pid_t pid)
{
    char path[64];
    struct stat st;
    int64_t count = 0;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    if (stat(path, &st) == 0 && st.st_size > 0)
        return st.st_size;
    folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (const struct dirent *e; (e = readdir(folder)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* stat: fields 14 and 15, in ticks; the name, field 2, may hold blanks and brackets. */
static uint64_t
cpu_us(pid_t pid)
{
    unsigned long long user = 0, kernel = 0;
    const char *behind;
    char line[1024];

    if (!read_line(pid, "stat", line, sizeof(line)) || (behind = strrchr(line, ')')) == NULL ||
        sscanf(behind + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user,
               &kernel) != 2)
        return 0;
    return (user + kernel) * (1000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void
look_at(pid_t pid, unsigned role, uint64_t *cpu_before_us, struct sums *sums)
{
    const uint64_t now_us = cpu_us(pid);

    sums[role].processes++;
    sums[role].octets += resident(pid);
    sums[role].descriptors += descriptors(pid);
    if (now_us > *cpu_before_us)
        metrics_count(METRIC_PROCESS_CPU, role, now_us - *cpu_before_us);
    *cpu_before_us = now_us;
}

static void
look(struct daemon *d)
{
    struct sums sums[METRICS_ROLES_COUNT] = {0};

    look_at(getpid(), METRICS_ROLE_MAIN, &d->cpu_us, sums);
    for (struct role *r = d->roles; r != NULL; r = r->next)
        if (r->pid > 0)
            look_at(r->pid, supervise_metrics_role(r->kind), &r->cpu_us, sums);
    for (unsigned role = 0; role < METRICS_ROLES_COUNT; role++) {
        metrics_gauge_set(METRIC_PROCESSES, role, sums[role].processes);
        metrics_gauge_set(METRIC_PROCESS_MEMORY, role, sums[role].octets);
        metrics_gauge_set(METRIC_PROCESS_DESCRIPTORS, role, sums[role].descriptors);
    }
}

static void
on_due(void *arg)
{
    struct daemon *d = arg;

    look(d);
    loop_timer_start(d->watch, EVERY_MS);
}

void
watch_start(struct daemon *d)
{
    metrics_gauge_set(METRIC_START_TIME, METRICS_NO_LABEL, (int64_t)clock_wall().tv_sec * 1000000);
    d->watch = loop_timer_new(d->loop, on_due, d);
    if (d->watch != NULL)
        loop_timer_start(d->watch, 0);
}
