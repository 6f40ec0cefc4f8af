/* unfinished.h - names of files that are not complete yet, and their end when their writer died.
 *
 * What appears complete or not at all is written beside its place under such a name and renamed
 * when it is whole. A process that is killed leaves it behind; the next one that writes into the
 * same folder removes it. The name says who writes, so that nobody loses what is still written. */
#pragma once
#include "sys/file.h"

/* Appends a name beside path that no other call gives: in this process, in another one, or on
 * another machine that shares the folder. */
void wr_unfinished_name(wr_str path, wr_buf *out);
/* Whether the path is a name of that kind, whoever writes. */
bool wr_unfinished_is(wr_str path);
/* Whether the name tells that its writer is dead; false if it lives, or if that cannot be known. */
bool wr_unfinished_is_dead(wr_str path);
/* Removes the file at path if its name tells that its writer is dead; false if it does not, or if
 * that cannot be known from here. A file that cannot be removed counts as removed: it is of no use
 * to anybody. */
bool wr_unfinished_remove(wr_fs *fs, wr_str path);
/* The same for all names in one folder. A folder that cannot be listed is left alone. */
void wr_unfinished_sweep(wr_fs *fs, wr_str dir);
