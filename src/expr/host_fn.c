/* host_fn.c - see host_fn.h.
 *
 * Arguments leave as arrays that own their memory, because the host may keep what it was given;
 * results are borrowed until the arena of the batch ends. Rows with a NULL argument are left out
 * unless the function wants them.
 *
 * A state of an aggregate is a pointer of the host. The kernel frees states all at once with the
 * heap they are in, so each has an end in that arena. It is made when its first row comes: most
 * states of a spilled or merged aggregation never see one.
 *
 * Trap: a NULL state is an empty one, also for save, merge and evaluate; so is one whose host part
 * is NULL, which stays from a state that was emptied. */
#include "expr/host_fn.h"
#include "expr/cast.h"
#include "expr/registry.h"
#include "sys/thread.h"
#include <stdlib.h>

struct wr_host_fn {
    wr_fn fn; /* one of the two; first, so that it leads here */
    wr_aggregate aggregate;
    wr_fn_entry entry;
    wr_signature words;
    wr_host_fn_def def;
    wr_arena arena;
    wr_schema schema; /* of the arguments */
    struct ArrowSchema arrow;
    wr_mutex lock; /* held during calls of a serial function */
    _Atomic int references;
};

static weir_status host_exec(wr_call *call, wr_column *out);

const wr_host_fn *wr_host_fn_of(const wr_expr *e)
{
    bool is_host = e->kind == WR_X_CALL && e->call.fn->exec == host_exec;
    return is_host ? (const wr_host_fn *)e->call.fn : NULL;
}

static const wr_host_fn *of_aggregate(const wr_aggregate *aggregate)
{
    return (const wr_host_fn *)((const char *)aggregate - offsetof(wr_host_fn, aggregate));
}

static void enter(const wr_host_fn *fn)
{
    if (fn->def.is_serial) wr_mutex_lock((wr_mutex *)&fn->lock);
}

static void leave(const wr_host_fn *fn)
{
    if (fn->def.is_serial) wr_mutex_unlock((wr_mutex *)&fn->lock);
}

static weir_status failed(const wr_host_fn *fn, weir_status bad)
{
    return wr_wrap(bad, "function %s", fn->def.name);
}

/* ---- arrays in and out ---- */

static void end_array(void *arg)
{
    struct ArrowArray *array = arg;
    if (array->release) array->release(array);
}

/* Results as a column of the type they came in. The array ends with the arena. */
static weir_status take_results(const wr_host_fn *fn, struct ArrowSchema *schema,
                                struct ArrowArray *array, uint32_t count, wr_arena *arena,
                                wr_column *out)
{
    struct ArrowArray *kept = wr_new(arena, struct ArrowArray);
    struct ArrowSchema *described = schema, own = {0};
    weir_status bad = WR_OK;
    *kept = *array;
    array->release = NULL;
    if (!kept->release) return wr_fail(WR_E_HOST, "it gave no result");
    wr_arena_on_end(arena, end_array, kept);
    if (kept->length != count)
        return wr_fail(WR_E_HOST, "it gave %lld results for %u rows", (long long)kept->length,
                       count);
    wr_field field = {WR_STR("result"), fn->def.result};
    if (!schema->release) {
        bad = wr_arrow_export_schema(&(wr_schema){.fields = &field, .count = 1}, &own);
        if (bad) return bad;
        described = own.children[0];
    }
    bad = wr_arrow_import_column(described, kept, 0, count, arena, out);
    if (own.release) own.release(&own);
    if (!bad && out->type != fn->def.result && !wr_cast_exists(out->type, fn->def.result))
        bad = wr_fail(WR_E_HOST, "it gave %s where %s was declared", wr_type_name(out->type),
                      wr_type_name(fn->def.result));
    return bad;
}

