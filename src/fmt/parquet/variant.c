#include "fmt/parquet/nested.h"
weir_status wr_pq_variant_text(wr_pq_shape *shape, const wr_column *column, wr_mem *mem, wr_column *out)
{ (void)shape;(void)column;(void)mem;(void)out; return wr_fail(WR_E_UNSUPPORTED, "variant columns"); }
