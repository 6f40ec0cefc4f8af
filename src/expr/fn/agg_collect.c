/* agg_collect.c - aggregates that keep all their values: lists, maps, JSON, quantiles
 * of any type.
 *
 * Most share one state, a list of boxes per argument, and differ only in what finish makes of it;
 * which one runs is the row's finish function. Quantiles sort at the end. WITHIN GROUP (ORDER BY
 * x) is to be bound as a first argument x. string_agg appends to one text with the separator before
 * every value; the first separator is cut off at the end, which makes merging an append. */
#include "expr/fn/box.h"
#include "expr/fn/fraction.h"
#include <math.h>
#include <stdlib.h>

typedef struct collect_state {
    wr_box_list first, second;
} collect_state;

static size_t size_of_collect(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(collect_state);
}
static void init_zero(const wr_aggregate_call *call, void *state)
{
    memset(state, 0, call->fn->state_size(call));
}
/* Both arguments are kept: maps and JSON objects. The second of a quantile is a constant. */
static bool keeps_second(const wr_aggregate_env *env)
{
    return strstr(env->call->fn->signature, "any2") != NULL;
}
static const wr_type *type_of(const wr_aggregate_env *env, int a)
{
    return env->call->args[a]->type;
}

static weir_status collect_row(wr_aggregate_env *env, const wr_column *args, uint32_t row,
                               collect_state *s)
{
    wr_box *box;
    if (!(env->call->fn->flags & WR_AGG_SEES_NULLS) && wr_column_is_null(&args[0], row))
        return WR_OK;
    WR_TRY(wr_box_list_add(env, &s->first, &box));
    WR_TRY(wr_box_set(env, box, &args[0], row));
    if (!keeps_second(env)) return WR_OK;
    WR_TRY(wr_box_list_add(env, &s->second, &box));
    return wr_box_set(env, box, &args[1], row);
}
static weir_status collect_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(collect_row(env, args, sel ? sel[i] : i,
                           (collect_state *)(states[i] + env->state_offset)));
    return WR_OK;
}
static weir_status collect_merge(wr_aggregate_env *env, void *into, const void *from)
{
    collect_state *a = into;
    const collect_state *b = from;
    WR_TRY(wr_box_list_merge(env, type_of(env, 0), &a->first, &b->first));
    return keeps_second(env) ? wr_box_list_merge(env, type_of(env, 1), &a->second, &b->second)
                             : WR_OK;
}
static weir_status collect_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    const collect_state *s = state;
    wr_box_list_save(&s->first, type_of(env, 0), out);
    if (keeps_second(env)) wr_box_list_save(&s->second, type_of(env, 1), out);
    return WR_OK;
}
static weir_status collect_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    collect_state *s = state;
    WR_TRY(wr_box_list_load(env, type_of(env, 0), &bytes, &s->first));
    return keeps_second(env) ? wr_box_list_load(env, type_of(env, 1), &bytes, &s->second) : WR_OK;
}

static void null_at(wr_column *out, wr_arena *arena, uint32_t count, uint32_t i)
{
    wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
}
static collect_state *state_at(wr_aggregate_env *env, uint8_t *const *states, uint32_t i)
{
    return (collect_state *)(states[i] + env->state_offset);
}

/* Writes count boxes as a new child column. */
static void write_child(wr_box **boxes, uint32_t count, const wr_type *type, wr_arena *arena,
                        wr_column *out)
{
    wr_column_init(out, arena, type, type->phys, count + 1);
    out->rows = count;
    wr_box_write(boxes, count, type, arena, out);
}

/* Room for results of count values in each of some columns, and for pointers to them. */
static weir_status admit_values(const wr_arena *arena, uint64_t count, int columns)
{
    return wr_arena_admit(arena, count * (size_t)columns * (sizeof(wr_box *) + sizeof(uint64_t)));
}

/* ---- array_agg ---- */

static weir_status list_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += state_at(env, states, i)->first.count;
    if (total >= UINT32_MAX) return wr_fail(WR_E_TOO_BIG, "lists of more than 4 billion values");
    WR_TRY(admit_values(arena, total, 1));
    wr_box **boxes = wr_new_array(arena, wr_box *, total + 1);
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++) {
        collect_state *s = state_at(env, states, i);
        ((wr_list_slot *)out->data)[i] = (wr_list_slot){next, s->first.count};
        if (!s->first.count) null_at(out, arena, count, i);
        for (uint32_t k = 0; k < s->first.count; k++)
            boxes[next++] = &s->first.items[k];
    }
    out->children = wr_new(arena, wr_column);
    write_child(boxes, next, out->type->child, arena, out->children);
    return WR_OK;
}

