/* resolve.c - which function a call means.
 *
 * After PostgreSQL's rules: an overload fits when every argument has its type or converts to it
 * implicitly; the one whose conversions cost least wins, the first declared among equals. Untyped
 * literals (bare strings, NULL) fit anything: they prefer the type of another argument, then text.
 * Type words such as any or list are bound per call to the common type of what stands there.
 *
 * When nothing fits, the error names the signatures that exist: a reader learns more from them than
 * from "no". */
#include "expr/cast.h"
#include "expr/host_fn.h"
#include "expr/registry.h"

#define GENERIC_PENALTY 1 /* per argument that matched a type word instead of a type */
#define COST_UNIT 16      /* implicit conversions weigh this much per step */

/* One overload tried on one call. */
typedef struct match {
    const wr_fn_entry *entry;
    const wr_signature *signature;
    wr_expr **args;        /* in order of the signature, defaults filled in */
    const wr_type **types; /* what each argument becomes; NULL: as it is */
    int arg_count;
    const wr_type *any[2]; /* any, any2 */
    const wr_type *first_number, *first_integer, *first_decimal, *first_other;
    int cost;
} match;

static const wr_want *want_at(const wr_signature *s, int i)
{
    return &s->args[WR_MIN(i, s->arg_count - 1)];
}

/* Of an untyped expression: NULL or a parameter without a value, not a bare string. */
static bool is_bare_null(const wr_expr *e)
{
    return e->kind == WR_X_CONST ? e->value.is_null : e->type->id == WR_T_NULL;
}

/* ---- placing the arguments ---- */

static wr_expr *default_value(wr_arena *arena, const wr_want *want)
{
    wr_expr *e = wr_expr_const(arena, want->value);
    e->is_untyped = want->value.is_null || want->value.type == WR_VARCHAR;
    return e;
}

static int named_position(const wr_signature *s, wr_str name)
{
    for (int i = 0; i < s->arg_count; i++)
        if (s->args[i].name.length && wr_str_ieq(s->args[i].name, name)) return i;
    return -1;
}

static bool place_arguments(wr_arena *arena, match *m, wr_expr **args, const wr_str *names,
                            int count)
{
    const wr_signature *s = m->signature;
    if (count > s->arg_count && !s->repeats) return false;
    m->arg_count = s->repeats && s->arg_count == 1 ? count : WR_MAX(count, s->arg_count);
    m->args = wr_new_array(arena, wr_expr *, m->arg_count + 1);
    m->types = wr_new_array(arena, const wr_type *, m->arg_count + 1);
    for (int i = 0; i < count; i++) {
        bool is_named = names && names[i].length > 0;
        int position = is_named ? named_position(s, names[i]) : i;
        if (is_named && position < 0 && s->arg_count && want_at(s, i)->kind == WR_WANT_EACH)
            position = i;
        if (position < 0 || m->args[position]) return false;
        m->args[position] = args[i];
    }
    for (int i = 0; i < m->arg_count; i++) {
        if (m->args[i]) continue;
        if (!want_at(s, i)->is_optional) return false;
        m->args[i] = default_value(arena, want_at(s, i));
    }
    return true;
}

/* ---- fitting types ---- */

static bool is_lambda(wr_want_kind kind)
{
    return kind == WR_WANT_LAMBDA1 || kind == WR_WANT_LAMBDA2;
}

/* Which of any, any2 the word speaks about; -1: none. */
static int any_of(wr_want_kind kind)
{
    if (kind == WR_WANT_ANY || kind == WR_WANT_LIST) return 0;
    return kind == WR_WANT_ANY2 || kind == WR_WANT_LIST2 ? 1 : -1;
}

static bool is_list_word(wr_want_kind kind)
{
    return kind == WR_WANT_LIST || kind == WR_WANT_LIST2;
}

