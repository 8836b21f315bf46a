/* SPDX-License-Identifier: MIT
 *
 * First half of a delivery: the bytes lie in an unnamed file, or in tmp/, and everything that can
 * fail has been tried. Nobody sees anything yet. One open and one write for a small message.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 30000 /* half of what ext4 allows a file */

/* Unique over hosts (host name), processes (pid), crashes and clock jumps (random of this opening),
 * deliveries of this opening (sequence); the delivery id so that a person finds it. */
static int
staged_unique(struct maildir *md, const struct store_mail *mail, char out[NAME_MAX + 1])
{
    return snprintf(out, NAME_MAX + 1, "%lld.M%06ldP%ldQ%lluR%016llx_%s.%s",
                    (long long)mail->received.tv_sec, mail->received.tv_nsec / 1000, (long)md->pid,
                    ++md->sequence, (unsigned long long)md->random, mail->id, md->host);
}

/* The name that readers will see, now that the sizes are known. A bare CR or LF makes readers
 * disagree about the size as CRLF, so W= is left out then. */
static void
staged_name(struct maildir *md, struct maildir_staged *s, const struct store_mail *mail)
{
    char flags[64] = "";
    int n = staged_unique(md, mail, s->name);

    n += snprintf(s->name + n, sizeof(s->name) - (size_t)n, ",S=%llu",
                  (unsigned long long)s->stored_octets);
    if (message_traits(mail->msg)->bare == 0)
        n += snprintf(s->name + n, sizeof(s->name) - (size_t)n, ",W=%llu",
                      (unsigned long long)s->wire_octets);
    s->base_length = (size_t)n;
    if (mail->flags != 0)
        maildir_flags_print(mail->flags, "", flags);
    strcat(s->name, flags);
}

static bool
staged_open_tmp(struct maildir *md, struct maildir_staged *s, const struct store_mail *mail,
                struct outcome *why)
{
    char name[NAME_MAX + 1];

