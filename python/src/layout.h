/* layout.h - columns in the layout that a consumer asked for. */
#pragma once
#include "session.h"

/* What has to be done to columns of the schema is, so that they are as in wanted: a letter for
 * each, to be freed; NULL: nothing, or nothing can be. Any thread, as all of these. */
char *wrp_layout_new(const struct ArrowSchema *is, const struct ArrowSchema *wanted);
void wrp_layout_schema(const char *layout, struct ArrowSchema *schema);
/* Takes over the columns that change. Says what is wrong, or NULL; array is whole in either case.
 */
const char *wrp_layout_apply(const char *layout, struct ArrowArray *array);
