/* lookup.h - tables and files that a continuous query joins with and reads again when they change.
 *
 * A lookup stands for such a relation in the plan. What it stands for can be exchanged while nobody
 * opens a scan: scans that are open go on with what they were opened on. One thread, but for scans.
 */
#pragma once
#include "plan/logical.h"

typedef struct wr_lookup wr_lookup;

/* Puts a lookup in the place of every table and file that is scanned in the plan, subqueries
 * included, before it is optimised: what is known of one version says nothing about the next. */
void wr_lookups_wrap(wr_planner *planner, wr_logical *root);
/* The lookup behind a relation; NULL: it is none. */
wr_lookup *wr_relation_lookup(wr_relation *relation);
/* As the query calls it. */
wr_str wr_lookup_name(const wr_lookup *lookup);
/* These columns of its schema are read: newer versions must have them with their types. */
void wr_lookup_uses(wr_lookup *lookup, const int *columns, int count);
/* Is there a newer version? It is bound then, and scans opened from now on read it. Fails when it
 * cannot be bound or does not have the columns; then nothing changed. */
WR_MUST_CHECK weir_status wr_lookup_look(wr_lookup *lookup, bool *found);
/* Is the version that was found still the newest? False: it changed while it was read. */
WR_MUST_CHECK weir_status wr_lookup_is_whole(wr_lookup *lookup, bool *is_whole);
/* Ends what look began, if it found something: the newer version stays, or the one before is back.
 */
void wr_lookup_settle(wr_lookup *lookup, bool takes);