/* Finds any and any2 as the common type of all arguments that name them. */
static bool bind_any(match *m)
{
    bool has_text[2] = {false, false};
    for (int i = 0; i < m->arg_count; i++) {
        wr_want_kind kind = want_at(m->signature, i)->kind;
        int which = any_of(kind);
        const wr_expr *e = m->args[i];
        if (which < 0) continue;
        const wr_type *type = e->type;
        if (e->is_untyped || type->id == WR_T_NULL) {
            has_text[which] |= e->is_untyped && !is_bare_null(e) && !is_list_word(kind);
            continue;
        }
        if (is_list_word(kind)) {
            if (type->id != WR_T_LIST && type->id != WR_T_ARRAY) return false;
            type = type->child;
        }
        m->any[which] = m->any[which] ? wr_type_common(m->any[which], type) : type;
        if (!m->any[which]) return false;
    }
    for (int k = 0; k < 2; k++)
        if (!m->any[k]) m->any[k] = has_text[k] ? WR_VARCHAR : WR_NULLTYPE;
    return true;
}

/* Another argument of exactly this type makes an untyped literal likely to be meant as one. */
static bool has_partner(const match *m, int self, const wr_type *type)
{
    for (int i = 0; i < m->arg_count; i++)
        if (i != self && !m->args[i]->is_untyped && m->args[i]->type == type) return true;
    return false;
}

/* A bare string that cannot be read as the type is hardly meant as one. */
static bool is_readable(const wr_expr *literal, const wr_type *type)
{
    if (literal->kind != WR_X_CONST || literal->value.is_null || type == WR_VARCHAR) return true;
    WR_ARENA(scratch);
    wr_value value;
    weir_status bad = wr_cast_value(&scratch, NULL, &literal->value, type, false, &value);
    wr_status_drop(bad);
    return !bad;
}

static int untyped_cost(const match *m, int i, const wr_type *type)
{
    if (!is_readable(m->args[i], type)) return 100 * COST_UNIT;
    if (has_partner(m, i, type)) return 2 * COST_UNIT;
    if (type == WR_VARCHAR) return 3 * COST_UNIT;
    return (type == WR_DOUBLE || type->id == WR_T_TIMESTAMP ? 4 : 5) * COST_UNIT;
}

static int fit_type(match *m, int i, const wr_type *type)
{
    const wr_expr *e = m->args[i];
    m->types[i] = type;
    if (e->is_untyped) return wr_cast_exists(e->type, type) ? untyped_cost(m, i, type) : -1;
    if (e->type == type) return 0;
    int cost = wr_cast_implicit_cost(e->type, type);
    return cost < 0 ? -1 : cost * COST_UNIT + COST_UNIT;
}

/* The first argument that fits the word and says its type. */
static const wr_type *typed_sibling(const match *m, wr_want_kind kind)
{
    for (int i = 0; i < m->arg_count; i++) {
        const wr_type *t = m->args[i]->type;
        bool fits = kind == WR_WANT_INTEGER   ? wr_type_is_integer(t)
                    : kind == WR_WANT_DECIMAL ? t->id == WR_T_DECIMAL
                                              : wr_type_is_numeric(t);
        if (!m->args[i]->is_untyped && fits && want_at(m->signature, i)->kind == kind) return t;
    }
    return NULL;
}

/* Number words take the type as it is; untyped literals become what stands beside them, or the
 * widest. */
static int fit_number(match *m, int i, bool fits, const wr_type *untyped, const wr_type **first)
{
    const wr_expr *e = m->args[i];
    const wr_type *type = e->type;
    if (e->is_untyped || type->id == WR_T_NULL) {
        const wr_type *sibling = typed_sibling(m, want_at(m->signature, i)->kind);
        m->types[i] = sibling ? sibling : untyped;
        if (!*first) *first = m->types[i];
        return 4 * COST_UNIT;
    }
    if (!fits) return -1;
    if (!*first) *first = type;
    return GENERIC_PENALTY;
}

static int fit_word(match *m, int i, bool fits)
{
    if (!fits) return m->args[i]->type->id == WR_T_NULL ? COST_UNIT : -1;
    if (!m->first_other) m->first_other = m->args[i]->type;
    return GENERIC_PENALTY;
}

/* Anything; bare strings become text, bare NULLs stay. */
static int fit_each(match *m, int i)
{
    const wr_expr *e = m->args[i];
    if (e->is_untyped && !is_bare_null(e)) m->types[i] = WR_VARCHAR;
    return GENERIC_PENALTY;
}

