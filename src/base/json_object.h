/* json_object.h - small JSON objects as messages: members written in order, members read by name.
 * Any thread. */
#pragma once
#include "base/arena.h"
#include "base/json.h"

/* Adds a member to the object or array that is being written at the end of out: a comma if there
 * is something before it, its name (NULL in arrays) and the value as text, as JSON (null if it is
 * empty) or as number. */
void wr_json_put_text(wr_buf *out, const char *name, wr_str value);
void wr_json_put(wr_buf *out, const char *name, wr_str value);
void wr_json_put_int(wr_buf *out, const char *name, int64_t value);
void wr_json_put_bool(wr_buf *out, const char *name, bool value);
/* A member of a valid JSON object, as text without its quotes, or as JSON without blanks; empty if
 * there is none or it is null. In the arena, ending with a NUL. */
wr_str wr_json_text_of(wr_arena *arena, wr_str object, const char *name);
wr_str wr_json_member_of(wr_arena *arena, wr_str object, const char *name);
/* A whole number >= 0; missing if there is none. */
int64_t wr_json_int_of(wr_str object, const char *name, int64_t missing);
bool wr_json_bool_of(wr_str object, const char *name);
