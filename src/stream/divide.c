/* divide.c - which operators of a graph are divided among workers, and by what.
 *
 * On each way from a source it is the operators that keep state by key up to the first one that
 * makes few rows of many: what stands behind that has little to do. Times do not divide: all rows
 * of a moment would go to one worker, and another one the moment after. OVER keeps a plan of its
 * own and one global group has no key. */
#include "stream/divided.h"
#include "stream/specs.h"
#include "stream/watermark.h"

static bool is_group(const wr_stream_op_def *def)
{
    return def == &wr_stream_group || def == &wr_stream_window_group ||
           def == &wr_stream_session_group;
}

static bool is_time(const wr_type *type)
{
    return type->id == WR_T_TIMESTAMP || type->id == WR_T_TIMESTAMPTZ || type->id == WR_T_DATE;
}

static const wr_stream_op *feeder_of(const wr_graph *graph, const wr_stream_op *op, int input)
{
    for (int i = 0; i < graph->op_count; i++)
        for (int k = 0; k < graph->ops[i]->output_count; k++)
            if (graph->ops[i]->outputs[k].to == op && graph->ops[i]->outputs[k].input == input)
                return graph->ops[i];
    return NULL;
}

/* The columns of keys at first[input] ... that are no times. */
static void choose_keys(wr_graph *graph, const wr_stream_op *op, const int first[2], int key_count,
                        wr_division_keys *out)
{
    *out = (wr_division_keys){0};
    const wr_schema *schema = feeder_of(graph, op, 0)->schema;
    for (int i = 0; i < op->input_count; i++)
        out->columns[i] = wr_new_array(&graph->arena, int, key_count + 1);
    for (int k = 0; k < key_count; k++) {
        if (is_time(schema->fields[first[0] + k].type)) continue;
        for (int i = 0; i < op->input_count; i++)
            out->columns[i][out->count] = first[i] + k;
        out->count++;
    }
    if (!out->count) out->why_not = key_count ? "its keys are times only" : "it has no keys";
}

static void keys_of(wr_graph *graph, const wr_stream_op *op, wr_division_keys *out)
{
    if (is_group(op->def)) {
        const wr_group_spec *spec = op->spec;
        choose_keys(graph, op, (const int[2]){0}, spec->key_count, out);
    } else if (op->def == &wr_stream_join || op->def == &wr_stream_asof) {
        *out = (wr_division_keys){
            .why_not = "handing its rows over costs more than keeping and pairing them"};
    } else if (op->def == &wr_stream_top) {
        const wr_top_spec *spec = op->spec;
        choose_keys(graph, op, (const int[2]){spec->output_count}, spec->partition_count, out);
    } else {
        *out = (wr_division_keys){.why_not = "its rows are calculated by one plan"};
    }
}

/* Does something in front make few rows of many? */
static bool is_behind_groups(const wr_graph *graph, const wr_stream_op *op)
{
    for (int i = 0; i < op->input_count; i++) {
        const wr_stream_op *from = feeder_of(graph, op, i);
        if (!from) continue;
        if (is_group(from->kind) || from->kind == &wr_stream_top || is_behind_groups(graph, from))
            return true;
    }
    return false;
}

static void add_key_names(const wr_graph *graph, const wr_stream_op *op,
                          const wr_division_keys *keys, wr_buf *out)
{
    const wr_schema *schema = feeder_of(graph, op, 0)->schema;
    for (int k = 0; k < keys->count; k++) {
        wr_str name = schema->fields[keys->columns[0][k]].name;
        bool is_computed = name.length && name.data[0] == '$';
        if (is_computed && is_group(op->kind)) name = op->schema->fields[keys->columns[0][k]].name;
        if (name.length && name.data[0] == '$') name = WR_STR("its key");
        wr_buf_printf(out, "%s%.*s", k ? ", " : "", WR_STR_ARGS(name));
    }
}

static bool keeps_state(const wr_stream_op *op)
{
    return op->def->is_stateful && op->def != &wr_stream_watermark;
}

void wr_divide(wr_graph *graph, int worker_count, int part_count, wr_division *out)
{
    WR_BUF(how);
    WR_BUF(why_not);
    int divided = 0;
    for (int i = 0; i < graph->op_count; i++) {
        wr_stream_op *op = graph->ops[i];
        wr_division_keys keys;
        if (!keeps_state(op) || is_behind_groups(graph, op)) continue;
        keys_of(graph, op, &keys);
        if (!keys.count) {
            if (!why_not.length) wr_buf_printf(&why_not, "%s: %s", op->def->name, keys.why_not);
            continue;
        }
        wr_buf_printf(&how, "%s%s by hash of ", divided++ ? "; " : "", op->def->name);
        add_key_names(graph, op, &keys, &how);
        if (part_count == 1) continue;
        if (!graph->workers)
            graph->workers =
                wr_workers_new(graph, WR_MIN(worker_count, part_count), &wr_divided_calls);
        wr_divided_replace(graph, i, &keys, part_count);
    }
    if (!divided && !why_not.length) wr_buf_add_text(&why_not, "nothing keeps state by key");
    *out = (wr_division){.worker_count = divided ? WR_MIN(worker_count, part_count) : 1,
                         .part_count = divided ? part_count : 1,
                         .can_be = divided > 0};
    out->why = wr_arena_str(&graph->arena, wr_buf_str(divided ? &how : &why_not)).data;
}
