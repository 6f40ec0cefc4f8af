/* function.c - functions and aggregates of the host program come into the catalog.
 *
 * The public structs are those of expr under other names, but for types, which come as text. */
#include "expr/host_fn.h"
#include "session/session.h"

/* What the host gave, behind callbacks that take the structs by their names inside. */
typedef struct definition {
    weir_function function;
    weir_aggregate aggregate;
} definition;

void weir_bytes_add(weir_bytes *bytes, const void *from, size_t size)
{
    wr_buf_add((wr_buf *)bytes, from, size);
}

static weir_status call(void *arg, wr_host_call *given)
{
    const definition *d = arg;
    weir_call c = {given->schema, given->args, given->result_schema, given->result};
    return d->function.call(d->function.arg, &c);
}

static void drop_function(void *arg)
{
    definition *d = arg;
    if (d->function.drop) d->function.drop(d->function.arg);
    wr_heap_drop(d);
}

static weir_status state_new(void *arg, void **state)
{
    const definition *d = arg;
    return d->aggregate.state_new(d->aggregate.arg, state);
}

static void state_drop(void *arg, void *state)
{
    const definition *d = arg;
    if (d->aggregate.state_drop) d->aggregate.state_drop(d->aggregate.arg, state);
}

static weir_update public_update(const wr_host_update *u)
{
    return (weir_update){u->schema, u->args, u->states, u->starts, u->state_count};
}

static weir_status update(void *arg, wr_host_update *given)
{
    const definition *d = arg;
    weir_update u = public_update(given);
    return d->aggregate.update(d->aggregate.arg, &u);
}

static weir_status take_back(void *arg, wr_host_update *given)
{
    const definition *d = arg;
    weir_update u = public_update(given);
    return d->aggregate.take_back(d->aggregate.arg, &u);
}

static weir_status merge(void *arg, void *into, const void *from)
{
    const definition *d = arg;
    return d->aggregate.merge(d->aggregate.arg, into, from);
}

static weir_status evaluate(void *arg, void *const *states, int64_t count,
                            struct ArrowSchema *schema, struct ArrowArray *result)
{
    const definition *d = arg;
    return d->aggregate.evaluate(d->aggregate.arg, states, count, schema, result);
}

static weir_status save(void *arg, const void *state, wr_buf *out)
{
    const definition *d = arg;
    return d->aggregate.save(d->aggregate.arg, state, (weir_bytes *)out);
}

static weir_status load(void *arg, const void *bytes, size_t size, void **state)
{
    const definition *d = arg;
    return d->aggregate.load(d->aggregate.arg, bytes, size, state);
}

static void drop_aggregate(void *arg)
{
    definition *d = arg;
    if (d->aggregate.drop) d->aggregate.drop(d->aggregate.arg);
    wr_heap_drop(d);
}

static weir_status read_type(weir_query *query, const char *text, const wr_type **out)
{
    wr_node *node = NULL;
    if (!text) return wr_fail(WR_E_API_MISUSE, "a function without a type");
    WR_TRY(wr_parse_type(&query->arena, wr_str_of(text), &node));
    return wr_bind_type(&query->planner, node, out);
}

/* Fills the types of def; they are interned and outlive the query, the list of them does not. */
static weir_status read_types(weir_query *query, const char *const *args, const char *result,
                              wr_host_fn_def *def)
{
    wr_query_prepare_planner(query);
    const wr_type **types = wr_new_array(&query->arena, const wr_type *, def->arg_count + 1);
    for (int i = 0; i < def->arg_count; i++)
        WR_TRY(read_type(query, args[i], &types[i]));
    def->arg_types = types;
    return read_type(query, result, &def->result);
}

/* Takes over def->arg. */
static weir_status make(weir_session *session, const char *const *args, const char *result,
                        wr_host_fn_def *def, wr_host_fn **out)
{
    weir_query *query = NULL;
    weir_status bad = WR_OK;
    if (!def->name || !*def->name || def->arg_count < 0)
        bad = wr_fail(WR_E_API_MISUSE, "a function without a name");
    if (!bad) bad = wr_query_new(session, &query);
    if (!bad) bad = read_types(query, args, result, def);
    if (bad)
        def->drop(def->arg);
    else
        bad = wr_host_fn_new(def, out);
    weir_query_close(query);
    return bad;
}