/* ---- sorting ---- */

static int cmp_boxes(const void *a, const void *b, void *type)
{
    return wr_box_cmp_box(a, b, type);
}
static void sort_boxes(wr_box_list *list, const wr_type *type)
{
    qsort_r(list->items, list->count, sizeof(wr_box), cmp_boxes, (void *)(uintptr_t)type);
}
/* ---- mode, histogram, entropy: runs of the sorted values ---- */

static weir_status mode_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    wr_box **boxes = wr_new_array(arena, wr_box *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        wr_box_list *list = &state_at(env, states, i)->first;
        uint32_t best = 0;
        sort_boxes(list, type_of(env, 0));
        for (uint32_t from = 0, to; from < list->count; from = to) {
            for (to = from + 1; to < list->count; to++)
                if (wr_box_cmp_box(&list->items[from], &list->items[to], type_of(env, 0)) != 0)
                    break;
            if (to - from > best) best = to - from, boxes[i] = &list->items[from];
        }
    }
    wr_box_write(boxes, count, out->type, arena, out);
    return WR_OK;
}

static weir_status entropy_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                  wr_arena *arena, wr_column *out)
{
    (void)arena;
    for (uint32_t i = 0; i < count; i++) {
        wr_box_list *list = &state_at(env, states, i)->first;
        double bits = 0;
        sort_boxes(list, type_of(env, 0));
        for (uint32_t from = 0, to; from < list->count; from = to) {
            for (to = from + 1; to < list->count; to++)
                if (wr_box_cmp_box(&list->items[from], &list->items[to], type_of(env, 0)) != 0)
                    break;
            double share = (double)(to - from) / list->count;
            bits -= share * log2(share);
        }
        ((double *)out->data)[i] = bits == 0 ? 0 : bits;
    }
    return WR_OK;
}

/* Makes the child STRUCT(key, value) of a map column out of two columns. */
static void map_child(wr_column *out, wr_arena *arena, const wr_column *keys,
                      const wr_column *values)
{
    wr_column *entries = wr_new(arena, wr_column);
    *entries = (wr_column){
        .type = out->type->child, .form = WR_FLAT, .phys = WR_P_STRUCT, .rows = keys->rows};
    entries->children = wr_new_array(arena, wr_column, 2);
    entries->children[0] = *keys, entries->children[1] = *values;
    out->children = entries;
}

static weir_status histogram_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                    wr_arena *arena, wr_column *out)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most += state_at(env, states, i)->first.count;
    if (most >= UINT32_MAX) return wr_fail(WR_E_TOO_BIG, "maps of more than 4 billion values");
    WR_TRY(admit_values(arena, most, 2));
    wr_box **boxes = wr_new_array(arena, wr_box *, most + 1);
    wr_column keys, values;
    wr_column_init(&values, arena, WR_BIGINT, WR_P_I64, (uint32_t)most + 1);
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++) {
        wr_box_list *list = &state_at(env, states, i)->first;
        uint32_t start = next;
        sort_boxes(list, type_of(env, 0));
        for (uint32_t from = 0, to; from < list->count; from = to) {
            for (to = from + 1; to < list->count; to++)
                if (wr_box_cmp_box(&list->items[from], &list->items[to], type_of(env, 0)) != 0)
                    break;
            ((int64_t *)values.data)[next] = to - from;
            boxes[next++] = &list->items[from];
        }
        ((wr_list_slot *)out->data)[i] = (wr_list_slot){start, next - start};
        if (!list->count) null_at(out, arena, count, i);
    }
    values.rows = next;
    write_child(boxes, next, type_of(env, 0), arena, &keys);
    map_child(out, arena, &keys, &values);
    return WR_OK;
}
static weir_status bind_histogram(wr_arena *arena, wr_aggregate_call *call, wr_span span)
{
    (void)arena, (void)span;
    call->type = wr_type_map(call->args[0]->type, WR_BIGINT);
    return WR_OK;
}

