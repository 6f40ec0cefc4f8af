/* expr.c - making, comparing, copying and walking bound expressions.
 *
 * All structural functions go over the same list of children: args, and for aggregate and window
 * nodes also filter, order and frame offsets. each_child is the one place that knows it; adding a
 * kind of node means looking there. */
#include "col/hash.h"
#include "expr/fn.h"

/* ---- constructors ---- */

static wr_expr *new_node(wr_arena *arena, wr_expr_kind kind, const wr_type *type, int arg_count)
{
    wr_expr *e = wr_new(arena, wr_expr);
    e->kind = kind;
    e->type = type;
    e->arg_count = arg_count;
    if (arg_count) e->args = wr_new_array(arena, wr_expr *, arg_count);
    return e;
}

wr_expr *wr_expr_column(wr_arena *arena, uint32_t id, const wr_type *type)
{
    wr_expr *e = new_node(arena, WR_X_COLUMN, type, 0);
    e->column = id;
    return e;
}

wr_expr *wr_expr_const(wr_arena *arena, wr_value value)
{
    wr_expr *e = new_node(arena, WR_X_CONST, value.type, 0);
    e->value = value;
    return e;
}

wr_expr *wr_expr_bool(wr_arena *arena, bool value)
{
    return wr_expr_const(arena, wr_value_bool(value));
}

wr_compare_op wr_compare_mirrored(wr_compare_op op)
{
    static const wr_compare_op mirror[] = {[WR_EQ] = WR_EQ,
                                           [WR_NE] = WR_NE,
                                           [WR_LT] = WR_GT,
                                           [WR_LE] = WR_GE,
                                           [WR_GT] = WR_LT,
                                           [WR_GE] = WR_LE,
                                           [WR_DISTINCT] = WR_DISTINCT,
                                           [WR_NOT_DISTINCT] = WR_NOT_DISTINCT};
    return mirror[op];
}

wr_compare_op wr_compare_opposite(wr_compare_op op)
{
    static const wr_compare_op opposite[] = {[WR_EQ] = WR_NE,
                                             [WR_NE] = WR_EQ,
                                             [WR_LT] = WR_GE,
                                             [WR_LE] = WR_GT,
                                             [WR_GT] = WR_LE,
                                             [WR_GE] = WR_LT,
                                             [WR_DISTINCT] = WR_NOT_DISTINCT,
                                             [WR_NOT_DISTINCT] = WR_DISTINCT};
    return opposite[op];
}

wr_expr *wr_expr_compare(wr_arena *arena, wr_compare_op op, wr_expr *left, wr_expr *right)
{
    wr_assert(left->type == right->type);
    wr_expr *e = new_node(arena, WR_X_COMPARE, WR_BOOLEAN, 2);
    e->op = (uint8_t)op;
    e->args[0] = left;
    e->args[1] = right;
    e->span = left->span;
    return e;
}

wr_expr *wr_expr_not(wr_arena *arena, wr_expr *arg)
{
    wr_assert(arg->type == WR_BOOLEAN);
    wr_expr *e = new_node(arena, WR_X_NOT, WR_BOOLEAN, 1);
    e->args[0] = arg;
    e->span = arg->span;
    return e;
}

wr_expr *wr_expr_is_null(wr_arena *arena, wr_expr *arg, bool negated)
{
    wr_expr *e = new_node(arena, WR_X_IS_NULL, WR_BOOLEAN, 1);
    e->args[0] = arg;
    e->is_negated = negated;
    e->span = arg->span;
    return e;
}

/* AND and OR: nested nodes of the same kind give their arguments to the new one. */
static wr_expr *junction(wr_arena *arena, wr_expr_kind kind, wr_expr **args, int count)
{
    if (count == 0) return wr_expr_bool(arena, kind == WR_X_AND);
    if (count == 1) return args[0];
    int total = 0;
    for (int i = 0; i < count; i++)
        total += args[i]->kind == kind ? args[i]->arg_count : 1;
    wr_expr *e = new_node(arena, kind, WR_BOOLEAN, total);
    int at = 0;
    for (int i = 0; i < count; i++) {
        wr_assert(args[i]->type == WR_BOOLEAN);
        if (args[i]->kind != kind) {
            e->args[at++] = args[i];
            continue;
        }
        for (int k = 0; k < args[i]->arg_count; k++)
            e->args[at++] = args[i]->args[k];
    }
    e->span = args[0]->span;
    return e;
}

