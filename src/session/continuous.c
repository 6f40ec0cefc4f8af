/* continuous.c - the place where statements that read sources without end leave the batch engine.
 *
 * Everything that would run for ever comes through here: INSERT INTO a sink, CREATE SINK with a
 * query, materialized views. */
#include "session/session.h"

weir_status wr_run_continuous(weir_query *query, const wr_bound *bound, wr_span span)
{
    (void)query;
    return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                   "%s over a source without end is not supported",
                                   bound->target ? "INSERT INTO a sink" : "a materialized view"),
                        "SELECT .. LIMIT n looks at some rows; sources that end are read whole");
}
