/* lex.h - text to tokens. */
#pragma once
#include "sql/expr.h"

typedef enum wr_keyword {
    WR_NOT_A_KEYWORD = 0,
#define X(word, category, label) WR_KW_##word,
#include "sql/keywords.def"
#undef X
    WR_KW_COUNT
} wr_keyword;

typedef enum wr_keyword_category {
    WR_WORD_UNRESERVED,
    WR_WORD_COLUMN,
    WR_WORD_TYPE_FUNC,
    WR_WORD_RESERVED
} wr_keyword_category;

typedef enum wr_token_kind {
    WR_TOKEN_END,
    WR_TOKEN_NAME,   /* identifier or keyword: .keyword says which */
    WR_TOKEN_QUOTED, /* "name" or `name` */
    WR_TOKEN_INTEGER,
    WR_TOKEN_DECIMAL,
    WR_TOKEN_FLOAT,
    WR_TOKEN_STRING,   /* 'x', E'x', U&'x', N'x', $tag$x$tag$ */
    WR_TOKEN_BITS,     /* b'01' */
    WR_TOKEN_HEX,      /* x'1f' */
    WR_TOKEN_PARAM,    /* $1, $name, $"name" */
    WR_TOKEN_OPERATOR, /* .op */
    WR_TOKEN_PUNCT     /* .punct */
} wr_token_kind;

typedef enum wr_punct {
    WR_PUNCT_OPEN = '(',
    WR_PUNCT_CLOSE = ')',
    WR_PUNCT_OPEN_LIST = '[',
    WR_PUNCT_CLOSE_LIST = ']',
    WR_PUNCT_OPEN_BRACE = '{',
    WR_PUNCT_CLOSE_BRACE = '}',
    WR_PUNCT_COMMA = ',',
    WR_PUNCT_SEMICOLON = ';',
    WR_PUNCT_DOT = '.',
    WR_PUNCT_COLON = ':',
    WR_PUNCT_CAST = 'c', /* :: */
    WR_PUNCT_ASSIGN = 'a',
    /* := */ WR_PUNCT_ARROW = 'r',
    /* => */ WR_PUNCT_PARAM_QUOTED = '"' /* detail of a PARAM: $"name", never a number */
} wr_punct;

typedef struct wr_token {
    uint8_t kind;     /* wr_token_kind */
    uint8_t detail;   /* wr_punct or wr_sql_op */
    uint16_t keyword; /* of a NAME, else WR_NOT_A_KEYWORD */
    uint32_t pos, length;
    wr_str text; /* NAME: as spelled; QUOTED, STRING, BITS, HEX: decoded content; INTEGER: decimal
                    digits; DECIMAL, FLOAT: without underscores; PARAM: without the $ */
} wr_token;

typedef struct wr_token_list {
    wr_token *items;
    int count; /* the last one is an END token */
} wr_token_list;

/* Splits sql into tokens, comments left out. Texts live in the arena. Fails with UNTERMINATED,
 * SYNTAX, BAD_ENCODING or TOO_BIG (over 1 GB of text); the error carries the position. One thread
 * per arena. */
WR_MUST_CHECK weir_status wr_lex(wr_arena *arena, wr_str sql, wr_token_list *out);

/* The keyword of that spelling in any case, or WR_NOT_A_KEYWORD. */
wr_keyword wr_keyword_find(wr_str word);
wr_keyword_category wr_keyword_category_of(wr_keyword keyword);
bool wr_keyword_is_bare_label(wr_keyword keyword);
/* In capitals. */
const char *wr_keyword_text(wr_keyword keyword);
