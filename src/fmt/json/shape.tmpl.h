/* shape.tmpl.h - taking lines of a known shape. Parameters:
 *   NAME(x)      name of a function in this instruction set
 *   TARGET       its target attribute
 *   STEP         bytes looked at together
 *   SPECIAL(p)   mask of the bytes of p[0...STEP) that end or change a text
 *   QUOTES(p)    the same of quotes alone, for text without escapes and control bytes
 *   DIFFER(p, m) not 0 if the pattern of member m does not stand at p
 *   OUTSIDE(p, s) not 0 if a byte of p is outside its range in stretch s */

/* The place behind the value of m at at, which becomes a row if it is asked for; NULL: it is not
 * right, or this is not the place to tell. is_watched and is_plain as below. */
TARGET static inline __attribute__((always_inline)) const char *
NAME(take_value)(wr_json_member *m, wr_json_build *build, const char *at, const char *end,
                 bool is_watched, bool is_plain)
{
    if (*at == '"') {
        const char *stop = at + 1;
        uint64_t found;
        while (!(found = is_plain ? QUOTES(stop) : SPECIAL(stop))) {
            stop += STEP;
            if (stop >= end) return NULL;
        }
        stop += __builtin_ctzll(found);
        if (is_plain && stop >= end) return NULL;
        if (*stop == '"') {
            wr_str raw = {at + 1, (size_t)(stop - at - 1)};
            if (m->builder && !add_text(build, m->builder, raw)) return NULL;
            return behind_value(m, at, raw.length + 2, is_watched);
        }
    } else {
        size_t size = simple_number(at);
        if (size > 0) {
            wr_str raw = {at, size};
            if (m->builder && !add_number(build, m->builder, raw)) return NULL;
            return behind_value(m, at, size, is_watched);
        }
    }
    wr_json_text *t = build->text;
    t->at = at;
    bool ok = m->builder ? wr_json_build_value(build, m->builder, 1) == JSON_OK
                         : wr_json_skip_value(t, 1, NULL);
    if (ok && is_watched) watch_value(m, at, (size_t)(t->at - at), false);
    return ok ? t->at : NULL;
}

/* The line from at to end. is_watched: sizes of values are compared with those before. is_plain:
 * the chunk has no escapes and no control bytes but line ends, behind which at is too far. */
TARGET static inline __attribute__((always_inline)) bool
NAME(take_line)(wr_json_shape *shape, wr_json_build *build, const char *at, const char *end,
                bool is_watched, bool is_plain)
{
    for (wr_json_member *m = shape->members, *last = m + shape->count; m < last; m++) {
        if (__builtin_expect(DIFFER(at, m) != 0, 0)) return false;
        at += m->size;
        if (at >= end) return false;
        at = NAME(take_value)(m, build, at, end, is_watched, is_plain);
        if (!at) return false;
    }
    if (at >= end || DIFFER(at, &shape->tail) != 0) return false;
    at += shape->tail.size;
    return at == end || (at + 1 == end && *at == '\r');
}

/* Whether a byte of a text in the stretch ends or changes it. */
TARGET static inline bool NAME(has_special)(const char *at, const wr_json_stretch *s)
{
    uint64_t found = 0;
    for (size_t k = 0; k < s->size; k += STEP)
        found |= (uint64_t)(SPECIAL(at + k)) << k;
    return (found & s->text) != 0;
}

/* The same line by its stretches. */
TARGET static inline __attribute__((always_inline)) bool
NAME(take_stretches)(wr_json_shape *shape, wr_json_build *build, const char *at, const char *end,
                     bool is_plain)
{
    const wr_json_stretch *last = shape->stretches + shape->stretch_count;
    for (const wr_json_stretch *s = shape->stretches; s < last; s++) {
        if (__builtin_expect(OUTSIDE(at, s) != 0, 0)) return false;
        if (!is_plain && NAME(has_special)(at, s)) return false;
        at += s->size;
        if (at > end) return false; /* what was compared stands on other lines */
        if (s->then == JSON_THEN_ON) continue;
        if (s->then == JSON_THEN_VALUE) {
            at = NAME(take_value)(s->member, build, at, end, false, is_plain);
            if (!at) return false;
            continue;
        }
        wr_str raw = {at - s->back, s->length};
        wr_json_builder *b = s->member->builder;
        if (!(s->then == JSON_THEN_TEXT ? add_text(build, b, raw) : add_number(build, b, raw)))
            return false;
    }
    return at == end || (at + 1 == end && *at == '\r');
}

/* Lines from *from on, of which *from are taken already, up to most; by stretches as long as few
 * lines differ from them. Returns the place of the first that is not taken. */
TARGET static inline __attribute__((always_inline)) const char *
NAME(take_lines)(wr_json_shape *shape, wr_json_build *build, const char *data, const uint32_t *ends,
                 const char *at, uint32_t *taken, uint32_t most, bool is_plain)
{
    enum { FEW = 16 };
    bool by_stretches = shape->stretch_count > 0;
    uint32_t rows = rows_before(shape) - *taken, different = 0;
    for (; *taken < most; at = data + ends[(*taken)++] + 1) {
        const char *end = data + ends[*taken];
        if (by_stretches) {
            if (NAME(take_stretches)(shape, build, at, end, is_plain)) continue;
            if (build->status) break;
            cut_rows(shape, rows + *taken);
            build->text->error = NULL;
            by_stretches = ++different < FEW || different < *taken / FEW;
            if (different >= FEW) shape->settled = 0;
        }
        if (!NAME(take_line)(shape, build, at, end, false, is_plain)) break;
    }
    return at;
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
    if (taken == watched) {
        if (watched > 0) find_steady(shape, watched, watched < most);
        at = shape->is_plain ? NAME(take_lines)(shape, build, data, ends, at, &taken, most, true)
                             : NAME(take_lines)(shape, build, data, ends, at, &taken, most, false);
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
#undef OUTSIDE
