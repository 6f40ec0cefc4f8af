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
#define NOT_YET(fn, type, text)                                                         \
    weir_status fn(wr_scope *scope, const type *node, wr_bound *out)                    \
    {                                                                                   \
        (void)scope, (void)out;                                                         \
        return wr_fail_at(WR_E_UNSUPPORTED, node->node.span, text " is not supported"); \
    }
NOT_YET(wr_bind_insert, wr_sql_insert, "INSERT")
NOT_YET(wr_bind_update, wr_sql_update, "UPDATE")
NOT_YET(wr_bind_delete, wr_sql_delete, "DELETE")
NOT_YET(wr_bind_merge, wr_sql_merge, "MERGE")
NOT_YET(wr_bind_truncate, wr_sql_truncate, "TRUNCATE")
NOT_YET(wr_bind_copy, wr_sql_copy, "COPY")
weir_status wr_bind_show(wr_scope *scope, const wr_node *node, wr_result *out, bool *done)
{
    (void)scope, (void)node, (void)out;
    *done = false;
    return WR_OK;
}
