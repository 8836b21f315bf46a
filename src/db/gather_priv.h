/* SPDX-License-Identifier: MIT
 *
 * The VFS that gathers the writes to a WAL: see gather.c.
 */
#ifndef DOORSTEP_GATHER_PRIV_H
#define DOORSTEP_GATHER_PRIV_H

#include <sqlite3.h>
#include <stdbool.h>

#define GATHER_FLUSH 0x646f6f72 /* xFileControl(): everything goes to the kernel now */

/* gather_setup() - over the VFS that is the default one now. Once a process, before threads. */
void gather_setup(void);

/* gather_vfs() - its name, or NULL: it was not set up, the default one does. */
const char *gather_vfs(void);

#endif
