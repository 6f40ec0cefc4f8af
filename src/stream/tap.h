/* tap.h - a target whose rows somebody takes out again: what a stream says, watched as it comes. */
#pragma once
#include "spi/connector.h"

/* Rows of schema (copied). So many batches may wait to be taken; then the stream waits. References
 * as of any target; the reader holds one. */
wr_target *wr_tap_new(const wr_schema *schema, int batches_max);
/* The next delta, selected rows only; waits for it until deadline_ns. *has false: none came. Valid
 * until the next call. One reader, on any thread. */
void wr_tap_next(wr_target *tap, int64_t deadline_ns, wr_delta *out, bool *has);
/* The reader goes, before the stream is dropped: what is there and what comes is forgotten, and
 * nobody waits. The reader's thread. */
void wr_tap_close(wr_target *tap);
