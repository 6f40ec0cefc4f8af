/* fuzz/sql.c - any text may be refused, but what is accepted must survive being printed and parsed
 * again. */
#include "sql/format.h"
#include "sql/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    WR_ARENA(arena);
    wr_statement_list list;
    weir_status bad = wr_parse(&arena, (wr_str){(const char *)bytes, size}, &list);
    for (int i = 0; !bad && i < list.count; i++) {
        WR_BUF(text);
        wr_statement again;
        wr_node_format(&text, list.items[i].node);
        weir_status worse = wr_parse_one(&arena, wr_buf_str(&text), &again);
        /* added brackets may reach the nesting limit */
        wr_assert(!worse || worse->code == WR_E_TOO_DEEP);
        wr_assert(worse || wr_node_equal(list.items[i].node, again.node));
        wr_status_drop(worse);
    }
    wr_status_drop(bad);
    return 0;
}
