/* json.c - a strict walker over JSON text.
 *
 * wr_json_take recognises one value with an explicit depth, everything else is built on it: members
 * are taken one after the other, paths step from value to value. Looking up a member walks the
 * object, which for the small documents of rows costs less than any tree. */
#include "base/json.h"
#include "base/int128.h"

static wr_str skip_blanks(wr_str s)
{
    while (s.length && (*s.data == ' ' || *s.data == '\n' || *s.data == '\t' || *s.data == '\r'))
        s.data++, s.length--;
    return s;
}
static wr_str rest_from(wr_str s, size_t n) { return (wr_str){s.data + n, s.length - n}; }
static bool is_digit(wr_str s, size_t at)
{
    return at < s.length && s.data[at] >= '0' && s.data[at] <= '9';
}

static size_t string_size(wr_str s)
{
    if (!s.length || *s.data != '"') return 0;
    for (size_t k = 1; k < s.length; k++) {
        uint8_t c = (uint8_t)s.data[k];
        if (c == '"') return k + 1;
        if (c < 0x20) return 0;
        if (c != '\\') continue;
        if (++k >= s.length || !strchr("\"\\/bfnrtu", s.data[k]) || !s.data[k]) return 0;
        if (s.data[k] != 'u') continue;
        for (int d = 0; d < 4; d++) {
            char h = ++k < s.length ? s.data[k] | 32 : 0;
            if (!((s.length > k && s.data[k] >= '0' && s.data[k] <= '9') || (h >= 'a' && h <= 'f')))
                return 0;
        }
    }
    return 0;
}

static size_t number_size(wr_str s)
{
    size_t k = s.length && *s.data == '-';
    if (!is_digit(s, k)) return 0;
    if (s.data[k] == '0')
        k++;
    else
        while (is_digit(s, k))
            k++;
    if (k < s.length && s.data[k] == '.') {
        if (!is_digit(s, ++k)) return 0;
        while (is_digit(s, k))
            k++;
    }
    if (k < s.length && (s.data[k] | 32) == 'e') {
        k++;
        if (k < s.length && (s.data[k] == '+' || s.data[k] == '-')) k++;
        if (!is_digit(s, k)) return 0;
        while (is_digit(s, k))
            k++;
    }
    return k;
}

static size_t scalar_size(wr_str s)
{
    if (!s.length) return 0;
    switch (*s.data) {
    case '"':
        return string_size(s);
    case 't':
        return wr_str_has_prefix(s, WR_STR("true")) ? 4 : 0;
    case 'f':
        return wr_str_has_prefix(s, WR_STR("false")) ? 5 : 0;
    case 'n':
        return wr_str_has_prefix(s, WR_STR("null")) ? 4 : 0;
    default:
        return number_size(s);
    }
}

/* A member's key and its colon. */
static bool take_key(wr_str *rest)
{
    *rest = skip_blanks(*rest);
    size_t n = string_size(*rest);
    if (!n) return false;
    *rest = skip_blanks(rest_from(*rest, n));
    if (!rest->length || *rest->data != ':') return false;
    *rest = rest_from(*rest, 1);
    return true;
}

/* Bytes of the value at s (no blanks before it), 0 if malformed. open holds the closing bracket of
 * every level. */
static size_t value_size(wr_str s)
{
    char open[WR_JSON_DEPTH_MAX];
    int depth = 0;
    wr_str rest = s;
    for (;;) {
        rest = skip_blanks(rest);
        char c = rest.length ? *rest.data : 0;
        bool is_empty = false;
        if (c == '[' || c == '{') {
            if (depth == WR_JSON_DEPTH_MAX) return 0;
            open[depth++] = c == '[' ? ']' : '}';
            rest = skip_blanks(rest_from(rest, 1));
            is_empty = rest.length && *rest.data == open[depth - 1];
            if (!is_empty) {
                if (c == '{' && !take_key(&rest)) return 0;
                continue;
            }
        } else {
            size_t n = scalar_size(rest);
            if (!n) return 0;
            rest = rest_from(rest, n);
        }
        /* Behind a value: close what closes here, then a comma leads to the next one. */
        for (;;) {
            if (!depth) return (size_t)(rest.data - s.data);
            rest = skip_blanks(rest);
            if (!rest.length) return 0;
            if (*rest.data == open[depth - 1]) {
                depth--;
                rest = rest_from(rest, 1);
                continue;
            }
            if (*rest.data != ',') return 0;
            rest = rest_from(rest, 1);
            if (open[depth - 1] == '}' && !take_key(&rest)) return 0;
            break;
        }
    }
}

