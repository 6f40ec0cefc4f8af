/* events.c - numbers of events -> columns of persons, auctions and bids.
 *
 * The events come in rounds: so many persons, then auctions, then bids. From its number alone
 * follow an event's kind, its id and which persons and auctions exist by then; everything else is
 * drawn from bits of the number (nexmark_bits). So each column is a loop of its own, and nobody
 * pays for a column that was not asked for.
 *
 * Hot ones: most bids go to the first of the last hundred auctions and come from the second of the
 * last hundred persons; most auctions are sold by the first of these. The rest is spread over what
 * is active at that time, ids that are about to appear included. */
#include "conn/nexmark/nexmark.h"

enum { FIRST_ID = 1000, FIRST_CATEGORY = 10, CATEGORIES = 5, ID_LEAD = 10, HOT_OF = 100 };

/* Events of one kind that follow each other in one round. */
typedef struct run {
    nexmark_kind kind;
    uint64_t number; /* of the first */
    int64_t round, offset;
    uint32_t count;
} run;

static void add_run(const nexmark_config *config, const run *r, nexmark_events *out)
{
    uint32_t at = out->count, of_kind = out->row_count[r->kind];
    int64_t persons = config->share[NEXMARK_PERSON], auctions = config->share[NEXMARK_AUCTION];
    int64_t person = r->round * persons + WR_MIN(r->offset, persons - 1);
    /* before the auctions of this round come the last ones of the round before */
    int64_t auction = r->kind == NEXMARK_PERSON
                          ? r->round * auctions - 1
                          : r->round * auctions + WR_MIN(r->offset - persons, auctions - 1);
    int64_t person_step = r->kind == NEXMARK_PERSON, auction_step = r->kind == NEXMARK_AUCTION;
    for (uint32_t i = 0; i < r->count; i++) {
        out->number[at + i] = r->number + i;
        out->person[at + i] = person + (int64_t)i * person_step;
        out->auction[at + i] = auction + (int64_t)i * auction_step;
        out->all[at + i] = (uint16_t)(at + i);
        out->rows[r->kind][of_kind + i] = (uint16_t)(at + i);
    }
    memset(out->kind + at, r->kind, r->count);
    out->row_count[r->kind] += r->count;
    out->count += r->count;
}

static nexmark_kind kind_at(const nexmark_config *config, int64_t offset)
{
    int64_t persons = config->share[NEXMARK_PERSON], auctions = config->share[NEXMARK_AUCTION];
    if (offset < persons) return NEXMARK_PERSON;
    return offset < persons + auctions ? NEXMARK_AUCTION : NEXMARK_BID;
}

void wr_nexmark_next(const nexmark_config *config, int only, uint64_t end, uint64_t *next,
                     nexmark_events *out)
{
    uint64_t n = *next, total = (uint64_t)config->total;
    run r = {.round = (int64_t)(n / total), .offset = (int64_t)(n % total)};
    out->count = 0;
    memset(out->row_count, 0, sizeof out->row_count);
    while (n < end && out->count < WR_BATCH_ROWS) {
        r.kind = kind_at(config, r.offset);
        int64_t step;
        if (only < 0 || (int)r.kind == only) {
            step = config->first[r.kind] + config->share[r.kind] - r.offset;
            step = WR_MIN(step, (int64_t)(WR_BATCH_ROWS - out->count));
            if ((uint64_t)step > end - n) step = (int64_t)(end - n);
            r.number = n;
            r.count = (uint32_t)step;
            add_run(config, &r, out);
        } else { /* to where the kind begins */
            int64_t first = config->first[only];
            step = r.offset < first ? first - r.offset : config->total - r.offset;
        }
        n += (uint64_t)step;
        r.offset += step;
        if (r.offset == config->total) r.offset = 0, r.round++;
    }
    *next = WR_MIN(n, end);
}

#define FILL(name)                                                                       \
    static void name(const nexmark_config *config, const nexmark_pool *pool,             \
                     const nexmark_events *events, const uint16_t *rows, uint32_t count, \
                     int64_t per_ms, void *out_)
