/* statistics.h - what the planner believes about rows and columns before anything runs.
 *
 * A profile describes the output of a node: how many rows, and per column how many different
 * values, which range, how many NULLs. Everything is a guess in double precision; nothing here may
 * decide whether an answer is right, only how fast it comes. */
#pragma once
#include "plan/logical.h"

typedef struct wr_column_profile {
    wr_column_id id;
    double domain;   /* different values before any filter: what join partners are drawn from */
    double distinct; /* different values now; 1 <= distinct <= domain */
    double removed;  /* part of the domain that filters on this column took away */
    double null_fraction; /* of the rows */
    double lo, hi;        /* images of the bounds as numbers; only if has_range */
    int source;           /* number of the scan or aggregate the column comes from */
    double source_rows;   /* rows of that source before any filter */
    double mean, spread;  /* of the results of a sum or count; only if has_spread */
    bool has_range, has_spread;
    bool is_soft;      /* domain is an upper bound only */
    bool is_aggregate; /* result of an aggregate call: conditions on it are meant to be rare */
} wr_column_profile;

typedef struct wr_profile {
    double rows;
    wr_column_profile *columns;
    int count;
} wr_profile;

/* State of one estimation: profiles of shared subplans, numbers of sources. One thread. */
typedef struct wr_estimator {
    wr_planner *planner;
    WR_LIST(wr_profile) shared; /* by shared id; rows < 0 = not yet */
    int next_source;
    /* Profiles of joins already asked for, for walks that ask at every join of a plan they do not
     * change: a hash table by node, kept if remembers is set. */
    bool remembers;
    struct wr_known_profile *known;
    uint32_t known_count, known_size;
} wr_estimator;

/* Profile of node's output, from the bottom; sets rows of every node on the way. Arena memory. */
void wr_profile_of(wr_estimator *estimator, wr_logical *node, wr_profile *out);
/* NULL: unknown column. */
wr_column_profile *wr_profile_column(const wr_profile *profile, wr_column_id id);
/* A value as a number that orders like it: for ranges. False: NULL, or a type without order here.
 */
bool wr_value_image(const wr_value *v, double *out);
/* Narrows the profile to the rows for which all conjuncts hold. */
void wr_profile_filter(wr_estimator *estimator, wr_profile *profile, wr_expr **conjuncts,
                       int count);
/* The same when the part of the rows for which they hold together is known. */
void wr_profile_filter_to(wr_estimator *estimator, wr_profile *profile, wr_expr **conjuncts,
                          int count, double kept);
/* True if the fraction of a conjunct over the columns of a scan is more than a customary guess. */
bool wr_filter_is_known(const wr_profile *profile, const wr_expr *e);
/* Profile of what the scan would give without its filters. */
void wr_profile_whole_scan(wr_estimator *estimator, wr_logical *scan, wr_profile *out);
/* Fraction of rows for which e is TRUE. */
double wr_selectivity(wr_estimator *estimator, const wr_profile *profile, const wr_expr *e);
/* The number of values the two sides of an equality draw from: one pair in that many matches. */
double wr_join_domain(const wr_column_profile *a, const wr_column_profile *b);
/* Different values when rows of the total are taken at random out of total with domain values. */
double wr_distinct_among(double domain, double total, double rows);
/* A profile for an expression over the columns of profile (columns pass, others are guessed). */
wr_column_profile wr_profile_expr(const wr_profile *profile, const wr_expr *e);
/* Profile of the output of a JOIN node over inputs of these profiles (its own inputs are not looked
 * at). */
void wr_profile_join(wr_estimator *estimator, const wr_logical *join, const wr_profile *left,
                     const wr_profile *right, wr_profile *out);