static int fit_argument(match *m, int i)
{
    const wr_want *want = want_at(m->signature, i);
    const wr_type *t = m->args[i]->type;
    if ((m->args[i]->kind == WR_X_LAMBDA) != is_lambda(want->kind)) return -1;
    int cost;
    switch (want->kind) {
    case WR_WANT_TYPE:
        return fit_type(m, i, want->type);
    case WR_WANT_ANY:
    case WR_WANT_ANY2:
        cost = fit_type(m, i, m->any[any_of(want->kind)]);
        return cost < 0 ? -1 : cost + GENERIC_PENALTY;
    case WR_WANT_LIST:
    case WR_WANT_LIST2:
        cost = fit_type(m, i, wr_type_list(m->any[any_of(want->kind)]));
        return cost < 0 ? -1 : cost + GENERIC_PENALTY;
    case WR_WANT_INTEGER:
        return fit_number(m, i, wr_type_is_integer(t), WR_BIGINT, &m->first_integer);
    case WR_WANT_NUMBER:
        return fit_number(m, i, wr_type_is_numeric(t), WR_DOUBLE, &m->first_number);
    case WR_WANT_DECIMAL:
        return fit_number(m, i, t->id == WR_T_DECIMAL, wr_type_of(WR_T_DECIMAL), &m->first_decimal);
    case WR_WANT_EACH:
        return fit_each(m, i);
    case WR_WANT_SCALAR:
        return t->id == WR_T_LIST || t->id == WR_T_ARRAY ? -1 : fit_each(m, i);
    case WR_WANT_ARRAY:
        return fit_word(m, i, t->id == WR_T_ARRAY);
    case WR_WANT_STRUCT:
        return fit_word(m, i, t->id == WR_T_STRUCT);
    case WR_WANT_MAP:
        return fit_word(m, i, t->id == WR_T_MAP);
    case WR_WANT_ENUM:
        return fit_word(m, i, t->id == WR_T_ENUM);
    default:
        return 0;
    }
}

static bool try_overload(wr_arena *arena, match *m, wr_expr **args, const wr_str *names, int count)
{
    if (!place_arguments(arena, m, args, names, count) || !bind_any(m)) return false;
    for (int i = 0; i < m->arg_count; i++) {
        int cost = fit_argument(m, i);
        if (cost < 0) return false;
        m->cost += cost;
    }
    return true;
}

/* ---- results ---- */

/* NULL for auto. */
static const wr_type *result_type(const match *m)
{
    const wr_want *want = &m->signature->result;
    switch (want->kind) {
    case WR_WANT_TYPE:
        return want->type;
    case WR_WANT_ANY:
    case WR_WANT_ANY2:
        return m->any[any_of(want->kind)];
    case WR_WANT_LIST:
    case WR_WANT_LIST2:
        return wr_type_list(m->any[any_of(want->kind)]);
    case WR_WANT_INTEGER:
        return m->first_integer;
    case WR_WANT_NUMBER:
        return m->first_number;
    case WR_WANT_DECIMAL:
        return m->first_decimal;
    case WR_WANT_AUTO:
        return NULL;
    default:
        return m->first_other;
    }
}

static weir_status cast_arguments(wr_arena *arena, match *m)
{
    for (int i = 0; i < m->arg_count; i++) {
        if (m->types[i])
            WR_TRY(wr_bind_coerce(arena, m->args[i], m->types[i], "the argument", &m->args[i]));
    }
    return WR_OK;
}

/* ---- errors ---- */

static bool is_operator_name(wr_str name)
{
    char c = name.length ? name.data[0] : 'a';
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') &&
           (unsigned char)c < 128;
}

static void add_types(wr_buf *out, wr_expr **args, int count, const char *separator)
{
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(out, separator);
        if (args[i]->kind == WR_X_LAMBDA)
            wr_buf_add_text(out, "lambda");
        else
            wr_buf_add_str(out, args[i]->is_untyped && is_bare_null(args[i]) ? WR_STR("NULL")
                                                                             : args[i]->type->sql);
    }
}

static weir_status no_such_name(wr_str name, wr_entry_kind kind, wr_span span)
{
    static const char *const nouns[] = {"function", "aggregate function", "window function"};
    wr_nearest nearest = {.wanted = name};
    wr_registry_offer_names(&nearest, kind);
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "no %s \"%.*s\"", nouns[kind], WR_STR_ARGS(name));
    return wr_with_nearest(bad, &nearest);
}

/* A signature as people read it: "(integer_, digits bigint) -> auto" is "(integer, digits bigint)".
 */
