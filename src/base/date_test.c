/* date_test.c - the calendar, and dates, times, timestamps and intervals to text and back. */
#include "base/date.h"
#include "base/test.h"
#include <stdio.h>
#include <stdlib.h>

static const char *date_text(int32_t days)
{
    static char out[64];
    out[wr_date_print(days, out)] = '\0';
    return out;
}

static const char *ts_text(int64_t ts)
{
    static char out[64];
    out[wr_ts_print(ts, out)] = '\0';
    return out;
}

static const char *interval_text(wr_interval v)
{
    static char out[128];
    out[wr_interval_print(v, out)] = '\0';
    return out;
}

static const char *reread_date(const char *text)
{
    int32_t days;
    bool range;
    if (wr_date_read(wr_str_of(text), &days, &range)) return date_text(days);
    return range ? "range" : "malformed";
}

static const char *reread_time(const char *text)
{
    static char out[64];
    int64_t usecs;
    bool range;
    if (!wr_time_read(wr_str_of(text), &usecs, &range)) return range ? "range" : "malformed";
    out[wr_time_print(usecs, out)] = '\0';
    return out;
}

static const char *reread_ts(const char *text)
{
    static char out[128];
    int64_t ts;
    bool range, has_zone;
    wr_str zone;
    if (!wr_ts_read(wr_str_of(text), &ts, &has_zone, &zone, &range))
        return range ? "range" : "malformed";
    snprintf(out, sizeof out, "%s%s%.*s", ts_text(ts), has_zone ? " @" : "", WR_STR_ARGS(zone));
    return out;
}

static const char *reread_interval(const char *text)
{
    wr_interval v;
    return wr_interval_read(wr_str_of(text), &v) ? interval_text(v) : "malformed";
}

TEST(every_day_follows_the_one_before)
{
    int32_t year = -5000, month = 1, day = 1, from = wr_date_of(year, month, day);
    int weekday = wr_date_weekday(from);
    for (int32_t days = from; year < 10000; days++) {
        int32_t y, m, d;
        wr_date_split(days, &y, &m, &d);
        bool ok = y == year && m == month && d == day && wr_date_of(y, m, d) == days &&
                  wr_date_weekday(days) == weekday;
        if (!ok) wr_test_failed(__FILE__, __LINE__, "day %d is %d-%d-%d", days, y, m, d);
        if (!ok) return;
        weekday = (weekday + 1) % 7;
        if (++day > wr_days_in_month(year, month)) {
            day = 1;
            if (++month > 12) month = 1, year++;
        }
    }
    EXPECT_INT(wr_date_of(1970, 1, 1), 0);
    EXPECT_INT(wr_date_weekday(0), 4);
}

TEST(extreme_days_split_and_join)
{
    static const int32_t days[] = {INT32_MIN, INT32_MIN + 2, -719529, INT32_MAX - 1, INT32_MAX};
    for (size_t i = 0; i < WR_COUNT(days); i++) {
        int32_t y, m, d;
        wr_date_split(days[i], &y, &m, &d);
        EXPECT_INT(wr_date_of(y, m, d), days[i]);
    }
}

TEST(days_of_years_and_iso_weeks_are_right)
{
    static const struct {
        int y, m, d, iso_year, week, yearday;
    } cases[] = {{2005, 1, 1, 2004, 53, 1},     {2005, 1, 2, 2004, 53, 2},
                 {2005, 12, 31, 2005, 52, 365}, {2007, 1, 1, 2007, 1, 1},
                 {2008, 12, 29, 2009, 1, 364},  {2010, 1, 3, 2009, 53, 3},
                 {2020, 12, 31, 2020, 53, 366}, {2000, 2, 29, 2000, 9, 60}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        int32_t iso_year, week, days = wr_date_of(cases[i].y, cases[i].m, cases[i].d);
        wr_date_iso_week(days, &iso_year, &week);
        EXPECT_INT(iso_year, cases[i].iso_year);
        EXPECT_INT(week, cases[i].week);
        EXPECT_INT(wr_date_yearday(days), cases[i].yearday);
    }
}

