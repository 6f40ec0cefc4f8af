/* sorting_codes.tmpl.h - the codes of one column of rows. Parameters: NAME, T, CODE(v). Rows with a
 * NULL get the code of whatever their slot holds. */
static void NAME(uint8_t *const *restrict rows, uint32_t count, uint32_t offset,
                 uint64_t *restrict codes)
{
    for (uint32_t i = 0; i < count; i++) {
        T v;
        memcpy(&v, rows[i] + offset, sizeof v);
        codes[i] = CODE(v);
    }
}
#undef NAME
#undef T
#undef CODE