wr_expr *wr_expr_and(wr_arena *arena, wr_expr **args, int count)
{
    return junction(arena, WR_X_AND, args, count);
}

wr_expr *wr_expr_or(wr_arena *arena, wr_expr **args, int count)
{
    return junction(arena, WR_X_OR, args, count);
}

wr_expr *wr_expr_raw_cast(wr_arena *arena, wr_expr *arg, const wr_type *type, bool is_try)
{
    if (arg->type == type) return arg;
    wr_expr *e = new_node(arena, WR_X_CAST, type, 1);
    e->args[0] = arg;
    e->is_try = is_try;
    e->span = arg->span;
    return e;
}

/* ---- children ---- */

typedef void child_fn(wr_expr **child, void *arg);

static void each_key(wr_sort_key *keys, int count, child_fn *fn, void *arg)
{
    for (int i = 0; i < count; i++)
        fn(&keys[i].expr, arg);
}

static void each_aggregate_child(wr_aggregate_call *call, child_fn *fn, void *arg)
{
    for (int i = 0; i < call->arg_count; i++)
        fn(&call->args[i], arg);
    if (call->filter) fn(&call->filter, arg);
    each_key(call->order, call->order_count, fn, arg);
}

static void each_child(wr_expr *e, child_fn *fn, void *arg)
{
    for (int i = 0; i < e->arg_count; i++)
        fn(&e->args[i], arg);
    if (e->kind == WR_X_AGGREGATE) each_aggregate_child(e->aggregate, fn, arg);
    if (e->kind != WR_X_WINDOW) return;
    wr_window_call *w = e->window;
    each_aggregate_child(&w->aggregate, fn, arg);
    for (int i = 0; i < w->partition_count; i++)
        fn(&w->partition[i], arg);
    each_key(w->order, w->order_count, fn, arg);
    if (w->frame.start_offset) fn(&w->frame.start_offset, arg);
    if (w->frame.end_offset) fn(&w->frame.end_offset, arg);
}

typedef struct rewriting {
    wr_expr *(*fn)(wr_expr *e, void *arg);
    void *arg;
} rewriting;

static void rewrite_child(wr_expr **child, void *arg)
{
    rewriting *r = arg;
    *child = wr_expr_rewrite(*child, r->fn, r->arg);
}

/* Ordinary nodes have all their children in args. First ones are followed in loops, here and below,
 * because chains of operators lean to the left without limit. */
static bool is_plain(const wr_expr *e)
{
    return e->kind != WR_X_AGGREGATE && e->kind != WR_X_WINDOW && e->arg_count > 0;
}

typedef WR_LIST(wr_expr *) spine_list;

/* Puts e, its first child, that one's first child and so on into the list. */
static void follow_spine(wr_arena *arena, wr_expr *e, spine_list *spine)
{
    for (;; e = e->args[0]) {
        wr_push(arena, spine, e);
        if (!is_plain(e)) return;
    }
}

wr_expr *wr_expr_rewrite(wr_expr *e, wr_expr *(*fn)(wr_expr *e, void *arg), void *arg)
{
    rewriting r = {fn, arg};
    if (!is_plain(e)) {
        each_child(e, rewrite_child, &r);
        return fn(e, arg);
    }
    WR_ARENA(scratch);
    spine_list spine = {0};
    follow_spine(&scratch, e, &spine);
    wr_expr *first = wr_expr_rewrite(spine.items[spine.count - 1], fn, arg);
    for (int i = spine.count - 1; i-- > 0;) {
        e = spine.items[i];
        e->args[0] = first;
        for (int k = 1; k < e->arg_count; k++)
            rewrite_child(&e->args[k], &r);
        first = fn(e, arg);
    }
    return first;
}

