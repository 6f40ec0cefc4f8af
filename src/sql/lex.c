/* lex.c - text to tokens.
 *
 * The whole text is split before parsing starts, so that the parser looks ahead by index and error
 * messages can look back. Operators are matched longest first against the known ones
 * (operators.def), which makes "a<-1" read as a < -1 without PostgreSQL's trailing-sign rule.
 * Quoted texts are decoded here; token texts point into the arena's copy of the statement unless
 * decoding had to change them.
 *
 * Traps: "?" is a parameter or an operator, ":" a slice, a struct field, an alias or a named
 * parameter: the parser decides, tokens stay single. ">>" may close two type brackets: the type
 * parser splits it. */
#include "sql/lex.h"

typedef WR_LIST(wr_token) token_buffer;

typedef struct lexer {
    wr_arena *arena;
    wr_str sql; /* the arena's copy: has a NUL behind, so reading one byte ahead is safe */
    size_t at;
    token_buffer tokens;
} lexer;

static const char *const keyword_texts[WR_KW_COUNT + 1] = {
    "",
#define X(word, category, label) #word,
#include "sql/keywords.def"
#undef X
    NULL,
};

enum label { BARE, AS_ONLY };
static const struct keyword_row {
    uint8_t category, label, length;
} keyword_rows[WR_KW_COUNT] = {
    {0},
#define X(word, category, label) {WR_WORD_##category, label, sizeof(#word) - 1},
#include "sql/keywords.def"
#undef X
};

static const struct operator_row {
    const char *text;
    uint8_t length;
} operator_rows[WR_OP_COUNT] = {
    {"", 0},
#define X(name, text, level) {text, sizeof(text) - 1},
#include "sql/operators.def"
#undef X
};

const char *wr_sql_op_text(wr_sql_op op)
{
    wr_assert(op < WR_OP_COUNT);
    return operator_rows[op].text;
}

const char *wr_keyword_text(wr_keyword keyword)
{
    wr_assert(keyword < WR_KW_COUNT);
    return keyword_texts[keyword];
}

wr_keyword_category wr_keyword_category_of(wr_keyword keyword)
{
    wr_assert(keyword < WR_KW_COUNT);
    return (wr_keyword_category)keyword_rows[keyword].category;
}

bool wr_keyword_is_bare_label(wr_keyword keyword)
{
    wr_assert(keyword < WR_KW_COUNT);
    return keyword_rows[keyword].label == BARE;
}

static inline char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

static int compare_word(wr_str word, int row)
{
    const char *text = keyword_texts[row];
    size_t length = keyword_rows[row].length;
    for (size_t i = 0; i < word.length && i < length; i++) {
        int difference = (unsigned char)upper(word.data[i]) - (unsigned char)text[i];
        if (difference) return difference;
    }
    return word.length < length ? -1 : word.length > length;
}

