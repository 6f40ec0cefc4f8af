/* state_pages.h - reading the file of a state without trusting it; only for state*.c.
 *
 * LMDB believes what is in its file. What is read here is checked first: every page once, every
 * length and number. */
#pragma once
#include "base/mem.h"
#include "sys/file.h"

/* Checks the two heads of the file, so that LMDB can open it. *is_cut: the file is shorter than it
 * says, which may be right (free pages at its end are not always written) and wants a whole walk.
 * CORRUPT, or STATE_VERSION when another version of LMDB wrote it. */
WR_MUST_CHECK weir_status wr_state_heads_check(wr_str path, bool *is_cut);

/* Called for every pair in the order of keys. page: where it stands. */
typedef weir_status wr_state_pair_fn(void *arg, wr_str key, wr_str value, uint64_t page);
/* Reads all pages of the transaction txn_id, which somebody must keep alive: the tree of pairs and
 * that of free pages. CORRUPT naming the page; errors of each are passed on. *is_over: a writer has
 * committed twice since and written over the head of the transaction; nothing was read. */
WR_MUST_CHECK weir_status wr_state_pages_walk(wr_str path, uint64_t txn_id, wr_mem *mem,
                                              wr_state_pair_fn *each, void *arg, bool *is_over);
