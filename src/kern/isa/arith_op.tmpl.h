/* arith_op.tmpl.h - one operation of one type in three shapes. Parameters: T, OP, NAME. Integers
 * are unsigned so that they wrap. */
static void WR_ISA_JOIN(NAME, column)(const void *a_, const void *b_, void *out_, size_t n)
{
    const T *a = a_, *b = b_;
    T *restrict out = out_;
    for (size_t i = 0; i < n; i++)
        out[i] = (T)(a[i] OP b[i]);
}

static void WR_ISA_JOIN(NAME, constant)(const void *restrict a_, const void *b_,
                                        void *restrict out_, size_t n)
{
    const T *restrict a = a_, b = *(const T *)b_;
    T *restrict out = out_;
    for (size_t i = 0; i < n; i++)
        out[i] = (T)(a[i] OP b);
}

static void WR_ISA_JOIN(NAME, from)(const void *a_, const void *restrict b_, void *restrict out_,
                                    size_t n)
{
    const T a = *(const T *)a_, *restrict b = b_;
    T *restrict out = out_;
    for (size_t i = 0; i < n; i++)
        out[i] = (T)(a OP b[i]);
}
#undef OP
#undef NAME