bool wr_json_take(wr_str *rest, wr_str *value)
{
    wr_str s = skip_blanks(*rest);
    size_t n = value_size(s);
    if (!n) return false;
    *value = (wr_str){s.data, n};
    *rest = rest_from(s, n);
    return true;
}

bool wr_json_valid(wr_str text)
{
    wr_str value;
    return wr_json_take(&text, &value) && skip_blanks(text).length == 0;
}

wr_json_kind wr_json_kind_of(wr_str value)
{
    value = skip_blanks(value);
    if (!value.length) return WR_JSON_BAD;
    switch (*value.data) {
    case '{':
        return WR_JSON_OBJECT;
    case '[':
        return WR_JSON_ARRAY;
    case '"':
        return WR_JSON_STRING;
    case 't':
        return WR_JSON_TRUE;
    case 'f':
        return WR_JSON_FALSE;
    case 'n':
        return WR_JSON_NULL;
    default:
        return *value.data == '-' || is_digit(value, 0) ? WR_JSON_NUMBER : WR_JSON_BAD;
    }
}

bool wr_json_begin(wr_str value, wr_json_members *members)
{
    wr_json_kind kind = wr_json_kind_of(value);
    value = skip_blanks(value);
    *members = (wr_json_members){.is_object = kind == WR_JSON_OBJECT, .is_first = true};
    if (kind != WR_JSON_OBJECT && kind != WR_JSON_ARRAY) return false;
    members->rest = rest_from(value, 1);
    return true;
}

bool wr_json_next(wr_json_members *m, wr_str *key, wr_str *value)
{
    *key = (wr_str){"", 0};
    m->rest = skip_blanks(m->rest);
    char c = m->rest.length ? *m->rest.data : 0;
    if (c == (m->is_object ? '}' : ']')) return false;
    m->is_bad = !m->is_first && c != ',';
    if (m->is_bad) return false;
    if (!m->is_first) m->rest = rest_from(m->rest, 1);
    m->is_first = false;
    if (m->is_object) {
        wr_str start = skip_blanks(m->rest);
        *key = (wr_str){start.data, string_size(start)};
        m->is_bad = !take_key(&m->rest);
    }
    m->is_bad = m->is_bad || !wr_json_take(&m->rest, value);
    return !m->is_bad;
}

static uint32_t read_unit(const char *p)
{
    uint32_t unit = 0;
    for (int k = 0; k < 4; k++)
        unit = unit << 4 | (uint32_t)(p[k] <= '9' ? p[k] - '0' : (p[k] | 32) - 'a' + 10);
    return unit;
}

bool wr_json_unquote(wr_str string, wr_buf *out)
{
    size_t n = string_size(string);
    if (n < 2) return false;
    const char *p = string.data + 1, *end = string.data + n - 1;
    while (p < end) {
        const char *next = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((next ? next : end) - p);
        wr_buf_add(out, p, plain);
        p += plain;
        if (p >= end) break;
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        const char *known = strchr(from, p[1]);
        if (p[1] != 'u') {
            wr_buf_add_char(out, known ? to[known - from] : p[1]);
            p += 2;
            continue;
        }
        uint32_t code = read_unit(p + 2);
        p += 6;
        if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            uint32_t low = read_unit(p + 2);
            if (low >= 0xdc00 && low < 0xe000)
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), p += 6;
        }
        char bytes[4];
        int size = code ? wr_utf8_encode(code, bytes) : 0;
        if (size)
            wr_buf_add(out, bytes, (size_t)size);
        else
            wr_buf_add_text(out, "\xef\xbf\xbd"); /* half a pair, or NUL, which text cannot hold */
    }
    return true;
}

bool wr_json_find(wr_str object, wr_str key, wr_str *value)
{
    wr_json_members m;
    wr_str name, member;
    bool found = false;
    if (!wr_json_begin(object, &m) || !m.is_object) return false;
    while (wr_json_next(&m, &name, &member)) {
        wr_str plain = {name.data + 1, name.length - 2};
        bool same = wr_str_eq(plain, key);
        if (!same && memchr(plain.data, '\\', plain.length)) {
            WR_BUF(decoded);
            same = wr_json_unquote(name, &decoded) && wr_str_eq(wr_buf_str(&decoded), key);
        }
        if (same) *value = member, found = true;
    }
    return found;
}

bool wr_json_at(wr_str array, int64_t index, wr_str *value)
{
    wr_json_members m;
    wr_str key, member;
    if (!wr_json_begin(array, &m) || m.is_object) return false;
    if (index < 0) {
        while (wr_json_next(&m, &key, &member))
            index++;
        if (index < 0) return false;
        /* index counted down from the end has become one from the start */
        if (!wr_json_begin(array, &m)) return false;
    }
    for (int64_t k = 0; wr_json_next(&m, &key, &member); k++) {
        if (k != index) continue;
        *value = member;
        return true;
    }
    return false;
}

