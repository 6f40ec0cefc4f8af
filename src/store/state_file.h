/* state_file.h - the LMDB file below a state: opening, growing, transactions, errors; only for
 * state*.c.
 *
 * Keys here are whole: section, then the key of the user. Values have their checksum in front. */
#pragma once
#include "base/mem.h"
#include "sys/file.h"
#include "sys/map.h"
#include <lmdb.h>

enum { WR_STATE_CHECKSUM = 8, WR_STATE_NAME = 4 }; /* bytes before a value, before a key */

typedef struct wr_state_file {
    char *path;
    MDB_env *env; /* NULL: to be opened (again) */
    MDB_dbi pairs;
    MDB_txn *reader; /* of the last commit; kept between reads */
    bool is_reading; /* reader holds a snapshot */
    bool read_only, survives_losing_power;
    uint64_t map_bytes;         /* of the map may be resident; 0: any number */
    uint64_t resident;          /* of other maps, when it was opened */
    uint32_t reads;             /* since somebody looked */
    wr_map map;                 /* empty: to be found */
    struct open_state *opening; /* among those of this process */
} wr_state_file;

/* path names a complete file, or one to be made that nobody else knows. BUSY if this process has it
 * open. On failure it is closed again. */
WR_MUST_CHECK weir_status wr_state_file_open(wr_state_file *file);
/* As it was after opening, for errors that LMDB does not survive. */
void wr_state_file_reset(wr_state_file *file);
void wr_state_file_close(wr_state_file *file);
/* A snapshot of the last commit in file->reader, as old as the last wr_state_file_forget. Opens the
 * file if it has to be. */
WR_MUST_CHECK weir_status wr_state_file_read(wr_state_file *file);
void wr_state_file_forget(wr_state_file *file);
/* Bytes of the file that are used. */
uint64_t wr_state_file_bytes(const wr_state_file *file);
/* Now and then what was read of the map is given back, where it is more than map_bytes. */
void wr_state_file_trim(wr_state_file *file);
enum { WR_STATE_READS = 64 };
static inline void wr_state_file_has_read(wr_state_file *file)
{
    if (file->map_bytes && ++file->reads >= WR_STATE_READS) wr_state_file_trim(file);
}
/* A transaction that changes the file, with room for about bytes more. */
WR_MUST_CHECK weir_status wr_state_file_begin(wr_state_file *file, uint64_t bytes, MDB_txn **out);
/* Forgets the snapshot and makes the map larger: twice, or for bytes more than are used. */
WR_MUST_CHECK weir_status wr_state_file_grow(wr_state_file *file, uint64_t bytes);
/* What a code of LMDB means; doing: "read", "write". */
WR_MUST_CHECK weir_status wr_state_file_failure(const wr_state_file *file, const char *doing,
                                                int code);

/* Of a pair: a value in the wrong place is as wrong as a wrong value. */
uint64_t wr_state_checksum(wr_str key, wr_str value);
/* Takes the checksum off stored and compares it. CORRUPT. */
WR_MUST_CHECK weir_status wr_state_unwrap(const wr_state_file *file, wr_str key, wr_str stored,
                                          wr_str *value);
