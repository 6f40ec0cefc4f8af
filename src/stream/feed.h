/* feed.h - a relation whose rows are pushed to it, batch by batch: the source of the ordinary plans
 * that continuous queries run between the operators that keep state. */
#pragma once
#include "spi/relation.h"

/* schema is copied. Released with wr_relation_release. One scan at a time. */
wr_relation *wr_feed_new(wr_str name, const wr_schema *schema);
/* The next batch of the scan, columns as in the schema; borrowed until the run has paused again. */
void wr_feed_push(wr_relation *feed, const wr_batch *batch);
/* Was what was pushed last begun to be read? */
bool wr_feed_is_taken(const wr_relation *feed);
/* After what was pushed nothing comes any more: the run does not pause but ends. */
void wr_feed_end(wr_relation *feed);
/* After an end: a new scan may begin. */
void wr_feed_begin(wr_relation *feed);