typedef struct walking {
    bool (*fn)(const wr_expr *e, void *arg);
    void *arg;
} walking;

static void walk_child(wr_expr **child, void *arg)
{
    walking *w = arg;
    wr_expr_walk(*child, w->fn, w->arg);
}

void wr_expr_walk(const wr_expr *e, bool (*fn)(const wr_expr *e, void *arg), void *arg)
{
    walking w = {fn, arg};
    if (!is_plain(e) || !is_plain(e->args[0])) { /* nothing to follow: no list needed */
        if (fn(e, arg)) each_child((wr_expr *)e, walk_child, &w);
        return;
    }
    WR_ARENA(scratch);
    spine_list spine = {0};
    for (; fn(e, arg); e = e->args[0]) {
        wr_push(&scratch, &spine, (wr_expr *)e);
        if (is_plain(e)) continue;
        each_child((wr_expr *)e, walk_child, &w);
        spine.count--;
        break;
    }
    while (spine.count > 0) {
        e = spine.items[--spine.count];
        for (int k = 1; k < e->arg_count; k++)
            wr_expr_walk(e->args[k], fn, arg);
    }
}

/* ---- copy ---- */

static void copy_child(wr_expr **child, void *arg) { *child = wr_expr_copy(arg, *child); }

#define COPY_ARRAY(arena, items, count)                                                \
    ((count) ? memcpy(wr_arena_alloc(arena, sizeof *(items) * (size_t)(count)), items, \
                      sizeof *(items) * (size_t)(count))                               \
             : NULL)

static void copy_aggregate(wr_arena *arena, wr_aggregate_call *call)
{
    call->args = COPY_ARRAY(arena, call->args, call->arg_count);
    call->order = COPY_ARRAY(arena, call->order, call->order_count);
}

/* The node itself, with lists of its own that still hold the old children. */
static wr_expr *copy_node(wr_arena *arena, const wr_expr *e)
{
    wr_expr *copy = wr_new(arena, wr_expr);
    *copy = *e;
    copy->args = COPY_ARRAY(arena, e->args, e->arg_count);
    if (e->kind == WR_X_CONST) copy->value = wr_value_copy(&e->value, arena);
    if (e->kind == WR_X_AGGREGATE) {
        copy->aggregate = COPY_ARRAY(arena, e->aggregate, 1);
        copy_aggregate(arena, copy->aggregate);
    }
    if (e->kind == WR_X_WINDOW) {
        copy->window = COPY_ARRAY(arena, e->window, 1);
        copy_aggregate(arena, &copy->window->aggregate);
        copy->window->partition =
            COPY_ARRAY(arena, e->window->partition, e->window->partition_count);
        copy->window->order = COPY_ARRAY(arena, e->window->order, e->window->order_count);
    }
    return copy;
}

wr_expr *wr_expr_copy(wr_arena *arena, const wr_expr *e)
{
    wr_expr *copy = copy_node(arena, e), *at = copy;
    for (; is_plain(at); at = at->args[0]) {
        at->args[0] = copy_node(arena, at->args[0]);
        for (int i = 1; i < at->arg_count; i++)
            copy_child(&at->args[i], arena);
    }
    each_child(at, copy_child, arena);
    return copy;
}

/* ---- equality and hash ---- */

typedef struct child_list {
    wr_expr *items[64];
    int count; /* may exceed the array: then the lists are not compared and the nodes count as
                  different */
} child_list;

static void collect_child(wr_expr **child, void *arg)
{
    child_list *list = arg;
    if (list->count < 64) list->items[list->count] = *child;
    list->count++;
}

static bool keys_eq(const wr_sort_key *a, const wr_sort_key *b, int count)
{
    for (int i = 0; i < count; i++)
        if (a[i].descending != b[i].descending || a[i].nulls_first != b[i].nulls_first)
            return false;
    return true;
}