#define UNUSED (void)config, (void)pool, (void)events, (void)per_ms

/* ---- time ---- */
static inline int64_t moment(const nexmark_config *config, uint64_t n)
{
    return config->start_ms + (int64_t)((double)n * 1000.0 / (double)config->event_rate);
}

static inline int64_t event_moment(const nexmark_config *config, uint64_t n)
{
    int64_t late = 0;
    if (config->max_delay_ms) {
        uint64_t bits = nexmark_bits(config, NEXMARK_DELAY, n);
        late = nexmark_high(bits, (uint32_t)config->max_delay_ms + 1);
    }
    return moment(config, n) - late;
}

FILL(fill_moment)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = event_moment(config, events->number[rows[i]]) * per_ms;
}

/* ---- ids ---- */
/* A person out of those who are active, a few of the next ones included. */
static inline int64_t some_person(const nexmark_config *config, int64_t last, uint64_t bits)
{
    int64_t people = last + 1, active = WR_MIN(people, config->active_people);
    return people - active + nexmark_low(bits, (uint32_t)(active + ID_LEAD));
}

static inline int64_t some_auction(const nexmark_config *config, int64_t last, uint64_t bits)
{
    int64_t first = WR_MAX(last - config->auctions_in_flight, 0);
    return first + nexmark_low(bits, (uint32_t)(WR_MAX(last, 0) - first + 1 + ID_LEAD));
}

static inline bool is_hot(uint64_t bits, int64_t ratio)
{
    return nexmark_high(bits, (uint32_t)ratio) > 0;
}

/* Without a branch: which one it is nobody can foresee. */
static inline int64_t pick(bool first, int64_t a, int64_t b)
{
    int64_t mask = -(int64_t)first;
    return (a & mask) | (b & ~mask);
}

FILL(fill_person_id)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = FIRST_ID + events->person[rows[i]];
}

FILL(fill_auction_id)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = FIRST_ID + events->auction[rows[i]];
}

FILL(fill_seller)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        uint64_t bits = nexmark_bits(config, NEXMARK_AUCTION_SELLER, events->number[row]);
        int64_t last = events->person[row];
        out[row] = FIRST_ID + pick(is_hot(bits, config->hot_sellers), last / HOT_OF * HOT_OF,
                                   some_person(config, last, bits));
    }
}

FILL(fill_bid_auction)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        uint64_t bits = nexmark_bits(config, NEXMARK_BID_AUCTION, events->number[row]);
        int64_t last = events->auction[row];
        out[row] = FIRST_ID + pick(is_hot(bits, config->hot_auctions), last / HOT_OF * HOT_OF,
                                   some_auction(config, last, bits));
    }
}

FILL(fill_bidder)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        uint64_t bits = nexmark_bits(config, NEXMARK_BID_BIDDER, events->number[row]);
        int64_t last = events->person[row];
        out[row] = FIRST_ID + pick(is_hot(bits, config->hot_bidders), last / HOT_OF * HOT_OF + 1,
                                   some_person(config, last, bits));
    }
}

/* ---- numbers ---- */
static inline int64_t price(const nexmark_config *config, const nexmark_pool *pool,
                            nexmark_draw draw, uint64_t n)
{
    uint64_t bits = nexmark_bits(config, draw, n);
    return (int64_t)(pool->price_coarse[bits >> 54] * pool->price_fine[bits >> 44 & 1023] + 0.5);
}

FILL(fill_price)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = price(config, pool, NEXMARK_BID_PRICE, events->number[rows[i]]);
}

FILL(fill_initial)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = price(config, pool, NEXMARK_AUCTION_INITIAL, events->number[rows[i]]);
}

FILL(fill_reserve)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t n = events->number[rows[i]];
        out[rows[i]] = price(config, pool, NEXMARK_AUCTION_INITIAL, n) +
                       price(config, pool, NEXMARK_AUCTION_RESERVE, n);
    }
}

