/* session_chunk.h - sessions that were made one after the other as one value of the state.
 *
 *   [version][listed, 8 bytes][base, 8 bytes][number of sessions]
 *   of each: [length of the rest][slot][is it said][start - base][last - start][rows]
 *            [length of the keys][keys][states]
 *
 * Slots ascend. Numbers are varints, so a session takes what its keys and states do and little
 * more. Nothing here changes anything but its arguments. */
#pragma once
#include "stream/ops/group.h"

enum { WR_CHUNK_VERSION = 1, WR_CHUNK_MAX = 256 }; /* sessions in one */

/* One session as it is stored. */
typedef struct wr_packed_session {
    uint32_t slot;
    bool is_said;
    int64_t start, last, rows;
    wr_str keys, states; /* keys: as wr_row_append made them */
} wr_packed_session;

typedef struct wr_session_chunk {
    int64_t listed; /* it is among what is due then */
    int64_t base;   /* times are stored less this */
    uint32_t count;
    uint32_t slots[WR_CHUNK_MAX];
    wr_str whole[WR_CHUNK_MAX]; /* as stored, the length included; point into the value */
} wr_session_chunk;

/* false: that is no chunk. value must outlive *out. */
bool wr_chunk_read(wr_str value, wr_session_chunk *out);
/* One of its sessions; false: it is damaged. */
bool wr_chunk_session(const wr_session_chunk *chunk, uint32_t at, wr_packed_session *out);
/* Where a slot is; false: the session is not there any more. */
bool wr_chunk_find(const wr_session_chunk *chunk, uint32_t slot, uint32_t *at);
/* Replaces out by the beginning of a chunk. */
void wr_chunk_begin(wr_buf *out, int64_t listed, int64_t base, uint32_t count);
/* Appends a session as it will be stored. body is emptied and used. */
void wr_chunk_add(wr_buf *out, const wr_packed_session *session, int64_t base, wr_buf *body);

/* The states of a session: those of plain bytes without what is zero. */
WR_MUST_CHECK weir_status wr_chunk_add_states(const wr_grouping *g, const wr_pane *pane,
                                              uint8_t *row, wr_buf *bytes, wr_buf *out);
WR_MUST_CHECK weir_status wr_chunk_read_states(const wr_grouping *g, const wr_pane *pane,
                                               wr_str from, uint8_t *row);
