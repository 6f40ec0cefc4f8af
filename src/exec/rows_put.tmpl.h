/* rows_put.tmpl.h - writes selected values of a flat column into rows. Parameters: T, NAME. */
static void NAME(const void *restrict data_, const uint16_t *restrict sel, uint32_t count,
                 uint8_t *restrict to, size_t stride)
{
    const T *restrict data = data_;
    for (uint32_t i = 0; i < count; i++)
        memcpy(to + i * stride, &data[sel ? sel[i] : i], sizeof(T));
}
#undef T
#undef NAME
