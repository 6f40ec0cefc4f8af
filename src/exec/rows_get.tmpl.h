/* rows_get.tmpl.h - reads one slot of many rows. Parameters: T, NAME. Returns whether there was a
 * NULL (or a NULL row). */
static bool NAME(uint8_t *const *restrict rows, uint32_t count, uint32_t offset, size_t null_byte,
                 uint8_t null_bit, void *restrict out_)
{
    T *restrict out = out_;
    uint8_t nulls = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *row = rows[i];
        if (row) {
            memcpy(&out[i], row + offset, sizeof(T));
            nulls |= row[null_byte] & null_bit;
        } else {
            memset(&out[i], 0, sizeof(T));
            nulls |= null_bit;
        }
    }
    return nulls != 0;
}
#undef T
#undef NAME
