/* node.c - operations on any syntax tree, driven by a table of fields.
 *
 * Each node struct is described once in node_fields.inc: what kind of field stands at which offset.
 * Comparing, copying and visiting children walk that table, so a kind of node needs no code here.
 * Chains of binary operators lean left without limit and are therefore followed in loops. */
#include "sql/statement.h"

typedef enum field_kind {
    FIELD_END,
    FIELD_NODE,
    FIELD_NODES,
    FIELD_NAME,
    FIELD_NAMES,
    FIELD_TEXT,
    FIELD_BOOL,
    FIELD_INT,
    FIELD_LONG
} field_kind;

typedef struct field {
    uint16_t kind, offset;
} field;

#define NODE(suffix, name)                                 \
    {                                                      \
        FIELD_NODE, offsetof(struct wr_sql_##suffix, name) \
    }
#define NODES(suffix, name)                                 \
    {                                                       \
        FIELD_NODES, offsetof(struct wr_sql_##suffix, name) \
    }
#define NAME(suffix, name)                                 \
    {                                                      \
        FIELD_NAME, offsetof(struct wr_sql_##suffix, name) \
    }
#define NAMES(suffix, name)                                 \
    {                                                       \
        FIELD_NAMES, offsetof(struct wr_sql_##suffix, name) \
    }
#define TEXT(suffix, name)                                 \
    {                                                      \
        FIELD_TEXT, offsetof(struct wr_sql_##suffix, name) \
    }
#define BOOL(suffix, name)                                 \
    {                                                      \
        FIELD_BOOL, offsetof(struct wr_sql_##suffix, name) \
    }
#define INT(suffix, name)                                 \
    {                                                     \
        FIELD_INT, offsetof(struct wr_sql_##suffix, name) \
    }
#define LONG(suffix, name)                                 \
    {                                                      \
        FIELD_LONG, offsetof(struct wr_sql_##suffix, name) \
    }
#include "sql/node_fields.inc"

static const struct kind_row {
    const char *name;
    const field *fields;
    size_t size;
} kind_rows[WR_SQL_KIND_COUNT] = {
    {"NONE", NULL, 0},
#define X(kind, suffix) {#kind, suffix##_fields, sizeof(wr_sql_##suffix)},
#include "sql/node.def"
#undef X
};

const char *wr_node_kind_name(wr_node_kind kind)
{
    return kind < WR_SQL_KIND_COUNT ? kind_rows[kind].name : "?";
}

wr_node *wr_node_new(wr_arena *arena, wr_node_kind kind, wr_span span)
{
    wr_assert(kind > WR_SQL_NONE && kind < WR_SQL_KIND_COUNT);
    wr_node *node = wr_arena_alloc(arena, kind_rows[kind].size);
    node->kind = kind;
    node->span = span;
    return node;
}

static inline void *at(const wr_node *node, const field *f) { return (char *)node + f->offset; }

static bool names_equal(const wr_names *a, const wr_names *b)
{
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++)
        if (!wr_str_eq(a->items[i].text, b->items[i].text)) return false;
    return true;
}

static bool nodes_equal(const wr_nodes *a, const wr_nodes *b)
{
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++)
        if (!wr_node_equal(a->items[i], b->items[i])) return false;
    return true;
}

static bool field_equal(const wr_node *a, const wr_node *b, const field *f)
{
    const void *x = at(a, f), *y = at(b, f);
    switch ((field_kind)f->kind) {
    case FIELD_END:
        return true;
    case FIELD_NODE:
        return wr_node_equal(*(wr_node *const *)x, *(wr_node *const *)y);
    case FIELD_NODES:
        return nodes_equal(x, y);
    case FIELD_NAME: {
        const wr_name *one = x, *two = y;
        return wr_str_eq(one->text, two->text);
    }
    case FIELD_NAMES:
        return names_equal(x, y);
    case FIELD_TEXT:
        return wr_str_eq(*(const wr_str *)x, *(const wr_str *)y);
    case FIELD_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case FIELD_INT:
        return *(const int *)x == *(const int *)y;
    case FIELD_LONG:
        return *(const int64_t *)x == *(const int64_t *)y;
    }
    return false;
}

/* Named parameters are numbered in the order of the text, which is no part of their meaning. */
static bool same_named_param(const wr_node *a, const wr_node *b)
{
    if (a->kind != WR_SQL_PARAM) return false;
    wr_str name = wr_sql_as_param(a)->name;
    return name.length && wr_str_eq(name, wr_sql_as_param(b)->name);
}

bool wr_node_equal(const wr_node *a, const wr_node *b)
{
    while (a && b && a->kind == WR_SQL_BINARY && b->kind == WR_SQL_BINARY) {
        const wr_sql_binary *x = wr_sql_as_binary(a), *y = wr_sql_as_binary(b);
        if (x->op != y->op || !wr_node_equal(x->right, y->right)) return false;
        a = x->left;
        b = y->left;
    }
    if (!a || !b || a->kind != b->kind) return a == b;
    if (same_named_param(a, b)) return true;
    for (const field *f = kind_rows[a->kind].fields; f->kind != FIELD_END; f++)
        if (!field_equal(a, b, f)) return false;
    return true;
}

static wr_nodes copy_nodes(wr_arena *arena, const wr_nodes *from)
{
    wr_nodes to = {wr_new_array(arena, wr_node *, from->count), from->count};
    for (int i = 0; i < from->count; i++)
        to.items[i] = wr_node_copy(arena, from->items[i]);
    return to;
}

wr_node *wr_node_copy(wr_arena *arena, const wr_node *node)
{
    wr_node *result = NULL, **slot = &result;
    while (node) {
        const struct kind_row *row = &kind_rows[node->kind];
        wr_node *copy = wr_arena_alloc(arena, row->size);
        memcpy(copy, node, row->size);
        *slot = copy;
        bool chain = node->kind == WR_SQL_BINARY;
        for (const field *f = row->fields; f->kind != FIELD_END; f++) {
            if (f->kind == FIELD_NODES) {
                wr_nodes *list = at(copy, f);
                *list = copy_nodes(arena, at(node, f));
            } else if (f->kind == FIELD_NAMES) {
                wr_names *names = at(copy, f);
                wr_name *items = wr_new_array(arena, wr_name, names->count);
                if (names->count)
                    memcpy(items, names->items, sizeof(wr_name) * (size_t)names->count);
                names->items = items;
            } else if (f->kind == FIELD_NODE &&
                       !(chain && f->offset == offsetof(wr_sql_binary, left))) {
                wr_node **child = at(copy, f);
                *child = wr_node_copy(arena, *child);
            }
        }
        if (!chain) break;
        slot = &wr_sql_as_binary(copy)->left;
        node = wr_sql_as_binary(node)->left;
    }
    return result;
}

weir_status wr_node_each_child(wr_node *node, wr_node_visit visit, void *context)
{
    for (const field *f = kind_rows[node->kind].fields; f->kind != FIELD_END; f++) {
        if (f->kind == FIELD_NODE) {
            wr_node **child = at(node, f);
            if (*child) WR_TRY(visit(context, child));
        } else if (f->kind == FIELD_NODES) {
            wr_nodes *list = at(node, f);
            for (int i = 0; i < list->count; i++)
                if (list->items[i]) WR_TRY(visit(context, &list->items[i]));
        }
    }
    return WR_OK;
}

bool wr_node_fields_complete(wr_node_kind kind)
{
    static const size_t sizes[] = {0,
                                   sizeof(wr_node *),
                                   sizeof(wr_nodes),
                                   sizeof(wr_name),
                                   sizeof(wr_names),
                                   sizeof(wr_str),
                                   sizeof(bool),
                                   sizeof(int),
                                   sizeof(int64_t)};
    const struct kind_row *row = &kind_rows[kind];
    size_t end = sizeof(wr_node);
    for (const field *f = row->fields; f->kind != FIELD_END; f++) {
        if (f->offset < end || f->offset - end >= 8) return false;
        end = f->offset + sizes[f->kind];
    }
    return end <= row->size && row->size - end < 8;
}
