/* nexmark.c - the events of the Nexmark benchmark as a source: options, columns, reading.
 *
 * The table 'all' has one row per event: its type and a struct for each kind, two of which are
 * NULL. The tables of one kind have only its events, flat; events of the other kinds are counted
 * but never made. Rows follow from seed and number of the event alone, so a position is the number
 * of the next event, whatever batches, columns or restarts came before. */
#include "conn/nexmark/nexmark.h"
#include "sys/clock.h"

enum { POSITION_VERSION = 1, POSITION_SIZE = 9, WAIT_MS = 10 };
#define START_MAX_US (INT64_MAX / 4) /* room for the times of many events */

static const wr_opt options[] = {
    {"table", WR_OPT_TEXT, "all",
     "all (one row per event) or the events of one kind: person, auction, bid"},
    {"events|events.num", WR_OPT_INT, "0", "how many, of all kinds together; 0 = without end"},
    {"rate|next-event.rate", WR_OPT_INT, "0", "events per second; 0 = as fast as possible"},
    {"max_emit_speed|max-emit-speed", WR_OPT_BOOL, "false", "do not wait, whatever the rate says"},
    {"live", WR_OPT_BOOL, "false",
     "an event comes at the moment it tells of, by the clock; the rate is that of their time"},
    {"event_rate|first-event.rate", WR_OPT_INT, NULL,
     "events per second of their own time; default: the rate, or 10000"},
    {"seed", WR_OPT_INT, "0", "other rows for another seed"},
    {"start|base-time", WR_OPT_TEXT, "2015-07-15 00:00:00", "time of the first event"},
    {"max_delay_ms", WR_OPT_INT, "0", "events are up to so much older than their place says"},
    {"person_proportion|person.proportion", WR_OPT_INT, "1", "persons in a round of events"},
    {"auction_proportion|auction.proportion", WR_OPT_INT, "3", "auctions in a round of events"},
    {"bid_proportion|bid.proportion", WR_OPT_INT, "46", "bids in a round of events"},
    {"person_size|person.avg-size", WR_OPT_INT, "200", "average bytes of a person"},
    {"auction_size|auction.avg-size", WR_OPT_INT, "500", "average bytes of an auction"},
    {"bid_size|bid.avg-size", WR_OPT_INT, "100", "average bytes of a bid"},
    {"hot_auctions|bid.hot-ratio.auctions", WR_OPT_INT, "2",
     "all but one of so many bids are for the hot auction"},
    {"hot_bidders|bid.hot-ratio.bidders", WR_OPT_INT, "4",
     "all but one of so many bids come from the hot person"},
    {"hot_sellers|auction.hot-ratio.sellers", WR_OPT_INT, "4",
     "all but one of so many auctions are the hot person's"},
    {"active_people", WR_OPT_INT, "1000", "how many of the last persons bid and sell"},
    {"auctions_in_flight", WR_OPT_INT, "100", "how many auctions run at once"},
    {0}};

/* ---- the source ---- */
enum { COLUMN_EVENT_TYPE = 3 }; /* behind the kinds */

typedef struct column_plan {
    int kind;         /* or COLUMN_EVENT_TYPE */
    const int *parts; /* fields of the kind; one for a flat column */
    int part_count;
} column_plan;

typedef struct nexmark_source {
    wr_source base;
    wr_arena arena;
    nexmark_config config;
    int only; /* kind, -1: all */
    uint64_t end;
    int64_t rate; /* 0: not paced */
    bool is_live; /* paced by the moments of the events instead */
    column_plan *columns;
} nexmark_source;

typedef struct nexmark_reader {
    wr_reader base;
    wr_arena arena;
    const wr_cancel *cancel;
    const nexmark_pool *pool;
    uint64_t next;
    int64_t paced_from_ns; /* 0: not yet */
    uint64_t paced_from;
    const int *asked;
    int asked_count;
    wr_column *columns;
    uint64_t *valid[NEXMARK_KINDS];
    nexmark_events events;
} nexmark_reader;

static const char *const kind_names[] = {"person", "auction", "bid"};

static int field_count(int kind)
{
    int count = 0;
    while (wr_nexmark_fields[kind][count].name)
        count++;
    return count;
}

static int find_field(int kind, wr_str name)
{
    for (int i = 0; i < field_count(kind); i++)
        if (wr_str_is(name, wr_nexmark_fields[kind][i].name)) return i;
    return -1;
}

