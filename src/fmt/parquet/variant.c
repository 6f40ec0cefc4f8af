/* variant.c - columns of the type VARIANT.
 *
 * Refused with a clear error as long as values of this type have no counterpart in the engine. */
#include "fmt/parquet/nested.h"

weir_status wr_pq_variant_text(wr_pq_shape *shape, const wr_column *column, wr_mem *mem, wr_column *out)
{
    (void)column, (void)mem, (void)out;
    return wr_fail(WR_E_UNSUPPORTED, "column \"%.*s\" is a VARIANT", WR_STR_ARGS(shape->node->name));
}