TEST(dates_read_back_what_was_printed)
{
    int32_t last = wr_date_of(9999, 12, 31);
    for (int32_t days = wr_date_of(-4999, 1, 1); days <= last; days += 61) {
        int32_t back;
        const char *text = date_text(days);
        if (!wr_date_read(wr_str_of(text), &back, NULL) || back != days)
            wr_test_failed(__FILE__, __LINE__, "%s is lost", text);
    }
    EXPECT_TEXT(reread_date(date_text(INT32_MAX - 1)), date_text(INT32_MAX - 1));
    EXPECT_TEXT(reread_date(date_text(WR_DATE_INF)), "infinity");
    EXPECT_TEXT(reread_date(date_text(WR_DATE_NEG_INF)), "-infinity");
}

TEST(dates_are_read_in_postgresql_spellings)
{
    EXPECT_TEXT(reread_date("1999-01-08"), "1999-01-08");
    EXPECT_TEXT(reread_date("January 8, 1999"), "1999-01-08");
    EXPECT_TEXT(reread_date("1/8/1999"), "1999-01-08");
    EXPECT_TEXT(reread_date("1999/1/8"), "1999-01-08");
    EXPECT_TEXT(reread_date("1999-Jan-08"), "1999-01-08");
    EXPECT_TEXT(reread_date("Jan-08-1999"), "1999-01-08");
    EXPECT_TEXT(reread_date("08-Jan-1999"), "1999-01-08");
    EXPECT_TEXT(reread_date("8 january 1999"), "1999-01-08");
    EXPECT_TEXT(reread_date("Sat, 8 Jan 2000"), "2000-01-08");
    EXPECT_TEXT(reread_date("19990108"), "1999-01-08");
    EXPECT_TEXT(reread_date("990108"), "1999-01-08");
    EXPECT_TEXT(reread_date("J2451187"), "1999-01-08");
    EXPECT_TEXT(reread_date("January 8, 99 BC"), "0099-01-08 BC");
    EXPECT_TEXT(reread_date("0044-03-15 BC"), "0044-03-15 BC");
    EXPECT_TEXT(reread_date("12345-06-07"), "12345-06-07");
    EXPECT_TEXT(reread_date("epoch"), "1970-01-01");
    EXPECT_TEXT(reread_date("  2000-02-29 "), "2000-02-29");
}

TEST(days_that_do_not_exist_are_out_of_range_not_malformed)
{
    EXPECT_TEXT(reread_date("2023-02-30"), "range");
    EXPECT_TEXT(reread_date("1900-02-29"), "range");
    EXPECT_TEXT(reread_date("2023-13-01"), "range");
    EXPECT_TEXT(reread_date("0000-01-01"), "range");
    EXPECT_TEXT(reread_date("99999999-01-01"), "range");
    EXPECT_TEXT(reread_time("25:00"), "range");
    EXPECT_TEXT(reread_time("24:00:00.1"), "range");
    EXPECT_TEXT(reread_time("12:60"), "range");
    EXPECT_TEXT(reread_time("13:00 pm"), "range");
    EXPECT_TEXT(reread_ts("2023-02-30 00:00"), "range");
    EXPECT_TEXT(reread_ts("500000-01-01"), "range");
}