/* map_agg: a later value of a key replaces an earlier one. */
static weir_status map_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                              wr_arena *arena, wr_column *out)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most += state_at(env, states, i)->first.count;
    if (most >= UINT32_MAX) return wr_fail(WR_E_TOO_BIG, "maps of more than 4 billion values");
    WR_TRY(admit_values(arena, most, 2));
    wr_box **keys = wr_new_array(arena, wr_box *, most + 1),
           **values = wr_new_array(arena, wr_box *, most + 1);
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++) {
        collect_state *s = state_at(env, states, i);
        uint32_t start = next;
        for (uint32_t k = 0; k < s->first.count; k++) {
            uint32_t at = start;
            while (at < next && wr_box_cmp_box(keys[at], &s->first.items[k], type_of(env, 0)) != 0)
                at++;
            keys[at] = at < next ? keys[at] : &s->first.items[k];
            values[at] = &s->second.items[k];
            next += at == next;
        }
        ((wr_list_slot *)out->data)[i] = (wr_list_slot){start, next - start};
        if (!s->first.count) null_at(out, arena, count, i);
    }
    wr_column key_column, value_column;
    write_child(keys, next, type_of(env, 0), arena, &key_column);
    write_child(values, next, type_of(env, 1), arena, &value_column);
    map_child(out, arena, &key_column, &value_column);
    return WR_OK;
}
static weir_status bind_map(wr_arena *arena, wr_aggregate_call *call, wr_span span)
{
    (void)arena, (void)span;
    call->type = wr_type_map(call->args[0]->type, call->args[1]->type);
    return WR_OK;
}

/* ---- JSON ---- */

static void put_text(wr_column *out, uint32_t i, wr_arena *arena, const wr_buf *buf)
{
    ((wr_view *)out->data)[i] =
        wr_view_of(wr_arena_copy(arena, buf->data ? buf->data : "", buf->length), buf->length);
}
static weir_status json_list_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                    wr_arena *arena, wr_column *out)
{
    WR_BUF(buf);
    wr_box_column storage;
    for (uint32_t i = 0; i < count; i++) {
        collect_state *s = state_at(env, states, i);
        buf.length = 0;
        wr_buf_add_char(&buf, '[');
        for (uint32_t k = 0; k < s->first.count; k++) {
            if (k) wr_buf_add_text(&buf, ", ");
            wr_column_print_json(wr_box_as_column(&s->first.items[k], type_of(env, 0), &storage), 0,
                                 &buf);
        }
        wr_buf_add_char(&buf, ']');
        put_text(out, i, arena, &buf);
        if (!s->first.count) null_at(out, arena, count, i);
    }
    return WR_OK;
}
static weir_status json_object_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                      wr_arena *arena, wr_column *out)
{
    WR_BUF(buf);
    wr_box_column storage;
    for (uint32_t i = 0; i < count; i++) {
        collect_state *s = state_at(env, states, i);
        buf.length = 0;
        wr_buf_add_char(&buf, '{');
        for (uint32_t k = 0; k < s->first.count; k++) {
            if (k) wr_buf_add_text(&buf, ", ");
            if (s->first.items[k].is_null)
                return wr_fail(WR_E_BAD_ARGUMENT, "the key of a JSON object must not be NULL");
            wr_buf_add_json(&buf, wr_view_str(&s->first.items[k].view));
            wr_buf_add_text(&buf, ": ");
            wr_column_print_json(wr_box_as_column(&s->second.items[k], type_of(env, 1), &storage),
                                 0, &buf);
        }
        wr_buf_add_char(&buf, '}');
        put_text(out, i, arena, &buf);
        if (!s->first.count) null_at(out, arena, count, i);
    }
    return WR_OK;
}

/* ---- quantiles ---- */

/* Index of the discrete quantile: the first value whose share reaches the fraction. */
static uint32_t disc_index(double fraction, uint32_t count)
{
    double position = ceil(fraction * count) - 1;
    return position < 0 ? 0 : (uint32_t)WR_MIN(position, (double)count - 1);
}

static weir_status disc_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    bool is_list = out->type->id == WR_T_LIST;
    uint32_t fractions;
    (void)wr_fraction_at(env->call, 0, &fractions);
    wr_box **boxes = wr_new_array(arena, wr_box *, (uint64_t)count * fractions + 1);
    for (uint32_t i = 0; i < count; i++) {
        wr_box_list *list = &state_at(env, states, i)->first;
        sort_boxes(list, type_of(env, 0));
        if (is_list) ((wr_list_slot *)out->data)[i] = (wr_list_slot){i * fractions, fractions};
        if (is_list && !list->count) null_at(out, arena, count, i);
        for (uint32_t k = 0; k < fractions; k++) {
            uint32_t ignored;
            double fraction = wr_fraction_at(env->call, k, &ignored);
            if (list->count && !isnan(fraction))
                boxes[i * fractions + k] = &list->items[disc_index(fraction, list->count)];
        }
    }
    if (!is_list) {
        wr_box_write(boxes, count, out->type, arena, out);
        return WR_OK;
    }
    out->children = wr_new(arena, wr_column);
    write_child(boxes, count * fractions, out->type->child, arena, out->children);
    return WR_OK;
}

