/* source_relation.h - a source as a relation: what batch queries, LIMIT and looks at a stream read.
 */
#pragma once
#include "spi/connector.h"

/* The rows of source from its beginning; fs is what readers get. Scans of a source that
 * does not end do not end either: until they are closed or cancelled. Takes a reference of its own;
 * released with wr_relation_release. Any thread. */
wr_relation *wr_source_relation_new(wr_source *source, wr_fs *fs);
/* The source whose rows these are, borrowed; NULL for every other relation, and for those of
 * sources that are tables. Any thread. */
wr_source *wr_relation_source(const wr_relation *relation);
/* The stamp of the table behind a relation, if it is one of a source that is a table and has one.
 * Any thread. */
bool wr_relation_stamp(const wr_relation *relation, uint64_t *stamp);
