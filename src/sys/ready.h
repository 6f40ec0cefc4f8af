/* ready.h - waiting for a connection that somebody else has opened. */
#pragma once
#include "base/status.h"

/* Until something can be read from the descriptor, or written to it if writing, or ms are over.
 * *ready: not because of the time. An error of the connection counts as something to read. IO. Any
 * thread. */
WR_MUST_CHECK weir_status wr_ready_wait(int descriptor, bool writing, int ms, bool *ready);
