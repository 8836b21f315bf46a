/* SPDX-License-Identifier: MIT
 *
 * The text of an HTML body, good enough for a preview and for filters: no layout, no scripts,
 * entities decoded.
 */
#ifndef DOORSTEP_HTML_H
#define DOORSTEP_HTML_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

/* html_print_text() - html is UTF-8. White space stays as it is, tags that break text become a
 * space. With skip_quotes what is inside blockquote is left out. Stops when out is full. Linear. */
void html_print_text(struct span html, bool skip_quotes, struct buf *out);

#endif
