/* narrow.tmpl.h - bounds of a run of integers, and a copy of them at a narrower width. Parameters:
 * T, SUFFIX. */
#define NARROW_PASTE_(a, b) a##b
#define NARROW_PASTE(a, b) NARROW_PASTE_(a, b)

static void NARROW_PASTE(bounds_, SUFFIX)(const T *restrict values, uint32_t rows,
                                          const uint16_t *sel, uint32_t sel_count, int64_t *lo,
                                          int64_t *hi)
{
    T least = values[sel ? sel[0] : 0], most = least;
    for (uint32_t i = 0; sel && i < sel_count; i++) {
        T v = values[sel[i]];
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    for (uint32_t i = 0; !sel && i < rows; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    *lo = least;
    *hi = most;
}

static void NARROW_PASTE(narrow_, SUFFIX)(const T *restrict values, uint32_t rows, wr_phys phys,
                                          void *restrict out)
{
    if (phys == WR_P_I8)
        for (uint32_t i = 0; i < rows; i++)
            ((int8_t *)out)[i] = (int8_t)values[i];
    else if (phys == WR_P_I16)
        for (uint32_t i = 0; i < rows; i++)
            ((int16_t *)out)[i] = (int16_t)values[i];
    else
        for (uint32_t i = 0; i < rows; i++)
            ((int32_t *)out)[i] = (int32_t)values[i];
}
#undef NARROW_PASTE
#undef NARROW_PASTE_
#undef T
#undef SUFFIX