static bool aggregate_eq(const wr_aggregate_call *a, const wr_aggregate_call *b)
{
    return a->fn == b->fn && a->arg_count == b->arg_count && a->type == b->type &&
           a->is_distinct == b->is_distinct && !a->filter == !b->filter &&
           a->order_count == b->order_count && keys_eq(a->order, b->order, a->order_count);
}

static bool window_eq(const wr_window_call *a, const wr_window_call *b)
{
    return a->fn == b->fn && aggregate_eq(&a->aggregate, &b->aggregate) &&
           a->ignore_nulls == b->ignore_nulls && a->partition_count == b->partition_count &&
           a->order_count == b->order_count && keys_eq(a->order, b->order, a->order_count) &&
           a->frame.unit == b->frame.unit && a->frame.start == b->frame.start &&
           a->frame.end == b->frame.end && a->frame.exclude == b->frame.exclude &&
           !a->frame.start_offset == !b->frame.start_offset &&
           !a->frame.end_offset == !b->frame.end_offset;
}

bool wr_expr_node_eq(const wr_expr *a, const wr_expr *b)
{
    switch (a->kind) {
    case WR_X_COLUMN:
        return a->column == b->column;
    case WR_X_CONST:
        return wr_value_same(&a->value, &b->value);
    case WR_X_PARAM:
        return a->param == b->param;
    case WR_X_CALL:
        return a->call.fn == b->call.fn && !(a->call.fn->flags & WR_FN_VOLATILE);
    case WR_X_COMPARE:
        return a->op == b->op;
    case WR_X_CAST:
        return a->is_try == b->is_try;
    case WR_X_IS_NULL:
    case WR_X_IN:
        return a->is_negated == b->is_negated;
    case WR_X_LAMBDA:
        return a->lambda.first_param == b->lambda.first_param &&
               a->lambda.param_count == b->lambda.param_count;
    case WR_X_AGGREGATE:
        return aggregate_eq(a->aggregate, b->aggregate);
    case WR_X_WINDOW:
        return window_eq(a->window, b->window);
    case WR_X_SUBQUERY:
        return a->subquery == b->subquery;
    default:
        return true;
    }
}

bool wr_expr_eq(const wr_expr *a, const wr_expr *b)
{
    for (; is_plain(a); a = a->args[0], b = b->args[0]) {
        if (a->kind != b->kind || a->type != b->type || a->arg_count != b->arg_count) return false;
        if (!wr_expr_node_eq(a, b)) return false;
        for (int i = 1; i < a->arg_count; i++)
            if (!wr_expr_eq(a->args[i], b->args[i])) return false;
    }
    if (a->kind != b->kind || a->type != b->type || a->arg_count != b->arg_count) return false;
    if (a == b && a->kind != WR_X_CALL && a->arg_count == 0) return true;
    if (!wr_expr_node_eq(a, b)) return false;
    if (a->kind != WR_X_AGGREGATE && a->kind != WR_X_WINDOW) return true;
    child_list x = {.count = 0}, y = {.count = 0};
    each_child((wr_expr *)a, collect_child, &x);
    each_child((wr_expr *)b, collect_child, &y);
    if (x.count != y.count || x.count > 64) return false;
    for (int i = 0; i < x.count; i++)
        if (!wr_expr_eq(x.items[i], y.items[i])) return false;
    return true;
}

static uint64_t joined_hash(uint64_t h, uint64_t child)
{
    h = (h ^ child) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 31;
}

static void hash_child(wr_expr **child, void *arg)
{
    uint64_t *h = arg;
    *h = joined_hash(*h, wr_expr_hash(*child));
}

static uint64_t value_hash(const wr_value *v)
{
    if (v->is_null) return 1;
    if (wr_type_is_int_like(v->type)) {
        wr_u128 wide = (wr_u128)wr_value_as_i128(v);
        return wr_hash_u64((uint64_t)wide ^ wr_hash_u64((uint64_t)(wide >> 64)));
    }
    if (v->type == WR_VARCHAR) return wr_hash_bytes(v->text.data, v->text.length);
    WR_ARENA(scratch);
    wr_column c;
    wr_value_column(v, 1, &scratch, &c);
    return wr_column_hash(&c, 0);
}