weir_status wr_host_fn_settle(const wr_host_fn *fn, const wr_env *env, wr_arena *arena,
                              wr_column *results)
{
    if (results->type == fn->def.result) return WR_OK;
    const wr_column given = *results;
    wr_cast_job job = {.env = env, .to = fn->def.result, .sel_count = given.rows, .arena = arena};
    weir_status bad = wr_cast_column(&job, &given, results);
    return bad ? failed(fn, bad) : WR_OK;
}

/* Columns as the struct array that the host gets. */
static weir_status give_args(const wr_host_fn *fn, wr_column *columns, const uint16_t *sel,
                             uint32_t count, uint32_t rows, struct ArrowArray *out)
{
    wr_batch batch = {.columns = columns,
                      .column_count = fn->schema.count,
                      .rows = rows,
                      .sel = sel,
                      .sel_count = count};
    return wr_arrow_export_batch(&fn->schema, &batch, out);
}

weir_status wr_host_fn_call(const wr_host_fn *fn, struct ArrowArray *args, uint32_t count,
                            int64_t rows_before, wr_arena *arena, wr_column *out)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray result = {0};
    wr_host_call call = {&fn->arrow, args, &schema, &result};
    enter(fn);
    weir_status bad = fn->def.call(fn->def.arg, &call);
    leave(fn);
    /* Who calls again must not call what changes something. */
    if (bad && (count == 1 || !(fn->def.flags & WR_FN_VOLATILE))) bad = wr_with_row(bad);
    if (args->release) args->release(args);
    if (!bad) bad = take_results(fn, &schema, &result, count, arena, out);
    if (result.release) result.release(&result);
    if (schema.release) schema.release(&schema);
    if (!bad) return WR_OK;
    if (rows_before >= 0)
        return wr_wrap(bad, "function %s, rows %lld to %lld that it was given", fn->def.name,
                       (long long)rows_before + 1, (long long)rows_before + count);
    return count > 1 ? wr_wrap(bad, "function %s, one of %u rows", fn->def.name, count)
                     : failed(fn, bad);
}

/* ---- scalar functions ---- */

static bool skips_row(const wr_host_fn *fn, const wr_column *args, uint32_t row)
{
    for (int k = 0; k < fn->schema.count && !fn->def.sees_nulls; k++)
        if (wr_column_is_null(&args[k], row)) return true;
    return false;
}

uint32_t wr_host_fn_rows(const wr_host_fn *fn, const wr_batch *args, uint16_t *room,
                         const uint16_t **sel)
{
    uint32_t all = wr_batch_count(args), count = 0;
    bool skips = false;
    for (int i = 0; i < args->column_count && !fn->def.sees_nulls; i++)
        skips |= !wr_column_has_no_nulls(&args->columns[i]);
    *sel = args->sel;
    if (!skips) return all;
    for (uint32_t i = 0; i < all; i++) {
        uint32_t row = wr_batch_row(args, i);
        room[count] = (uint16_t)row;
        count += !skips_row(fn, args->columns, row);
    }
    if (count == args->rows) return count;
    *sel = room;
    return count;
}

/* Results to the places of their rows; NULL elsewhere. */
static void scatter(const wr_column *results, const uint16_t *sel, uint32_t count, uint32_t rows,
                    wr_arena *arena, wr_column *out)
{
    uint32_t *which = wr_new_array(arena, uint32_t, rows + 1);
    uint32_t *from = wr_new_array(arena, uint32_t, rows + 1);
    memset(which, 0xff, sizeof *which * rows);
    for (uint32_t i = 0; i < count; i++) {
        which[sel[i]] = 0;
        from[sel[i]] = i;
    }
    wr_column_stitch(out->type, &results, 1, which, from, rows, arena, out);
}

