/* simplify_expr.c - smaller expressions with the same value.
 *
 * Works bottom up, one small rule per kind of node. All laws used hold in SQL's three-valued logic:
 * distribution and De Morgan do; "x = x" is not TRUE for NULL and is left alone.
 *
 * Traps: folding may run into an error the query would never reach (CASE, LIMIT 0, no rows): then
 * the expression stays as it is. Comparisons of floating-point numbers are not negated. A cast
 * moves from a column to a constant only if the constant survives the way back. */
#include "plan/simplify.h"
#include "expr/fn.h"

static bool is_true(const wr_expr *e)
{
    return e->kind == WR_X_CONST && !e->value.is_null && e->value.boolean;
}

static bool is_false(const wr_expr *e)
{
    return e->kind == WR_X_CONST && !e->value.is_null && !e->value.boolean;
}

static bool is_null(const wr_expr *e) { return e->kind == WR_X_CONST && e->value.is_null; }

bool wr_is_always_true(const wr_expr *e) { return is_true(e); }

bool wr_is_never_true(const wr_expr *e)
{
    if (e->kind == WR_X_AND)
        for (int i = 0; i < e->arg_count; i++)
            if (wr_is_never_true(e->args[i])) return true;
    return e->kind == WR_X_CONST && (e->value.is_null || !e->value.boolean);
}

static wr_expr *placed(wr_expr *e, wr_span span)
{
    e->span = span;
    return e;
}

/* ---- constants ---- */

static bool folded(wr_planner *planner, const wr_expr *e, wr_value *out)
{
    weir_status bad = wr_expr_fold(planner->arena, planner->env, e, out);
    wr_status_drop(bad);
    return !bad && out->type == e->type;
}

static bool is_foldable_kind(const wr_expr *e)
{
    switch (e->kind) {
    case WR_X_CALL:
    case WR_X_CAST:
    case WR_X_COMPARE:
    case WR_X_IS_NULL:
    case WR_X_CASE:
    case WR_X_IN:
        return !wr_type_is_nested(e->type);
    default:
        return false;
    }
}

/* Operands have been simplified: what is foldable among them and no constant yet cannot be folded.
 */
static bool is_foldable(const wr_expr *e)
{
    if (!is_foldable_kind(e)) return false;
    for (int i = 0; i < e->arg_count; i++)
        if (e->args[i]->kind == WR_X_COLUMN || is_foldable_kind(e->args[i])) return false;
    return wr_expr_is_const(e);
}

/* ---- AND, OR ---- */

/* The different parts of a connective; a hash table finds repetitions. */
typedef struct part_list {
    wr_expr **items;
    int count;
    int *slots; /* indexes of items, plus one; 0 = free */
    uint32_t mask;
} part_list;

static void flatten(wr_expr_kind kind, wr_expr *e, part_list *list)
{
    if (e->kind == kind) {
        for (int i = 0; i < e->arg_count; i++)
            flatten(kind, e->args[i], list);
        return;
    }
    uint32_t at = (uint32_t)wr_expr_hash(e) & list->mask;
    for (; list->slots[at]; at = (at + 1) & list->mask)
        if (wr_expr_eq(list->items[list->slots[at] - 1], e)) return;
    list->items[list->count++] = e;
    list->slots[at] = list->count;
}

static int flat_size(wr_expr_kind kind, const wr_expr *e)
{
    int size = 0;
    if (e->kind != kind) return 1;
    for (int i = 0; i < e->arg_count; i++)
        size += flat_size(kind, e->args[i]);
    return size;
}

static wr_expr *joined(wr_arena *arena, wr_expr_kind kind, wr_expr **list, int count)
{
    return kind == WR_X_AND ? wr_expr_and(arena, list, count) : wr_expr_or(arena, list, count);
}

static bool contains(const wr_expr *conjunction, const wr_expr *part)
{
    if (conjunction->kind != WR_X_AND) return wr_expr_eq(conjunction, part);
    for (int i = 0; i < conjunction->arg_count; i++)
        if (wr_expr_eq(conjunction->args[i], part)) return true;
    return false;
}

