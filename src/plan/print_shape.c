/* print_shape.c - physical plans as JSON for programs and as mermaid diagrams for documents.
 *
 * A shared input is written where it is met first; afterwards JSON refers to it by its id, and a
 * diagram draws one more arrow from it. Ids are those of the text form, in the order of its lines.
 */
#include "plan/logical.h"

typedef struct shape {
    const wr_run *run;
    wr_buf *out;
    int printed; /* nodes up to this id were written */
} shape;

static void add_number(wr_buf *out, const char *name, uint64_t value)
{
    wr_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void add_actuals(wr_buf *out, const wr_node_stats *stats)
{
    if (!stats) return;
    wr_buf_printf(out, ",\"actual\":{\"rows\":%llu,\"busy_ms\":%.3f",
                  (unsigned long long)stats->rows_out, (double)stats->busy_ns / 1e6);
    if (stats->rows_scanned) add_number(out, "rows_read", stats->rows_scanned);
    if (stats->cached_bytes) add_number(out, "cached_bytes", stats->cached_bytes);
    if (stats->morsels) add_number(out, "morsels", stats->morsels);
    if (stats->morsels_pruned) add_number(out, "morsels_skipped", stats->morsels_pruned);
    if (stats->runtime_filtered) add_number(out, "runtime_filtered", stats->runtime_filtered);
    add_number(out, "memory_bytes", stats->memory_peak);
    add_number(out, "spilled_bytes", stats->spilled_bytes);
    if (stats->note.length) {
        wr_buf_add_text(out, ",\"note\":");
        wr_buf_add_json(out, stats->note);
    }
    wr_buf_add_char(out, '}');
}

static void json_node(shape *s, const wr_plan_node *node)
{
    wr_buf *out = s->out;
    if (node->id <= s->printed) {
        wr_buf_printf(out, "{\"same_as\":%d}", node->id);
        return;
    }
    s->printed = node->id;
    WR_BUF(label);
    wr_physical_label(node, &label);
    wr_buf_printf(out, "{\"id\":%d,\"operator\":\"%s\",\"label\":", node->id,
                  wr_phys_kind_name(node->kind));
    wr_buf_add_json(out, wr_buf_str(&label));
    wr_buf_add_text(out, ",\"columns\":[");
    for (int i = 0; i < node->schema.count; i++) {
        wr_buf_add_text(out, i ? ",{\"name\":" : "{\"name\":");
        wr_buf_add_json(out, node->schema.fields[i].name);
        wr_buf_add_text(out, ",\"type\":");
        wr_buf_add_json(out, node->schema.fields[i].type->sql);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
    if (node->estimated_rows >= 0)
        wr_buf_printf(out, ",\"estimated_rows\":%.0f", node->estimated_rows);
    if (s->run) add_actuals(out, wr_run_node_stats(s->run, node->id));
    wr_buf_add_text(out, ",\"inputs\":[");
    for (int i = 0; i < node->input_count; i++) {
        if (i) wr_buf_add_char(out, ',');
        json_node(s, node->inputs[i]);
    }
    wr_buf_add_text(out, "]}");
}

void wr_physical_json(const wr_plan_node *node, const wr_run *run, wr_buf *out)
{
    shape s = {run, out, node->id - 1};
    wr_buf_add_text(out, "{\"v\":1,\"plan\":");
    json_node(&s, node);
    wr_buf_add_text(out, "}\n");
}

/* Quotes and brackets would end a label: mermaid takes them as entities. */
static void add_mermaid_text(wr_buf *out, wr_str text)
{
    enum { LABEL_MAX = 120 };
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (i >= LABEL_MAX && (c & 0xc0) != 0x80) {
            wr_buf_add_text(out, "…");
            return;
        }
        if (c < 32)
            wr_buf_add_char(out, ' ');
        else if (strchr("\"#;<>&`", c))
            wr_buf_printf(out, "#%d;", c);
        else
            wr_buf_add_char(out, (char)c);
    }
}

static void mermaid_node(shape *s, const wr_plan_node *node)
{
    if (node->id <= s->printed) return;
    s->printed = node->id;
    WR_BUF(label);
    wr_physical_label(node, &label);
    const wr_node_stats *stats = s->run ? wr_run_node_stats(s->run, node->id) : NULL;
    wr_buf_printf(s->out, "  n%d[\"", node->id);
    add_mermaid_text(s->out, wr_buf_str(&label));
    if (stats)
        wr_buf_printf(s->out, "<br>%llu rows, %.1f ms", (unsigned long long)stats->rows_out,
                      (double)stats->busy_ns / 1e6);
    else if (node->estimated_rows >= 0)
        wr_buf_printf(s->out, "<br>~%.0f rows", node->estimated_rows);
    wr_buf_add_text(s->out, "\"]\n");
    for (int i = 0; i < node->input_count; i++) {
        mermaid_node(s, node->inputs[i]);
        wr_buf_printf(s->out, "  n%d --> n%d\n", node->inputs[i]->id, node->id);
    }
}

void wr_physical_mermaid(const wr_plan_node *node, const wr_run *run, wr_buf *out)
{
    shape s = {run, out, node->id - 1};
    wr_buf_add_text(out, "flowchart BT\n");
    mermaid_node(&s, node);
}
