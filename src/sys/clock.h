/* clock.h - time and randomness; both replaceable so that tests are deterministic. */
#pragma once
#include "base/text.h"
int64_t wr_clock_unix_us(void); /* microseconds since 1970, wall clock */
int64_t wr_clock_mono_ns(void);
int64_t wr_clock_cpu_ns(void); /* CPU time of the process */
void wr_sleep_ms(int ms);
/* For tests: a function returning unix microseconds; NULL = the real clock. Mono follows it. */
void wr_clock_replace(int64_t (*unix_us)(void *), void *arg);
uint64_t wr_random_u64(void); /* seeded from the system, or by WEIR_SEED */
void wr_random_seed(uint64_t seed);
uint64_t wr_process_rss(void);    /* bytes, 0 if unknown */
uint64_t wr_machine_memory(void); /* bytes; the smaller of physical memory and the cgroup limit */

/* Time zones by IANA name over the system's TZif files; cached for the process.
 * "UTC" always works. */
typedef struct wr_zone wr_zone;
WR_MUST_CHECK weir_status wr_zone_find(wr_str name, const wr_zone **out); /* also "+02:00", "-5" */
int32_t wr_zone_offset_at(const wr_zone *zone, int64_t utc_us);           /* seconds east of UTC */
/* Gaps and folds are resolved as PostgreSQL does. */
int64_t wr_zone_local_to_utc(const wr_zone *zone, int64_t local_us);
const char *wr_zone_name(const wr_zone *zone);
const char *wr_zone_abbreviation(const wr_zone *zone, int64_t utc_us);