static weir_status host_exec(wr_call *call, wr_column *out)
{
    const wr_host_fn *fn = (const wr_host_fn *)call->expr->call.fn;
    uint16_t *room = wr_new_array(call->arena, uint16_t, call->rows + 1);
    const wr_batch given = {.columns = call->args,
                            .column_count = call->arg_count,
                            .rows = call->rows,
                            .sel = call->sel,
                            .sel_count = call->sel_count};
    const uint16_t *sel;
    uint32_t count = wr_host_fn_rows(fn, &given, room, &sel);
    struct ArrowArray args;
    wr_column results = {0};
    WR_TRY(give_args(fn, call->args, sel, count, call->rows, &args));
    if (count == 0) {
        args.release(&args);
        const wr_value null = wr_value_null(out->type);
        wr_value_column(&null, WR_MAX(call->rows, 1u), call->arena, &results);
        wr_column_flatten(&results, NULL, call->rows, call->arena, out);
        return WR_OK;
    }
    WR_TRY(wr_host_fn_call(fn, &args, count, -1, call->arena, &results));
    WR_TRY(wr_host_fn_settle(fn, call->env, call->arena, &results));
    if (sel)
        scatter(&results, sel, count, call->rows, call->arena, out);
    else
        wr_column_flatten(&results, NULL, count, call->arena, out);
    return WR_OK;
}

/* ---- aggregates ---- */

/* What a state is in memory of the kernel: a pointer to one of these, NULL as long as it is empty.
 */
typedef struct held_state {
    const wr_host_fn *fn;
    wr_mem *mem;
    void *state; /* NULL: it was emptied */
} held_state;

static void drop_state(held_state *h)
{
    if (!h->state) return;
    enter(h->fn);
    if (h->fn->def.state_drop) h->fn->def.state_drop(h->fn->def.arg, h->state);
    leave(h->fn);
    h->state = NULL;
}

static void end_state(void *arg)
{
    held_state *h = arg;
    drop_state(h);
    if (h->mem) wr_mem_release(h->mem, h->fn->def.state_bytes);
}

static weir_status hold_state(wr_aggregate_env *env, const wr_host_fn *fn, void *state, void **slot)
{
    held_state *h = wr_new(env->heap, held_state);
    *h = (held_state){fn, NULL, state};
    wr_arena_on_end(env->heap, end_state, h);
    *slot = h;
    if (!env->mem) return WR_OK;
    WR_TRY(wr_mem_reserve(env->mem, fn->def.state_bytes));
    h->mem = env->mem;
    return WR_OK;
}

static weir_status need_state(wr_aggregate_env *env, const wr_host_fn *fn, void **slot)
{
    void *state = NULL;
    held_state *h = *slot;
    if (h && h->state) return WR_OK;
    enter(fn);
    weir_status bad = fn->def.state_new(fn->def.arg, &state);
    leave(fn);
    if (bad) return failed(fn, bad);
    if (!h) return hold_state(env, fn, state, slot);
    h->state = state;
    return WR_OK;
}

static size_t state_size(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(void *);
}

/* The host's, or NULL. */
static void *state_in(const void *slot)
{
    const held_state *h = *(held_state *const *)slot;
    return h ? h->state : NULL;
}

static void reset_state(const wr_aggregate_call *call, void *state)
{
    held_state *h = *(held_state **)state;
    (void)call;
    if (h) drop_state(h);
}

static void init_state(const wr_aggregate_call *call, void *state)
{
    (void)call;
    *(void **)state = NULL;
}

typedef struct placed_row {
    uint8_t *state;
    uint32_t row;
} placed_row;