/* Quantiles of timestamps interpolate in microseconds. */
static weir_status cont_ts_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                  wr_arena *arena, wr_column *out)
{
    uint32_t ignored;
    double fraction = wr_fraction_at(env->call, 0, &ignored);
    for (uint32_t i = 0; i < count; i++) {
        wr_box_list *list = &state_at(env, states, i)->first;
        int64_t *to = &((int64_t *)out->data)[i];
        *to = 0;
        if (!list->count || isnan(fraction)) {
            null_at(out, arena, count, i);
            continue;
        }
        sort_boxes(list, type_of(env, 0));
        double position = fraction * (list->count - 1);
        uint32_t below = (uint32_t)position, above = WR_MIN(below + 1, list->count - 1);
        int64_t a = (int64_t)list->items[below].words[0], b = (int64_t)list->items[above].words[0];
        *to = a + (int64_t)((double)((wr_i128)b - a) * (position - below));
    }
    return WR_OK;
}

/* ---- min(x, n), max(x, n), min_by(x, key, n), max_by(x, key, n) ---- */

static weir_status bind_count(wr_arena *arena, wr_aggregate_call *call, wr_span span)
{
    wr_env env = {0};
    wr_value value;
    wr_expr **count = &call->args[call->arg_count - 1];
    if (!wr_expr_is_const(*count))
        return wr_fail_at(WR_E_BAD_ARGUMENT, span, "how many values are wanted must be a constant");
    WR_TRY(wr_expr_fold(arena, &env, *count, &value));
    if (value.is_null || value.i64 < 1 || value.i64 > 1000000)
        return wr_fail_at(WR_E_BAD_ARGUMENT, span,
                          "the number of values must lie between 1 and 1000000");
    *count = wr_expr_const(arena, value);
    call->type = wr_type_list(call->args[0]->type);
    return WR_OK;
}

typedef struct top_entry {
    wr_box *value, *key;
} top_entry;
typedef struct top_order {
    const wr_type *type;
    int sign;
} top_order;
static int cmp_top(const void *a, const void *b, void *order)
{
    const top_entry *x = a, *y = b;
    const top_order *o = order;
    int by_key = wr_box_cmp_box(x->key, y->key, o->type) * o->sign;
    return by_key ? by_key : (x->key > y->key) - (x->key < y->key);
}

static weir_status top_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                              wr_arena *arena, wr_column *out)
{
    bool by_key = keeps_second(env);
    top_order order = {type_of(env, by_key), env->call->fn->name[1] == 'a' ? -1 : 1};
    int64_t wanted = env->call->args[env->call->arg_count - 1]->value.i64;
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += (uint64_t)WR_MIN(wanted, state_at(env, states, i)->first.count);
    wr_box **boxes = wr_new_array(arena, wr_box *, total + 1);
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++) {
        collect_state *s = state_at(env, states, i);
        WR_ARENA(scratch);
        top_entry *entries = wr_new_array(&scratch, top_entry, (size_t)s->first.count + 1);
        uint32_t known = 0, start = next;
        for (uint32_t k = 0; k < s->first.count; k++) {
            wr_box *key = by_key ? &s->second.items[k] : &s->first.items[k];
            if (!key->is_null) entries[known++] = (top_entry){&s->first.items[k], key};
        }
        qsort_r(entries, known, sizeof *entries, cmp_top, &order);
        for (uint32_t k = 0; k < known && k < wanted; k++)
            boxes[next++] = entries[k].value;
        ((wr_list_slot *)out->data)[i] = (wr_list_slot){start, next - start};
        if (!known) null_at(out, arena, count, i);
    }
    out->children = wr_new(arena, wr_column);
    write_child(boxes, next, out->type->child, arena, out->children);
    return WR_OK;
}

/* ---- string_agg ---- */

typedef struct text_state {
    char *text;
    uint64_t size, cap;
    uint32_t first_separator, is_set;
} text_state;

