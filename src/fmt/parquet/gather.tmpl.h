/* gather.tmpl.h - values by code. Parameters: T, NAME. */
WR_PQ_CLONES static void NAME(const void *restrict dict_, const uint32_t *restrict codes,
                              void *restrict out_, size_t count)
{
    const T *restrict dict = dict_;
    T *restrict out = out_;
    for (size_t i = 0; i < count; i++)
        out[i] = dict[codes[i]];
}
#undef T
#undef NAME
