/* secret.h - passwords inside addresses, before somebody sees them. */
#pragma once
#include "base/text.h"

/* The next password at or after *pos: between "user:" and the last '@' of "scheme://user:..@host",
 * or behind "password=" among the parameters of an address. *pos is left behind it. false: no more.
 */
bool wr_password_next(wr_str text, size_t *pos, wr_str *out);
/* Appends text with "***" for each password. */
void wr_passwords_hide(wr_str text, wr_buf *out);
/* Writes '*' over each character of passwords; places in the text stay what they are. */
void wr_passwords_mask(char *text, size_t length);
