/* last_result.c - "_": the rows of the query kept last, as a relation of the session.
 *
 * Rows are copied as they are handed out, so a result is kept without being computed twice, and
 * what is kept stays what was shown whatever happens to the tables it came from. The copy is
 * counted in the session's budget. It is no object of the catalog: no transaction undoes it, no
 * other session sees it, and a table named _ comes before it. A result that is too large is dropped
 * whole; keeping part of it would make a later query wrong. */
#include "plan/table_sink.h"
#include "session/session.h"

void weir_query_keep(weir_query *query, uint64_t bytes_max)
{
    if (query->kind != WEIR_ROWS || query->is_done || query->kept || query->subscription) return;
    query->kept = wr_kept_relation_new(&query->schema, query->session->mem);
    /* Most of the memory is for running queries. */
    uint64_t limit = wr_mem_limit(query->session->mem);
    query->kept_bytes_max = limit ? WR_MIN(bytes_max, limit / 4) : bytes_max;
}

bool weir_query_is_kept(const weir_query *query) { return query->is_kept; }

void wr_last_result_add(weir_query *query, const wr_batch *batch)
{
    if (!query->kept) return;
    weir_status bad = wr_kept_relation_add(query->kept, batch);
    if (!bad && wr_kept_relation_bytes(query->kept) <= query->kept_bytes_max) return;
    wr_status_drop(bad); /* no room: the query itself goes on */
    wr_relation_release(query->kept);
    query->kept = NULL;
}

void wr_last_result_publish(weir_query *query)
{
    weir_session *session = query->session;
    if (!query->kept_bytes_max) return;
    wr_relation_release(session->last_result);
    session->last_result = query->kept;
    query->is_kept = query->kept != NULL;
    query->kept = NULL;
}
