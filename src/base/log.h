/* log.h - structured log lines on stderr, off below the level of WEIR_LOG (error, warn, info,
 * debug). */
#pragma once
#include "base/text.h"
typedef enum wr_log_level { WR_LOG_ERROR, WR_LOG_WARN, WR_LOG_INFO, WR_LOG_DEBUG } wr_log_level;
/* event is a constant text; then pairs of name, value (both const char *), ended by NULL. Never log
 * secrets. */
void wr_log(wr_log_level level, const char *event, ...) __attribute__((sentinel));
bool wr_log_enabled(wr_log_level level);
