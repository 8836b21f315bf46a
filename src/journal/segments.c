/* SPDX-License-Identifier: MIT
 *
 * A writer's segments: see segments_priv.h.
 */
#include "segments_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static struct slot *
find_state(struct segments *s, enum slot_state state)
{
    struct slot *found = NULL;

    for (unsigned i = 0; i < s->max; i++)
        if (s->slots[i].state == state && (found == NULL || s->slots[i].number < found->number))
            found = &s->slots[i];
    return found;
}

/* One free file more than there may be goes: the setting was lowered. */
static void
adopt_free(struct segments *s, const char *name, unsigned index, const struct segment_head *head,
           bool fits)
{
    struct slot *slot = find_state(s, SLOT_NONE);

    if (slot == NULL) {
        unlinkat(s->folder, name, 0);
        return;
    }
    slot->state = SLOT_FREE;
    slot->index = index;
    slot->number = head->segment;
    slot->is_lost = !fits;
}

/* A file of this writer that is there already. What is no free segment is left alone. */
static bool
adopt_file(struct segments *s, const char *name, unsigned index, struct outcome *why)
{
    struct segment_head head;
    struct stat st;
    int fd = segment_open(s->folder, name, O_RDONLY);
    bool known;

    if (fd < 0)
        return errno == ELOOP || errno == ENXIO || outcome_errno(why, errno, "openat", name);
    known = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && segment_read_head(fd, &head) &&
            head.writer == s->writer;
    close(fd);
    if (!known)
        return true;
    if (head.segment > s->newest)
        s->newest = head.segment;
    if (head.is_free)
        adopt_free(s, name, index, &head, (uint64_t)st.st_size == s->octets);
    return true;
}

static bool
adopt_files(struct segments *s, DIR *dir, struct outcome *why)
{
    struct dirent *e;
    unsigned writer, index;
    bool is_new;

    while (errno = 0, (e = readdir(dir)) != NULL)
        if (format_parse_name(e->d_name, &writer, &index, &is_new) && writer == s->writer &&
            !is_new && !adopt_file(s, e->d_name, index, why))
            return false;
    return errno == 0 || outcome_errno(why, errno, "readdir", NULL);
}

static bool
adopt_folder(struct segments *s, const char *folder, struct outcome *why)
{
    DIR *dir = opendir(folder);
    bool ok;

    if (dir == NULL)
        return outcome_errno(why, errno, "opendir", folder);
    s->folder = fcntl(dirfd(dir), F_DUPFD_CLOEXEC, 0);
    ok = s->folder >= 0 ? adopt_files(s, dir, why) : outcome_errno(why, errno, "dup", folder);
    closedir(dir);
    return ok;
}

bool
segments_open(struct segments *s, const struct journal_options *options, struct outcome *why)
{
    *s = (struct segments){.folder = -1, .writer = options->number, .max = options->segments_max};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->made, NULL);
    s->octets = format_round(options->segment_octets);
    if (s->octets < JOURNAL_SEGMENT_MIN || s->octets > JOURNAL_SEGMENT_MAX || s->max < 2)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "journal: %u segments of %llu octets", s->max,
                           (unsigned long long)options->segment_octets);
    s->slots = calloc(s->max, sizeof *s->slots);
    if (s->slots == NULL)
        return outcome_errno(why, errno, "calloc", NULL);
    for (unsigned i = 0; i < s->max; i++)
        s->slots[i].fd = -1;
    if (!adopt_folder(s, options->folder, why))
        return false;
    s->first = s->needed = s->newest + 1;
    return true;
}

void
segments_close(struct segments *s)
{
    for (unsigned i = 0; s->slots != NULL && i < s->max; i++)
        if (s->slots[i].fd >= 0)
            close(s->slots[i].fd);
    free(s->slots);
    if (s->folder >= 0)
        close(s->folder);
    pthread_cond_destroy(&s->made);
    pthread_mutex_destroy(&s->lock);
}

/* ---- all below: under the lock, where it does not say otherwise ---- */