/* One step of a JSON pointer: a key, or a position if the value is an array. */
static bool step_pointer(wr_str *value, wr_str step)
{
    WR_BUF(key);
    for (size_t k = 0; k < step.length; k++) {
        bool escaped = step.data[k] == '~' && k + 1 < step.length &&
                       (step.data[k + 1] == '0' || step.data[k + 1] == '1');
        wr_buf_add_char(&key, escaped ? (step.data[++k] == '0' ? '~' : '/') : step.data[k]);
    }
    int64_t index;
    if (wr_json_kind_of(*value) == WR_JSON_ARRAY)
        return wr_i64_read(step, &index, NULL) && index >= 0 && wr_json_at(*value, index, value);
    return wr_json_find(*value, wr_buf_str(&key), value);
}

static bool walk_pointer(wr_str *value, wr_str path)
{
    while (path.length) {
        path = rest_from(path, 1);
        const char *slash = memchr(path.data, '/', path.length);
        size_t n = slash ? (size_t)(slash - path.data) : path.length;
        if (!step_pointer(value, (wr_str){path.data, n})) return false;
        path = rest_from(path, n);
    }
    return true;
}

static bool walk_dollar(wr_str *value, wr_str path, bool *bad)
{
    path = rest_from(path, 1);
    while (path.length && !*bad) {
        char c = *path.data;
        path = rest_from(path, 1);
        if (c == '[') {
            const char *close = memchr(path.data, ']', path.length);
            size_t n = close ? (size_t)(close - path.data) : 0;
            wr_str inside = {path.data, n};
            int64_t index;
            *bad = !close;
            if (*bad) return false;
            path = rest_from(path, n + 1);
            if (n >= 2 && (inside.data[0] == '"' || inside.data[0] == '\'')) {
                if (!wr_json_find(*value, (wr_str){inside.data + 1, n - 2}, value)) return false;
                continue;
            }
            if (inside.length > 1 && *inside.data == '#') inside = rest_from(inside, 1);
            *bad = !wr_i64_read(inside, &index, NULL);
            if (*bad || !wr_json_at(*value, index, value)) return false;
        } else if (c == '.') {
            bool quoted = path.length && *path.data == '"';
            size_t n = 0;
            if (quoted) path = rest_from(path, 1);
            while (n < path.length &&
                   (quoted ? path.data[n] != '"' : path.data[n] != '.' && path.data[n] != '['))
                n++;
            *bad = !n || (quoted && n == path.length);
            if (*bad || !wr_json_find(*value, (wr_str){path.data, n}, value)) return false;
            path = rest_from(path, n + quoted);
        } else {
            *bad = true;
        }
    }
    return !*bad;
}

bool wr_json_path(wr_str value, wr_str path, wr_str *out, bool *bad_path)
{
    wr_str found = value;
    bool hit;
    *bad_path = false;
    if (path.length && *path.data == '$')
        hit = walk_dollar(&found, path, bad_path);
    else if (path.length && *path.data == '/')
        hit = walk_pointer(&found, path);
    else
        hit = wr_json_find(found, path, &found);
    if (hit) *out = found;
    return hit;
}

static void new_line(int indent, int depth, wr_buf *out)
{
    if (!indent) return;
    wr_buf_add_char(out, '\n');
    for (int k = 0; k < indent * depth; k++)
        wr_buf_add_char(out, ' ');
}

static void write_value(wr_str value, int indent, bool strip_nulls, int depth, wr_buf *out)
{
    wr_json_members m;
    wr_str key, member;
    value = skip_blanks(value);
    if (!wr_json_begin(value, &m)) {
        wr_buf_add(out, value.data, scalar_size(value));
        return;
    }
    bool any = false;
    wr_buf_add_char(out, m.is_object ? '{' : '[');
    while (wr_json_next(&m, &key, &member)) {
        if (strip_nulls && m.is_object && wr_json_kind_of(member) == WR_JSON_NULL) continue;
        if (any) wr_buf_add_char(out, ',');
        new_line(indent, depth + 1, out);
        wr_buf_add_str(out, key);
        if (m.is_object) wr_buf_add_text(out, indent ? ": " : ":");
        write_value(member, indent, strip_nulls, depth + 1, out);
        any = true;
    }
    if (any) new_line(indent, depth, out);
    wr_buf_add_char(out, m.is_object ? '}' : ']');
}

void wr_json_write(wr_str value, int indent, bool strip_nulls, wr_buf *out)
{
    write_value(value, indent, strip_nulls, 0, out);
}
