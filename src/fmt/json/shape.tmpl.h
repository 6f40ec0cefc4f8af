/* shape.tmpl.h - taking lines of a known shape. Parameters:
 *   NAME(x)      name of a function in this instruction set
 *   TARGET       its target attribute
 *   STEP         bytes looked at together
 *   SPECIAL(p)   mask of the bytes of p[0...STEP) that end or change a text
 *   QUOTES(p)    the same of quotes alone, for text without escapes and control bytes
 *   DIFFER(p, m) not 0 if the pattern of member m does not stand at p */

/* The line from at to end. is_watched: sizes of values are compared with those before. is_plain:
 * the chunk has no escapes and no control bytes but line ends, behind which at is too far. */
TARGET static inline __attribute__((always_inline)) bool
NAME(take_line)(wr_json_shape *shape, wr_json_build *build, const char *at, const char *end,
                bool is_watched, bool is_plain)
{
    wr_json_text *t = build->text;
    for (wr_json_member *m = shape->members, *last = m + shape->count; m < last; m++) {
        if (__builtin_expect(DIFFER(at, m) != 0, 0)) return false;
        at += m->size;
        if (at >= end) return false;
        if (*at == '"') {
            const char *stop = at + 1;
            uint64_t found;
            while (!(found = is_plain ? QUOTES(stop) : SPECIAL(stop))) {
                stop += STEP;
                if (stop >= end) return false;
            }
            stop += __builtin_ctzll(found);
            if (is_plain && stop >= end) return false;
            if (*stop == '"') {
                wr_str raw = {at + 1, (size_t)(stop - at - 1)};
                if (m->builder && !add_text(build, m->builder, raw)) return false;
                at = behind_value(m, at, raw.length + 2, is_watched);
                continue;
            }
        } else {
            size_t size = simple_number(at);
            if (size > 0) {
                wr_str raw = {at, size};
                if (m->builder && !add_number(build, m->builder, raw)) return false;
                at = behind_value(m, at, size, is_watched);
                continue;
            }
        }
        t->at = at;
        bool ok = m->builder ? wr_json_build_value(build, m->builder, 1) == JSON_OK
                             : wr_json_skip_value(t, 1, NULL);
        if (!ok) return false;
        at = t->at;
    }
    if (at >= end || DIFFER(at, &shape->tail) != 0) return false;
    at += shape->tail.size;
    return at == end || (at + 1 == end && *at == '\r');
}

TARGET static uint32_t NAME(take)(wr_json_shape *shape, wr_json_build *build, const char *data,
                                  const uint32_t *ends, uint32_t watched, uint32_t most)
{
    const char *at = build->text->at;
    uint32_t taken = 0;
    for (; taken < watched; taken++) {
        const char *end = data + ends[taken];
        if (!NAME(take_line)(shape, build, at, end, true, false)) break;
        at = end + 1;
    }
    if (taken == watched) find_steady(shape, watched);
    uint32_t wanted = taken == watched ? most : 0;
    for (; shape->is_plain && taken < wanted; taken++) {
        const char *end = data + ends[taken];
        if (!NAME(take_line)(shape, build, at, end, false, true)) break;
        at = end + 1;
    }
    for (; !shape->is_plain && taken < wanted; taken++) {
        const char *end = data + ends[taken];
        if (!NAME(take_line)(shape, build, at, end, false, false)) break;
        at = end + 1;
    }
    build->text->at = at;
    return taken;
}
#undef NAME
#undef TARGET
#undef STEP
#undef SPECIAL
#undef QUOTES
#undef DIFFER