/* Microseconds and milliseconds both have the moments exactly. */
static bool type_fits(const wr_type *type, wr_type_id wanted)
{
    return type->id == wanted || (wanted == WR_T_TIMESTAMP &&
                                  (type->id == WR_T_TIMESTAMP_MS || type->id == WR_T_TIMESTAMPTZ));
}

static int64_t units_per_ms(const wr_type *type)
{
    return type->id == WR_T_TIMESTAMP_MS ? 1 : 1000;
}

static weir_status no_such_column(wr_str name, const char *of, int kind)
{
    weir_status bad =
        wr_fail(WR_E_UNKNOWN_COLUMN, "%s of nexmark has no column \"%.*s\"", of, WR_STR_ARGS(name));
    wr_nearest nearest = {.wanted = name};
    for (int i = 0; kind < NEXMARK_KINDS && i < field_count(kind); i++)
        wr_nearest_offer(&nearest, wr_str_of(wr_nexmark_fields[kind][i].name));
    return wr_with_nearest(bad, &nearest);
}

static weir_status wrong_type(wr_field field, const char *wanted)
{
    return wr_fail(WR_E_TYPE_MISMATCH, "column \"%.*s\" of nexmark is %s, not %s",
                   WR_STR_ARGS(field.name), wanted, wr_type_name(field.type));
}

static weir_status plan_field(int kind, wr_field field, int *part)
{
    *part = find_field(kind, field.name);
    if (*part < 0) return no_such_column(field.name, kind_names[kind], kind);
    wr_type_id wanted = wr_nexmark_fields[kind][*part].type;
    return type_fits(field.type, wanted) ? WR_OK
                                         : wrong_type(field, wr_type_name(wr_type_of(wanted)));
}

/* A column of the table 'all': the type of the event, or the struct of one kind. */
static weir_status plan_event_column(nexmark_source *source, wr_field field, column_plan *out)
{
    if (wr_str_is(field.name, "event_type")) {
        out->kind = COLUMN_EVENT_TYPE;
        return field.type == WR_INTEGER ? WR_OK : wrong_type(field, "INTEGER");
    }
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        if (!wr_str_is(field.name, kind_names[kind])) continue;
        if (field.type->id != WR_T_STRUCT) return wrong_type(field, "a STRUCT");
        int count = field.type->field_count;
        int *parts = wr_new_array(&source->arena, int, count + 1);
        *out = (column_plan){.kind = kind, .parts = parts, .part_count = count};
        for (int i = 0; i < count; i++)
            WR_TRY(plan_field(kind, field.type->fields[i], &parts[i]));
        return WR_OK;
    }
    return no_such_column(field.name, "the table 'all'", NEXMARK_KINDS);
}

static const wr_field *own_fields(nexmark_source *source, int kind)
{
    int count = field_count(kind);
    wr_field *fields = wr_new_array(&source->arena, wr_field, count + 1);
    for (int i = 0; i < count; i++)
        fields[i] = (wr_field){wr_str_of(wr_nexmark_fields[kind][i].name),
                               wr_type_of(wr_nexmark_fields[kind][i].type)};
    return fields;
}

static wr_schema own_schema(nexmark_source *source)
{
    wr_schema schema = {0};
    if (source->only >= 0) {
        schema.count = field_count(source->only);
        schema.fields = (wr_field *)own_fields(source, source->only);
        return schema;
    }
    schema.fields = wr_new_array(&source->arena, wr_field, NEXMARK_KINDS + 1);
    schema.fields[schema.count++] = (wr_field){WR_STR("event_type"), WR_INTEGER};
    for (int kind = 0; kind < NEXMARK_KINDS; kind++)
        schema.fields[schema.count++] =
            (wr_field){wr_str_of(kind_names[kind]),
                       wr_type_struct(own_fields(source, kind), field_count(kind))};
    return schema;
}

static weir_status plan_columns(nexmark_source *source, const wr_schema *declared)
{
    wr_schema own = declared ? *declared : own_schema(source);
    source->base.schema = *wr_schema_copy(&source->arena, &own);
    source->columns = wr_new_array(&source->arena, column_plan, own.count + 1);
    for (int i = 0; i < own.count; i++) {
        wr_field field = source->base.schema.fields[i];
        column_plan *column = &source->columns[i];
        if (source->only < 0) {
            WR_TRY(plan_event_column(source, field, column));
            continue;
        }
        int *part = wr_new_array(&source->arena, int, 1);
        WR_TRY(plan_field(source->only, field, part));
        *column = (column_plan){.kind = source->only, .parts = part, .part_count = 1};
    }
    return WR_OK;
}

