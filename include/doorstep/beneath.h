/* SPDX-License-Identifier: MIT
 *
 * Opening files below a folder that we hold, without ever leaving it: no symbolic link is
 * followed, no "..", no magic link (openat2(2); a walk of single steps where the kernel lacks
 * it). An owner of a mailbox may rename, replace and plant what he likes meanwhile; the answer
 * is then an error. Descriptors are close-on-exec; -1 comes with errno. Any thread.
 */
#ifndef DOORSTEP_BENEATH_H
#define DOORSTEP_BENEATH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* beneath_root() - a folder that the operator named: its own links are followed. */
int beneath_root(const char *path);

/* beneath_open() - path is relative to dir; flags and mode as of open(2). Never blocks on a FIFO.
 */
int beneath_open(int dir, const char *path, int flags, mode_t mode);

/* beneath_folder() - a folder that exists and belongs to us (EPERM otherwise). */
int beneath_folder(int dir, const char *path);

/* beneath_make_folder() - a folder, made (0700) with all that is missing above it; each new name
 * is on stable storage when it returns. Whose it is, is not looked at. "" or "." is dir itself. */
int beneath_make_folder(int dir, const char *path);

/* beneath_make_folder_unsynced() - the same, for who has other means to bring it back after a
 * crash.
 */
int beneath_make_folder_unsynced(int dir, const char *path);

/* beneath_file_fault() - NULL when fd is a regular file of ours with one name, as a file that mail
 * is appended to must be; else what is wrong, for the log. */
const char *beneath_file_fault(int fd, struct stat *st);

#endif