static wr_expr *without(wr_arena *arena, wr_expr *conjunction, wr_expr **parts, int count)
{
    int size = conjunction->kind == WR_X_AND ? conjunction->arg_count : 1, kept = 0;
    wr_expr **from = conjunction->kind == WR_X_AND ? conjunction->args : &conjunction;
    wr_expr **list = wr_new_array(arena, wr_expr *, size + 1);
    for (int i = 0; i < size; i++) {
        bool drop = false;
        for (int p = 0; p < count; p++)
            drop |= wr_expr_eq(from[i], parts[p]);
        if (!drop) list[kept++] = from[i];
    }
    return wr_expr_and(arena, list, kept);
}

/* (a AND b) OR (a AND c) is a AND (b OR c). */
static wr_expr *factor_out(wr_planner *planner, wr_expr **branches, int count)
{
    wr_arena *arena = planner->arena;
    wr_expr *first = branches[0];
    int size = first->kind == WR_X_AND ? first->arg_count : 1, common = 0;
    wr_expr **parts = wr_new_array(arena, wr_expr *, size + 2);
    for (int i = 0; i < size; i++) {
        wr_expr *part = first->kind == WR_X_AND ? first->args[i] : first;
        bool everywhere = !wr_expr_is_volatile(part);
        for (int b = 1; b < count && everywhere; b++)
            everywhere = contains(branches[b], part);
        if (everywhere) parts[common++] = part;
    }
    if (common == 0) return NULL;
    wr_expr **rest = wr_new_array(arena, wr_expr *, count);
    for (int b = 0; b < count; b++)
        rest[b] = without(arena, branches[b], parts, common);
    parts[common++] = wr_simplify(planner, wr_expr_or(arena, rest, count));
    return wr_simplify(planner, wr_expr_and(arena, parts, common));
}

static bool is_equal_to_constants(const wr_expr *e)
{
    bool equal = e->kind == WR_X_COMPARE && e->op == WR_EQ;
    if (!equal && (e->kind != WR_X_IN || e->is_negated)) return false;
    for (int a = 1; a < e->arg_count; a++)
        if (e->args[a]->kind != WR_X_CONST || e->args[a]->type != e->args[0]->type) return false;
    return !wr_expr_is_volatile(e->args[0]);
}

/* Branches about the same expression; the list stands where the first of them stood. */
typedef struct in_group {
    wr_expr *in;
    int values;
} in_group;

/* x = 1 OR y OR x IN (2, 3) is x IN (1, 2, 3) OR y; returns how many branches are left. Only few
 * different expressions are looked for, so that the time stays linear. */
static int fold_into_lists(wr_arena *arena, wr_expr **branches, int count)
{
    in_group groups[16];
    int group_count = 0, kept = 0;
    signed char *group_of = wr_new_array(arena, signed char, count + 1);
    for (int i = 0; i < count; i++) {
        group_of[i] = -1;
        if (!is_equal_to_constants(branches[i])) continue;
        int g = 0;
        while (g < group_count && !wr_expr_eq(groups[g].in->args[0], branches[i]->args[0]))
            g++;
        if (g == (int)WR_COUNT(groups)) continue;
        if (g == group_count) groups[group_count++] = (in_group){branches[i], 0};
        groups[g].values += branches[i]->arg_count - 1;
        group_of[i] = (signed char)g;
    }
    for (int g = 0; g < group_count; g++) {
        if (groups[g].values == groups[g].in->arg_count - 1) continue; /* alone */
        wr_expr *in = wr_new(arena, wr_expr);
        *in = (wr_expr){.kind = WR_X_IN, .type = WR_BOOLEAN, .span = groups[g].in->span};
        in->args = wr_new_array(arena, wr_expr *, groups[g].values + 1);
        in->args[in->arg_count++] = groups[g].in->args[0];
        groups[g].in = in;
    }
    for (int i = 0; i < count; i++) {
        wr_expr *in = group_of[i] < 0 ? branches[i] : groups[group_of[i]].in;
        if (in == branches[i]) {
            branches[kept++] = in;
            continue;
        }
        if (in->arg_count == 1) {
            wr_expr *first = branches[i];
            branches[kept++] = in;
            for (int a = 1; a < first->arg_count; a++)
                in->args[in->arg_count++] = first->args[a];
            continue;
        }
        for (int a = 1; a < branches[i]->arg_count; a++)
            in->args[in->arg_count++] = branches[i]->args[a];
    }
    return kept;
}