FILL(fill_category)
{
    UNUSED;
    int64_t *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = FIRST_CATEGORY + nexmark_high(nexmark_bits(config, NEXMARK_AUCTION_CATEGORY,
                                                                  events->number[rows[i]]),
                                                     CATEGORIES);
}

/* On average an auction ends when as many others have begun as are meant to run at once. */
FILL(fill_expires)
{
    UNUSED;
    int64_t *restrict out = out_;
    int64_t ahead =
        config->auctions_in_flight * config->total / WR_MAX(config->share[NEXMARK_AUCTION], 1);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t n = events->number[rows[i]];
        int64_t horizon = moment(config, n + (uint64_t)ahead) - moment(config, n);
        uint64_t bits = nexmark_bits(config, NEXMARK_AUCTION_LENGTH, n);
        int64_t span = WR_MIN(WR_MAX(horizon * 2, 1), UINT32_MAX);
        int64_t length = 1 + nexmark_high(bits, (uint32_t)span);
        out[rows[i]] = (event_moment(config, n) + length) * per_ms;
    }
}

/* ---- texts ---- */
static inline uint32_t choice(const nexmark_config *config, nexmark_draw draw, uint64_t n,
                              uint32_t of)
{
    return nexmark_high(nexmark_bits(config, draw, n), of);
}

static inline void choose(const nexmark_config *config, nexmark_draw draw,
                          const nexmark_events *events, const uint16_t *rows, uint32_t count,
                          const wr_view *texts, uint32_t text_count, wr_view *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = texts[choice(config, draw, events->number[rows[i]], text_count)];
}

#define CHOOSE(draw, texts) \
    UNUSED;                 \
    choose(config, draw, events, rows, count, pool->texts, WR_COUNT(pool->texts), out_)
FILL(fill_name) { CHOOSE(NEXMARK_PERSON_NAME, names); }
FILL(fill_email) { CHOOSE(NEXMARK_PERSON_EMAIL, emails); }
FILL(fill_card) { CHOOSE(NEXMARK_PERSON_CARD, cards); }
FILL(fill_city) { CHOOSE(NEXMARK_PERSON_CITY, cities); }
FILL(fill_state) { CHOOSE(NEXMARK_PERSON_STATE, states); }
FILL(fill_item) { CHOOSE(NEXMARK_AUCTION_NAME, items); }
FILL(fill_description) { CHOOSE(NEXMARK_AUCTION_DESCRIPTION, descriptions); }

/* Half of the bids come through one of the hot channels; address and channel are drawn together. */
static inline uint32_t channel(const nexmark_config *config, uint64_t n)
{
    uint64_t bits = nexmark_bits(config, NEXMARK_BID_CHANNEL, n);
    return bits >> 63 ? NEXMARK_CHANNELS + nexmark_low(bits, NEXMARK_HOT_CHANNELS)
                      : nexmark_low(bits, NEXMARK_CHANNELS);
}

FILL(fill_channel)
{
    UNUSED;
    wr_view *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = pool->channels[channel(config, events->number[rows[i]])];
}

FILL(fill_url)
{
    UNUSED;
    wr_view *restrict out = out_;
    for (uint32_t i = 0; i < count; i++)
        out[rows[i]] = pool->urls[channel(config, events->number[rows[i]])];
}

/* What an event of taken bytes lacks to its average size, a fifth more or less. */
static inline wr_view extra(const nexmark_pool *pool, uint64_t bits, int64_t taken, int64_t size)
{
    if (taken > size) return (wr_view){.words = {0, 0}};
    int64_t lacks = size - taken, spread = (lacks + 2) / 5;
    uint32_t length = (uint32_t)(lacks - spread);
    if (spread) length += nexmark_high(bits, (uint32_t)(2 * spread));
    return wr_view_of(pool->letters + nexmark_low(bits, NEXMARK_LETTERS), length);
}