/* ---- options ---- */
static weir_status number_option(const wr_options *given, const char *name, int64_t least,
                                 int64_t most, int64_t *out, bool *is_set)
{
    WR_TRY(wr_option_int(given, options, name, out, is_set));
    const wr_given *item = wr_option_find(given, options, name);
    if (item && (*out < least || *out > most))
        return wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                          "the option \"%s\" takes %lld to %lld, not %lld", name, (long long)least,
                          (long long)most, (long long)*out);
    return WR_OK;
}

static weir_status start_option(const wr_options *given, int64_t *start_ms)
{
    wr_str text, zone;
    int64_t us;
    bool has_zone = false, is_far = false;
    WR_TRY(wr_option_text(given, options, "start", &text, NULL));
    const wr_given *item = wr_option_find(given, options, "start");
    if (!wr_ts_read(text, &us, &has_zone, &zone, &is_far) || has_zone || us > START_MAX_US ||
        us < -START_MAX_US)
        return wr_fail_at(WR_E_PARAMETER_VALUE, item ? item->value_span : (wr_span){0},
                          "the option \"start\" takes a time such as '2015-07-15 00:00:00', not "
                          "'%.*s'",
                          WR_STR_ARGS(text));
    *start_ms = us / 1000;
    return WR_OK;
}

static weir_status table_option(const wr_options *given, int *only)
{
    wr_str text;
    WR_TRY(wr_option_text(given, options, "table", &text, NULL));
    *only = -1;
    if (wr_str_is(text, "all")) return WR_OK;
    for (int kind = 0; kind < NEXMARK_KINDS; kind++)
        if (wr_str_is(text, kind_names[kind])) *only = kind;
    if (*only >= 0) return WR_OK;
    return wr_fail_at(WR_E_PARAMETER_VALUE, wr_option_find(given, options, "table")->value_span,
                      "the option \"table\" takes all, person, auction or bid, not '%.*s'",
                      WR_STR_ARGS(text));
}

static weir_status shares(nexmark_source *source, const wr_options *given)
{
    nexmark_config *config = &source->config;
    static const char *const names[] = {"person_proportion", "auction_proportion",
                                        "bid_proportion"};
    static const char *const sizes[] = {"person_size", "auction_size", "bid_size"};
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        WR_TRY(number_option(given, names[kind], 0, 1000000, &config->share[kind], NULL));
        /* the longest extra text is 1.2 times what is lacking */
        WR_TRY(
            number_option(given, sizes[kind], 0, NEXMARK_EXTRA_MAX / 2, &config->size[kind], NULL));
        config->first[kind] = config->total;
        config->total += config->share[kind];
    }
    if (config->total == 0 || (source->only >= 0 && config->share[source->only] == 0))
        return wr_fail(WR_E_PARAMETER_VALUE, "the proportions leave no event for this table");
    return WR_OK;
}

static weir_status read_options(nexmark_source *source, const wr_options *given)
{
    nexmark_config *config = &source->config;
    int64_t events, seed, event_rate = 0;
    bool hurries, has_event_rate;
    WR_TRY(wr_options_check(given, options, "nexmark"));
    WR_TRY(table_option(given, &source->only));
    WR_TRY(shares(source, given));
    WR_TRY(start_option(given, &config->start_ms));
    WR_TRY(number_option(given, "events", 0, INT64_MAX, &events, NULL));
    WR_TRY(number_option(given, "rate", 0, 1000000000, &source->rate, NULL));
    WR_TRY(number_option(given, "event_rate", 1, 1000000000, &event_rate, &has_event_rate));
    WR_TRY(wr_option_bool(given, options, "max_emit_speed", &hurries, NULL));
    WR_TRY(wr_option_bool(given, options, "live", &source->is_live, NULL));
    WR_TRY(wr_option_int(given, options, "seed", &seed, NULL));
    WR_TRY(number_option(given, "max_delay_ms", 0, 86400000, &config->max_delay_ms, NULL));
    WR_TRY(number_option(given, "hot_auctions", 1, 1000000, &config->hot_auctions, NULL));
    WR_TRY(number_option(given, "hot_bidders", 1, 1000000, &config->hot_bidders, NULL));
    WR_TRY(number_option(given, "hot_sellers", 1, 1000000, &config->hot_sellers, NULL));
    WR_TRY(number_option(given, "active_people", 1, 1000000000, &config->active_people, NULL));
    WR_TRY(
        number_option(given, "auctions_in_flight", 1, 1000000, &config->auctions_in_flight, NULL));
    config->event_rate = has_event_rate ? event_rate : source->rate ? source->rate : 10000;
    if (hurries) source->rate = 0, source->is_live = false;
    source->end = events ? (uint64_t)events : INT64_MAX;
    source->base.is_bounded = events > 0;
    const nexmark_config of_seed = {.key = {(uint64_t)seed}};
    for (int i = 0; i < NEXMARK_DRAWS; i++)
        config->key[i] = nexmark_bits(&of_seed, (nexmark_draw)0, (uint64_t)i + 1);
    return WR_OK;
}

