/* spread.tmpl.h - dense values to the rows that are present, from the back. Parameters: T, NAME. */
static void NAME(void *values_, const uint64_t *valid, size_t from, size_t rows, size_t present)
{
    T *values = values_;
    static const T nothing;
    for (size_t i = rows; i > present;) {
        i--;
        bool is_present = wr_bit_get(valid, from + i);
        present -= is_present;
        /* The load is harmless when the row is NULL, and there is no branch to guess wrong. */
        values[i] = is_present ? values[present] : nothing;
    }
}
#undef T
#undef NAME
