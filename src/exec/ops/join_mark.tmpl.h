/* join_mark.tmpl.h - the lane of a join's arrays that also tells which keys there are: all others
 * hold `absent`. Parameters: T, NAME(x). */

/* Puts values where their keys are; not 0: some key was there before. Workers write side by side:
 * a key that two of them see as absent is found by counting. */
static int64_t NAME(claim)(void *lane, int64_t absent, const uint64_t *at, uint32_t n,
                           const void *values_)
{
    T *to = lane;
    const T *values = values_, none = (T)absent;
    T twice = 0;
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(&to[at[i]], 1);
    for (uint32_t i = 0; i < n; i++) {
        twice |= (T)(__atomic_load_n(&to[at[i]], __ATOMIC_RELAXED) ^ none);
        __atomic_store_n(&to[at[i]], values[i], __ATOMIC_RELAXED);
    }
    return twice;
}

static void NAME(clear)(void *lane, int64_t absent, uint64_t count)
{
    T *to = lane;
    for (uint64_t i = 0; i < count; i++)
        to[i] = (T)absent;
}

static uint64_t NAME(count)(const void *lane, int64_t absent, uint64_t count)
{
    const T *from = lane, none = (T)absent;
    uint64_t there = 0;
    for (uint64_t i = 0; i < count; i++)
        there += from[i] != none;
    return there;
}

/* Rows whose keys are there go to rows, their places to found and their values to seen, by row;
 * returns how many. Keys are relative to the first. Where there is no key, seen gets 0. Memory is
 * asked for well before, as stores at places that depend on it would hold up the next looks. */
static uint32_t NAME(look)(const void *lane, int64_t absent, const uint64_t *keys, uint64_t span,
                           const uint16_t *sel, uint32_t count, uint64_t *found, uint16_t *rows,
                           void *seen_)
{
    const T *from = lane, none = (T)absent;
    T *seen = seen_;
    uint32_t n = 0;
    for (uint32_t i = 0; i < WR_MIN(count, (uint32_t)MARK_AHEAD); i++)
        __builtin_prefetch(&from[keys[i] <= span ? keys[i] : 0]);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t ahead = keys[WR_MIN(i + MARK_AHEAD, count - 1)];
        __builtin_prefetch(&from[ahead <= span ? ahead : 0]);
        uint32_t row = sel ? sel[i] : i;
        uint64_t in_range = keys[i] <= span, at = keys[i] & -in_range;
        T v = from[at];
        uint32_t is_there = (uint32_t)in_range & (v != none);
        seen[row] = (T)(v & (T) - (T)is_there);
        found[n] = at;
        rows[n] = (uint16_t)row;
        n += is_there;
    }
    return n;
}
#undef T
#undef NAME