/* ---- reading ---- */
static wr_column make_column(nexmark_reader *reader, const nexmark_source *source, int number)
{
    const column_plan *plan = &source->columns[number];
    const wr_type *type = source->base.schema.fields[number].type;
    wr_column column;
    bool is_type = plan->kind == COLUMN_EVENT_TYPE;
    wr_column_init(&column, &reader->arena, type, is_type ? WR_P_I8 : type->phys, WR_BATCH_ROWS);
    if (is_type) column.has_bounds = true, column.lo = 0, column.hi = NEXMARK_BID;
    if (type->id == WR_T_STRUCT) {
        if (!reader->valid[plan->kind])
            reader->valid[plan->kind] = wr_arena_alloc(&reader->arena, WR_BATCH_WORDS * 8 + 8);
        column.valid = reader->valid[plan->kind];
        for (int i = 0; i < type->field_count; i++)
            column.children[i].valid = column.valid;
    }
    return column;
}

static weir_status position_read(wr_str position, uint64_t *next)
{
    if (position.length == 0) return WR_OK;
    if (position.length != POSITION_SIZE)
        return wr_fail(WR_E_CORRUPT, "a position of nexmark has %d bytes, not %zu", POSITION_SIZE,
                       position.length);
    if (position.data[0] != POSITION_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a position of nexmark has version %d, not %d",
                       position.data[0], POSITION_VERSION);
    memcpy(next, position.data + 1, sizeof *next);
    return *next <= INT64_MAX ? WR_OK : wr_fail(WR_E_CORRUPT, "a position of nexmark is damaged");
}

static void nexmark_close(wr_reader *base)
{
    nexmark_reader *reader = (nexmark_reader *)base;
    wr_arena_clear(&reader->arena);
    wr_heap_drop(reader);
}

static weir_status nexmark_open(wr_source *base, const wr_reader_request *request, wr_reader **out)
{
    const nexmark_source *source = (const nexmark_source *)base;
    uint64_t next = 0;
    WR_TRY(position_read(request->position, &next));
    nexmark_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = base;
    reader->cancel = request->cancel;
    reader->pool = wr_nexmark_pool();
    reader->next = next;
    int count = request->column_count;
    int *asked = wr_new_array(&reader->arena, int, count + 1);
    if (count) memcpy(asked, request->columns, sizeof *asked * (size_t)count);
    reader->asked = asked;
    reader->asked_count = count;
    reader->columns = wr_new_array(&reader->arena, wr_column, count + 1);
    for (int i = 0; i < count; i++)
        reader->columns[i] = make_column(reader, source, asked[i]);
    *out = &reader->base;
    return WR_OK;
}

static void fill_valid(nexmark_reader *reader)
{
    const nexmark_events *events = &reader->events;
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        uint64_t *valid = reader->valid[kind];
        if (!valid) continue;
        memset(valid, 0, WR_BATCH_WORDS * 8);
        for (uint32_t i = 0; i < events->row_count[kind]; i++)
            wr_bit_set(valid, events->rows[kind][i]);
    }
}

static void fill_field(nexmark_reader *reader, const nexmark_source *source, int kind, int part,
                       wr_column *column)
{
    const nexmark_events *events = &reader->events;
    bool is_flat = source->only >= 0;
    column->rows = events->count;
    wr_nexmark_fields[kind][part].fill(&source->config, reader->pool, events,
                                       is_flat ? events->all : events->rows[kind],
                                       is_flat ? events->count : events->row_count[kind],
                                       units_per_ms(column->type), column->data);
}

static void fill_columns(nexmark_reader *reader, const nexmark_source *source)
{
    fill_valid(reader);
    for (int i = 0; i < reader->asked_count; i++) {
        const column_plan *plan = &source->columns[reader->asked[i]];
        wr_column *column = &reader->columns[i];
        column->rows = reader->events.count;
        if (plan->kind == COLUMN_EVENT_TYPE)
            memcpy(column->data, reader->events.kind, reader->events.count);
        else if (source->only >= 0)
            fill_field(reader, source, plan->kind, plan->parts[0], column);
        else
            for (int k = 0; k < plan->part_count; k++)
                fill_field(reader, source, plan->kind, plan->parts[k], &column->children[k]);
    }
}

