/* narrow.tmpl.h - one narrowing loop and its sparse form. Parameters: SRC, SEEN (type of the
 * running bounds), DST, NAME. */
WR_PQ_CLONES static void WR_PQ_PASTE(narrow_, NAME)(const void *restrict in_, void *restrict out_,
                                                    size_t count, int64_t base, wr_pq_seen *seen)
{
    const SRC *restrict in = in_;
    DST *restrict out = out_;
    SEEN least = SEEN_MAX, most = SEEN_MIN;
    for (size_t i = 0; i < count; i++) {
        SEEN v = (SEEN)in[i];
        least = v < least ? v : least;
        most = v > most ? v : most;
        out[i] = (DST)((uint64_t)(int64_t)v - (uint64_t)base);
    }
    if (count && (int64_t)least < seen->least) seen->least = (int64_t)least;
    if (count && (int64_t)most > seen->most) seen->most = (int64_t)most;
}

static void WR_PQ_PASTE(narrow_rows_, NAME)(const void *restrict in_, void *restrict out_,
                                            const uint16_t *restrict rows, size_t count,
                                            int64_t base, wr_pq_seen *seen)
{
    const SRC *restrict in = in_;
    DST *restrict out = out_;
    SEEN least = SEEN_MAX, most = SEEN_MIN;
    for (size_t i = 0; i < count; i++) {
        SEEN v = (SEEN)in[rows[i]];
        least = v < least ? v : least;
        most = v > most ? v : most;
        out[rows[i]] = (DST)((uint64_t)(int64_t)v - (uint64_t)base);
    }
    if (count && (int64_t)least < seen->least) seen->least = (int64_t)least;
    if (count && (int64_t)most > seen->most) seen->most = (int64_t)most;
}
#undef DST
#undef NAME
