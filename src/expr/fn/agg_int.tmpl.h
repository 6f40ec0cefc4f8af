/* agg_int.tmpl.h - sum, minimum and maximum of one integer width. Parameters: T (type), N(name)
 * (makes a name).
 *
 * The loops with no selection and no NULLs are the ones that vectorise; the others are branch-free.
 */
static void N(sum_many)(const wr_column *c, const uint16_t *sel, uint32_t count, sum_state *s)
{
    const T *restrict v = c->data;
    const uint64_t *valid = c->valid;
    uint32_t present = 0;
    wr_i128 total = 0;
    if (!valid && !sel && sizeof(T) < 8) {
        int64_t narrow = 0;
        for (uint32_t i = 0; i < count; i++)
            narrow += (int64_t)v[i];
        total = narrow, present = count;
    } else if (!valid && !sel) {
        for (uint32_t i = 0; i < count; i++)
            total += v[i];
        present = count;
    } else {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = sel ? sel[i] : i;
            bool is = !valid || wr_bit_get(valid, row);
            total += is ? (wr_i128)v[row] : 0;
            present += is;
        }
    }
    s->total += total + (wr_i128)c->base * present;
    s->count += present;
}

static void N(sum_groups)(const wr_column *c, const uint16_t *sel, uint32_t count,
                          uint8_t *const *states, uint32_t offset)
{
    const T *restrict v = c->data;
    const uint64_t *valid = c->valid;
    wr_i128 base = c->base;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        __builtin_prefetch(states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + offset, 1);
        if (valid && !wr_bit_get(valid, row)) continue;
        sum_state *s = (sum_state *)(states[i] + offset);
        s->total += base + v[row];
        s->count++;
    }
}

/* As sum_groups, by number of the group: four sums each in 64 bits, lest a row waits for the one
 * before. False: there are NULLs, or the sums might not fit; nothing was added. */
static bool N(sum_few)(const wr_column *c, const uint16_t *sel, uint32_t count,
                       const wr_few_groups *few, uint32_t offset)
{
    enum { LANES = 4, MOST_BITS = 63 - 12 };
    const T *restrict v = c->data;
    const uint8_t *restrict number = few->number;
    int64_t sums[LANES * WR_FEW_GROUPS];
    uint64_t bits = 0;
    uint32_t i = 0;
    if (c->valid || count > WR_BATCH_ROWS) return false;
    for (uint32_t k = 0; sizeof(T) == 8 && k < count; k++) {
        int64_t value = (int64_t)v[sel ? sel[k] : k];
        bits |= (uint64_t)(value ^ value >> 63);
    }
    if (bits >> MOST_BITS) return false;
    memset(sums, 0, few->count * LANES * sizeof *sums);
    for (; i + LANES <= count; i += LANES)
        for (uint32_t k = 0; k < LANES; k++)
            sums[number[i + k] * LANES + k] += (int64_t)v[sel ? sel[i + k] : i + k];
    for (; i < count; i++)
        sums[number[i] * LANES] += (int64_t)v[sel ? sel[i] : i];
    for (uint32_t n = 0; n < few->count; n++) {
        if (!few->times[n]) continue;
        sum_state *s = (sum_state *)(few->rows[n] + offset);
        const int64_t *of = sums + n * LANES;
        s->total += (wr_i128)c->base * few->times[n] + of[0] + of[1] + of[2] + of[3];
        s->count += few->times[n];
    }
    return true;
}

/* Least and greatest in one pass; false if all are NULL. The base is not added. */
static bool N(range)(const wr_column *c, const uint16_t *sel, uint32_t count, int64_t *lo,
                     int64_t *hi)
{
    const T *restrict v = c->data;
    const uint64_t *valid = c->valid;
    if (!sel && !valid) {
        if (!count) return false;
        T least = v[0], most = v[0];
        for (uint32_t i = 0; i < count; i++) {
            least = v[i] < least ? v[i] : least;
            most = v[i] > most ? v[i] : most;
        }
        *lo = (int64_t)least, *hi = (int64_t)most;
        return true;
    }
    bool any = false;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (valid && !wr_bit_get(valid, row)) continue;
        int64_t value = (int64_t)v[row];
        least = value < least ? value : least;
        most = value > most ? value : most;
        any = true;
    }
    *lo = least, *hi = most;
    return any;
}

static void N(extreme_groups)(const wr_column *c, const uint16_t *sel, uint32_t count,
                              uint8_t *const *states, uint32_t offset, bool want_max)
{
    const T *restrict v = c->data;
    const uint64_t *valid = c->valid;
    int64_t base = c->base;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        __builtin_prefetch(states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + offset, 1);
        if (valid && !wr_bit_get(valid, row)) continue;
        int_extreme *s = (int_extreme *)(states[i] + offset);
        int64_t value = (int64_t)v[row] + base;
        bool better = (s->is_set == 0) | (want_max ? value > s->value : value < s->value);
        s->value = better ? value : s->value;
        s->is_set = 1;
    }
}
#undef T
#undef N
