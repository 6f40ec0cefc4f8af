/* callback.c - functions of the host program as sources and sinks. */
#include "conn/callback/callback.h"

const wr_connector wr_connector_callback = {
    .name = "callback",
    .help = "Functions of the program that runs the engine: rows that they give, and take.",
    .source_options = wr_callback_source_options,
    .sink_options = wr_callback_sink_options,
    .source = wr_callback_source,
    .sink = wr_callback_sink,
};