/* The first event whose moment has not come. */
static uint64_t due_live(const nexmark_source *source)
{
    int64_t passed_us = wr_clock_unix_us() - source->config.start_ms * 1000;
    if (passed_us < 0) return 0;
    double events = (double)passed_us * (double)source->config.event_rate / 1e6;
    return WR_MIN((uint64_t)events + 1, source->end);
}

/* The first event that is not due yet. */
static uint64_t due(nexmark_reader *reader, const nexmark_source *source)
{
    if (source->is_live) return due_live(source);
    if (source->rate == 0) return source->end;
    int64_t now = wr_clock_mono_ns();
    if (reader->paced_from_ns == 0) {
        reader->paced_from_ns = now;
        reader->paced_from = reader->next;
    }
    double passed = (double)(now - reader->paced_from_ns) * (double)source->rate / 1e9;
    uint64_t limit = reader->paced_from + (uint64_t)passed + 1;
    return WR_MIN(limit, source->end);
}

static weir_status nexmark_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out,
                                wr_poll *result)
{
    nexmark_reader *reader = (nexmark_reader *)base;
    const nexmark_source *source = (const nexmark_source *)base->source;
    *out = (wr_batch){.column_count = reader->asked_count, .columns = reader->columns};
    for (;;) {
        WR_TRY(wr_cancel_check(reader->cancel));
        wr_nexmark_next(&source->config, source->only, due(reader, source), &reader->next,
                        &reader->events);
        if (reader->events.count > 0) {
            fill_columns(reader, source);
            out->rows = reader->events.count;
            *result = WR_POLL_ROWS;
            return WR_OK;
        }
        *result = reader->next >= source->end ? WR_POLL_END : WR_POLL_IDLE;
        int64_t left = deadline_ns ? deadline_ns - wr_clock_mono_ns() : 0;
        if (*result == WR_POLL_END || left <= 0) return WR_OK;
        wr_sleep_ms((int)WR_MIN(left / 1000000 + 1, WAIT_MS));
    }
}

static weir_status nexmark_position(wr_reader *base, wr_buf *out)
{
    const nexmark_reader *reader = (const nexmark_reader *)base;
    wr_buf_add_char(out, POSITION_VERSION);
    wr_buf_add(out, &reader->next, sizeof reader->next);
    return WR_OK;
}

static void nexmark_lag(wr_reader *base, wr_lag *out)
{
    nexmark_reader *reader = (nexmark_reader *)base;
    const nexmark_source *source = (const nexmark_source *)base->source;
    *out = (wr_lag){0};
    if (!source->base.is_bounded && source->rate == 0 && !source->is_live) return;
    uint64_t limit = due(reader, source);
    out->has_rows = true;
    out->rows = limit > reader->next ? limit - reader->next : 0;
}

static void nexmark_describe(wr_str position, wr_buf *out)
{
    uint64_t next = 0;
    weir_status bad = position_read(position, &next);
    if (bad)
        wr_buf_add_text(out, wr_status_text(bad));
    else
        wr_buf_printf(out, "event %llu", (unsigned long long)next);
    wr_status_drop(bad);
}

static void nexmark_drop(wr_source *base)
{
    nexmark_source *source = (nexmark_source *)base;
    wr_arena_clear(&source->arena);
    wr_heap_drop(source);
}

static const wr_source_def source_def = {.open = nexmark_open,
                                         .poll = nexmark_poll,
                                         .position = nexmark_position,
                                         .lag = nexmark_lag,
                                         .close = nexmark_close,
                                         .describe = nexmark_describe,
                                         .drop = nexmark_drop};

static weir_status nexmark_source_new(const wr_connect *connect, wr_source **out)
{
    WR_AUTO(wr_source) *base = NULL;
    nexmark_source *source = wr_heap_new(sizeof *source);
    source->base = (wr_source){
        .def = &source_def, .connector = "nexmark", .is_replayable = true, .references = 1};
    base = &source->base;
    WR_TRY(read_options(source, connect->options));
    WR_TRY(plan_columns(source, connect->schema));
    *out = WR_TAKE(base);
    return WR_OK;
}

const wr_connector wr_connector_nexmark = {
    .name = "nexmark",
    .help = "Made-up events of an auction house: persons, auctions and bids of the Nexmark "
            "benchmark, as many and as fast as asked.",
    .source_options = options,
    .source = nexmark_source_new,
};