TEST(text_that_is_no_date_or_time_is_malformed)
{
    static const char *const dates[] = {"",
                                        " ",
                                        "x",
                                        "2023",
                                        "2023-01",
                                        "2023-01-",
                                        "2023-01-01x",
                                        "-",
                                        "2023-01-01 10:00",
                                        "1.5",
                                        "12345678901-01-01",
                                        "Jan",
                                        "Foo 1 2000",
                                        "1-2-3-4",
                                        "2023--01-01",
                                        "20230101x",
                                        "Jan Jan 2000",
                                        "j",
                                        "1e5"};
    for (size_t i = 0; i < WR_COUNT(dates); i++)
        if (strcmp(reread_date(dates[i]), "malformed") != 0)
            wr_test_failed(__FILE__, __LINE__, "\"%s\" gives %s", dates[i], reread_date(dates[i]));
    static const char *const times[] = {
        "", "x", "1", "12", "12:", "12:00:", "1:2:3:4", "12:00 xm", "-1:00"};
    for (size_t i = 0; i < WR_COUNT(times); i++)
        EXPECT_TEXT(reread_time(times[i]), "malformed");
    static const char *const stamps[] = {
        "2023-01-01 10",     "2023-01-01T",        "2023-01-01 10:00 +99", "10:00",
        "2023-01-01 10:00+", "2023-01-01 10:00 ?", "2023-01-01x10:00"};
    for (size_t i = 0; i < WR_COUNT(stamps); i++)
        if (strcmp(reread_ts(stamps[i]), "malformed") != 0)
            wr_test_failed(__FILE__, __LINE__, "\"%s\" gives %s", stamps[i], reread_ts(stamps[i]));
}

TEST(times_are_read_in_postgresql_spellings)
{
    EXPECT_TEXT(reread_time("04:05:06.789"), "04:05:06.789");
    EXPECT_TEXT(reread_time("04:05"), "04:05:00");
    EXPECT_TEXT(reread_time("040506"), "04:05:06");
    EXPECT_TEXT(reread_time("04:05 AM"), "04:05:00");
    EXPECT_TEXT(reread_time("12:05am"), "00:05:00");
    EXPECT_TEXT(reread_time("04:05 pm"), "16:05:00");
    EXPECT_TEXT(reread_time("24:00:00"), "24:00:00");
    EXPECT_TEXT(reread_time("23:59:60"), "24:00:00");
    EXPECT_TEXT(reread_time("01:02:03.1234567"), "01:02:03.123457");
    EXPECT_TEXT(reread_time("1:2:3.000001"), "01:02:03.000001");
}

TEST(timestamps_are_read_with_and_without_zones)
{
    EXPECT_TEXT(reread_ts("1999-01-08 04:05:06"), "1999-01-08 04:05:06");
    EXPECT_TEXT(reread_ts("1999-01-08T04:05:06.5"), "1999-01-08 04:05:06.5");
    EXPECT_TEXT(reread_ts("1999-01-08"), "1999-01-08 00:00:00");
    EXPECT_TEXT(reread_ts("1999-01-08 04:05:06 -8:00"), "1999-01-08 12:05:06 @");
    EXPECT_TEXT(reread_ts("1999-01-08T04:05:06+0530"), "1999-01-07 22:35:06 @");
    EXPECT_TEXT(reread_ts("1999-01-08T04:05:06Z"), "1999-01-08 04:05:06 @");
    EXPECT_TEXT(reread_ts("1999-01-08 04:05:06 Europe/Berlin"),
                "1999-01-08 04:05:06 @Europe/Berlin");
    EXPECT_TEXT(reread_ts("January 8 04:05:06 1999 PST"), "malformed");
    EXPECT_TEXT(reread_ts("Jan 8 1999 4:05 PM"), "1999-01-08 16:05:00");
    EXPECT_TEXT(reread_ts("0044-03-15 12:00:00 BC"), "0044-03-15 12:00:00 BC");
    EXPECT_TEXT(reread_ts("0044-03-15 12:00:00+01 BC"), "0044-03-15 11:00:00 BC @");
    EXPECT_TEXT(reread_ts("19990108T040506"), "1999-01-08 04:05:06");
    EXPECT_TEXT(reread_ts("1969-12-31 23:59:59.999999"), "1969-12-31 23:59:59.999999");
    EXPECT_TEXT(reread_ts("infinity"), "infinity");
    EXPECT_TEXT(reread_ts("-infinity"), "-infinity");
    EXPECT_TEXT(reread_ts("1999-12-31 24:00:00"), "2000-01-01 00:00:00");
}

