/* stack.h - how much of the thread's stack is left, asked by code that follows nested input. */
#pragma once
#include "base/status.h"

/* What of the stack a reading of statements may use: walks over what was read (rewriting, lowering,
 * printing) go as deep, with frames that are no larger, and have the other part for themselves. */
#define WR_STACK_FOR_READING 2 /* one half */
/* What every other walk leaves to the functions it calls: one part in so many. */
#define WR_STACK_FOR_WALKS 8

/* True if all but one part-th of the calling thread's stack is used. The bounds are asked for once
 * per thread. Any thread; never fails: a thread whose bounds are not known has 512 KB from the
 * first question on. */
bool wr_stack_is_low(int part);

/* TOO_DEEP at span, with the size of the stack, if wr_stack_is_low(part). Any thread. */
WR_MUST_CHECK weir_status wr_stack_check(int part, wr_span span);
