/* failpoint.h - named places where tests make the process die or an operation fail.
 *
 * WEIR_FAILPOINTS="name=kill;name2=error;name3=sleep:50;name4=say" arms them; names are rows of
 * failpoints.def. Unarmed cost: one load of a byte. */
#pragma once
#include "base/status.h"
enum wr_failpoint {
#define X(name, help) WR_FP_##name,
#include "base/failpoints.def"
#undef X
    WR_FP_COUNT
};
extern uint8_t wr_failpoint_armed[];
WR_MUST_CHECK weir_status wr_failpoint_hit(enum wr_failpoint point);
#define WR_FAILPOINT(name) \
    WR_TRY(wr_unlikely(wr_failpoint_armed[WR_FP_##name]) ? wr_failpoint_hit(WR_FP_##name) : WR_OK)
