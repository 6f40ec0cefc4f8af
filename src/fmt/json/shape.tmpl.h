/* shape.tmpl.h - taking a record of a known shape. Parameters:
 *   NAME(x)      name of a function in this instruction set
 *   TARGET       its target attribute
 *   STEP         bytes looked at together
 *   SPECIAL(p)   mask of the bytes of p[0...STEP) that end or change a text
 *   EQUAL(p, m)  whether the pattern of member m stands at p */
TARGET static bool NAME(take)(const wr_json_shape *shape, wr_json_build *build, bool *may_break)
{
    wr_json_text *t = build->text;
    const char *at = t->at, *end = t->end;
    for (const wr_json_member *m = shape->members, *last = m + shape->count; m < last; m++) {
        if (!EQUAL(at, m)) return false;
        at += m->size;
        if (at >= end) return false;
        if (*at == '"') {
            const char *stop = at + 1;
            uint64_t found;
            while (!(found = SPECIAL(stop))) {
                stop += STEP;
                if (stop >= end) return false;
            }
            stop += __builtin_ctzll(found);
            if (stop >= end) return false;
            if (*stop == '"') {
                wr_str raw = {at + 1, (size_t)(stop - at - 1)};
                if (m->builder && wr_json_build_simple_text(build, m->builder, raw)) return false;
                at = stop + 1;
                continue;
            }
        } else {
            size_t size = simple_number(at);
            if (size > 0) {
                wr_str raw = {at, size};
                if (m->builder && wr_json_build_number(build, m->builder, raw)) return false;
                at += size;
                continue;
            }
        }
        *may_break |= *at == '{' || *at == '[';
        t->at = at;
        bool ok = m->builder ? wr_json_build_value(build, m->builder, 1) == JSON_OK
                             : wr_json_skip_value(t, 1, NULL);
        if (!ok) return false;
        at = t->at;
    }
    if (!EQUAL(at, &shape->tail)) return false;
    t->at = at + shape->tail.size;
    return t->at <= end;
}
#undef NAME
#undef TARGET
#undef STEP
#undef SPECIAL
#undef EQUAL