TEST(timestamps_read_back_what_was_printed)
{
    uint64_t state = 12345;
    for (int i = 0; i < 200000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t ts = (int64_t)state >> (i % 30), back;
        bool has_zone;
        wr_str zone;
        const char *text = ts_text(ts);
        if (!wr_ts_read(wr_str_of(text), &back, &has_zone, &zone, NULL) || back != ts)
            wr_test_failed(__FILE__, __LINE__, "%s is lost", text);
        wr_civil civil;
        wr_ts_split(ts, &civil);
        EXPECT(wr_ts_join(&civil, &back) && back == ts);
    }
    int64_t first = WR_TS_NEG_INF + 1, last = WR_TS_INF - 1, back;
    wr_civil civil;
    wr_ts_split(first, &civil);
    EXPECT(wr_ts_join(&civil, &back) && back == first);
    wr_ts_split(last, &civil);
    EXPECT(wr_ts_join(&civil, &back) && back == last);
    civil.usec++;
    EXPECT(!wr_ts_join(&civil, &back));
}

TEST(intervals_are_read_in_all_spellings)
{
    EXPECT_TEXT(reread_interval("1 year 2 mons 3 days 04:05:06.7"),
                "1 year 2 mons 3 days 04:05:06.7");
    EXPECT_TEXT(reread_interval("1-2"), "1 year 2 mons");
    EXPECT_TEXT(reread_interval("-1-2"), "-1 years -2 mons");
    EXPECT_TEXT(reread_interval("P1Y2M3DT4H5M6.5S"), "1 year 2 mons 3 days 04:05:06.5");
    EXPECT_TEXT(reread_interval("PT-5M"), "-00:05:00");
    EXPECT_TEXT(reread_interval("P2W"), "14 days");
    EXPECT_TEXT(reread_interval("-1 day"), "-1 days");
    EXPECT_TEXT(reread_interval("1 day ago"), "-1 days");
    EXPECT_TEXT(reread_interval("@ 1 hour 30 min ago"), "-01:30:00");
    EXPECT_TEXT(reread_interval("1.5 days"), "1 day 12:00:00");
    EXPECT_TEXT(reread_interval("1.5 years"), "1 year 6 mons");
    EXPECT_TEXT(reread_interval("1.5 months"), "1 mon 15 days");
    EXPECT_TEXT(reread_interval("1.5 weeks"), "10 days 12:00:00");
    EXPECT_TEXT(reread_interval("2h30m"), "02:30:00");
    EXPECT_TEXT(reread_interval("5"), "00:00:05");
    EXPECT_TEXT(reread_interval("1 day -00:00:01"), "1 day -00:00:01");
    EXPECT_TEXT(reread_interval("-1 day +02:03:04"), "-1 days +02:03:04");
    EXPECT_TEXT(reread_interval("100:00:00"), "100:00:00");
    EXPECT_TEXT(reread_interval("0 days"), "00:00:00");
    EXPECT_TEXT(reread_interval("2 centuries"), "200 years");
    EXPECT_TEXT(reread_interval("1 millisecond 2 us"), "00:00:00.001002");
    static const char *const bad[] = {"",
                                      "x",
                                      "1 foo",
                                      "P",
                                      "PT",
                                      "P1",
                                      "1:60",
                                      "day",
                                      "ago",
                                      "1 2 ago x",
                                      "99999999999 years",
                                      "9999999999999999999 s",
                                      "--1 day",
                                      "P1H",
                                      "1-13"};
    for (size_t i = 0; i < WR_COUNT(bad); i++)
        if (strcmp(reread_interval(bad[i]), "malformed") != 0)
            wr_test_failed(__FILE__, __LINE__, "\"%s\" gives %s", bad[i], reread_interval(bad[i]));
}

TEST(intervals_order_by_thirty_day_months)
{
    EXPECT(wr_interval_order((wr_interval){1, 0, 0}) == wr_interval_order((wr_interval){0, 30, 0}));
    EXPECT(wr_interval_order((wr_interval){0, 1, 0}) ==
           wr_interval_order((wr_interval){0, 0, WR_USECS_PER_DAY}));
    EXPECT(wr_interval_order((wr_interval){INT32_MAX, INT32_MAX, INT64_MAX}) > INT64_MAX);
}

