/* form.c - what a text asks for, as far as its form says: for host programs that put texts
 * together. */
#include "session/session.h"

static bool is_query(const wr_node *statement)
{
    switch (statement->kind) {
    case WR_SQL_QUERY:
    case WR_SQL_SELECT:
    case WR_SQL_SETOP:
    case WR_SQL_VALUES:
    case WR_SQL_PIVOT:
    case WR_SQL_UNPIVOT:
        return true;
    default:
        return false;
    }
}

weir_status weir_sql_form(const char *sql, size_t length, weir_form *out)
{
    WR_ARENA(arena);
    wr_statement_list list;
    *out = (weir_form){0};
    WR_TRY(wr_parse(&arena, (wr_str){sql, length}, &list));
    out->statements = list.count;
    if (list.count == 0) return WR_OK;
    const wr_statement *last = &list.items[list.count - 1];
    *out = (weir_form){list.count, is_query(last->node), last->span.pos, last->span.length};
    return WR_OK;
}
