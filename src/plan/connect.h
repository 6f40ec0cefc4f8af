/* connect.h - connectors as statements see them: found by name, their options checked, bound. */
#pragma once
#include "plan/bind.h"

enum { WR_CONNECT_READS = 1, WR_CONNECT_WRITES = 2 };

/* The connector of that name (also "filesystem" for files). UNKNOWN_OPTION with the nearest name.
 */
WR_MUST_CHECK weir_status wr_connector_find(wr_str name, wr_span span, const wr_connector **out);
/* A connector of the program around weir, found like those of the build; not copied. At most
 * WR_CONNECTORS_ADDED_MAX of them, before the first statement. False: there are too many. */
enum { WR_CONNECTORS_ADDED_MAX = 16 };
bool wr_connector_add(const wr_connector *connector);
/* Options that sinks of every connector have; ended by a zero row. */
extern const wr_opt wr_sink_options[];
/* Does the connector do what directions ask (any of them), and does it have the options? */
WR_MUST_CHECK weir_status wr_connector_check(wr_planner *planner, const wr_connector *connector,
                                             const wr_options *options, int directions,
                                             wr_span span);
/* Is it an option whose value must not be shown? */
bool wr_connector_hides(const wr_connector *connector, wr_str option);
/* Binds what object (SOURCE, SINK) says; the caller owns the reference. Columns that object does
 * not have yet are found out. The statement's thread. */
WR_MUST_CHECK weir_status wr_connect_source(wr_planner *planner, const wr_object *object,
                                            wr_source **out);
WR_MUST_CHECK weir_status wr_connect_target(wr_planner *planner, const wr_object *object,
                                            wr_target **out);

/* bind_source.c: the rows of a source, generated columns and watermark included. */
WR_MUST_CHECK weir_status wr_bind_source(wr_scope *scope, wr_object *object, wr_span span,
                                         wr_result *out);
/* The expressions of generated columns and of the watermark must bind. */
WR_MUST_CHECK weir_status wr_check_source(wr_planner *planner, wr_object *object);
/* bind_sink.c: INSERT INTO a sink, or a source that takes rows. */
WR_MUST_CHECK weir_status wr_bind_sink_insert(wr_scope *scope, const wr_sql_insert *insert,
                                              wr_object *object, wr_bound *out);

/* deliver_sink.c: the rows of a query into target, made visible once, when all are written. Lives
 * in the planner's arena and borrows target. */
wr_batch_sink *wr_deliver_sink_new(wr_planner *planner, wr_target *target, wr_str name);