/* An object of all forms of the name, in place of the one there is. Takes over fn. */
static weir_status add_form(weir_session *session, wr_str name, wr_host_fn *fn)
{
    wr_catalog_view view;
    wr_session_view(session, &view);
    WR_AUTO(wr_object) *before =
        wr_catalog_find(&view, 1u << WR_ENTRY_FUNCTION, WR_STR("main"), name);
    wr_object *object = wr_object_new(WR_ENTRY_FUNCTION, WR_STR("main"), name);
    object->forms = wr_host_forms_with(&object->arena, before ? &before->forms : NULL, fn);
    return wr_catalog_add(&view, object, true);
}

weir_status wr_drop_form(weir_query *query, wr_object *object, const wr_nodes *types, bool *is_last)
{
    const wr_type **wanted = wr_new_array(&query->arena, const wr_type *, types->count + 1);
    *is_last = false;
    for (int i = 0; i < types->count; i++)
        WR_TRY(wr_bind_type(&query->planner, types->items[i], &wanted[i]));
    const wr_host_fn *fn = wr_host_form_of(&object->forms, wanted, types->count);
    if (!fn)
        return wr_fail(WR_E_UNKNOWN_FUNCTION, "no form of %.*s has these types of arguments",
                       WR_STR_ARGS(object->name));
    *is_last = object->forms.count == 1;
    if (*is_last) return WR_OK;
    wr_object *less = wr_object_new(WR_ENTRY_FUNCTION, object->schema, object->name);
    less->forms = wr_host_forms_without(&less->arena, &object->forms, fn);
    return wr_catalog_add(&query->view, less, true);
}

static weir_status publish(weir_session *session, const char *const *args, const char *result,
                           wr_host_fn_def *def)
{
    wr_host_fn *fn = NULL;
    weir_status bad = wr_session_check_usable(session, (wr_span){0});
    if (!bad) bad = wr_session_begin(session);
    if (bad) {
        def->drop(def->arg);
        return bad;
    }
    uint64_t mark = wr_txn_savepoint(session->txn);
    bad = make(session, args, result, def, &fn);
    if (!bad) bad = add_form(session, wr_str_of(def->name), fn);
    wr_session_statement_ends(session, bad != WR_OK, mark);
    return bad;
}

weir_status weir_function_create(weir_session *session, const weir_function *f)
{
    definition *d = wr_heap_new(sizeof *d);
    d->function = *f;
    wr_host_fn_def def = {.name = f->name,
                          .help = f->help,
                          .arg_count = f->arg_count,
                          .flags = f->volatility == WEIR_VOLATILE ? WR_FN_VOLATILE
                                   : f->volatility == WEIR_STABLE ? WR_FN_STABLE
                                                                  : 0,
                          .sees_nulls = f->sees_nulls,
                          .is_serial = f->is_serial,
                          .arg = d,
                          .drop = drop_function,
                          .call = call};
    if (f->call) return publish(session, f->arg_types, f->result_type, &def);
    drop_function(d);
    return wr_fail(WR_E_API_MISUSE, "the definition of %s lacks a callback", f->name);
}

weir_status weir_aggregate_create(weir_session *session, const weir_aggregate *a)
{
    definition *d = wr_heap_new(sizeof *d);
    d->aggregate = *a;
    wr_host_fn_def def = {.name = a->name,
                          .help = a->help,
                          .arg_count = a->arg_count,
                          .sees_nulls = a->sees_nulls,
                          .sees_order = a->sees_order,
                          .is_serial = a->is_serial,
                          .arg = d,
                          .drop = drop_aggregate,
                          .state_bytes = a->state_bytes,
                          .state_new = state_new,
                          .state_drop = state_drop,
                          .update = update,
                          .merge = merge,
                          .evaluate = evaluate,
                          .save = save,
                          .load = load,
                          .take_back = a->take_back ? take_back : NULL};
    if (a->state_new && a->update && a->merge && a->evaluate && a->save && a->load)
        return publish(session, a->arg_types, a->result_type, &def);
    drop_aggregate(d);
    return wr_fail(WR_E_API_MISUSE, "the definition of %s lacks a callback", a->name);
}