    staged_unique(md, mail, name);
    snprintf(s->tmp, sizeof(s->tmp), "tmp/%.240s", name);
    s->file->fd = beneath_open(md->fd, s->tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (s->file->fd < 0 && errno == ENOENT &&
        maildir_make_subs(md, md->fd, !md->base.is_journaled, why))
        s->file->fd = beneath_open(md->fd, s->tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (s->file->fd >= 0)
        return true;
    maildir_errno(md, why, "open", s->tmp);
    s->tmp[0] = '\0';
    return false;
}

static bool
staged_open(struct maildir *md, struct maildir_staged *s, const struct store_mail *mail,
            struct outcome *why)
{
    if (md->no_tmpfile)
        return staged_open_tmp(md, s, mail, why);
    s->file->fd = openat(s->dir->fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (s->file->fd >= 0)
        return true;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return maildir_errno(md, why, "open unnamed file in", s->dir->path);
    md->no_tmpfile = true; /* NFS, FUSE, overlays: remembered while the store is open */
    return staged_open_tmp(md, s, mail, why);
}

static bool
staged_write(struct maildir *md, struct maildir_staged *s, const struct store_mail *mail,
             struct outcome *why)
{
    s->is_crlf = md->base.settings->crlf || store_keeps_bytes(mail);
    s->wire_octets = store_wire_octets(mail);
    if (!store_write_mail(s->file->fd, mail, s->is_crlf, &s->stored_octets))
        return maildir_errno(md, why, "write", s->dir->path);
    return true;
}

static void
staged_ref(const struct maildir_staged *s, const struct store_mail *mail, struct store_ref *ref)
{
    memcpy(ref->name, s->name, s->base_length);
    ref->name[s->base_length] = '\0';
    ref->stored_octets = s->stored_octets;
    ref->wire_octets = s->wire_octets;
    ref->trace_octets = (uint32_t)mail->trace.n;
    ref->is_crlf = s->is_crlf;
}

/* INBOX exists by definition: when it cannot be found, something is wrong here, and the sender must
 * not hear that there is no such mailbox. */
static enum store_result
stage_failed(const struct store_mail *mail, struct outcome *why)
{
    if (why->kind == OUTCOME_NOT_FOUND && strcmp(mail->mailbox, "INBOX") == 0)
        why->kind = OUTCOME_SYSTEM;
    return STORE_FAILED;
}

static struct maildir_file *
file_new(const struct maildir_dir *dir)
{
    struct maildir_file *f = calloc(1, sizeof(*f));

    if (f != NULL) {
        f->fd = -1;
        f->device = dir->device;
    }
    return f;
}

/* With a new file, or one that another delivery shares. */
static struct maildir_staged *
staged_new(struct maildir *md, const struct store_mail *mail, struct maildir_file *shared,
           struct outcome *why)
{
    struct maildir_dir *dir = NULL;

    if (maildir_make(md, why))
        dir = maildir_dir_get(md, mail->mailbox, mail->flags != 0 ? "cur" : "new", why);
    if (dir == NULL)
        return NULL;
    struct maildir_staged *s = calloc(1, sizeof(*s));
    struct maildir_file *file = shared != NULL ? shared : file_new(dir);
    if (s == NULL || file == NULL) {
        if (shared == NULL)
            free(file);
        free(s);
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to stage a delivery");
        return NULL;
    }
    s->file = file;
    file->users++;
    file->links++;
    s->dir = dir;
    dir->users++;
    return s;
}

/* Was the Maildir removed while we held it open? Then it is opened anew, and made anew if need be.
 */
static bool
stage_was_gone(struct maildir *md, const struct maildir_dir *dir)
{
    struct stat st;

    if (fstat(dir->fd, &st) == 0 && st.st_nlink > 0)
        return false;
    maildir_dirs_forget(md);
    return true;
}

static enum store_result
stage_once(struct maildir *md, const struct store_mail *mail, struct store_staged **staged,
           struct store_ref *ref, bool *was_gone, struct outcome *why)
{
    struct maildir_staged *s = staged_new(md, mail, NULL, why);

    if (s == NULL)
        return stage_failed(mail, why);
    if (!staged_open(md, s, mail, why) || !staged_write(md, s, mail, why)) {
        *was_gone = stage_was_gone(md, s->dir);
        maildir_discard(&md->base, &s->base);
        return stage_failed(mail, why);
    }
    staged_name(md, s, mail);
    staged_ref(s, mail, ref);
    *staged = &s->base;
    return STORE_DONE;
}

enum store_result
maildir_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
              struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    bool was_gone = false;
    enum store_result result = stage_once(md, mail, staged, ref, &was_gone, why);

    (void)wait; /* a Maildir knows no locks */
    return was_gone ? stage_once(md, mail, staged, ref, &was_gone, why) : result;
}

/* Can the other delivery's file get a name in our directory? */
static bool
staged_share(struct maildir *md, struct maildir_staged *s, const struct maildir_staged *other,
             struct outcome *why)
{
    if (md->no_tmpfile || s->file->device != s->dir->device || s->file->links > LINKS_MAX) {
        errno = EXDEV;
        return maildir_errno(md, why, "link into", s->dir->path);
    }
    s->stored_octets = other->stored_octets;
    s->wire_octets = other->wire_octets;
    s->is_crlf = other->is_crlf;
    return true;
}

enum store_result
maildir_stage_link(struct store *st, const struct store_mail *mail,
                   const struct store_staged *other, struct store_staged **staged,
                   struct store_ref *ref, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    const struct maildir_staged *o = (const struct maildir_staged *)other;
    struct maildir_staged *s = staged_new(md, mail, o->file, why);

    if (s == NULL)
        return stage_failed(mail, why);
    if (!staged_share(md, s, o, why)) {
        maildir_discard(st, &s->base);
        return STORE_FAILED;
    }
    staged_name(md, s, mail);
    staged_ref(s, mail, ref);
    *staged = &s->base;
    return STORE_DONE;
}

bool
maildir_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    struct maildir_staged *s = (struct maildir_staged *)staged;
    struct maildir_file *f = s->file;

    if (f->is_lost)
        return outcome_set(why, OUTCOME_SYSTEM, "%s: a sync of its file failed", s->name);
    if (f->is_synced || fdatasync(f->fd) == 0) {
        f->is_synced = true;
        return true;
    }
    f->is_lost = true;
    return maildir_errno(maildir_of(st), why, "fdatasync", s->name);
}
