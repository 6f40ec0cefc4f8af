/* callback.h - the two halves of the connector: rows that come from the host program, and rows that
 * go to it. */
#pragma once
#include "spi/connector.h"

extern const wr_opt wr_callback_source_options[], wr_callback_sink_options[];
/* As the connector's; of the arguments nothing is kept but a reference to the definition. */
WR_MUST_CHECK weir_status wr_callback_source(const wr_connect *connect, wr_source **out);
/* Likewise. */
WR_MUST_CHECK weir_status wr_callback_sink(const wr_connect *connect, wr_target **out);