FILL(fill_bid_extra)
{
    UNUSED;
    wr_view *restrict out = out_;
    int64_t size = config->size[NEXMARK_BID];
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = nexmark_bits(config, NEXMARK_BID_EXTRA, events->number[rows[i]]);
        out[rows[i]] = extra(pool, bits, 4 * 8, size);
    }
}

FILL(fill_auction_extra)
{
    UNUSED;
    wr_view *restrict out = out_;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t n = events->number[rows[i]];
        uint32_t item = choice(config, NEXMARK_AUCTION_NAME, n, NEXMARK_TEXTS),
                 description = choice(config, NEXMARK_AUCTION_DESCRIPTION, n, NEXMARK_TEXTS);
        int64_t taken = 6 * 8 + pool->items[item].length + pool->descriptions[description].length;
        out[rows[i]] = extra(pool, nexmark_bits(config, NEXMARK_AUCTION_EXTRA, n), taken,
                             config->size[NEXMARK_AUCTION]);
    }
}

FILL(fill_person_extra)
{
    UNUSED;
    wr_view *restrict out = out_;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t n = events->number[rows[i]];
        int64_t taken =
            8 + pool->names[choice(config, NEXMARK_PERSON_NAME, n, NEXMARK_NAMES)].length +
            pool->emails[choice(config, NEXMARK_PERSON_EMAIL, n, NEXMARK_TEXTS)].length +
            pool->cards[choice(config, NEXMARK_PERSON_CARD, n, NEXMARK_TEXTS)].length +
            pool->cities[choice(config, NEXMARK_PERSON_CITY, n, NEXMARK_CITIES)].length +
            pool->states[choice(config, NEXMARK_PERSON_STATE, n, NEXMARK_STATES)].length;
        out[rows[i]] = extra(pool, nexmark_bits(config, NEXMARK_PERSON_EXTRA, n), taken,
                             config->size[NEXMARK_PERSON]);
    }
}

static const nexmark_field person_fields[] = {{"id", WR_T_BIGINT, fill_person_id},
                                              {"name", WR_T_VARCHAR, fill_name},
                                              {"emailAddress", WR_T_VARCHAR, fill_email},
                                              {"creditCard", WR_T_VARCHAR, fill_card},
                                              {"city", WR_T_VARCHAR, fill_city},
                                              {"state", WR_T_VARCHAR, fill_state},
                                              {"dateTime", WR_T_TIMESTAMP, fill_moment},
                                              {"extra", WR_T_VARCHAR, fill_person_extra},
                                              {0}};
static const nexmark_field auction_fields[] = {{"id", WR_T_BIGINT, fill_auction_id},
                                               {"itemName", WR_T_VARCHAR, fill_item},
                                               {"description", WR_T_VARCHAR, fill_description},
                                               {"initialBid", WR_T_BIGINT, fill_initial},
                                               {"reserve", WR_T_BIGINT, fill_reserve},
                                               {"dateTime", WR_T_TIMESTAMP, fill_moment},
                                               {"expires", WR_T_TIMESTAMP, fill_expires},
                                               {"seller", WR_T_BIGINT, fill_seller},
                                               {"category", WR_T_BIGINT, fill_category},
                                               {"extra", WR_T_VARCHAR, fill_auction_extra},
                                               {0}};
static const nexmark_field bid_fields[] = {{"auction", WR_T_BIGINT, fill_bid_auction},
                                           {"bidder", WR_T_BIGINT, fill_bidder},
                                           {"price", WR_T_BIGINT, fill_price},
                                           {"channel", WR_T_VARCHAR, fill_channel},
                                           {"url", WR_T_VARCHAR, fill_url},
                                           {"dateTime", WR_T_TIMESTAMP, fill_moment},
                                           {"extra", WR_T_VARCHAR, fill_bid_extra},
                                           {0}};
const nexmark_field *const wr_nexmark_fields[NEXMARK_KINDS] = {person_fields, auction_fields,
                                                               bid_fields};
