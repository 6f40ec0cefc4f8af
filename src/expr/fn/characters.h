/* characters.h - stepping through UTF-8 text by characters (code points), for the text families. */
#pragma once
#include "base/text.h"

/* Bytes of the character at s; at least 1 and at most size, whatever the bytes are. */
static inline size_t wr_char_size(const char *s, size_t size)
{
    uint8_t c = (uint8_t)*s;
    size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return want < size ? want : size;
}
/* Byte offset of the character with index count; size if there are fewer. */
static inline size_t wr_char_offset(const char *s, size_t size, int64_t count)
{
    size_t at = 0;
    while (count > 0 && at < size) {
        at += wr_char_size(s + at, size - at);
        count--;
    }
    return at;
}
static inline bool wr_is_ascii(const char *s, size_t size)
{
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, s + i, 8);
        seen |= word;
    }
    for (; i < size; i++)
        seen |= (uint8_t)s[i];
    return !(seen & UINT64_C(0x8080808080808080));
}
/* Decodes the character at s; malformed bytes count as one character of their own value. */
static inline uint32_t wr_char_at(const char *s, size_t size, size_t *used)
{
    uint32_t code = 0;
    int n = wr_utf8_decode(s, size, &code);
    *used = n > 0 ? (size_t)n : 1;
    return n > 0 ? code : (uint8_t)*s;
}