static void add_signature(wr_buf *out, const char *text)
{
    for (; *text && strcmp(text, " -> auto") != 0; text++)
        if (*text != '_' || (text[1] != ',' && text[1] != ')')) wr_buf_add_char(out, *text);
}

static weir_status no_overload(wr_str name, wr_entry_kind kind, wr_expr **args, int count,
                               wr_span span)
{
    WR_BUF(types);
    WR_BUF(known);
    bool is_operator = is_operator_name(name);
    add_types(&types, args, count, is_operator ? " and " : ", ");
    int listed = 0;
    const wr_fn_entry *entry = wr_registry_first(name, kind);
    for (; entry && listed < 12; entry = wr_registry_next(entry, name, kind), listed++) {
        wr_buf_printf(&known, "%s%.*s", listed ? "\n" : "", WR_STR_ARGS(name));
        add_signature(&known, wr_registry_signature_text(entry));
    }
    weir_status bad;
    if (is_operator)
        bad = wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "operator %.*s does not take %s",
                         WR_STR_ARGS(name), types.data ? types.data : "nothing");
    else
        bad = wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "no function %.*s(%s)", WR_STR_ARGS(name),
                         types.data ? types.data : "");
    bad = wr_with_hint(bad, "cast an argument or use one of the forms listed");
    return wr_with_detail(bad, "existing forms:\n%s%s", known.data, entry ? "\n..." : "");
}

static weir_status find_overload(wr_arena *arena, wr_str name, wr_entry_kind kind, wr_expr **args,
                                 const wr_str *names, int count, wr_span span, match *best)
{
    const wr_fn_entry *entry = wr_registry_first(name, kind);
    if (!entry) return no_such_name(name, kind, span);
    bool found = false;
    for (; entry; entry = wr_registry_next(entry, name, kind)) {
        match m = {.entry = entry, .signature = wr_registry_signature(entry)};
        if (!try_overload(arena, &m, args, names, count)) continue;
        if (found && m.cost >= best->cost) continue;
        *best = m;
        found = true;
    }
    return found ? WR_OK : no_overload(name, kind, args, count, span);
}

/* Of the forms of a function of the host program. */
static weir_status fit_host(wr_arena *arena, const wr_host_forms *forms, wr_expr **args,
                            const wr_str *names, int count, wr_span span, match *best)
{
    WR_BUF(types);
    WR_BUF(known);
    bool found = false;
    const wr_fn_entry *first = wr_host_fn_entry(forms->items[0]);
    wr_str name = wr_str_of(first->fn ? first->fn->name : first->aggregate->name);
    for (int i = 0; i < forms->count; i++) {
        const wr_host_fn *fn = forms->items[i];
        match m = {.entry = wr_host_fn_entry(fn), .signature = wr_host_fn_words(fn)};
        wr_buf_printf(&known, "\n%.*s%s", WR_STR_ARGS(name), wr_host_fn_signature(fn));
        if (!try_overload(arena, &m, args, names, count)) continue;
        if (found && m.cost >= best->cost) continue;
        *best = m;
        found = true;
    }
    if (found) return WR_OK;
    add_types(&types, args, count, ", ");
    weir_status bad = wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "no function %.*s(%s)",
                                 WR_STR_ARGS(name), types.data ? types.data : "");
    return wr_with_detail(bad, "existing forms:%s", known.data);
}

/* ---- calls ---- */

static weir_status make_call(wr_arena *arena, const wr_env *env, wr_str name, const match *m,
                             const wr_str *names, wr_span span, wr_expr **out)
{
    const wr_fn *fn = m->entry->fn;
    wr_fn_bind b = {.arena = arena,
                    .env = env,
                    .args = m->args,
                    .arg_count = m->arg_count,
                    .type = result_type(m),
                    .names = names,
                    .span = span};
    if (fn->bind) {
        weir_status bad = fn->bind(&b);
        if (bad) return wr_with_span(bad, span);
    }
    if (!b.type)
        return wr_fail_at(WR_E_INTERNAL, span, "the type of %.*s is not known", WR_STR_ARGS(name));
    wr_expr *e = wr_new(arena, wr_expr);
    e->kind = WR_X_CALL;
    e->type = b.type;
    e->span = span;
    e->args = b.args;
    e->arg_count = b.arg_count;
    e->call.fn = fn;
    e->call.bound = b.bound;
    *out = e;
    return WR_OK;
}