static const char *sum_text(const char *ts_in, const char *interval_in)
{
    int64_t ts, moved;
    bool has_zone;
    wr_str zone;
    wr_interval v;
    EXPECT(wr_ts_read(wr_str_of(ts_in), &ts, &has_zone, &zone, NULL));
    EXPECT(wr_interval_read(wr_str_of(interval_in), &v));
    return wr_ts_add_interval(ts, v, &moved) ? ts_text(moved) : "range";
}

TEST(adding_months_clamps_to_the_last_day)
{
    EXPECT_TEXT(sum_text("2001-01-31", "1 month"), "2001-02-28 00:00:00");
    EXPECT_TEXT(sum_text("2000-01-31 10:00", "1 month"), "2000-02-29 10:00:00");
    EXPECT_TEXT(sum_text("2000-02-29", "1 year"), "2001-02-28 00:00:00");
    EXPECT_TEXT(sum_text("2000-03-31", "-1 month"), "2000-02-29 00:00:00");
    EXPECT_TEXT(sum_text("2000-01-01", "-1 year -1 month -1 day -1 second"), "1998-11-29 23:59:59");
    EXPECT_TEXT(sum_text("infinity", "1 day"), "infinity");
    EXPECT_TEXT(sum_text("290000-01-01", "10000 years"), "range");
    EXPECT_TEXT(sum_text("0001-01-01", "-1 day"), "0001-12-31 00:00:00 BC");
}

TEST(multiplying_spreads_fractions_downwards)
{
    static const struct {
        const char *in;
        double factor;
        const char *out;
    } cases[] = {{"1 month", 0.5, "15 days"},
                 {"1 year", 1.5, "1 year 6 mons"},
                 {"1 day", 1.5, "1 day 12:00:00"},
                 {"1 hour", -2, "-02:00:00"},
                 {"1 mon 1 day", 0.25, "7 days 18:00:00"},
                 {"3 days", 1.0 / 3, "1 day"}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_interval v;
        EXPECT(wr_interval_read(wr_str_of(cases[i].in), &v));
        EXPECT(wr_interval_mul(v, cases[i].factor, &v));
        EXPECT_TEXT(interval_text(v), cases[i].out);
    }
    wr_interval out;
    EXPECT(!wr_interval_mul((wr_interval){INT32_MAX, 0, 0}, 2, &out));
    EXPECT(!wr_interval_mul((wr_interval){0, 0, INT64_MAX}, 2, &out));
    EXPECT(!wr_interval_mul((wr_interval){1, 0, 0}, strtod("nan", NULL), &out));
}

static const char *age_text(const char *later, const char *earlier)
{
    int64_t a, b;
    bool has_zone;
    wr_str zone;
    EXPECT(wr_ts_read(wr_str_of(later), &a, &has_zone, &zone, NULL));
    EXPECT(wr_ts_read(wr_str_of(earlier), &b, &has_zone, &zone, NULL));
    return interval_text(wr_ts_age(a, b));
}

TEST(age_counts_field_by_field)
{
    EXPECT_TEXT(age_text("2001-04-10", "1957-06-13"), "43 years 9 mons 27 days");
    EXPECT_TEXT(age_text("1957-06-13", "2001-04-10"), "-43 years -9 mons -27 days");
    EXPECT_TEXT(age_text("2001-03-01", "2001-01-31"), "1 mon 1 day");
    EXPECT_TEXT(age_text("2000-01-01 00:00:01", "1999-12-31 23:59:59"), "00:00:02");
    EXPECT_TEXT(age_text("2000-01-01", "2000-01-01"), "00:00:00");
}

TEST(the_smallest_interval_prints_in_full)
{
    EXPECT_TEXT(interval_text((wr_interval){0, 0, INT64_MIN}), "-2562047788:00:54.775808");
    EXPECT_TEXT(interval_text((wr_interval){INT32_MIN, INT32_MIN, INT64_MIN}),
                "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775808");
}
