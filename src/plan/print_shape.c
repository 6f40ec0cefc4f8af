/* print_shape.c - physical plans as JSON for programs, as mermaid diagrams for documents and as
 * HTML pages for browsers.
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
    if (stats->rows_excluded) add_number(out, "rows_skipped", stats->rows_excluded);
    if (stats->read_bytes) add_number(out, "file_bytes", stats->read_bytes);
    if (stats->decoded_bytes) add_number(out, "decoded_bytes", stats->decoded_bytes);
    if (stats->cached_bytes) add_number(out, "cached_bytes", stats->cached_bytes);
    if (stats->morsels) add_number(out, "morsels", stats->morsels);
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
    if (node->estimated_rows >= 0)
        wr_buf_printf(s->out, "<br>~%.0f rows%s", node->estimated_rows, stats ? " expected" : "");
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

/* ---- HTML: lists in each other, to be folded by a click; a bar shows the share of the time ----
 */
static void add_html_text(wr_buf *out, wr_str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (strchr("<>&\"", c) && c)
            wr_buf_printf(out, "&#%d;", c);
        else
            wr_buf_add_char(out, c);
    }
}

static void html_facts(shape *s, const wr_plan_node *node, uint64_t busy_total)
{
    const wr_node_stats *stats = s->run ? wr_run_node_stats(s->run, node->id) : NULL;
    wr_buf_add_text(s->out, " <small>");
    if (stats) {
        wr_buf_printf(s->out, "%llu rows, %.1f ms, %.1f MiB", (unsigned long long)stats->rows_out,
                      (double)stats->busy_ns / 1e6, (double)stats->memory_peak / 0x1p20);
        if (stats->spilled_bytes)
            wr_buf_printf(s->out, ", %.1f MiB spilled", (double)stats->spilled_bytes / 0x1p20);
        if (busy_total)
            wr_buf_printf(s->out, " <meter max=\"%llu\" value=\"%llu\"></meter>",
                          (unsigned long long)busy_total, (unsigned long long)stats->busy_ns);
    }
    if (node->estimated_rows >= 0)
        wr_buf_printf(s->out, "%sabout %.0f rows expected", stats ? ", " : "",
                      node->estimated_rows);
    wr_buf_add_text(s->out, "</small>");
}

static void html_node(shape *s, const wr_plan_node *node, uint64_t busy_total)
{
    wr_buf *out = s->out;
    if (node->id <= s->printed) {
        wr_buf_printf(out, "<li><a href=\"#n%d\">the same as step %d</a></li>\n", node->id,
                      node->id);
        return;
    }
    s->printed = node->id;
    WR_BUF(label);
    wr_physical_label(node, &label);
    wr_buf_printf(out, "<li id=\"n%d\"><details open><summary>%d. ", node->id, node->id);
    add_html_text(out, wr_buf_str(&label));
    html_facts(s, node, busy_total);
    wr_buf_add_text(out, "</summary>\n");
    if (node->input_count) wr_buf_add_text(out, "<ul>\n");
    for (int i = 0; i < node->input_count; i++)
        html_node(s, node->inputs[i], busy_total);
    wr_buf_add_text(out, node->input_count ? "</ul></details></li>\n" : "</details></li>\n");
}

static uint64_t busiest(const wr_run *run, const wr_plan_node *node)
{
    const wr_node_stats *stats = wr_run_node_stats(run, node->id);
    uint64_t most = stats ? stats->busy_ns : 0;
    for (int i = 0; i < node->input_count; i++)
        most = WR_MAX(most, busiest(run, node->inputs[i]));
    return most;
}

void wr_physical_html(const wr_plan_node *node, const wr_run *run, wr_buf *out)
{
    shape s = {run, out, node->id - 1};
    wr_buf_add_text(out,
                    "<!doctype html>\n<meta charset=\"utf-8\">\n<title>plan</title>\n"
                    "<style>body{font:14px sans-serif}ul{list-style:none;border-left:1px solid "
                    "#bbb}li{margin:4px 0}small{color:#666}</style>\n<ul>\n");
    html_node(&s, node, run ? busiest(run, node) : 0);
    wr_buf_add_text(out, "</ul>\n");
}
