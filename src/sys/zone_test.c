/* zone_test.c - statics are reached by including the source under other names. */
#define wr_zone_find find_here
#define wr_zone_offset_at offset_at_here
#define wr_zone_local_to_utc local_to_utc_here
#define wr_zone_name name_here
#define wr_zone_abbreviation abbreviation_here
#include "sys/zone.c"
#include "base/test.h"

static int64_t moment(const char *text)
{
    int64_t ts = 0;
    bool has_zone;
    wr_str zone;
    EXPECT(wr_ts_read(wr_str_of(text), &ts, &has_zone, &zone, NULL));
    return ts;
}

static const wr_zone *zone_named(const char *name)
{
    const wr_zone *zone = &utc;
    EXPECT_OK(wr_zone_find(wr_str_of(name), &zone));
    return zone;
}

TEST(zones_know_their_offset_now_long_ago_and_far_ahead)
{
    const wr_zone *berlin = zone_named("Europe/Berlin");
    EXPECT_INT(wr_zone_offset_at(berlin, moment("2023-01-15")), 3600);
    EXPECT_INT(wr_zone_offset_at(berlin, moment("2023-07-15")), 7200);
    EXPECT_INT(wr_zone_offset_at(berlin, moment("2023-03-26 00:59:59.999999")), 3600);
    EXPECT_INT(wr_zone_offset_at(berlin, moment("2023-03-26 01:00:00")), 7200);
    EXPECT_INT(wr_zone_offset_at(berlin, moment("2123-07-15")), 7200);
    EXPECT_INT(wr_zone_offset_at(berlin, moment("2123-12-15")), 3600);
    EXPECT_INT(wr_zone_offset_at(berlin, moment("1800-01-01")), 3208);
    EXPECT_TEXT(wr_zone_abbreviation(berlin, moment("2023-07-15")), "CEST");
    const wr_zone *sydney = zone_named("Australia/Sydney");
    EXPECT_INT(wr_zone_offset_at(sydney, moment("2090-01-15")), 11 * 3600);
    EXPECT_INT(wr_zone_offset_at(sydney, moment("2090-07-15")), 10 * 3600);
    EXPECT_INT(wr_zone_offset_at(zone_named("Asia/Kolkata"), moment("2023-01-01")), 19800);
}

TEST(gaps_and_folds_resolve_as_postgresql_does)
{
    const wr_zone *zone = zone_named("America/New_York");
    EXPECT_INT(wr_zone_local_to_utc(zone, moment("2023-01-01 12:00")), moment("2023-01-01 17:00"));
    EXPECT_INT(wr_zone_local_to_utc(zone, moment("2023-07-01 12:00")), moment("2023-07-01 16:00"));
    EXPECT_INT(wr_zone_local_to_utc(zone, moment("2023-03-12 02:30")), moment("2023-03-12 07:30"));
    EXPECT_INT(wr_zone_local_to_utc(zone, moment("2023-11-05 01:30")), moment("2023-11-05 06:30"));
    EXPECT_INT(wr_zone_local_to_utc(zone, moment("2023-11-05 00:59")), moment("2023-11-05 04:59"));
}

TEST(every_hour_of_some_years_survives_the_round_trip)
{
    static const char *const names[] = {"Europe/London",       "America/St_Johns",  "Pacific/Apia",
                                        "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        const wr_zone *zone = zone_named(names[i]);
        int lost = 0;
        for (int64_t at = moment("2009-01-01"); at < moment("2013-01-01"); at += 3600000000) {
            int64_t local = at + wr_zone_offset_at(zone, at) * WR_USECS_PER_SEC;
            lost += wr_zone_local_to_utc(zone, local) != at;
        }
        EXPECT(lost <= 8); /* the first of the two hours of each fold */
    }
}

TEST(zones_are_found_in_any_case_and_by_offset)
{
    EXPECT_TEXT(wr_zone_name(zone_named("europe/berlin")), "Europe/Berlin");
    EXPECT(zone_named("EUROPE/BERLIN") == zone_named("Europe/Berlin"));
    EXPECT_TEXT(wr_zone_name(zone_named("utc")), "UTC");
    EXPECT_INT(wr_zone_offset_at(zone_named("+02:00"), 0), 7200);
    EXPECT_INT(wr_zone_offset_at(zone_named("-5"), 0), -18000);
    EXPECT_INT(wr_zone_offset_at(zone_named("+0530"), 0), 19800);
    EXPECT_INT(wr_zone_offset_at(zone_named("PST"), 0), -28800);
}

TEST(names_that_are_no_zones_are_refused)
{
    static const char *const bad[] = {
        "",    "Nowhere/City", "../../etc/passwd", "/etc/passwd", "Europe", "+",
        "+99", "+1:99",        "Europe/",          "a b"};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        const wr_zone *zone;
        EXPECT_FAIL(wr_zone_find(wr_str_of(bad[i]), &zone), WR_E_BAD_DATETIME);
    }
}

TEST(damaged_zone_files_are_refused_without_harm)
{
    WR_ARENA(arena);
    wr_str bytes;
    EXPECT_OK(read_zone_file(WR_STR("/usr/share/zoneinfo/Europe/Berlin"), &arena, &bytes));
    for (size_t size = 0; size < bytes.length;
         size++) { /* an exact copy lets checkers see over-reads */
        unsigned char *cut = (unsigned char *)wr_heap_copy(bytes.data, size);
        wr_zone *zone = wr_heap_new(sizeof *zone);
        parse_tzif(cut, size, zone);
        drop_zone(zone);
        wr_heap_drop(cut);
    }
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char *odd = (unsigned char *)wr_heap_copy(bytes.data, bytes.length);
        odd[i] ^= 0xff;
        wr_zone *zone = wr_heap_new(sizeof *zone);
        if (parse_tzif(odd, bytes.length, zone)) type_at(zone, moment("2050-06-01"));
        drop_zone(zone);
        wr_heap_drop(odd);
    }
    wr_zone zone = {0};
    EXPECT(!parse_tzif((const unsigned char *)"TZif2", 5, &zone));
}

TEST(infinite_moments_stay_as_they_are)
{
    const wr_zone *zone = zone_named("Asia/Tokyo");
    EXPECT(wr_zone_local_to_utc(zone, WR_TS_INF) == WR_TS_INF);
    EXPECT_INT(wr_zone_offset_at(zone, WR_TS_NEG_INF), 0);
}
