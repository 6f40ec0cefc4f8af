/* state_view.c - reading a state beside others: see state.h.
 *
 * A view has a transaction of its own in the environment of its state, and nothing else. Between
 * commits a state has no changes in memory, so the file is all there is. The transaction ends
 * before each commit: pages could not be used again, and the map cannot grow while somebody reads.
 */
#include "store/state_def.h"

wr_state *wr_state_view(wr_state *of)
{
    wr_state *view = wr_heap_new(sizeof *view);
    view->of = of;
    view->file.path = of->file.path;
    return view;
}

weir_status wr_state_view_read(wr_state *view)
{
    const wr_state *of = view->of;
    for (uint32_t i = 0; i < of->section_count; i++)
        wr_assert(!of->sections[i]->changes.count && !of->sections[i]->changes.range_count);
    if (!of->file.env) return wr_fail(WR_E_IO, "cannot read \"%s\"", of->file.path);
    view->file.pairs = of->file.pairs;
    int code = mdb_txn_begin(of->file.env, NULL, MDB_RDONLY, &view->file.reader);
    if (code) return wr_state_file_failure(&view->file, "read", code);
    view->file.is_reading = true;
    return WR_OK;
}

void wr_state_view_forget(wr_state *view)
{
    wr_assert(!view->cursor.state);
    if (view->file.is_reading) mdb_txn_abort(WR_TAKE(view->file.reader));
    view->file.is_reading = false;
}

void wr_state_view_drop(wr_state *view)
{
    if (!view) return;
    wr_state_view_forget(view);
    wr_heap_drop(view);
}