wr_keyword wr_keyword_find(wr_str word)
{
    int low = 1, high = WR_KW_COUNT - 1;
    if (word.length < 2 || word.length > 17) return WR_NOT_A_KEYWORD;
    while (low <= high) {
        int middle = (low + high) / 2, order = compare_word(word, middle);
        if (order == 0) return (wr_keyword)middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return WR_NOT_A_KEYWORD;
}

static wr_span span_from(const lexer *lx, size_t start)
{
    return (wr_span){(uint32_t)start, (uint32_t)(lx->at - start)};
}

static wr_token *add_token(lexer *lx, wr_token_kind kind, size_t start, wr_str text)
{
    wr_token token = {.kind = (uint8_t)kind,
                      .pos = (uint32_t)start,
                      .length = (uint32_t)(lx->at - start),
                      .text = text};
    wr_push(lx->arena, &lx->tokens, token);
    return &lx->tokens.items[lx->tokens.count - 1];
}

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

static inline bool is_name_start(char c)
{
    return (upper(c) >= 'A' && upper(c) <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static inline bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '$'; }

static int hex_digit(char c)
{
    if (is_digit(c)) return c - '0';
    c = upper(c);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Blanks beyond ASCII that editors and web pages slip in; returns their length. */
static int unicode_blank(const char *data, size_t size)
{
    uint32_t code;
    int used = wr_utf8_decode(data, size, &code);
    bool blank = code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200B) ||
                 code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
                 code == 0x3000 || code == 0xFEFF;
    return used > 0 && blank ? used : 0;
}

static weir_status skip_block_comment(lexer *lx)
{
    size_t start = lx->at;
    int depth = 0;
    do {
        if (lx->at >= lx->sql.length)
            return wr_with_hint(wr_fail_at(WR_E_UNTERMINATED, (wr_span){(uint32_t)start, 2},
                                           "the comment is never closed"),
                                "comments nest: each /* needs its own */");
        const char *here = lx->sql.data + lx->at;
        if (here[0] == '/' && here[1] == '*')
            depth++, lx->at += 2;
        else if (here[0] == '*' && here[1] == '/')
            depth--, lx->at += 2;
        else
            lx->at++;
    } while (depth > 0);
    return WR_OK;
}

/* Skips blanks and comments. *newline tells if a line ended on the way. */
static weir_status skip_blanks(lexer *lx, bool *newline)
{
    *newline = false;
    while (lx->at < lx->sql.length) {
        const char *here = lx->sql.data + lx->at;
        int wide;
        if (*here == ' ' || (*here >= '\t' && *here <= '\r')) {
            *newline |= *here == '\n' || *here == '\r';
            lx->at++;
        } else if (here[0] == '-' && here[1] == '-') {
            while (lx->at < lx->sql.length && lx->sql.data[lx->at] != '\n')
                lx->at++;
        } else if (here[0] == '/' && here[1] == '*') {
            WR_TRY(skip_block_comment(lx));
        } else if ((unsigned char)*here >= 0x80 &&
                   (wide = unicode_blank(here, lx->sql.length - lx->at)) > 0) {
            lx->at += (size_t)wide;
        } else {
            break;
        }
    }
    return WR_OK;
}

static weir_status fail_unclosed(lexer *lx, size_t start, const char *what)
{
    size_t end = start;
    while (end < lx->sql.length && lx->sql.data[end] != '\n' && end - start < 40)
        end++;
    while (end < lx->sql.length && ((unsigned char)lx->sql.data[end] & 0xC0) == 0x80)
        end++;
    weir_status bad =
        wr_fail_at(WR_E_UNTERMINATED, (wr_span){(uint32_t)start, (uint32_t)(end - start)},
                   "the %s is never closed", what);
    if (strcmp(what, "text") != 0) return bad;
    return wr_with_hint(bad, "a quote inside a text is doubled: 'it''s'");
}

/* Reads to the closing quote; lx->at stands behind the opening one. Doubled quotes become one. */
static weir_status read_quoted(lexer *lx, size_t start, char quote, const char *what, wr_str *out)
{
    size_t begin = lx->at, doubled = 0;
    for (;; lx->at++) {
        const char *next = memchr(lx->sql.data + lx->at, quote, lx->sql.length - lx->at);
        if (!next) return fail_unclosed(lx, start, what);
        lx->at = (size_t)(next - lx->sql.data) + 1;
        if (lx->at >= lx->sql.length || lx->sql.data[lx->at] != quote) break;
        doubled++;
    }
    size_t raw = lx->at - 1 - begin;
    *out = (wr_str){lx->sql.data + begin, raw};
    if (!doubled) return WR_OK;
    char *text = wr_arena_alloc(lx->arena, raw - doubled + 1);
    size_t length = 0;
    for (size_t i = 0; i < raw; i++) {
        text[length++] = lx->sql.data[begin + i];
        if (lx->sql.data[begin + i] == quote) i++;
    }
    wr_check(length == raw - doubled);
    *out = (wr_str){text, length};
    return WR_OK;
}

/* Reads digits of a \x, \u or \U escape, or octal ones; returns how many were there. */
static int escape_digits(const char *text, size_t left, int base, int most, uint32_t *code)
{
    int count = 0;
    *code = 0;
    while (count < most && (size_t)count < left) {
        int digit = hex_digit(text[count]);
        if (digit < 0 || digit >= base) break;
        *code = *code * (uint32_t)base + (uint32_t)digit;
        count++;
    }
    return count;
}

static weir_status fail_escape(size_t pos, size_t length, const char *why)
{
    return wr_fail_at(WR_E_SYNTAX, (wr_span){(uint32_t)pos, (uint32_t)length}, "%s", why);
}

/* A \u escape, which may be the first half of a surrogate pair. Returns the bytes read after the
 * letter, 0 if bad. */
static int unicode_escape(const char *text, size_t left, int digits, uint32_t *code)
{
    if (escape_digits(text, left, 16, digits, code) != digits) return 0;
    if (*code < 0xD800 || *code > 0xDBFF) return digits;
    uint32_t low;
    int second = digits + 2;
    if (left < (size_t)second || text[digits] != '\\') return 0;
    if (escape_digits(text + second, left - (size_t)second, 16, 4, &low) != 4) return 0;
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return second + 4;
}

/* One escape of E'..'; lx->at stands behind the backslash. */
static weir_status decode_escape(lexer *lx, char *text, size_t *length)
{
    size_t start = lx->at - 1;
    char letter = lx->sql.data[lx->at++];
    const char *rest = lx->sql.data + lx->at;
    size_t left = lx->sql.length - lx->at;
    uint32_t code = 0;
    int used;
    static const char letters[] = "bfnrtv", values[] = "\b\f\n\r\t\v";
    const char *simple = letter ? strchr(letters, letter) : NULL;
    if (simple) {
        text[(*length)++] = values[simple - letters];
    } else if (letter == 'u' || letter == 'U') {
        used = unicode_escape(rest, left, letter == 'u' ? 4 : 8, &code);
        int bytes = used ? wr_utf8_encode(code, text + *length) : 0;
        if (!bytes || code == 0)
            return fail_escape(start, 2, "the Unicode escape is not a character");
        *length += (size_t)bytes;
        lx->at += (size_t)used;
    } else if (letter == 'x' && (used = escape_digits(rest, left, 16, 2, &code)) > 0) {
        text[(*length)++] = (char)code;
        lx->at += (size_t)used;
    } else if (letter >= '0' && letter <= '7') {
        used = escape_digits(rest - 1, left + 1, 8, 3, &code);
        text[(*length)++] = (char)code;
        lx->at += (size_t)used - 1;
    } else {
        text[(*length)++] = letter;
        return WR_OK;
    }
    if (text[*length - 1] == '\0')
        return fail_escape(start, lx->at - start, "a text cannot hold the character 0");
    return WR_OK;
}

static weir_status read_escaped(lexer *lx, size_t start, wr_str *out)
{
    /* The longest escape result is shorter than its source, so the rest of the literal bounds the
     * buffer. */
    size_t end = lx->at;
    while (end < lx->sql.length) {
        bool doubled = lx->sql.data[end] == '\'' && lx->sql.data[end + 1] == '\'';
        if (lx->sql.data[end] == '\'' && !doubled) break;
        end += doubled || lx->sql.data[end] == '\\' ? 2 : 1;
    }
    if (end >= lx->sql.length) return fail_unclosed(lx, start, "text");
    char *text = wr_arena_alloc(lx->arena, end - lx->at + 8);
    size_t length = 0;
    while (lx->at < end) {
        char c = lx->sql.data[lx->at++];
        if (c == '\\') {
            WR_TRY(decode_escape(lx, text, &length));
        } else {
            text[length++] = c;
            if (c == '\'') lx->at++;
        }
    }
    lx->at = end + 1;
    if (!wr_utf8_valid(text, length))
        return wr_fail_at(WR_E_BAD_ENCODING, span_from(lx, start),
                          "the escapes in this text do not make valid UTF-8");
    *out = (wr_str){text, length};
    return WR_OK;
}

/* \XXXX and \+XXXXXX of U&'..' and U&".." in place of the escape letter. */
static weir_status decode_unicode(lexer *lx, wr_span span, wr_str raw, wr_str *out)
{
    char *text = wr_arena_alloc(lx->arena, raw.length + 8);
    size_t length = 0;
    for (size_t i = 0; i < raw.length; i++) {
        uint32_t code;
        int used = 0, bytes = 0;
        if (raw.data[i] != '\\') {
            text[length++] = raw.data[i];
            continue;
        }
        if (i + 1 < raw.length && raw.data[i + 1] == '\\') {
            text[length++] = '\\';
            i++;
            continue;
        }
        const char *rest = raw.data + i + 1;
        size_t left = raw.length - i - 1;
        if (left > 0 && rest[0] == '+') {
            used = escape_digits(rest + 1, left - 1, 16, 6, &code) == 6 ? 7 : 0;
        } else if ((used = escape_digits(rest, left, 16, 4, &code)) != 4) {
            used = 0;
        } else if (code >= 0xD800 && code <= 0xDBFF) {
            uint32_t low;
            bool pair = left >= 9 && rest[4] == '\\' &&
                        escape_digits(rest + 5, 4, 16, 4, &low) == 4 && low >= 0xDC00 &&
                        low <= 0xDFFF;
            if (pair) code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            used = pair ? 9 : 0;
        }
        if (used && code) bytes = wr_utf8_encode(code, text + length);
        if (!bytes) return wr_fail_at(WR_E_SYNTAX, span, "the Unicode escape is not a character");
        length += (size_t)bytes;
        i += (size_t)used;
    }
    *out = (wr_str){text, length};
    return WR_OK;
}

/* 'a' <newline> 'b' is one literal, 'ab'. Returns with *joined false if no further piece follows.
 */
static weir_status join_next_piece(lexer *lx, wr_str *text, bool *joined)
{
    size_t before = lx->at;
    bool newline;
    WR_TRY(skip_blanks(lx, &newline));
    *joined = newline && lx->at < lx->sql.length && lx->sql.data[lx->at] == '\'';
    if (!*joined) {
        lx->at = before;
        return WR_OK;
    }
    wr_str piece;
    size_t start = lx->at++;
    WR_TRY(read_quoted(lx, start, '\'', "text", &piece));
    char *both = wr_arena_alloc(lx->arena, text->length + piece.length + 1);
    if (text->length) memcpy(both, text->data, text->length);
    if (piece.length) memcpy(both + text->length, piece.data, piece.length);
    *text = (wr_str){both, text->length + piece.length};
    return WR_OK;
}

static weir_status check_digits(lexer *lx, size_t start, wr_str digits, int base)
{
    for (size_t i = 0; i < digits.length; i++) {
        int digit = hex_digit(digits.data[i]);
        if (digit < 0 || digit >= base)
            return wr_fail_at(WR_E_SYNTAX, span_from(lx, start), "\"%c\" is not a %s digit",
                              digits.data[i], base == 2 ? "binary" : "hexadecimal");
    }
    return WR_OK;
}

/* A literal in single quotes; prefix is the letter before it (E, X, B, N, U for U&) or 0. */
static weir_status lex_string(lexer *lx, size_t start, char prefix)
{
    wr_str text;
    if (prefix == 'E')
        WR_TRY(read_escaped(lx, start, &text));
    else
        WR_TRY(read_quoted(lx, start, '\'', "text", &text));
    if (prefix == 'X' || prefix == 'B') {
        WR_TRY(check_digits(lx, start, text, prefix == 'X' ? 16 : 2));
        add_token(lx, prefix == 'X' ? WR_TOKEN_HEX : WR_TOKEN_BITS, start, text);
        return WR_OK;
    }
    if (prefix == 'U') WR_TRY(decode_unicode(lx, span_from(lx, start), text, &text));
    bool joined = prefix != 'E' && prefix != 'U';
    while (joined)
        WR_TRY(join_next_piece(lx, &text, &joined));
    add_token(lx, WR_TOKEN_STRING, start, text);
    return WR_OK;
}

static weir_status lex_quoted_name(lexer *lx, size_t start, bool unicode)
{
    wr_str text;
    char quote = lx->sql.data[lx->at - 1];
    WR_TRY(read_quoted(lx, start, quote, "quoted name", &text));
    if (unicode) WR_TRY(decode_unicode(lx, span_from(lx, start), text, &text));
    if (text.length == 0)
        return wr_with_hint(wr_fail_at(WR_E_SYNTAX, span_from(lx, start), "the name is empty"),
                            "an empty text is written ''");
    add_token(lx, WR_TOKEN_QUOTED, start, text);
    return WR_OK;
}

/* $"name": how a parameter is written whose name holds a $ or a blank. */
static weir_status lex_quoted_param(lexer *lx, size_t start)
{
    lx->at++;
    WR_TRY(lex_quoted_name(lx, start, false));
    wr_token *token = &lx->tokens.items[lx->tokens.count - 1];
    token->kind = WR_TOKEN_PARAM;
    token->detail = WR_PUNCT_PARAM_QUOTED;
    return WR_OK;
}

/* $1, $name, $"name", $$text$$, $tag$text$tag$ */
static weir_status lex_dollar(lexer *lx)
{
    size_t start = lx->at++;
    if (lx->at < lx->sql.length && lx->sql.data[lx->at] == '"') return lex_quoted_param(lx, start);
    size_t begin = lx->at;
    while (lx->at < lx->sql.length && is_name_part(lx->sql.data[lx->at]) &&
           lx->sql.data[lx->at] != '$')
        lx->at++;
    wr_str tag = {lx->sql.data + begin, lx->at - begin};
    bool numeric = tag.length > 0 && is_digit(tag.data[0]);
    if (numeric || lx->at >= lx->sql.length || lx->sql.data[lx->at] != '$') {
        for (size_t i = 0; i < tag.length; i++)
            if (numeric && !is_digit(tag.data[i])) tag.length = 0;
        if (tag.length == 0)
            return wr_with_hint(wr_fail_at(WR_E_SYNTAX, span_from(lx, start), "not a parameter"),
                                "parameters are $1, $name, :name or ?");
        add_token(lx, WR_TOKEN_PARAM, start, tag);
        return WR_OK;
    }
    lx->at++;
    wr_str fence = {lx->sql.data + start, lx->at - start};
    wr_str rest = {lx->sql.data + lx->at, lx->sql.length - lx->at};
    ptrdiff_t end = wr_str_find(rest, fence);
    if (end < 0) return fail_unclosed(lx, start, "dollar-quoted text");
    lx->at += (size_t)end + fence.length;
    add_token(lx, WR_TOKEN_STRING, start, (wr_str){rest.data, (size_t)end});
    return WR_OK;
}

/* Digits of base 2, 8 or 16 as decimal digits, by repeated multiplication. */
static wr_str to_decimal(wr_arena *arena, wr_str digits, int base)
{
    size_t cap = digits.length * 2 + 2, used = 1;
    char *value = wr_arena_alloc(arena, cap); /* least significant first, as numbers 0-9 */
    for (size_t i = 0; i < digits.length; i++) {
        int carry = hex_digit(digits.data[i]);
        for (size_t k = 0; k < used; k++) {
            int sum = value[k] * base + carry;
            value[k] = (char)(sum % 10);
            carry = sum / 10;
        }
        while (carry)
            value[used++] = (char)(carry % 10), carry /= 10;
    }
    wr_check(used <= cap);
    char *text = wr_arena_alloc(arena, used + 1);
    for (size_t k = 0; k < used; k++)
        text[k] = (char)('0' + value[used - 1 - k]);
    return (wr_str){text, used};
}

/* Takes digits and single underscores between them. */
static void skip_digits(lexer *lx, int base)
{
    for (;;) {
        char c = lx->sql.data[lx->at];
        bool gap = c == '_';
        int digit = hex_digit(gap ? lx->sql.data[lx->at + 1] : c);
        if (lx->at >= lx->sql.length || digit < 0 || digit >= base) return;
        lx->at += gap ? 2 : 1;
    }
}

static wr_str without_underscores(lexer *lx, size_t from)
{
    wr_str text = {lx->sql.data + from, lx->at - from};
    if (text.length && memchr(text.data, '_', text.length)) {
        char *clean = wr_arena_alloc(lx->arena, text.length + 1);
        size_t length = 0;
        for (size_t i = 0; i < text.length; i++)
            if (text.data[i] != '_') clean[length++] = text.data[i];
        text = (wr_str){clean, length};
    }
    return text;
}

static weir_status lex_based_integer(lexer *lx, size_t start, int base)
{
    enum { digits_max = 1000 };
    lx->at += 2;
    size_t from = lx->at;
    if (lx->sql.data[lx->at] == '_') lx->at++;
    skip_digits(lx, base);
    wr_str digits = without_underscores(lx, from);
    if (digits.length == 0 || is_name_part(lx->sql.data[lx->at])) {
        while (lx->at < lx->sql.length && is_name_part(lx->sql.data[lx->at]))
            lx->at++;
        return wr_fail_at(WR_E_SYNTAX, span_from(lx, start), "not a number of base %d", base);
    }
    if (digits.length > digits_max)
        return wr_fail_at(WR_E_TOO_BIG, span_from(lx, start), "the number has more than %d digits",
                          digits_max);
    add_token(lx, WR_TOKEN_INTEGER, start, to_decimal(lx->arena, digits, base));
    return WR_OK;
}

static weir_status lex_number(lexer *lx)
{
    size_t start = lx->at;
    const char *data = lx->sql.data;
    char letter = data[start] == '0' ? upper(data[start + 1]) : 0;
    if (letter == 'X' || letter == 'O' || letter == 'B')
        return lex_based_integer(lx, start, letter == 'X' ? 16 : letter == 'O' ? 8 : 2);
    wr_token_kind kind = WR_TOKEN_INTEGER;
    skip_digits(lx, 10);
    if (data[lx->at] == '.' && data[lx->at + 1] != '.') {
        kind = WR_TOKEN_DECIMAL;
        lx->at++;
        if (is_digit(data[lx->at])) skip_digits(lx, 10);
    }
    if (upper(data[lx->at]) == 'E') {
        size_t sign = data[lx->at + 1] == '+' || data[lx->at + 1] == '-';
        if (is_digit(data[lx->at + 1 + sign])) {
            kind = WR_TOKEN_FLOAT;
            lx->at += 1 + sign;
            skip_digits(lx, 10);
        }
    }
    if (lx->at < lx->sql.length && is_name_part(data[lx->at]) &&
        !unicode_blank(data + lx->at, lx->sql.length - lx->at)) {
        while (lx->at < lx->sql.length && is_name_part(data[lx->at]))
            lx->at++;
        return wr_with_hint(
            wr_fail_at(WR_E_SYNTAX, span_from(lx, start), "letters follow the number directly"),
            "a name that starts with a digit needs double quotes; an alias needs a space");
    }
    add_token(lx, kind, start, without_underscores(lx, start));
    return WR_OK;
}

static void lex_name(lexer *lx)
{
    size_t start = lx->at;
    while (lx->at < lx->sql.length && is_name_part(lx->sql.data[lx->at])) {
        const char *here = lx->sql.data + lx->at;
        if ((unsigned char)*here >= 0x80 && unicode_blank(here, lx->sql.length - lx->at)) break;
        lx->at++;
    }
    wr_str text = {lx->sql.data + start, lx->at - start};
    add_token(lx, WR_TOKEN_NAME, start, text)->keyword = (uint16_t)wr_keyword_find(text);
}

/* Curly quotes of word processors would otherwise become strange names. */
static weir_status check_curly_quote(lexer *lx)
{
    uint32_t code;
    int used = wr_utf8_decode(lx->sql.data + lx->at, lx->sql.length - lx->at, &code);
    bool one = code == 0x2018 || code == 0x2019, two = code == 0x201C || code == 0x201D;
    if (!one && !two) return WR_OK;
    return wr_with_hint(wr_fail_at(WR_E_SYNTAX, (wr_span){(uint32_t)lx->at, (uint32_t)used},
                                   "a typographic quote is not a quote in SQL"),
                        one ? "use ' for texts" : "use ' for texts and \" for names");
}

static weir_status lex_operator(lexer *lx)
{
    size_t start = lx->at, left = lx->sql.length - lx->at;
    const char *here = lx->sql.data + lx->at;
    int best = 0;
    if (left >= 2 && here[0] == '!' && here[1] == '=') {
        lx->at += 2;
        add_token(lx, WR_TOKEN_OPERATOR, start, (wr_str){here, 2})->detail = WR_OP_NE;
        return WR_OK;
    }
    if (left >= 2 && here[0] == '=' && here[1] == '=') {
        lx->at += 2;
        add_token(lx, WR_TOKEN_OPERATOR, start, (wr_str){here, 2})->detail = WR_OP_EQ;
        return WR_OK;
    }
    for (int op = 1; op < WR_OP_COUNT; op++) {
        size_t length = operator_rows[op].length;
        if (length > left || operator_rows[op].text[0] != *here) continue;
        if (length > operator_rows[best].length &&
            memcmp(here, operator_rows[op].text, length) == 0)
            best = op;
    }
    /* "? || x" written without blanks is a parameter and a concatenation. */
    if (here[0] == '?' && left > 2 && here[1] == '|' && here[2] == '|') best = WR_OP_KEY_EXISTS;
    if (!best) {
        lx->at++;
        return wr_fail_at(WR_E_SYNTAX, span_from(lx, start), "\"%c\" has no meaning in SQL", *here);
    }
    lx->at += operator_rows[best].length;
    add_token(lx, WR_TOKEN_OPERATOR, start, (wr_str){here, lx->at - start})->detail = (uint8_t)best;
    return WR_OK;
}

/* Punctuation, or false if the character begins something else. */
static bool lex_punctuation(lexer *lx)
{
    size_t start = lx->at;
    const char *here = lx->sql.data + lx->at;
    int punct = 0, length = 1;
    if (here[0] == ':' && here[1] == ':')
        punct = WR_PUNCT_CAST, length = 2;
    else if (here[0] == ':' && here[1] == '=')
        punct = WR_PUNCT_ASSIGN, length = 2;
    else if (here[0] == '=' && here[1] == '>')
        punct = WR_PUNCT_ARROW, length = 2;
    else if (strchr("()[]{},;.:", *here))
        punct = *here;
    if (!punct) return false;
    lx->at += (size_t)length;
    add_token(lx, WR_TOKEN_PUNCT, start, (wr_str){here, (size_t)length})->detail = (uint8_t)punct;
    return true;
}

static weir_status lex_one(lexer *lx)
{
    size_t start = lx->at;
    const char *here = lx->sql.data + lx->at;
    char first = upper(here[0]);
    if (here[0] == '\'') {
        lx->at++;
        return lex_string(lx, start, 0);
    }
    if (here[1] == '\'' && (first == 'E' || first == 'X' || first == 'B' || first == 'N')) {
        lx->at += 2;
        return lex_string(lx, start, first == 'N' ? 0 : first);
    }
    if (first == 'U' && here[1] == '&' && (here[2] == '\'' || here[2] == '"')) {
        lx->at += 3;
        return here[2] == '"' ? lex_quoted_name(lx, start, true) : lex_string(lx, start, 'U');
    }
    if (here[0] == '"' || here[0] == '`') {
        lx->at++;
        return lex_quoted_name(lx, start, false);
    }
    if (is_digit(here[0]) || (here[0] == '.' && is_digit(here[1]))) return lex_number(lx);
    if (here[0] == '$') return lex_dollar(lx);
    if (is_name_start(here[0])) {
        if ((unsigned char)here[0] >= 0x80) WR_TRY(check_curly_quote(lx));
        lex_name(lx);
        return WR_OK;
    }
    if (lex_punctuation(lx)) return WR_OK;
    return lex_operator(lx);
}

weir_status wr_lex(wr_arena *arena, wr_str sql, wr_token_list *out)
{
    if (sql.length > (1u << 30))
        return wr_fail(WR_E_TOO_BIG, "a statement text of %zu bytes is too long", sql.length);
    if (!wr_utf8_valid(sql.data, sql.length))
        return wr_fail(WR_E_BAD_ENCODING, "the statement is not valid UTF-8");
    const char *zero = sql.length ? memchr(sql.data, 0, sql.length) : NULL;
    if (zero)
        return wr_fail_at(WR_E_SYNTAX, (wr_span){(uint32_t)(zero - sql.data), 1},
                          "the statement holds the character 0");
    /* Two more NULs than the copy's own, because prefixes such as U&' look two bytes ahead. */
    char *copy = wr_arena_alloc(arena, sql.length + 4);
    if (sql.length) memcpy(copy, sql.data, sql.length);
    lexer lx = {.arena = arena, .sql = {copy, sql.length}};
    for (;;) {
        bool newline;
        WR_TRY(skip_blanks(&lx, &newline));
        if (lx.at >= lx.sql.length) break;
        WR_TRY(lex_one(&lx));
    }
    add_token(&lx, WR_TOKEN_END, lx.at, (wr_str){"", 0});
    out->items = lx.tokens.items;
    out->count = lx.tokens.count;
    return WR_OK;
}
