/* keys_widen.tmpl.h - selected values as 64-bit integers. Parameters: T, NAME. */
static void NAME(const void *restrict data_, int64_t base, const uint16_t *restrict sel,
                 uint32_t count, int64_t *restrict out)
{
    const T *restrict data = data_;
    if (!sel)
        for (uint32_t i = 0; i < count; i++)
            out[i] = (int64_t)data[i] + base;
    else
        for (uint32_t i = 0; i < count; i++)
            out[i] = (int64_t)data[sel[i]] + base;
}
#undef T
#undef NAME