static size_t size_of_text(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(text_state);
}
static weir_status text_append(wr_aggregate_env *env, text_state *s, wr_str bytes)
{
    if (s->size + bytes.length > s->cap) {
        if (s->size + bytes.length > (UINT64_C(1) << 30))
            return wr_fail(WR_E_TOO_BIG, "the text would be longer than 1 GiB");
        uint64_t cap = WR_MAX(WR_MAX(s->cap * 2, s->size + bytes.length), 64);
        void *text = s->text;
        WR_TRY(wr_agg_grow(env, &text, s->cap, cap));
        s->text = text;
        s->cap = cap;
    }
    if (bytes.length) memcpy(s->text + s->size, bytes.data, bytes.length);
    s->size += bytes.length;
    return WR_OK;
}
static weir_status text_row(wr_aggregate_env *env, const wr_column *args, uint32_t row,
                            text_state *s)
{
    if (wr_column_is_null(&args[0], row)) return WR_OK;
    wr_view value = wr_column_view(&args[0], row), separator = wr_view_of(",", 1);
    if (env->call->arg_count > 1)
        separator =
            wr_column_is_null(&args[1], row) ? wr_view_of("", 0) : wr_column_view(&args[1], row);
    if (!s->is_set) s->first_separator = separator.length, s->is_set = 1;
    WR_TRY(text_append(env, s, wr_view_str(&separator)));
    return text_append(env, s, wr_view_str(&value));
}
static weir_status text_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(
            text_row(env, args, sel ? sel[i] : i, (text_state *)(states[i] + env->state_offset)));
    return WR_OK;
}
static weir_status text_merge(wr_aggregate_env *env, void *into, const void *from)
{
    text_state *a = into;
    const text_state *b = from;
    if (!b->is_set) return WR_OK;
    if (!a->is_set) a->first_separator = b->first_separator, a->is_set = 1;
    return text_append(env, a, (wr_str){b->text, b->size});
}
static weir_status text_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const text_state *s = (const text_state *)(states[i] + env->state_offset);
        ((wr_view *)out->data)[i] = wr_view_of("", 0);
        if (s->is_set)
            ((wr_view *)out->data)[i] =
                wr_view_of(s->text + s->first_separator, s->size - s->first_separator);
        else
            null_at(out, arena, count, i);
    }
    return WR_OK;
}
static weir_status text_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    (void)env;
    const text_state *s = state;
    wr_buf_add(out, &s->is_set, sizeof s->is_set);
    wr_buf_add(out, &s->first_separator, sizeof s->first_separator);
    wr_buf_add(out, s->text, s->size);
    return WR_OK;
}
static weir_status text_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    text_state *s = state;
    *s = (text_state){0};
    if (!wr_bytes_take(&bytes, &s->is_set, sizeof s->is_set) ||
        !wr_bytes_take(&bytes, &s->first_separator, sizeof s->first_separator) ||
        s->first_separator > bytes.length)
        return wr_fail(WR_E_CORRUPT, "a saved text is damaged");
    return text_append(env, s, bytes);
}

#define COLLECT(names, signature, finish_fn, bind_fn, extra_flags, help_text, example_text,  \
                result_text)                                                                 \
    {                                                                                        \
        names, signature,                                                                    \
            .state_size = size_of_collect, .init = init_zero, .update = collect_groups,      \
            .update_one = wr_agg_one_by_groups, .merge = collect_merge, .finish = finish_fn, \
            .save = collect_save, .load = collect_load, .bind = bind_fn, .help = help_text,  \
            .example = "SELECT " example_text, .result = result_text, .flags = extra_flags   \
    }
#define TEXT                                                                        \
    .state_size = size_of_text, .init = init_zero, .update = text_groups,           \
    .update_one = wr_agg_one_by_groups, .merge = text_merge, .finish = text_finish, \
    .save = text_save, .load = text_load, .flags = WR_AGG_ORDERED
#define KEEPS (WR_AGG_SEES_NULLS | WR_AGG_ORDERED)
#define FROM_1234 " FROM (VALUES (1), (2), (3), (4)) t(x)"