static int by_state(const void *a, const void *b)
{
    const placed_row *x = a, *y = b;
    if (x->state != y->state) return x->state < y->state ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Rows in their order, those of a state side by side; back: they are taken back. */
static weir_status update_placed(wr_aggregate_env *env, const wr_host_fn *fn, const wr_column *args,
                                 const placed_row *placed, uint32_t count, bool back,
                                 wr_arena *scratch)
{
    const wr_host_fn_def *def = &fn->def;
    void **states = wr_new_array(scratch, void *, count + 1);
    int64_t *starts = wr_new_array(scratch, int64_t, count + 2);
    uint32_t *which = wr_new_array(scratch, uint32_t, count + 1);
    uint32_t *rows = wr_new_array(scratch, uint32_t, count + 1);
    int64_t state_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = placed[i].row;
        if (i && placed[i].state == placed[i - 1].state) continue;
        void **slot = (void **)(placed[i].state + env->state_offset);
        WR_TRY(need_state(env, fn, slot));
        states[state_count] = state_in(slot);
        starts[state_count++] = i;
    }
    starts[state_count] = count;
    wr_column *columns = wr_new_array(scratch, wr_column, fn->schema.count + 1);
    for (int k = 0; k < fn->schema.count; k++) {
        const wr_column *from = &args[k];
        wr_column_stitch(from->type, &from, 1, which, rows, count, scratch, &columns[k]);
    }
    struct ArrowArray array;
    WR_TRY(give_args(fn, columns, NULL, 0, count, &array));
    wr_host_update update = {&fn->arrow, &array, states, starts, state_count};
    enter(fn);
    weir_status bad = (back ? def->take_back : def->update)(def->arg, &update);
    leave(fn);
    if (array.release) array.release(&array);
    return bad ? wr_wrap(bad, "function %s, %u rows of %lld groups", def->name, count,
                         (long long)state_count)
               : WR_OK;
}

static weir_status feed(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                        uint32_t count, uint8_t *const *states, bool back, wr_arena *scratch)
{
    const wr_host_fn *fn = of_aggregate(env->call->fn);
    placed_row *placed = wr_new_array(scratch, placed_row, count + 1);
    uint32_t kept = 0;
    bool is_sorted = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (skips_row(fn, args, row)) continue;
        placed[kept] = (placed_row){states[i], row};
        is_sorted &= !kept || placed[kept - 1].state <= states[i];
        kept++;
    }
    if (!is_sorted) qsort(placed, kept, sizeof *placed, by_state);
    return kept ? update_placed(env, fn, args, placed, kept, back, scratch) : WR_OK;
}

static weir_status host_update(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    return feed(env, args, sel, count, states, false, scratch);
}

static weir_status host_take_back(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    return feed(env, args, sel, count, states, true, scratch);
}

static weir_status host_update_one(wr_aggregate_env *env, const wr_column *args,
                                   const uint16_t *sel, uint32_t count, void *state,
                                   wr_arena *scratch)
{
    uint8_t **states = wr_new_array(scratch, uint8_t *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        states[i] = (uint8_t *)state - env->state_offset;
    return host_update(env, args, sel, count, states, scratch);
}

static weir_status host_merge(wr_aggregate_env *env, void *into, const void *from)
{
    const wr_host_fn *fn = of_aggregate(env->call->fn);
    void *const source = state_in(from);
    if (!source) return WR_OK;
    WR_TRY(need_state(env, fn, into));
    enter(fn);
    weir_status bad = fn->def.merge(fn->def.arg, state_in(into), source);
    leave(fn);
    return bad ? failed(fn, bad) : WR_OK;
}

static weir_status host_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    const wr_host_fn *fn = of_aggregate(env->call->fn);
    void **all = wr_new_array(arena, void *, count + 1);
    struct ArrowSchema schema = {0};
    struct ArrowArray result = {0};
    wr_column values;
    for (uint32_t i = 0; i < count; i++) {
        void **slot = (void **)(states[i] + env->state_offset);
        WR_TRY(need_state(env, fn, slot));
        all[i] = state_in(slot);
    }
    enter(fn);
    weir_status bad = fn->def.evaluate(fn->def.arg, all, count, &schema, &result);
    leave(fn);
    if (!bad) bad = take_results(fn, &schema, &result, count, arena, &values);
    if (result.release) result.release(&result);
    if (schema.release) schema.release(&schema);
    if (bad) return failed(fn, bad);
    WR_TRY(wr_host_fn_settle(fn, env->env, arena, &values));
    wr_column_flatten(&values, NULL, count, arena, out);
    return WR_OK;
}

