/* window.c - rows of the window functions; exec/window computes them by their kind. */
#include "expr/fn.h"

const wr_fn wr_fns_window[] = {{0}};

#define OVER_X " OVER (ORDER BY x) FROM (VALUES (10), (20), (20)) t(x) ORDER BY 1 LIMIT 1"
const wr_window_fn wr_window_fns_window[] = {
    {"row_number", "() -> bigint", WR_W_ROW_NUMBER,
     "Number of the row within its partition, from 1.", "SELECT row_number()" OVER_X, "1"},
    {"rank", "() -> bigint", WR_W_RANK, "Rank of the row with gaps: row number of its first peer.",
     "SELECT rank()" OVER_X, "1"},
    {"dense_rank", "() -> bigint", WR_W_DENSE_RANK, "Rank of the row without gaps.",
     "SELECT dense_rank()" OVER_X, "1"},
    {"percent_rank", "() -> double", WR_W_PERCENT_RANK, "(rank - 1) / (rows - 1), from 0 to 1.",
     "SELECT percent_rank()" OVER_X, "0"},
    {"cume_dist", "() -> double", WR_W_CUME_DIST,
     "Share of the rows up to and with the peers of this one.",
     "SELECT cume_dist() OVER (ORDER BY x) FROM (VALUES (10), (20)) t(x) ORDER BY 1 LIMIT 1",
     "0.5"},
    {"ntile", "(count bigint) -> bigint", WR_W_NTILE,
     "Number of the part when the partition is cut into equal ones.", "SELECT ntile(2)" OVER_X,
     "1"},
    {"lag", "(any, offset bigint = 1, default any = NULL) -> any", WR_W_LAG,
     "Value of the row that stands so many rows before, or the default.",
     "SELECT lag(x, 1, 0) OVER (ORDER BY x) FROM (VALUES (10), (20)) t(x) ORDER BY 1 LIMIT 1", "0"},
    {"lead", "(any, offset bigint = 1, default any = NULL) -> any", WR_W_LEAD,
     "Value of the row that stands so many rows after, or the default.",
     "SELECT lead(x) OVER (ORDER BY x) FROM (VALUES (10), (20)) t(x) ORDER BY 1 LIMIT 1", "20"},
    {"first_value|first", "(any) -> any", WR_W_FIRST_VALUE, "Value of the first row of the frame.",
     "SELECT first_value(x)" OVER_X, "10"},
    {"last_value|last", "(any) -> any", WR_W_LAST_VALUE, "Value of the last row of the frame.",
     "SELECT last_value(x)" OVER_X, "10"},
    {"nth_value", "(any, n bigint) -> any", WR_W_NTH_VALUE,
     "Value of the n-th row of the frame; NULL if there is none.", "SELECT nth_value(x, 1)" OVER_X,
     "10"},
    {0},
};