static wr_expr *connective(wr_planner *planner, wr_expr *e)
{
    wr_arena *arena = planner->arena;
    int size = flat_size(e->kind, e), kept = 0;
    part_list parts = {.mask = 7};
    while (parts.mask < (uint32_t)size * 2)
        parts.mask = parts.mask * 2 + 1;
    parts.items = wr_new_array(arena, wr_expr *, size + 1);
    parts.slots = wr_new_array(arena, int, parts.mask + 1);
    flatten(e->kind, e, &parts);
    wr_expr **list = parts.items;
    int count = parts.count;
    bool is_and = e->kind == WR_X_AND;
    for (int i = 0; i < count; i++) {
        if (is_and ? is_false(list[i]) : is_true(list[i])) return list[i];
        if (is_and ? is_true(list[i]) : is_false(list[i])) continue;
        list[kept++] = list[i];
    }
    if (kept == 0) return placed(wr_expr_bool(arena, is_and), e->span);
    if (kept == 1) return list[0];
    if (!is_and) {
        kept = fold_into_lists(arena, list, kept);
        if (kept == 1) return list[0];
        wr_expr *factored = factor_out(planner, list, kept);
        if (factored) return factored;
    }
    return placed(joined(arena, is_and ? WR_X_AND : WR_X_OR, list, kept), e->span);
}

/* ---- NOT ---- */

static wr_expr *negated(wr_planner *planner, wr_expr *e)
{
    wr_arena *arena = planner->arena;
    wr_expr *copy = wr_new(arena, wr_expr);
    *copy = *e;
    switch (e->kind) {
    case WR_X_NOT:
        return e->args[0];
    case WR_X_CONST:
        if (!e->value.is_null) return placed(wr_expr_bool(arena, !e->value.boolean), e->span);
        return e;
    case WR_X_COMPARE:
        if (wr_type_is_float(e->args[0]->type) || wr_type_is_nested(e->args[0]->type)) return NULL;
        copy->op = wr_compare_opposite(e->op);
        return copy;
    case WR_X_IS_NULL:
    case WR_X_IN:
        copy->is_negated = !e->is_negated;
        return copy;
    case WR_X_AND:
    case WR_X_OR:
        copy->kind = e->kind == WR_X_AND ? WR_X_OR : WR_X_AND;
        copy->args = wr_new_array(arena, wr_expr *, e->arg_count);
        for (int i = 0; i < e->arg_count; i++) {
            wr_expr *part = negated(planner, e->args[i]);
            copy->args[i] = part ? part : wr_expr_not(arena, e->args[i]);
        }
        return connective(planner, copy);
    default:
        return NULL;
    }
}

/* ---- comparisons ---- */

static int digits_of(const wr_type *t)
{
    return t->id == WR_T_DECIMAL ? t->precision - t->scale : wr_type_integer_digits(t);
}

/* Does a cast keep the order and the difference of all values, and never fail? */
static bool is_faithful(const wr_type *from, const wr_type *to)
{
    bool integer = wr_type_is_integer(from) && digits_of(from) > 0;
    if (integer && wr_type_is_integer(to)) {
        if (wr_type_is_unsigned(to) && !wr_type_is_unsigned(from)) return false;
        return to->id == WR_T_HUGEINT || digits_of(to) > digits_of(from);
    }
    if ((integer || from->id == WR_T_DECIMAL) && to->id == WR_T_DECIMAL)
        return to->scale >= (integer ? 0 : from->scale) && digits_of(to) >= digits_of(from);
    if (integer && to->id == WR_T_DOUBLE) return digits_of(from) <= 10;
    return from->id == WR_T_DATE && to->id == WR_T_TIMESTAMP;
}

