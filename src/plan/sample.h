/* sample.h - filters of a scan tried on some of its rows at plan time.
 *
 * The rows stand in places spread over the table; which ones depends on the table alone, so a plan
 * stays the same as long as the table does. What is found is a guess like all statistics. */
#pragma once
#include "plan/statistics.h"

typedef struct wr_sample {
    wr_expr **filters; /* those that were tried */
    int count;
    double kept; /* part of the rows for which all of them hold */
} wr_sample;

/* Tries the filters of the scan if that tells more than the statistics and costs little; NULL if
 * not. Arena memory. Errors of the filters or of the source are left for the run to report. */
const wr_sample *wr_sample_filters(wr_estimator *estimator, wr_logical *scan);
/* The part of the rows of whole that the scan's filters keep, from its sample; those added since
 * are estimated. Negative: there is no sample, or it no longer fits the filters. */
double wr_sample_kept(wr_estimator *estimator, const wr_logical *scan, const wr_profile *whole);