/* A byte says whether there is a state. */
static weir_status host_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    const wr_host_fn *fn = of_aggregate(env->call->fn);
    void *const held = state_in(state);
    wr_buf_add_char(out, held ? 1 : 0);
    if (!held) return WR_OK;
    enter(fn);
    weir_status bad = fn->def.save(fn->def.arg, held, out);
    leave(fn);
    return bad ? failed(fn, bad) : WR_OK;
}

static weir_status host_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    const wr_host_fn *fn = of_aggregate(env->call->fn);
    void *loaded = NULL;
    *(void **)state = NULL;
    if (bytes.length == 0) return wr_fail(WR_E_CORRUPT, "the state of %s is empty", fn->def.name);
    if (!bytes.data[0]) return WR_OK;
    enter(fn);
    weir_status bad = fn->def.load(fn->def.arg, bytes.data + 1, bytes.length - 1, &loaded);
    leave(fn);
    return bad ? failed(fn, bad) : hold_state(env, fn, loaded, state);
}

/* ---- making ---- */

static void make_words(wr_host_fn *fn)
{
    const wr_host_fn_def *def = &fn->def;
    int count = def->arg_count;
    WR_BUF(text);
    wr_buf_add_char(&text, '(');
    fn->words.args = wr_new_array(&fn->arena, wr_want, count + 1);
    fn->schema.fields = wr_new_array(&fn->arena, wr_field, count + 1);
    fn->words.arg_count = fn->words.required = fn->schema.count = count;
    fn->words.result = (wr_want){.kind = WR_WANT_TYPE, .type = def->result};
    for (int i = 0; i < count; i++) {
        fn->words.args[i] = (wr_want){.kind = WR_WANT_TYPE, .type = def->arg_types[i]};
        fn->schema.fields[i] =
            (wr_field){wr_arena_printf(&fn->arena, "arg%d", i + 1), def->arg_types[i]};
        wr_buf_printf(&text, "%s%s", i ? ", " : "", wr_type_name(def->arg_types[i]));
    }
    wr_buf_printf(&text, ") -> %s", wr_type_name(def->result));
    fn->fn.signature = fn->aggregate.signature = wr_arena_copy(&fn->arena, text.data, text.length);
}

static void make_rows(wr_host_fn *fn)
{
    const wr_host_fn_def *def = &fn->def;
    if (def->call) {
        fn->fn.name = def->name;
        fn->fn.help = def->help;
        fn->fn.exec = host_exec;
        fn->fn.flags = def->flags | WR_FN_SEES_NULLS | WR_FN_CAN_FAIL;
        fn->entry = (wr_fn_entry){.fn = &fn->fn, .family = "host"};
        return;
    }
    fn->aggregate.name = def->name;
    fn->aggregate.help = def->help;
    fn->aggregate.state_size = state_size;
    fn->aggregate.init = init_state;
    fn->aggregate.reset = reset_state;
    fn->aggregate.update = host_update;
    fn->aggregate.update_one = host_update_one;
    fn->aggregate.merge = host_merge;
    fn->aggregate.finish = host_finish;
    fn->aggregate.save = host_save;
    fn->aggregate.load = host_load;
    if (def->take_back && !def->sees_order) fn->aggregate.take_back = host_take_back;
    fn->aggregate.flags =
        (def->sees_order ? WR_AGG_ORDERED : 0) | (def->sees_nulls ? WR_AGG_SEES_NULLS : 0);
    fn->entry = (wr_fn_entry){.aggregate = &fn->aggregate, .family = "host"};
}

