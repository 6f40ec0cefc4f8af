/* keys_match.tmpl.h - compares one key column with a slot of stored rows. Parameters: T, NAME,
 * EQ(a, b). */
static uint32_t NAME(const wr_column *restrict c, uint32_t offset, int slot, bool null_equal,
                     const uint16_t *restrict sel, uint8_t *const *restrict addresses,
                     uint16_t *restrict list, uint32_t count, uint16_t *restrict failed,
                     uint32_t *failed_count)
{
    const T *restrict data = c->data;
    uint32_t kept = 0, lost = failed ? *failed_count : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t at = list[i];
        uint32_t row = wr_row_at(sel, at);
        const uint8_t *stored = addresses[at];
        bool here_null = c->valid && !wr_bit_get(c->valid, row);
        bool there_null = wr_row_is_null(stored, slot);
        T value;
        memcpy(&value, stored + offset, sizeof(T));
        bool equal =
            (here_null | there_null) ? null_equal && here_null && there_null : EQ(data[row], value);
        list[kept] = at;
        kept += equal;
        if (!equal && failed) failed[lost++] = at;
    }
    if (failed) *failed_count = lost;
    return kept;
}
#undef T
#undef NAME
#undef EQ