/* Without the lock: an index that no file has. Only the one thread that makes a file asks. */
static unsigned
find_index(const struct segments *s)
{
    char name[JOURNAL_NAME_SIZE];

    for (unsigned index = 0;; index++) {
        format_name(name, s->writer, index, false);
        if (faccessat(s->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            return index;
    }
}

/* Without the lock. The old file of this name, if there is one, is durably something else when this
 * returns true. */
static bool
make_file(struct segments *s, struct slot *slot, const struct segment_head *head, bool fill,
          struct outcome *why)
{
    char name[JOURNAL_NAME_SIZE];

    if (slot->fd < 0 && !slot->is_lost) {
        format_name(name, s->writer, slot->index, false);
        slot->fd = segment_open(s->folder, name, O_RDWR);
        segment_go_direct(slot->fd);
    }
    if (slot->fd < 0) {
        slot->fd = segment_make(s->folder, slot->index, head, fill, why);
        slot->is_lost = slot->fd < 0;
        return slot->fd >= 0;
    }
    if (segment_write_head(slot->fd, head))
        return true;
    outcome_errno(why, errno, "head of segment", NULL);
    close(slot->fd);
    slot->fd = -1;
    slot->is_lost = true;
    return false;
}

/* One that is ready already is made anew: nothing is in it. Gives the lock up while it works. NULL:
 * none is free, or `why`. */
static struct slot *
make_ready(struct segments *s, bool fill, struct outcome *why)
{
    struct slot *slot = find_state(s, SLOT_READY);
    struct segment_head head = {.writer = s->writer,
                                .segment = s->newest + 1,
                                .octets = s->octets,
                                .first = s->first,
                                .needed = s->needed};
    bool ok, had_file;

    outcome_set(why, OUTCOME_DISK_FULL, "journal: no segment is free");
    if (slot == NULL)
        slot = find_state(s, SLOT_FREE);
    if (slot == NULL)
        slot = find_state(s, SLOT_NONE);
    if (slot == NULL)
        return NULL;
    had_file = slot->state != SLOT_NONE;
    slot->state = SLOT_MAKING;
    pthread_mutex_unlock(&s->lock);
    if (!had_file) {
        slot->index = find_index(s);
        slot->is_lost = true;
    }
    ok = getrandom(&head.salt, sizeof head.salt, 0) == (ssize_t)sizeof head.salt
             ? make_file(s, slot, &head, fill, why)
             : outcome_errno(why, errno, "getrandom", NULL);
    pthread_mutex_lock(&s->lock);
    slot->state = ok ? SLOT_READY : had_file ? SLOT_FREE : SLOT_NONE;
    if (ok) {
        slot->number = head.segment;
        slot->salt = head.salt;
        slot->needed = head.needed;
    }
    pthread_cond_broadcast(&s->made);
    return ok ? slot : NULL;
}

/* ---- entry points ---- */

struct slot *
segments_take(struct segments *s, struct outcome *why)
{
    struct slot *slot;

    pthread_mutex_lock(&s->lock);
    while (find_state(s, SLOT_MAKING) != NULL)
        pthread_cond_wait(&s->made, &s->lock);
    slot = find_state(s, SLOT_READY);
    if (slot == NULL)
        slot = make_ready(s, false, why);
    if (slot != NULL) {
        slot->state = SLOT_LIVE;
        s->newest = slot->number;
    }
    pthread_mutex_unlock(&s->lock);
    return slot;
}

bool
segments_prepare(struct segments *s)
{
    const struct slot *ready;
    struct outcome why;
    bool made;

    pthread_mutex_lock(&s->lock);
    ready = find_state(s, SLOT_READY);
    made = find_state(s, SLOT_MAKING) == NULL && (ready == NULL || ready->needed < s->needed) &&
           make_ready(s, true, &why) != NULL;
    pthread_mutex_unlock(&s->lock);
    return made;
}

void
segments_lose(struct segments *s, struct slot *slot)
{
    pthread_mutex_lock(&s->lock);
    close(slot->fd);
    slot->fd = -1;
    slot->is_lost = true;
    pthread_mutex_unlock(&s->lock);
}

void
segments_free(struct segments *s, uint64_t needed, const struct slot *kept)
{
    pthread_mutex_lock(&s->lock);
    if (needed > s->needed)
        s->needed = needed;
    for (unsigned i = 0; i < s->max; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_LIVE && slot->number < s->needed && slot != kept)
            slot->state = SLOT_FREE;
    }
    pthread_mutex_unlock(&s->lock);
}

uint64_t
segments_oldest(struct segments *s)
{
    const struct slot *slot;
    uint64_t oldest;

    pthread_mutex_lock(&s->lock);
    slot = find_state(s, SLOT_LIVE);
    oldest = slot != NULL ? slot->number : s->newest + 1;
    pthread_mutex_unlock(&s->lock);
    return oldest;
}

unsigned
segments_waiting(struct segments *s, uint64_t number)
{
    unsigned count = 0;

    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->max; i++)
        if (s->slots[i].state == SLOT_LIVE && s->slots[i].number < number)
            count++;
    pthread_mutex_unlock(&s->lock);
    return count;
}