/* The constant in the type of the column, if nothing is lost. */
static wr_expr *converted(wr_planner *planner, const wr_expr *constant, const wr_type *type)
{
    wr_value there, back;
    wr_expr *to, *from;
    wr_arena *arena = planner->arena;
    if (constant->kind != WR_X_CONST || constant->value.is_null) return NULL;
    wr_expr *copy = wr_expr_copy(arena, constant);
    copy->is_untyped = false;
    weir_status bad = wr_bind_cast(arena, copy, type, true, constant->span, &to);
    wr_status_drop(bad);
    if (bad || !folded(planner, to, &there) || there.is_null) return NULL;
    wr_expr *result = placed(wr_expr_const(arena, there), constant->span);
    bad = wr_bind_cast(arena, result, constant->type, true, constant->span, &from);
    wr_status_drop(bad);
    if (bad || !folded(planner, from, &back) || back.is_null) return NULL;
    return wr_value_eq(&back, &constant->value) ? result : NULL;
}

/* Moves a cast from the first argument to the constants. */
static wr_expr *uncast(wr_planner *planner, wr_expr *e, int column)
{
    const wr_expr *cast = e->args[column];
    if (cast->kind != WR_X_CAST || wr_expr_is_const(cast)) return NULL;
    wr_expr *inner = cast->args[0];
    if (!is_faithful(inner->type, cast->type)) return NULL;
    wr_expr *copy = wr_new(planner->arena, wr_expr);
    *copy = *e;
    copy->args = wr_new_array(planner->arena, wr_expr *, e->arg_count);
    for (int i = 0; i < e->arg_count; i++) {
        copy->args[i] = i == column ? inner : converted(planner, e->args[i], inner->type);
        if (!copy->args[i]) return NULL;
    }
    return copy;
}

static wr_expr *compare(wr_planner *planner, wr_expr *e)
{
    bool sees_null = e->op == WR_DISTINCT || e->op == WR_NOT_DISTINCT;
    if (!sees_null && (is_null(e->args[0]) || is_null(e->args[1])))
        return placed(wr_expr_const(planner->arena, wr_value_null(WR_BOOLEAN)), e->span);
    wr_expr *simple = uncast(planner, e, 0);
    if (!simple) simple = uncast(planner, e, 1);
    return simple ? simple : e;
}

static wr_expr *in_list(wr_planner *planner, wr_expr *e)
{
    if (e->arg_count == 2 && !wr_type_is_nested(e->args[0]->type)) {
        wr_expr *equal =
            wr_expr_compare(planner->arena, e->is_negated ? WR_NE : WR_EQ, e->args[0], e->args[1]);
        return compare(planner, placed(equal, e->span));
    }
    wr_expr *simple = uncast(planner, e, 0);
    return simple ? simple : e;
}

/* ---- CASE ---- */

static wr_expr *simple_case(wr_planner *planner, wr_expr *e)
{
    wr_expr **args = wr_new_array(planner->arena, wr_expr *, e->arg_count);
    int count = 0;
    for (int i = 0; i + 1 < e->arg_count; i += 2) {
        if (is_false(e->args[i]) || is_null(e->args[i])) continue;
        if (is_true(e->args[i])) {
            args[count++] = e->args[i + 1];
            break;
        }
        args[count++] = e->args[i];
        args[count++] = e->args[i + 1];
    }
    if (count % 2 == 0) args[count++] = e->args[e->arg_count - 1];
    if (count == 1) return args[0]->type == e->type ? args[0] : e;
    if (count == e->arg_count) return e;
    wr_expr *copy = wr_new(planner->arena, wr_expr);
    *copy = *e;
    copy->args = args;
    copy->arg_count = count;
    return copy;
}

static wr_expr *simplify_one(wr_expr *e, void *arg)
{
    wr_planner *planner = arg;
    wr_value value;
    if (is_foldable(e) && folded(planner, e, &value))
        return placed(wr_expr_const(planner->arena, value), e->span);
    switch (e->kind) {
    case WR_X_AND:
    case WR_X_OR:
        return connective(planner, e);
    case WR_X_NOT: {
        wr_expr *simple = negated(planner, e->args[0]);
        return simple ? simple : e;
    }
    case WR_X_COMPARE:
        return compare(planner, e);
    case WR_X_IN:
        return in_list(planner, e);
    case WR_X_CASE:
        return simple_case(planner, e);
    default:
        return e;
    }
}

wr_expr *wr_simplify(wr_planner *planner, wr_expr *e)
{
    return wr_expr_rewrite(e, simplify_one, planner);
}
