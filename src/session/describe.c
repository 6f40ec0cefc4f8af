/* describe.c - weir about itself: every registry as one JSON document, and words for completion. */
#include "expr/fn.h"
#include "fmt/files.h"
#include "plan/connect.h"
#include "session/session.h"
#include "spi/connector.h"
#include <ctype.h>
#include <stdlib.h>

typedef struct code_row {
    int number;
    const char *name, *sqlstate, *title;
} code_row;
static const code_row error_rows[] = {
#define X(number, name, sqlstate, title) {number, #name, sqlstate, title},
#include "base/errors.def"
#undef X
};

static void add_text(wr_buf *out, const char *name, const char *text)
{
    wr_buf_printf(out, ",\"%s\":", name);
    if (text)
        wr_buf_add_json(out, wr_str_of(text));
    else
        wr_buf_add_text(out, "null");
}

static void add_options(wr_buf *out, const char *name, const wr_opt *rows)
{
    wr_buf_printf(out, ",\"%s\":[", name);
    for (const wr_opt *row = rows; row && row->name; row++) {
        wr_buf_add_text(out, row == rows ? "{\"name\":" : ",{\"name\":");
        wr_buf_add_json(out, wr_str_of(row->name));
        add_text(out, "default", row->fallback);
        add_text(out, "help", row->help);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

static void add_functions(wr_buf *out)
{
    wr_buf_add_text(out, ",\n\"functions\":[");
    for (int i = 0; i < wr_fn_count(); i++) {
        wr_fn_entry entry = wr_fn_at(i);
        const char *kind = entry.fn ? "scalar" : entry.aggregate ? "aggregate" : "window";
        if (entry.fn && entry.fn->flags & WR_FN_HIDDEN) continue;
        wr_buf_printf(out, "%s\n{\"kind\":\"%s\"", out->data[out->length - 1] == '[' ? "" : ",",
                      kind);
        add_text(out, "name",
                 entry.fn          ? entry.fn->name
                 : entry.aggregate ? entry.aggregate->name
                                   : entry.window->name);
        add_text(out, "signature",
                 entry.fn          ? entry.fn->signature
                 : entry.aggregate ? entry.aggregate->signature
                                   : entry.window->signature);
        add_text(out, "family", entry.family);
        add_text(out, "help",
                 entry.fn          ? entry.fn->help
                 : entry.aggregate ? entry.aggregate->help
                                   : entry.window->help);
        add_text(out, "example",
                 entry.fn          ? entry.fn->example
                 : entry.aggregate ? entry.aggregate->example
                                   : entry.window->example);
        add_text(out, "result",
                 entry.fn          ? entry.fn->result
                 : entry.aggregate ? entry.aggregate->result
                                   : entry.window->result);
        wr_buf_add_char(out, '}');
    }
    static const char *const names[7] = {"name", "kind",    "family", "signature",
                                         "help", "example", "result"};
    const char *cells[7];
    for (int i = 0; wr_pg_function_at(i, cells); i++) {
        wr_buf_add_text(out, ",\n{\"kind\":\"scalar\"");
        for (int c = 0; c < 7; c++)
            if (c != 1) add_text(out, names[c], cells[c]); /* the kind stands already */
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

static void add_formats(wr_buf *out)
{
    wr_buf_add_text(out, ",\n\"formats\":[");
    for (int i = 0; wr_formats[i]; i++) {
        wr_buf_add_text(out, i ? ",\n{\"name\":" : "\n{\"name\":");
        wr_buf_add_json(out, wr_str_of(wr_formats[i]->name));
        add_text(out, "extensions", wr_formats[i]->extensions);
        add_text(out, "help", wr_formats[i]->help);
        add_options(out, "read_options", wr_formats[i]->read_options);
        add_options(out, "write_options", wr_formats[i]->write_options);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
    add_options(out, "file_read_options", wr_files_read_options);
    add_options(out, "file_write_options", wr_files_write_options);
}

static void add_connectors(wr_buf *out)
{
    wr_buf_add_text(out, ",\n\"connectors\":[");
    for (int i = 0; wr_connectors[i]; i++) {
        const wr_connector *connector = wr_connectors[i];
        wr_buf_add_text(out, i ? ",\n{\"name\":" : "\n{\"name\":");
        wr_buf_add_json(out, wr_str_of(connector->name));
        add_text(out, "help", connector->help);
        wr_buf_printf(out, ",\"source\":%s", connector->source ? "true" : "false");
        wr_buf_printf(out, ",\"sink\":%s", connector->sink ? "true" : "false");
        add_options(out, "source_options", connector->source_options);
        add_options(out, "sink_options", connector->sink_options);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
    add_options(out, "sink_options", wr_sink_options);
}

char *weir_describe_json(void)
{
    WR_BUF(out);
    wr_buf_printf(&out, "{\"v\":1,\"version\":\"%s\",\n\"settings\":[", weir_version());
    for (int i = 0; i < WR_SETTING_COUNT; i++) {
        wr_buf_add_text(&out, i ? ",\n{\"name\":" : "\n{\"name\":");
        wr_buf_add_json(&out, wr_str_of(wr_setting_rows[i].name));
        add_text(&out, "kind", wr_setting_rows[i].kind);
        add_text(&out, "default", wr_setting_rows[i].fallback);
        add_text(&out, "help", wr_setting_rows[i].help);
        wr_buf_add_char(&out, '}');
    }
    wr_buf_add_char(&out, ']');
    add_functions(&out);
    add_formats(&out);
    add_connectors(&out);
    wr_buf_add_text(&out, ",\n\"rules\":[");
    for (int i = 0; wr_rules[i]; i++) {
        wr_buf_add_text(&out, i ? ",\n{\"name\":" : "\n{\"name\":");
        wr_buf_add_json(&out, wr_str_of(wr_rules[i]->name));
        add_text(&out, "help", wr_rules[i]->help);
        wr_buf_printf(&out, ",\"required\":%s}", wr_rules[i]->is_required ? "true" : "false");
    }
    wr_buf_add_text(&out, "],\n\"errors\":[");
    for (size_t i = 0; i < WR_COUNT(error_rows); i++) {
        wr_buf_printf(&out, "%s\n{\"code\":\"W%04d\"", i ? "," : "", error_rows[i].number);
        add_text(&out, "name", error_rows[i].name);
        add_text(&out, "sqlstate", error_rows[i].sqlstate);
        add_text(&out, "title", error_rows[i].title);
        wr_buf_add_char(&out, '}');
    }
    wr_buf_add_text(&out, "],\n\"keywords\":[");
    const char *const *words = wr_sql_words();
    for (int i = 0; words[i]; i++)
        wr_buf_printf(&out, "%s\"%s\"", i ? "," : "", words[i]);
    wr_buf_add_text(&out, "]}\n");
    return wr_heap_copy(out.data, out.length);
}

/* ---- completion ---- */

typedef struct completion {
    wr_str start; /* the unfinished word */
    wr_map seen;
    wr_buf *out;
} completion;

static void offer(completion *c, wr_str word)
{
    if (word.length < c->start.length ||
        !wr_str_ieq((wr_str){word.data, c->start.length}, c->start))
        return;
    if (wr_map_get(&c->seen, word)) return;
    wr_map_put(&c->seen, word, c);
    wr_buf_add_str(c->out, word);
    wr_buf_add_char(c->out, '\n');
}

static void offer_names(completion *c, const char *names)
{
    while (*names) {
        size_t length = strcspn(names, "|");
        if (isalpha((unsigned char)*names)) offer(c, (wr_str){names, length});
        names += length + (names[length] == '|');
    }
}

/* Whether the word before the unfinished one is among some; it decides what comes first. */
static bool comes_after(wr_str text, const char *const *before)
{
    text = wr_str_trim(text);
    size_t from = text.length;
    while (from && (isalpha((unsigned char)text.data[from - 1]) || text.data[from - 1] == '_'))
        from--;
    wr_str word = {text.data + from, text.length - from};
    for (; *before; before++)
        if (wr_str_is(word, *before)) return true;
    return false;
}

static void offer_settings(completion *c)
{
    for (int id = 0; id < WR_SETTING_COUNT; id++)
        offer_names(c, wr_setting_rows[id].name);
}

static void offer_objects(completion *c, weir_session *session, wr_arena *arena, bool columns)
{
    wr_catalog_view view;
    wr_session_view(session, &view);
    unsigned kinds = WR_RELATION_KINDS;
    int count = 0;
    wr_object **objects = wr_catalog_list(&view, kinds, arena, &count);
    for (int i = 0; i < count; i++) {
        if (!columns) offer(c, wr_arena_str(arena, objects[i]->name));
        for (int k = 0; columns && k < objects[i]->column_count; k++)
            offer(c, wr_arena_str(arena, objects[i]->columns[k].name));
        wr_object_release(objects[i]);
    }
}

char *weir_complete(weir_session *session, const char *text, size_t length)
{
    static const char *const before_table[] = {"from",     "join",      "into", "update", "table",
                                               "describe", "summarize", "view", NULL};
    static const char *const before_setting[] = {"set",     "show",   "reset", "local",
                                                 "session", "global", NULL};
    WR_BUF(out);
    WR_ARENA(arena);
    size_t from = length;
    while (from && (isalnum((unsigned char)text[from - 1]) || text[from - 1] == '_'))
        from--;
    completion c = {.start = {text + from, length - from}, .out = &out};
    wr_buf_add_text(&out, "");
    bool tables_first = comes_after((wr_str){text, from}, before_table);
    bool settings_first = comes_after((wr_str){text, from}, before_setting);
    if (settings_first) offer_settings(&c);
    if (tables_first) offer_objects(&c, session, &arena, false);
    if (!tables_first && c.start.length) offer_objects(&c, session, &arena, true);
    const char *const *words = wr_sql_words();
    for (int i = 0; words[i] && c.start.length && !tables_first; i++)
        offer(&c, wr_str_of(words[i]));
    for (int i = 0; i < wr_fn_count() && c.start.length && !tables_first && !settings_first; i++) {
        wr_fn_entry entry = wr_fn_at(i);
        if (entry.fn && entry.fn->flags & WR_FN_HIDDEN) continue;
        offer_names(&c, entry.fn          ? entry.fn->name
                        : entry.aggregate ? entry.aggregate->name
                                          : entry.window->name);
    }
    if (!tables_first) offer_objects(&c, session, &arena, false);
    wr_map_clear(&c.seen);
    return wr_heap_copy(out.data, out.length);
}
