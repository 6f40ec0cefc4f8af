/* compare_op.tmpl.h - one comparison of one type in four shapes. Parameters: T, CMP (the name of
 * the operator's macro), NAME. */
static void WR_ISA_JOIN(NAME, column)(const void *restrict a_, const void *restrict b_,
                                      uint8_t *restrict out, size_t n)
{
    const T *restrict a = a_, *restrict b = b_;
    for (size_t i = 0; i < n; i++)
        out[i] = CMP(a[i], b[i]);
}

static void WR_ISA_JOIN(NAME, constant)(const void *restrict a_, const void *restrict b_,
                                        uint8_t *restrict out, size_t n)
{
    const T *restrict a = a_;
    const T b = *(const T *)b_;
    for (size_t i = 0; i < n; i++)
        out[i] = CMP(a[i], b);
}

static uint32_t WR_ISA_JOIN(NAME, column_sel)(const void *a_, const void *b_, const uint16_t *sel,
                                              uint32_t n, uint16_t *out)
{
    const T *a = a_, *b = b_;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t row = sel[i];
        out[kept] = row;
        kept += CMP(a[row], b[row]);
    }
    return kept;
}

static uint32_t WR_ISA_JOIN(NAME, constant_sel)(const void *a_, const void *b_, const uint16_t *sel,
                                                uint32_t n, uint16_t *out)
{
    const T *a = a_;
    const T b = *(const T *)b_;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t row = sel[i];
        out[kept] = row;
        kept += CMP(a[row], b);
    }
    return kept;
}
#undef CMP
#undef NAME
