/* SPDX-License-Identifier: MIT
 *
 * A folder of configuration files for one test.
 */
#ifndef DOORSTEP_TEST_CONFIG_FILES_H
#define DOORSTEP_TEST_CONFIG_FILES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_PATH_SIZE 512

static inline void
files_path(char out[static FILES_PATH_SIZE], const char *folder, const char *name)
{
    int n = snprintf(out, FILES_PATH_SIZE, "%s/%s", folder, name);

    ck_assert(n > 0 && n < FILES_PATH_SIZE);
}

static inline void
files_make(char folder[static FILES_PATH_SIZE])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, FILES_PATH_SIZE, "%s/doorstep-config-XXXXXX", tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void
files_folder(const char *folder, const char *name)
{
    char path[FILES_PATH_SIZE];

    files_path(path, folder, name);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static inline void
files_write(const char *folder, const char *name, const char *text)
{
    char path[FILES_PATH_SIZE];
    FILE *file;

    files_path(path, folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    ck_assert_int_eq(fclose(file), 0);
}

static inline void
files_remove(const char *folder)
{
    char command[FILES_PATH_SIZE + 16];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

#endif