weir_status wr_bind_call(wr_arena *arena, const wr_env *env, wr_str name, wr_expr **args,
                         const wr_str *names, int count, wr_span span, wr_expr **out)
{
    match m;
    WR_TRY(find_overload(arena, name, WR_ENTRY_FN, args, names, count, span, &m));
    WR_TRY(cast_arguments(arena, &m));
    return make_call(arena, env, name, &m, names, span, out);
}

weir_status wr_bind_host_call(wr_arena *arena, const wr_env *env, const wr_host_forms *forms,
                              wr_expr **args, const wr_str *names, int count, wr_span span,
                              wr_expr **out)
{
    match m;
    WR_TRY(fit_host(arena, forms, args, names, count, span, &m));
    WR_TRY(cast_arguments(arena, &m));
    return make_call(arena, env, wr_str_of(m.entry->fn->name), &m, names, span, out);
}

weir_status wr_bind_host_aggregate(wr_arena *arena, const wr_host_forms *forms, wr_span span,
                                   wr_aggregate_call *call)
{
    match m;
    WR_TRY(fit_host(arena, forms, call->args, NULL, call->arg_count, span, &m));
    WR_TRY(cast_arguments(arena, &m));
    call->fn = m.entry->aggregate;
    call->args = m.args;
    call->arg_count = m.arg_count;
    call->type = result_type(&m);
    return WR_OK;
}

weir_status wr_bind_aggregate(wr_arena *arena, wr_str name, wr_span span, wr_aggregate_call *call)
{
    match m;
    WR_TRY(find_overload(arena, name, WR_ENTRY_AGGREGATE, call->args, NULL, call->arg_count, span,
                         &m));
    WR_TRY(cast_arguments(arena, &m));
    call->fn = m.entry->aggregate;
    call->args = m.args;
    call->arg_count = m.arg_count;
    call->type = result_type(&m);
    if (call->fn->bind) {
        weir_status bad = call->fn->bind(arena, call, span);
        if (bad) return wr_with_span(bad, span);
    }
    if (!call->type)
        return wr_fail_at(WR_E_INTERNAL, span, "the type of %.*s is not known", WR_STR_ARGS(name));
    return WR_OK;
}

weir_status wr_bind_window_fn(wr_arena *arena, wr_str name, wr_span span, wr_window_call *call)
{
    match m;
    wr_aggregate_call *a = &call->aggregate;
    if (!wr_window_fn_exists(name)) return wr_bind_aggregate(arena, name, span, a);
    WR_TRY(find_overload(arena, name, WR_ENTRY_WINDOW, a->args, NULL, a->arg_count, span, &m));
    WR_TRY(cast_arguments(arena, &m));
    call->fn = m.entry->window;
    a->args = m.args;
    a->arg_count = m.arg_count;
    a->type = result_type(&m);
    wr_assert(a->type);
    return WR_OK;
}

/* ---- lambdas ---- */

static bool lambda_types(const wr_type *container, wr_want_kind kind, int count,
                         const wr_type **types)
{
    bool is_map = container->id == WR_T_MAP;
    if (!container->child || count < 1 || count > 2) return false;
    if (kind == WR_WANT_LAMBDA2) {
        types[0] = is_map ? container->child->fields[0].type : container->child;
        if (count == 2) types[1] = is_map ? container->child->fields[1].type : container->child;
        return true;
    }
    types[0] = container->child;
    if (count == 2) types[1] = WR_BIGINT;
    return true;
}

bool wr_fn_lambda_params(wr_str name, wr_expr **args_before, int index, int param_count,
                         const wr_type **param_types)
{
    const wr_fn_entry *entry = wr_registry_first(name, WR_ENTRY_FN);
    for (; entry; entry = wr_registry_next(entry, name, WR_ENTRY_FN)) {
        const wr_signature *s = wr_registry_signature(entry);
        if (index == 0 || index >= s->arg_count || !is_lambda(s->args[index].kind)) continue;
        const wr_type *container = args_before[0]->type;
        bool wants_map = s->args[0].kind == WR_WANT_MAP;
        if (wants_map != (container->id == WR_T_MAP)) continue;
        if (lambda_types(container, s->args[index].kind, param_count, param_types)) return true;
    }
    return false;
}