const wr_fn wr_fns_agg_collect[] = {{0}};
const wr_aggregate wr_aggregates_agg_collect[] = {
    {"string_agg|group_concat|listagg", "(text, separator text) -> text", TEXT,
     .help = "Joins texts with a separator.",
     .example = "SELECT string_agg(x, '-' ORDER BY x) FROM (VALUES ('b'), ('a')) t(x)",
     .result = "a-b"},
    {"string_agg|group_concat|listagg", "(text) -> text", TEXT, .help = "Joins texts with commas.",
     .example = "SELECT group_concat(x ORDER BY x) FROM (VALUES ('b'), ('a')) t(x)",
     .result = "a,b"},
    COLLECT("array_agg|list|collect_list", "(any) -> list", list_finish, NULL, KEEPS,
            "All values as a list, NULLs included.", "array_agg(x ORDER BY x DESC)" FROM_1234,
            "[4, 3, 2, 1]"),
    COLLECT("mode", "(any) -> any", mode_finish, NULL, 0,
            "The most frequent value; the least among equals.",
            "mode(x) FROM (VALUES (1), (2), (2)) t(x)", "2"),
    COLLECT("entropy", "(any) -> double", entropy_finish, NULL, 0, "Entropy of the values in bits.",
            "entropy(x)" FROM_1234, "2"),
    COLLECT("histogram", "(any) -> auto", histogram_finish, bind_histogram, 0,
            "How often each value occurs, as a map.",
            "histogram(x) FROM (VALUES ('a'), ('b'), ('a')) t(x)", "{a=2, b=1}"),
    COLLECT("map_agg", "(any, any2) -> auto", map_finish, bind_map, WR_AGG_ORDERED,
            "A map of keys and values.", "map_agg(k, v) FROM (VALUES ('a', 1)) t(k, v)", "{a=1}"),
    COLLECT("json_agg|jsonb_agg|json_group_array|json_arrayagg", "(any) -> json", json_list_finish,
            NULL, KEEPS, "All values as a JSON array.", "json_agg(x ORDER BY x)" FROM_1234,
            "[1, 2, 3, 4]"),
    COLLECT("json_object_agg|jsonb_object_agg|json_group_object|json_objectagg",
            "(text, any2) -> json", json_object_finish, NULL, KEEPS,
            "A JSON object of keys and values.",
            "json_object_agg(k, v) FROM (VALUES ('a', 1)) t(k, v)", "{\"a\": 1}"),
    COLLECT("median", "(timestamp) -> timestamp", cont_ts_finish, NULL, 0, "The middle moment.",
            "median(x) FROM (VALUES (TIMESTAMP '2024-01-01'), (TIMESTAMP '2024-01-03')) t(x)",
            "2024-01-02 00:00:00"),
    COLLECT("median", "(timestamptz) -> timestamptz", cont_ts_finish, NULL, 0, "The middle moment.",
            "median(x) FROM (VALUES (TIMESTAMPTZ '2024-01-01 00:00+00')) t(x)",
            "2024-01-01 00:00:00+00"),
    COLLECT("quantile_cont|percentile_cont", "(timestamp, fraction double) -> timestamp",
            cont_ts_finish, wr_fraction_bind, 0,
            "The interpolated moment below which a share of the values lies.",
            "quantile_cont(x, 0.5) FROM (VALUES (TIMESTAMP '2024-01-01'), (TIMESTAMP "
            "'2024-01-03')) t(x)",
            "2024-01-02 00:00:00"),
    COLLECT("quantile_disc|percentile_disc|quantile", "(any, fraction double) -> any", disc_finish,
            wr_fraction_bind, 0,
            "The first value whose share of smaller or equal ones reaches the fraction.",
            "quantile_disc(x, 0.5)" FROM_1234, "2"),
    COLLECT("quantile_disc|percentile_disc|quantile", "(any, fractions double[]) -> any[]",
            disc_finish, wr_fraction_bind, 0, "Values for several fractions.",
            "quantile_disc(x, [0.25, 0.75])" FROM_1234, "[1, 3]"),
    COLLECT("min", "(any, n bigint) -> any[]", top_finish, bind_count, 0,
            "The n least values in ascending order.", "min(x, 2)" FROM_1234, "[1, 2]"),
    COLLECT("max", "(any, n bigint) -> any[]", top_finish, bind_count, 0,
            "The n greatest values in descending order.", "max(x, 2)" FROM_1234, "[4, 3]"),
    COLLECT("min_by|arg_min", "(any, by any2, n bigint) -> any[]", top_finish, bind_count, KEEPS,
            "The first argument of the n rows where the second is least.",
            "min_by(k, v, 1) FROM (VALUES ('a', 2), ('b', 1)) t(k, v)", "[b]"),
    COLLECT("max_by|arg_max", "(any, by any2, n bigint) -> any[]", top_finish, bind_count, KEEPS,
            "The first argument of the n rows where the second is greatest.",
            "max_by(k, v, 1) FROM (VALUES ('a', 2), ('b', 1)) t(k, v)", "[a]"),
    {0},
};
