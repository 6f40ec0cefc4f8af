#include "plan/bind.h"
weir_status wr_bind_pivot(wr_scope *outer, const wr_from *left, const wr_sql_pivot *pivot,
                          wr_from *out)
{
    (void)outer, (void)left, (void)out;
    return wr_fail_at(WR_E_UNSUPPORTED, pivot->node.span, "PIVOT is not supported");
}
weir_status wr_bind_unpivot(wr_scope *outer, const wr_from *left, const wr_sql_unpivot *unpivot,
                            wr_from *out)
{
    (void)outer, (void)left, (void)out;
    return wr_fail_at(WR_E_UNSUPPORTED, unpivot->node.span, "UNPIVOT is not supported");
}
weir_status wr_bind_show(wr_scope *scope, const wr_node *node, wr_result *out, bool *done)
{
    (void)scope, (void)node, (void)out;
    *done = false;
    return WR_OK;
}
