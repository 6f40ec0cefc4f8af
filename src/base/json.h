/* json.h - walking through JSON text without building a tree.
 *
 * A value is the piece of text it is written as. Readers are strict (RFC 8259) and limited in
 * depth; on malformed text they say so and never read past its end. Any thread. */
#pragma once
#include "base/text.h"

#define WR_JSON_DEPTH_MAX 512

typedef enum wr_json_kind {
    WR_JSON_BAD,
    WR_JSON_NULL,
    WR_JSON_FALSE,
    WR_JSON_TRUE,
    WR_JSON_NUMBER,
    WR_JSON_STRING,
    WR_JSON_ARRAY,
    WR_JSON_OBJECT
} wr_json_kind;

bool wr_json_valid(wr_str text); /* exactly one value, blanks around it allowed */
/* By the first character; BAD if it cannot begin a value. */
wr_json_kind wr_json_kind_of(wr_str value);
/* Reads the value at the front of *rest (blanks before it are skipped) into *value and moves *rest
 * behind it. */
bool wr_json_take(wr_str *rest, wr_str *value);

/* Members of an array or object: start with wr_json_begin, then next until it returns false. key is
 * the quoted string of an object's member and empty for arrays. */
typedef struct wr_json_members {
    wr_str rest;
    bool is_object, is_first, is_bad;
} wr_json_members;
bool wr_json_begin(wr_str value, wr_json_members *members); /* false: neither array nor object */
bool wr_json_next(wr_json_members *members, wr_str *key, wr_str *value);

/* Adds the characters a quoted string stands for; false if it is malformed. */
bool wr_json_unquote(wr_str string, wr_buf *out);
bool wr_json_find(wr_str object, wr_str key, wr_str *value); /* the last member of that name */
bool wr_json_at(wr_str array, int64_t index, wr_str *value); /* from 0; negative from the end */
/* "$.a.b[0]", "$", "/a/b/0" or a plain key. false if there is nothing; *bad_path if the path is
 * malformed. */
bool wr_json_path(wr_str value, wr_str path, wr_str *out, bool *bad_path);
/* Adds the value without blanks, or with indent spaces per level on lines of its own; drops members
 * that are null if asked. The value must be valid. */
void wr_json_write(wr_str value, int indent, bool strip_nulls, wr_buf *out);
