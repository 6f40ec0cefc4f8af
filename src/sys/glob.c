/* glob.c - patterns of file names. See file.h.
 *
 * {a,b} is expanded first, which gives plain patterns; each is walked folder by folder, listing
 * only where a segment has wildcards. ** stands for any number of folders and follows no folder
 * that contains itself (symbolic links). A wildcard does not match a leading dot. A backslash takes
 * the next character as it is. A file whose name is the pattern itself wins over what the pattern
 * means. */
#include "sys/file.h"
#include <stdlib.h>

enum { ALTERNATIVES_MAX = 10000, DEPTH_MAX = 64, BRACES_MAX = 16 };

bool wr_path_has_glob(wr_str path)
{
    for (size_t i = 0; i < path.length; i++)
        if (strchr("*?[{", path.data[i]) && path.data[i]) return true;
    return false;
}

/* ---- one name against one segment */

/* Matches one character against the set behind '['. Sets *used to the length of the set with its
 * brackets, or to 0 if it is not closed, in which case '[' is itself. */
static bool in_set(wr_str pattern, char c, size_t *used)
{
    size_t i = 1;
    bool negated = i < pattern.length && (pattern.data[i] == '!' || pattern.data[i] == '^');
    if (negated) i++;
    bool found = false;
    for (size_t first = i; i < pattern.length; i++) {
        if (pattern.data[i] == ']' && i > first) {
            *used = i + 1;
            return found != negated;
        }
        char low = pattern.data[i], high = low;
        if (i + 2 < pattern.length && pattern.data[i + 1] == '-' && pattern.data[i + 2] != ']')
            high = pattern.data[i += 2];
        if ((unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high)
            found = true;
    }
    *used = 0;
    return false;
}

static size_t character_length(wr_str text)
{
    uint32_t code;
    int length = wr_utf8_decode(text.data, text.length, &code);
    return length ? (size_t)length : 1;
}

static wr_str from(wr_str text, size_t at) { return (wr_str){text.data + at, text.length - at}; }

/* Matches the start of name against the start of pattern, which is not '*'. Returns what they take.
 */
static bool match_one(wr_str pattern, wr_str name, size_t *pattern_used, size_t *name_used)
{
    *pattern_used = *name_used = 1;
    if (pattern.data[0] == '?') {
        *name_used = character_length(name);
        return true;
    }
    if (pattern.data[0] == '[') {
        size_t used;
        bool found = in_set(pattern, name.data[0], &used);
        if (used) *pattern_used = used;
        if (used) return found;
    }
    if (pattern.data[0] == '\\' && pattern.length > 1) {
        *pattern_used = 2;
        return pattern.data[1] == name.data[0];
    }
    return pattern.data[0] == name.data[0];
}

/* On a mismatch the last '*' takes one character more; earlier ones never need to. */
static bool matches(wr_str pattern, wr_str name)
{
    if (name.length && name.data[0] == '.' && (pattern.length == 0 || pattern.data[0] != '.'))
        return false;
    wr_str after_star = {0}, star_name = {0};
    bool has_star = false;
    while (name.length || pattern.length) {
        if (pattern.length && pattern.data[0] == '*') {
            has_star = true;
            pattern = after_star = from(pattern, 1);
            star_name = name;
            continue;
        }
        size_t p, n;
        if (pattern.length && name.length && match_one(pattern, name, &p, &n)) {
            pattern = from(pattern, p);
            name = from(name, n);
            continue;
        }
        if (!has_star || star_name.length == 0) return false;
        name = star_name = from(star_name, 1);
        pattern = after_star;
    }
    return true;
}

/* ---- walking */

typedef WR_LIST(wr_str) name_list;

typedef struct walk {
    wr_fs *fs;
    wr_arena *arena;
    name_list found;
    int depth; /* of folders entered by ** */
    struct {
        uint64_t inode, device;
    } entered[DEPTH_MAX];
} walk;

/* Missing and forbidden things do not match; other failures are reported. */
static weir_status look_at(walk *w, wr_str path, wr_file_stat *out, bool *exists)
{
    weir_status s = wr_fs_stat(w->fs, path, out);
    *exists = s == WR_OK;
    if (!s || s->code == WR_E_FILE_NOT_FOUND) {
        wr_status_drop(s);
        return WR_OK;
    }
    return s;
}

static wr_str joined(walk *w, wr_str folder, wr_str name)
{
    if (folder.length == 0) return wr_arena_str(w->arena, name);
    bool has_slash = folder.data[folder.length - 1] == '/';
    return wr_arena_printf(w->arena, "%.*s%s%.*s", WR_STR_ARGS(folder), has_slash ? "" : "/",
                           WR_STR_ARGS(name));
}

/* Takes the backslashes out of a segment without wildcards. */
static wr_str plain(walk *w, wr_str segment)
{
    char *text = wr_arena_copy(w->arena, segment.data, segment.length);
    size_t length = 0;
    for (size_t i = 0; i < segment.length; i++) {
        if (segment.data[i] == '\\' && i + 1 < segment.length) i++;
        text[length++] = segment.data[i];
    }
    text[length] = '\0';
    return (wr_str){text, length};
}

static weir_status walk_from(walk *w, wr_str folder, wr_str pattern);

/* The walk reached path with pattern left over: take the file, or go on in the folder. */
static weir_status arrive(walk *w, wr_str path, wr_str pattern)
{
    wr_file_stat stat;
    bool exists;
    WR_TRY(look_at(w, path, &stat, &exists));
    if (!exists) return WR_OK;
    if (pattern.length == 0) {
        if (!stat.is_dir) wr_push(w->arena, &w->found, path);
        return WR_OK;
    }
    return stat.is_dir ? walk_from(w, path, pattern) : WR_OK;
}

static weir_status list(walk *w, wr_str folder, wr_path_list *out)
{
    return wr_fs_list(w->fs, folder.length ? folder : WR_STR("."), w->arena, out);
}

/* Folders may be in the tree that nobody but their owner may list: they hold nothing for us. */
static weir_status list_if_allowed(walk *w, wr_str folder, wr_path_list *out)
{
    weir_status s = list(w, folder, out);
    if (!s || (s->code != WR_E_IO && s->code != WR_E_FILE_NOT_FOUND)) return s;
    wr_status_drop(s);
    *out = (wr_path_list){0};
    return WR_OK;
}

static bool was_entered(const walk *w, const wr_file_stat *stat)
{
    for (int i = 0; i < w->depth; i++)
        if (w->entered[i].inode == stat->inode && w->entered[i].device == stat->device) return true;
    return false;
}

/* Matches pattern in folder and in all folders below it. */
static weir_status walk_below(walk *w, wr_str folder, wr_str pattern)
{
    wr_file_stat stat;
    wr_path_list names;
    bool exists;
    WR_TRY(look_at(w, folder.length ? folder : WR_STR("."), &stat, &exists));
    if (!exists || !stat.is_dir || was_entered(w, &stat) || w->depth == DEPTH_MAX) return WR_OK;
    w->entered[w->depth].inode = stat.inode;
    w->entered[w->depth++].device = stat.device;
    WR_TRY(walk_from(w, folder, pattern));
    WR_TRY(list_if_allowed(w, folder, &names));
    for (int i = 0; i < names.count; i++)
        if (names.paths[i].data[0] != '.')
            WR_TRY(walk_below(w, joined(w, folder, names.paths[i]), pattern));
    w->depth--;
    return WR_OK;
}

static weir_status walk_from(walk *w, wr_str folder, wr_str pattern)
{
    while (pattern.length && pattern.data[0] == '/')
        pattern = from(pattern, 1);
    const char *slash = pattern.length ? memchr(pattern.data, '/', pattern.length) : NULL;
    wr_str segment = {pattern.data, slash ? (size_t)(slash - pattern.data) : pattern.length};
    wr_str rest = from(pattern, segment.length);
    if (wr_str_eq(segment, WR_STR("**")))
        return walk_below(w, folder, rest.length ? rest : WR_STR("*"));
    if (!wr_path_has_glob(segment)) return arrive(w, joined(w, folder, plain(w, segment)), rest);
    wr_path_list names;
    WR_TRY(list_if_allowed(w, folder, &names));
    for (int i = 0; i < names.count; i++)
        if (matches(segment, names.paths[i]))
            WR_TRY(arrive(w, joined(w, folder, names.paths[i]), rest));
    return WR_OK;
}

/* ---- alternatives */

/* Finds the first {...} with a comma at its own level; false if there is none. */
static bool find_braces(wr_str pattern, size_t *open, size_t *close)
{
    for (size_t start = 0; start < pattern.length; start++) {
        if (pattern.data[start] == '\\') start++;
        if (start >= pattern.length || pattern.data[start] != '{') continue;
        int depth = 0;
        for (size_t i = start; i < pattern.length; i++) {
            if (pattern.data[i] == '{') depth++;
            if (pattern.data[i] == '}' && --depth == 0) {
                *open = start;
                *close = i;
                return true;
            }
        }
    }
    return false;
}

static weir_status expand(wr_arena *arena, wr_str pattern, int braces, name_list *out)
{
    size_t open, close;
    if (!find_braces(pattern, &open, &close)) {
        if (out->count == ALTERNATIVES_MAX)
            return wr_fail(WR_E_TOO_BIG, "the braces in a file pattern mean more than %d patterns",
                           ALTERNATIVES_MAX);
        wr_push(arena, out, pattern);
        return WR_OK;
    }
    if (braces == BRACES_MAX)
        return wr_fail(WR_E_TOO_BIG, "a file pattern has more than %d braces", BRACES_MAX);
    int depth = 0;
    for (size_t begin = open + 1, i = begin; i <= close; i++) {
        char c = pattern.data[i];
        depth += (c == '{') - (c == '}' && i < close);
        if (i < close && (c != ',' || depth)) continue;
        wr_str one =
            wr_arena_printf(arena, "%.*s%.*s%.*s", (int)open, pattern.data, (int)(i - begin),
                            pattern.data + begin, WR_STR_ARGS(from(pattern, close + 1)));
        WR_TRY(expand(arena, one, braces + 1, out));
        begin = i + 1;
    }
    return WR_OK;
}

/* ---- the whole */

static int by_bytes(const void *a, const void *b) { return wr_str_cmp(*(wr_str *)a, *(wr_str *)b); }

static void sort_unique(name_list *names)
{
    if (names->count == 0) return;
    qsort(names->items, (size_t)names->count, sizeof *names->items, by_bytes);
    int kept = 1;
    for (int i = 1; i < names->count; i++)
        if (!wr_str_eq(names->items[i], names->items[kept - 1]))
            names->items[kept++] = names->items[i];
    names->count = kept;
}

weir_status wr_fs_glob(wr_fs *fs, wr_str pattern, wr_arena *arena, wr_path_list *out)
{
    *out = (wr_path_list){0};
    walk w = {.fs = fs, .arena = arena};
    if (pattern.length == 0 || memchr(pattern.data, '\0', pattern.length)) return WR_OK;
    wr_file_stat stat;
    bool exists;
    WR_TRY(look_at(&w, pattern, &stat, &exists));
    if (exists && !stat.is_dir) {
        wr_str itself = wr_arena_str(arena, pattern);
        wr_push(arena, &w.found, itself);
    } else if (wr_path_has_glob(pattern)) {
        name_list patterns = {0};
        WR_TRY(expand(arena, pattern, 0, &patterns));
        for (int i = 0; i < patterns.count; i++) {
            bool is_absolute = patterns.items[i].length && patterns.items[i].data[0] == '/';
            w.depth = 0;
            WR_TRY(walk_from(&w, is_absolute ? WR_STR("/") : (wr_str){"", 0}, patterns.items[i]));
        }
        sort_unique(&w.found);
    }
    *out = (wr_path_list){w.found.items, w.found.count};
    return WR_OK;
}
