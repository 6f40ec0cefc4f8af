/* text.c - borrowed text and the growable buffer. See text.h.
 *
 * Case-insensitive here means ASCII: SQL names and keywords. A buffer keeps one byte behind its
 * length for the terminating NUL: cap > length whenever data is set. */
#include "base/text.h"
#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

static inline bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int wr_str_cmp(wr_str a, wr_str b)
{
    size_t shared = WR_MIN(a.length, b.length);
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static bool same_lowered(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

bool wr_str_ieq(wr_str a, wr_str b)
{
    return a.length == b.length && same_lowered(a.data, b.data, a.length);
}

bool wr_str_is(wr_str a, const char *text) { return wr_str_ieq(a, wr_str_of(text)); }

bool wr_str_has_prefix(wr_str a, wr_str prefix)
{
    return a.length >= prefix.length && wr_str_eq((wr_str){a.data, prefix.length}, prefix);
}

static wr_str last(wr_str a, size_t length)
{
    return (wr_str){a.data + (a.length - length), length};
}

bool wr_str_has_suffix(wr_str a, wr_str suffix)
{
    return a.length >= suffix.length && wr_str_eq(last(a, suffix.length), suffix);
}

bool wr_str_ihas_suffix(wr_str a, const char *suffix)
{
    size_t length = strlen(suffix);
    return a.length >= length && wr_str_is(last(a, length), suffix);
}

wr_str wr_str_trim(wr_str a)
{
    while (a.length && is_blank(a.data[0]))
        a.data++, a.length--;
    while (a.length && is_blank(a.data[a.length - 1]))
        a.length--;
    return a;
}

ptrdiff_t wr_str_find(wr_str hay, wr_str needle)
{
    if (needle.length == 0) return 0;
    if (needle.length > hay.length) return -1;
    const char *at = memmem(hay.data, hay.length, needle.data, needle.length);
    return at ? at - hay.data : -1;
}

uint64_t wr_hash_bytes(const void *data, size_t size) { return XXH3_64bits(data, size); }

uint64_t wr_hash_str_ci(wr_str s)
{
    char lowered[128];
    uint64_t hash = 0;
    do { /* texts longer than a piece chain the hashes of their pieces */
        size_t piece = WR_MIN(s.length, sizeof lowered);
        for (size_t i = 0; i < piece; i++)
            lowered[i] = (char)lower(s.data[i]);
        hash = XXH3_64bits_withSeed(lowered, piece, hash);
        s.data += piece;
        s.length -= piece;
    } while (s.length);
    return hash;
}

/* ---- the buffer */

void wr_buf_clear(wr_buf *buf)
{
    wr_heap_drop(buf->data);
    *buf = (wr_buf){0};
}

void wr_buf_reserve(wr_buf *buf, size_t more)
{
    wr_assert(more < SIZE_MAX / 4);
    size_t need = buf->length + more + 1;
    if (need <= buf->cap) return;
    if (buf->drain && buf->length >= buf->piece) {
        buf->drain(buf->drain_arg, buf->data, buf->length);
        buf->length = 0;
        wr_buf_reserve(buf, more);
        return;
    }
    buf->cap = WR_MAX(need, WR_MAX(buf->cap * 2, (size_t)64));
    char *bigger = wr_heap_raw(buf->cap);
    if (buf->length) memcpy(bigger, buf->data, buf->length);
    bigger[buf->length] = '\0';
    wr_heap_drop(buf->data);
    buf->data = bigger;
}

static void pass_on(wr_buf *buf, const void *bytes, size_t size)
{
    if (buf->length) buf->drain(buf->drain_arg, buf->data, buf->length);
    buf->length = 0;
    buf->drain(buf->drain_arg, bytes, size);
}

void wr_buf_add(wr_buf *buf, const void *bytes, size_t size)
{
    if (buf->drain && size >= buf->piece) {
        pass_on(buf, bytes, size);
        return;
    }
    if (size >= buf->cap - buf->length) wr_buf_reserve(buf, size);
    if (size) memcpy(buf->data + buf->length, bytes, size);
    buf->length += size;
    buf->data[buf->length] = '\0';
}

void wr_buf_add_str(wr_buf *buf, wr_str text) { wr_buf_add(buf, text.data, text.length); }
void wr_buf_add_text(wr_buf *buf, const char *text) { wr_buf_add(buf, text, strlen(text)); }
void wr_buf_add_char(wr_buf *buf, char c) { wr_buf_add(buf, &c, 1); }

void wr_buf_printf(wr_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    wr_buf_reserve(buf, 64);
    size_t room = buf->cap - buf->length;
    int length = vsnprintf(buf->data + buf->length, room, fmt, args);
    va_end(args);
    wr_assert(length >= 0);
    if ((size_t)length >= room) {
        wr_buf_reserve(buf, (size_t)length);
        vsnprintf(buf->data + buf->length, (size_t)length + 1, fmt, again);
    }
    va_end(again);
    buf->length += (size_t)length;
}

/* Adds what stands for the character at data[0...size) in JSON; returns how many bytes it took. */
static size_t add_json_special(wr_buf *buf, const char *data, size_t size)
{
    static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    unsigned char c = (unsigned char)data[0];
    for (const char *pair = letters; *pair; pair += 2) {
        if (*pair != data[0]) continue;
        wr_buf_add_char(buf, '\\');
        wr_buf_add_char(buf, pair[1]);
        return 1;
    }
    if (c < 0x80) {
        wr_buf_printf(buf, "\\u%04x", c);
        return 1;
    }
    uint32_t code;
    int length = wr_utf8_decode(data, size, &code);
    if (length == 0) { /* JSON has no way to carry bytes that are not text */
        wr_buf_add_text(buf, "\xef\xbf\xbd");
        return 1;
    }
    wr_buf_add(buf, data, (size_t)length);
    return (size_t)length;
}

/* How many bytes from i on stand for themselves in JSON. */
static size_t plain_in_json(wr_str text, size_t i)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t from = i;
    for (; i + 8 <= text.length; i += 8) {
        uint64_t x, quote, slash;
        memcpy(&x, text.data + i, 8);
        quote = x ^ ones * '"';
        slash = x ^ ones * '\\';
        /* A borrow may flag a byte too many, never one too few; 0x7f shows when 1 is added. */
        uint64_t special = (x - ones * ' ') | (quote - ones) | (slash - ones) | x | (x + ones);
        if (special & tops) break;
    }
    while (i < text.length && (unsigned char)text.data[i] >= ' ' &&
           (unsigned char)text.data[i] < 0x7f && text.data[i] != '"' && text.data[i] != '\\')
        i++;
    return i - from;
}

void wr_buf_add_json(wr_buf *buf, wr_str text)
{
    if (!buf->drain) wr_buf_reserve(buf, text.length + 2);
    wr_buf_add_char(buf, '"');
    for (size_t i = 0; i < text.length;) {
        size_t plain = i;
        i += plain_in_json(text, i);
        wr_buf_add(buf, text.data + plain, i - plain);
        if (i < text.length) i += add_json_special(buf, text.data + i, text.length - i);
    }
    wr_buf_add_char(buf, '"');
}
