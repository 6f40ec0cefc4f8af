/* registry.c - the table of all SQL functions.
 *
 * Families are found through the generated list gen/functions.inc; their arrays are walked once
 * into one array of entries and a map from every name and alias to a chain of entries. Signatures
 * are parsed when somebody first asks for them, under a lock. A malformed signature is a mistake of
 * the programmer and stops the process. */
#include "expr/registry.h"
#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>

#define X(file)                                                             \
    extern const wr_fn wr_fns_##file[];                                     \
    extern const wr_aggregate wr_aggregates_##file[] __attribute__((weak)); \
    extern const wr_window_fn wr_window_fns_##file[] __attribute__((weak));
#include "gen/functions.inc"
#undef X

static const struct family {
    const char *name;
    const wr_fn *fns;
    const wr_aggregate *aggregates;
    const wr_window_fn *windows;
} families[] = {
#define X(file) {#file, wr_fns_##file, wr_aggregates_##file, wr_window_fns_##file},
#include "gen/functions.inc"
#undef X
    {NULL, NULL, NULL, NULL},
};

/* One name of one function; all entries of a name are chained in order of declaration. */
typedef struct name_link {
    int entry;
    struct name_link *next;
} name_link;

static WR_LIST(wr_fn_entry) entries;
static _Atomic(wr_signature *) *signatures; /* beside entries */
static wr_map names;                        /* -> name_link */
static wr_arena arena;                      /* after start: guarded by lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* "a|b|c" -> next name; operators made of bars ("|", "||", "|/") are names, not separators. */
static bool next_name(const char **at, wr_str *name)
{
    const char *start = *at, *end = start;
    if (!*start) return false;
    while (*end == '|')
        end++;
    while (*end && !(*end == '|' && end > start && end[1] && end[-1] != '|'))
        end++;
    *name = (wr_str){start, (size_t)(end - start)};
    *at = *end ? end + 1 : end;
    return true;
}

static void add_entry(const char *name_list, wr_fn_entry entry)
{
    wr_push(&arena, &entries, entry);
    wr_str name;
    for (const char *at = name_list; next_name(&at, &name);) {
        name_link *link = wr_new(&arena, name_link);
        link->entry = entries.count - 1;
        name_link *first = wr_map_get(&names, name);
        if (!first) {
            wr_map_put(&names, name, link);
            continue;
        }
        while (first->next)
            first = first->next;
        first->next = link;
    }
}

static void start(void)
{
    names.ignore_case = true;
    for (const struct family *f = families; f->name; f++) {
        for (const wr_fn *fn = f->fns; fn->name; fn++)
            add_entry(fn->name, (wr_fn_entry){.fn = fn, .family = f->name});
        for (const wr_aggregate *a = f->aggregates; a && a->name; a++)
            add_entry(a->name, (wr_fn_entry){.aggregate = a, .family = f->name});
        for (const wr_window_fn *w = f->windows; w && w->name; w++)
            add_entry(w->name, (wr_fn_entry){.window = w, .family = f->name});
    }
    signatures = wr_arena_alloc(&arena, sizeof *signatures * (size_t)(entries.count + 1));
}

int wr_fn_count(void)
{
    pthread_once(&once, start);
    return entries.count;
}

wr_fn_entry wr_fn_at(int index)
{
    pthread_once(&once, start);
    wr_assert(index >= 0 && index < entries.count);
    return entries.items[index];
}

static bool is_kind(const wr_fn_entry *entry, wr_entry_kind kind)
{
    return kind == WR_ENTRY_FN          ? entry->fn != NULL
           : kind == WR_ENTRY_AGGREGATE ? entry->aggregate != NULL
                                        : entry->window != NULL;
}

const wr_fn_entry *wr_registry_next(const wr_fn_entry *entry, wr_str name, wr_entry_kind kind)
{
    pthread_once(&once, start);
    for (name_link *link = wr_map_get(&names, name); link; link = link->next) {
        const wr_fn_entry *candidate = &entries.items[link->entry];
        if (candidate > entry && is_kind(candidate, kind)) return candidate;
    }
    return NULL;
}

const wr_fn_entry *wr_registry_first(wr_str name, wr_entry_kind kind)
{
    return wr_registry_next(NULL, name, kind);
}

bool wr_fn_exists(wr_str name) { return wr_registry_first(name, WR_ENTRY_FN) != NULL; }
bool wr_aggregate_exists(wr_str name)
{
    return wr_registry_first(name, WR_ENTRY_AGGREGATE) != NULL;
}
bool wr_window_fn_exists(wr_str name) { return wr_registry_first(name, WR_ENTRY_WINDOW) != NULL; }

void wr_registry_offer_names(wr_nearest *nearest, wr_entry_kind kind)
{
    pthread_once(&once, start);
    wr_str name;
    void *value;
    for (uint32_t i = 0; wr_map_next(&names, &i, &name, &value);)
        if (wr_registry_first(name, kind)) wr_nearest_offer(nearest, name);
}

const char *wr_registry_signature_text(const wr_fn_entry *entry)
{
    return entry->fn          ? entry->fn->signature
           : entry->aggregate ? entry->aggregate->signature
                              : entry->window->signature;
}

/* ---- signatures ---- */