weir_status wr_host_fn_new(const wr_host_fn_def *def, wr_host_fn **out)
{
    wr_host_fn *fn = wr_heap_new(sizeof *fn);
    fn->references = 1;
    wr_mutex_init(&fn->lock);
    fn->def = *def;
    fn->def.name = wr_arena_copy(&fn->arena, def->name, strlen(def->name));
    const char *help = def->help ? def->help : "";
    fn->def.help = wr_arena_copy(&fn->arena, help, strlen(help));
    make_words(fn);
    fn->def.arg_types = NULL; /* they are in the words */
    make_rows(fn);
    weir_status bad = wr_arrow_export_schema(&fn->schema, &fn->arrow);
    bool is_whole = def->call || (def->state_new && def->update && def->merge && def->evaluate &&
                                  def->save && def->load);
    if (!bad && !is_whole)
        bad = wr_fail(WR_E_API_MISUSE, "the definition of %s lacks a callback", def->name);
    if (bad)
        wr_host_fn_release(fn);
    else
        *out = fn;
    return bad;
}

wr_host_fn *wr_host_fn_keep(wr_host_fn *fn)
{
    fn->references++;
    return fn;
}

void wr_host_fn_release(wr_host_fn *fn)
{
    if (!fn || --fn->references > 0) return;
    if (fn->def.drop) fn->def.drop(fn->def.arg);
    if (fn->arrow.release) fn->arrow.release(&fn->arrow);
    wr_mutex_clear(&fn->lock);
    wr_arena_clear(&fn->arena);
    wr_heap_drop(fn);
}

/* ---- forms of a name ---- */

wr_host_fn *wr_host_form_of(const wr_host_forms *forms, const wr_type *const *arg_types, int count)
{
    for (int i = 0; i < forms->count; i++) {
        const wr_schema *args = &forms->items[i]->schema;
        bool is_same = args->count == count;
        for (int k = 0; k < count && is_same; k++)
            is_same = args->fields[k].type == arg_types[k];
        if (is_same) return forms->items[i];
    }
    return NULL;
}

wr_host_forms wr_host_forms_without(wr_arena *arena, const wr_host_forms *before,
                                    const wr_host_fn *fn)
{
    wr_host_forms out = {.items = wr_new_array(arena, wr_host_fn *, before->count + 1)};
    for (int i = 0; i < before->count; i++)
        if (before->items[i] != fn) out.items[out.count++] = wr_host_fn_keep(before->items[i]);
    return out;
}

wr_host_forms wr_host_forms_with(wr_arena *arena, const wr_host_forms *before, wr_host_fn *fn)
{
    WR_ARENA(scratch);
    static const wr_host_forms none = {0};
    const wr_type **types = wr_new_array(&scratch, const wr_type *, fn->schema.count + 1);
    for (int i = 0; i < fn->schema.count; i++)
        types[i] = fn->schema.fields[i].type;
    if (!before || wr_host_fn_is_aggregate(before->items[0]) != wr_host_fn_is_aggregate(fn))
        before = &none;
    const wr_host_fn *same = wr_host_form_of(before, types, fn->schema.count);
    wr_host_forms out = wr_host_forms_without(arena, before, same);
    out.items[out.count++] = fn;
    return out;
}

void wr_host_forms_release(const wr_host_forms *forms)
{
    for (int i = 0; i < forms->count; i++)
        wr_host_fn_release(forms->items[i]);
}

bool wr_host_fn_is_aggregate(const wr_host_fn *fn) { return !fn->def.call; }
const char *wr_host_fn_signature(const wr_host_fn *fn) { return fn->fn.signature; }
const char *wr_host_fn_help(const wr_host_fn *fn) { return fn->def.help; }
const wr_schema *wr_host_fn_args(const wr_host_fn *fn) { return &fn->schema; }
const wr_signature *wr_host_fn_words(const wr_host_fn *fn) { return &fn->words; }
const wr_fn_entry *wr_host_fn_entry(const wr_host_fn *fn) { return &fn->entry; }
