/* spread.tmpl.h - integers of any width to type T with the base added, each row to its own
 * position. Parameters: T, NAME. When sel is NULL rows 0...count-1 are converted. */
#define LOOP(S)                                              \
    for (uint32_t i = 0; i < count; i++) {                   \
        uint32_t row = sel ? sel[i] : i;                     \
        out[row] = (T)((T)((const S *)c->data)[row] + base); \
    }

static void NAME(const wr_column *c, const uint16_t *sel, uint32_t count, void *out_)
{
    T *out = out_;
    T base = (T)c->base;
    switch (c->phys) {
    case WR_P_I8:
        LOOP(int8_t) break;
    case WR_P_I16:
        LOOP(int16_t) break;
    case WR_P_I32:
        LOOP(int32_t) break;
    case WR_P_I64:
        LOOP(int64_t) break;
    case WR_P_I128:
        LOOP(wr_i128) break;
    case WR_P_U8:
        LOOP(uint8_t) break;
    case WR_P_U16:
        LOOP(uint16_t) break;
    case WR_P_U32:
        LOOP(uint32_t) break;
    case WR_P_U64:
        LOOP(uint64_t) break;
    default:
        wr_assert(!"integers expected");
    }
}
#undef LOOP
#undef T
#undef NAME