static const struct want_word {
    const char *word;
    wr_want_kind kind;
} want_words[] = {
    {"any", WR_WANT_ANY},          {"any2", WR_WANT_ANY2},       {"list", WR_WANT_LIST},
    {"any[]", WR_WANT_LIST},       {"any2[]", WR_WANT_LIST2},    {"array", WR_WANT_ARRAY},
    {"struct", WR_WANT_STRUCT},    {"map", WR_WANT_MAP},         {"enum", WR_WANT_ENUM},
    {"integer_", WR_WANT_INTEGER}, {"number", WR_WANT_NUMBER},   {"decimal", WR_WANT_DECIMAL},
    {"each", WR_WANT_EACH},        {"lambda1", WR_WANT_LAMBDA1}, {"lambda2", WR_WANT_LAMBDA2},
    {"scalar", WR_WANT_SCALAR},    {"auto", WR_WANT_AUTO},
};

static const wr_type *type_of_word(wr_str word)
{
    if (wr_str_has_suffix(word, WR_STR("[]"))) {
        const wr_type *element = type_of_word((wr_str){word.data, word.length - 2});
        return element ? wr_type_list(element) : NULL;
    }
    return wr_type_find(word, NULL, 0);
}

static bool read_want(wr_str word, wr_want *out)
{
    for (size_t i = 0; i < WR_COUNT(want_words); i++) {
        if (!wr_str_is(word, want_words[i].word)) continue;
        out->kind = want_words[i].kind;
        return true;
    }
    out->kind = WR_WANT_TYPE;
    out->type = type_of_word(word);
    return out->type != NULL;
}

static wr_value read_default(wr_str text)
{
    int64_t integer;
    double number;
    if (wr_str_is(text, "true") || wr_str_is(text, "false"))
        return wr_value_bool(text.data[0] == 't' || text.data[0] == 'T');
    if (text.length >= 2 && text.data[0] == '\'')
        return wr_value_text((wr_str){text.data + 1, text.length - 2});
    if (wr_i64_read(text, &integer, NULL)) return wr_value_int(WR_BIGINT, integer);
    if (wr_f64_read(text, &number)) return wr_value_f64(number);
    return wr_value_null(WR_NULLTYPE);
}

/* "start bigint = 1" without the comma. */
static bool read_argument(wr_str text, wr_want *out)
{
    ptrdiff_t equals = wr_str_find(text, WR_STR("="));
    if (equals >= 0) {
        out->is_optional = true;
        size_t skip = (size_t)equals + 1;
        out->value = read_default(wr_str_trim((wr_str){text.data + skip, text.length - skip}));
        text = wr_str_trim((wr_str){text.data, (size_t)equals});
    }
    if (read_want(text, out)) return true;
    ptrdiff_t blank = wr_str_find(text, WR_STR(" "));
    if (blank <= 0) return false;
    out->name = (wr_str){text.data, (size_t)blank};
    size_t skip = (size_t)blank + 1;
    return read_want(wr_str_trim((wr_str){text.data + skip, text.length - skip}), out);
}

/* The end of an argument: the next comma outside of quotes. */
static size_t argument_length(wr_str rest)
{
    bool quoted = false;
    for (size_t i = 0; i < rest.length; i++) {
        if (rest.data[i] == '\'') quoted = !quoted;
        if (rest.data[i] == ',' && !quoted) return i;
    }
    return rest.length;
}

static bool parse(const char *text, wr_signature *out)
{
    wr_str all = wr_str_of(text);
    ptrdiff_t arrow = wr_str_find(all, WR_STR("->"));
    if (arrow < 0 || all.data[0] != '(') return false;
    size_t skip = (size_t)arrow + 2;
    if (!read_want(wr_str_trim((wr_str){text + skip, all.length - skip}), &out->result))
        return false;
    wr_str args = wr_str_trim((wr_str){text, (size_t)arrow});
    if (args.data[args.length - 1] != ')') return false;
    args = wr_str_trim((wr_str){args.data + 1, args.length - 2});
    WR_LIST(wr_want) list = {0};
    while (args.length > 0) {
        size_t length = argument_length(args);
        wr_str one = wr_str_trim((wr_str){args.data, length});
        args = length < args.length ? (wr_str){args.data + length + 1, args.length - length - 1}
                                    : (wr_str){"", 0};
        if (wr_str_has_suffix(one, WR_STR("..."))) {
            out->repeats = true;
            one = wr_str_trim((wr_str){one.data, one.length - 3});
            if (one.length == 0) continue; /* "(any, ...)" */
        }
        wr_want want = {.name = {"", 0}};
        if (!read_argument(one, &want)) return false;
        wr_push(&arena, &list, want);
        if (!want.is_optional) out->required = list.count;
    }
    if (out->repeats && list.count == 1) out->required = 0;
    out->args = list.items;
    out->arg_count = list.count;
    return true;
}

const wr_signature *wr_registry_signature(const wr_fn_entry *entry)
{
    ptrdiff_t index = entry - entries.items;
    wr_signature *found = atomic_load_explicit(&signatures[index], memory_order_acquire);
    if (found) return found;
    pthread_mutex_lock(&lock);
    found = signatures[index];
    if (!found) {
        found = wr_new(&arena, wr_signature);
        const char *text = wr_registry_signature_text(entry);
        if (!parse(text, found)) wr_panic(__FILE__, __LINE__, text);
        atomic_store_explicit(&signatures[index], found, memory_order_release);
    }
    pthread_mutex_unlock(&lock);
    return found;
}
