/* text.h - text as pointer and length, and a growable buffer to build it in. */
#pragma once
#include "base/status.h"
#include <string.h>

/* Borrowed bytes; not NUL-terminated unless said. */
typedef struct wr_str {
    const char *data;
    size_t length;
} wr_str;

#define WR_STR(literal) ((wr_str){literal, sizeof(literal) - 1})
#define WR_STR_ARGS(s) (int)(s).length, (s).data /* for "%.*s" */
static inline wr_str wr_str_of(const char *text) { return (wr_str){text, text ? strlen(text) : 0}; }
static inline bool wr_str_eq(wr_str a, wr_str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}
int wr_str_cmp(wr_str a, wr_str b);         /* byte order */
bool wr_str_ieq(wr_str a, wr_str b);        /* ASCII case-insensitive */
bool wr_str_is(wr_str a, const char *text); /* ASCII case-insensitive against a C string */
/* By bytes; ihas: ASCII case-insensitive. Any text has the empty one at both ends. */
bool wr_str_has_prefix(wr_str a, wr_str prefix);
bool wr_str_has_suffix(wr_str a, wr_str suffix);
bool wr_str_ihas_suffix(wr_str a, const char *suffix);
/* The part without ASCII blanks (line ends too) at both ends; borrows. */
wr_str wr_str_trim(wr_str a);
ptrdiff_t wr_str_find(wr_str hay, wr_str needle);      /* byte index or -1 */
uint64_t wr_hash_bytes(const void *data, size_t size); /* XXH3 */
uint64_t wr_hash_str_ci(wr_str s);                     /* of the ASCII-lowered text */

/* Heap text builder; zeroed = empty. text is NUL-terminated after any append. Aborts when out of
 * memory. */
typedef struct wr_buf {
    char *data;
    size_t length, cap;
    /* With drain set, text beyond piece bytes does not stay: it is handed on and forgotten, long
     * texts that are added without being copied. What is left at the end is the caller's. */
    void (*drain)(void *arg, const char *bytes, size_t size);
    void *drain_arg;
    size_t piece;
} wr_buf;

/* A buffer that is all zeros is empty; it grows as needed; a NUL that does not
 * count ends what was added. None of these fails (see base/mem.h on small memory). One thread at a
 * time per buffer. clear frees the bytes and leaves an empty buffer; texts taken from it
 * (wr_buf_str) end with it and with the next call that adds. */
void wr_buf_clear(wr_buf *buf);
void wr_buf_reserve(wr_buf *buf, size_t more);
void wr_buf_add(wr_buf *buf, const void *bytes, size_t size);
void wr_buf_add_str(wr_buf *buf, wr_str text);
void wr_buf_add_text(wr_buf *buf, const char *text);
void wr_buf_add_char(wr_buf *buf, char c);
void wr_buf_printf(wr_buf *buf, const char *fmt, ...) WR_PRINTF(2, 3);
void wr_buf_add_json(wr_buf *buf, wr_str text); /* as a quoted JSON string */
static inline wr_str wr_buf_str(const wr_buf *buf)
{
    return (wr_str){buf->data ? buf->data : "", buf->length};
}
static inline void wr_buf_scope_end(wr_buf *buf) { wr_buf_clear(buf); }
#define WR_BUF(name) __attribute__((cleanup(wr_buf_scope_end))) wr_buf name = {0}

/* UTF-8 */
bool wr_utf8_valid(const char *data, size_t size);
size_t wr_utf8_count(const char *data, size_t size);               /* code points */
int wr_utf8_decode(const char *data, size_t size, uint32_t *code); /* bytes used; 0 if malformed */
int wr_utf8_encode(uint32_t code, char out[4]); /* bytes written; 0 if not a scalar value */
int wr_utf8_width(uint32_t code);               /* terminal columns: 0, 1 or 2 */

/* Suggestions: the edit distance (with transpositions), and the best names within max(1, length /
 * 3). */
int wr_edit_distance(wr_str a, wr_str b); /* ASCII case-insensitive */
/* Offers one name; keeps the best three. Start with a zeroed object. */
typedef struct wr_nearest {
    wr_str wanted;
    int count, distance[3];
    wr_str name[3];
} wr_nearest;
void wr_nearest_offer(wr_nearest *nearest, wr_str name);
/* Adds hint "did you mean X?" and the candidates to an error; unchanged if nothing is near. */
WR_MUST_CHECK weir_status wr_with_nearest(weir_status s, const wr_nearest *nearest);
