/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
open_it(struct fixture *f, bool create)
{
    struct personal_rescued none;

    f->p = personal_open(f->folder, create, &none, &f->why);
    ck_assert_msg(f->p != NULL, "%s", f->why.cause);
    ck_assert_msg(!none.is_damaged, "%s", none.cause);
}

void
fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    strcpy(f->folder, "/tmp/doorstep-personal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(f->folder));
    open_it(f, true);
}

void
fixture_reopen(struct fixture *f)
{
    personal_close(f->p);
    open_it(f, false);
}

const char *
fixture_path(const struct fixture *f, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

void
fixture_release(struct fixture *f)
{
    personal_close(f->p);
    DIR *d = opendir(f->folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        unlink(fixture_path(f, e->d_name));
    closedir(d);
    rmdir(f->folder);
}