uint64_t wr_expr_node_hash(const wr_expr *e)
{
    uint64_t h = (uint64_t)e->kind * 31 + (uintptr_t)e->type;
    switch (e->kind) {
    case WR_X_COLUMN:
        h ^= e->column * UINT64_C(0xff51afd7ed558ccd);
        break;
    case WR_X_CONST:
        h ^= value_hash(&e->value);
        break;
    case WR_X_PARAM:
        h ^= (uint64_t)e->param << 20;
        break;
    case WR_X_CALL:
        h ^= (uintptr_t)e->call.fn;
        break;
    case WR_X_COMPARE:
        h ^= (uint64_t)e->op << 8;
        break;
    case WR_X_AGGREGATE:
        h ^= (uintptr_t)e->aggregate->fn;
        break;
    case WR_X_WINDOW:
        h ^= (uintptr_t)e->window->fn;
        break;
    default:
        break;
    }
    return h;
}

uint64_t wr_expr_hash(const wr_expr *e)
{
    uint64_t h = 0;
    for (; is_plain(e); e = e->args[0]) {
        h = joined_hash(h, wr_expr_node_hash(e));
        for (int i = 1; i < e->arg_count; i++)
            h = joined_hash(h, wr_expr_hash(e->args[i]));
    }
    h = joined_hash(h, wr_expr_node_hash(e));
    each_child((wr_expr *)e, hash_child, &h);
    return h;
}

/* ---- facts ---- */

static bool find_inconstant(const wr_expr *e, void *arg)
{
    bool *is_const = arg;
    switch (e->kind) {
    case WR_X_COLUMN:
    case WR_X_PARAM:
    case WR_X_SUBQUERY:
    case WR_X_AGGREGATE:
    case WR_X_WINDOW:
        *is_const = false;
        break;
    case WR_X_CALL:
        if (e->call.fn->flags & WR_FN_VOLATILE) *is_const = false;
        /* the parameters of a lambda look like columns: calls with one are left alone */
        for (int i = 0; i < e->arg_count; i++)
            if (e->args[i]->kind == WR_X_LAMBDA) *is_const = false;
        break;
    default:
        break;
    }
    return *is_const;
}

bool wr_expr_is_const(const wr_expr *e)
{
    bool is_const = true;
    wr_expr_walk(e, find_inconstant, &is_const);
    return is_const;
}

static bool find_volatile(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_CALL && (e->call.fn->flags & WR_FN_VOLATILE)) *(bool *)arg = true;
    return !*(bool *)arg;
}

bool wr_expr_is_volatile(const wr_expr *e)
{
    bool found = false;
    wr_expr_walk(e, find_volatile, &found);
    return found;
}

static bool find_in_turn(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_CALL && (e->call.fn->flags & WR_FN_IN_TURN)) *(bool *)arg = true;
    return !*(bool *)arg;
}

bool wr_expr_is_in_turn(const wr_expr *e)
{
    bool found = false;
    wr_expr_walk(e, find_in_turn, &found);
    return found;
}

static bool cast_can_fail(const wr_expr *e)
{
    if (e->is_try) return false;
    const wr_type *from = e->args[0]->type, *to = e->type;
    if (from->id == WR_T_NULL || to->id == WR_T_VARCHAR) return false;
    return wr_cast_implicit_cost(from, to) < 0 || to->id == WR_T_DECIMAL || wr_type_is_moment(to);
}

bool wr_expr_may_fail_itself(const wr_expr *e)
{
    if (e->kind == WR_X_CALL) return e->call.fn->flags & WR_FN_CAN_FAIL;
    return e->kind == WR_X_CAST && cast_can_fail(e);
}

static bool find_failing(const wr_expr *e, void *arg)
{
    if (wr_expr_may_fail_itself(e)) *(bool *)arg = true;
    return !*(bool *)arg;
}

bool wr_expr_can_fail(const wr_expr *e)
{
    bool found = false;
    wr_expr_walk(e, find_failing, &found);
    return found;
}
