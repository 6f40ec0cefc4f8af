/* nexmark.h - what the parts of the generator share.
 *
 *   pool.c  texts and prices, made once   events.c  numbers of events -> columns
 *   nexmark.c  options, the source and its reader */
#pragma once
#include "spi/connector.h"

typedef enum nexmark_kind {
    NEXMARK_PERSON,
    NEXMARK_AUCTION,
    NEXMARK_BID,
    NEXMARK_KINDS
} nexmark_kind;

/* Numbers that are drawn for an event: one stream each, so that any can be had without the others.
 */
typedef enum nexmark_draw {
    NEXMARK_PERSON_NAME,
    NEXMARK_PERSON_EMAIL,
    NEXMARK_PERSON_CARD,
    NEXMARK_PERSON_CITY,
    NEXMARK_PERSON_STATE,
    NEXMARK_PERSON_EXTRA,
    NEXMARK_AUCTION_NAME,
    NEXMARK_AUCTION_DESCRIPTION,
    NEXMARK_AUCTION_INITIAL,
    NEXMARK_AUCTION_RESERVE,
    NEXMARK_AUCTION_LENGTH,
    NEXMARK_AUCTION_SELLER,
    NEXMARK_AUCTION_CATEGORY,
    NEXMARK_AUCTION_EXTRA,
    NEXMARK_BID_AUCTION,
    NEXMARK_BID_BIDDER,
    NEXMARK_BID_PRICE,
    NEXMARK_BID_CHANNEL,
    NEXMARK_BID_EXTRA,
    NEXMARK_DELAY,
    NEXMARK_DRAWS
} nexmark_draw;

typedef struct nexmark_config {
    int64_t share[NEXMARK_KINDS], first[NEXMARK_KINDS]; /* of a round of total events */
    int64_t total;
    int64_t hot_auctions, hot_bidders, hot_sellers; /* all but one of so many go to the hot one */
    int64_t active_people, auctions_in_flight;
    int64_t size[NEXMARK_KINDS]; /* average bytes of an event */
    int64_t start_ms, event_rate, max_delay_ms;
    uint64_t key[NEXMARK_DRAWS];
} nexmark_config;

/* Random bits of event number n: the same for the same seed, whatever was asked before. */
static inline uint64_t nexmark_bits(const nexmark_config *config, nexmark_draw draw, uint64_t n)
{
    uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15) + config->key[draw];
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
/* 0...count-1 out of the lower and out of the upper half of the bits. */
static inline uint32_t nexmark_low(uint64_t bits, uint32_t count)
{
    return (uint32_t)((bits & UINT32_MAX) * count >> 32);
}
static inline uint32_t nexmark_high(uint64_t bits, uint32_t count)
{
    return (uint32_t)((bits >> 32) * count >> 32);
}

/* ---- pool.c ---- */
enum {
    NEXMARK_NAMES = 99,
    NEXMARK_CITIES = 10,
    NEXMARK_STATES = 6,
    NEXMARK_TEXTS = 4096, /* of each sort */
    NEXMARK_CHANNELS = 10000,
    NEXMARK_HOT_CHANNELS = 4,
    NEXMARK_LETTERS = 32 << 10, /* places where an extra text may begin */
    NEXMARK_EXTRA_MAX = 64 << 10,
    NEXMARK_PRICE_STEPS = 1024
};
typedef struct nexmark_pool {
    wr_view names[NEXMARK_NAMES], cities[NEXMARK_CITIES], states[NEXMARK_STATES];
    wr_view emails[NEXMARK_TEXTS], cards[NEXMARK_TEXTS];
    wr_view items[NEXMARK_TEXTS], descriptions[NEXMARK_TEXTS];
    wr_view channels[NEXMARK_CHANNELS + NEXMARK_HOT_CHANNELS]; /* the hot ones are the last */
    wr_view urls[NEXMARK_CHANNELS + NEXMARK_HOT_CHANNELS];
    double price_coarse[NEXMARK_PRICE_STEPS], price_fine[NEXMARK_PRICE_STEPS];
    char letters[NEXMARK_LETTERS + NEXMARK_EXTRA_MAX];
    wr_arena arena;
} nexmark_pool;
/* Made by the first caller, the same in every process, and there until its end. Any thread. */
const nexmark_pool *wr_nexmark_pool(void);

/* ---- events.c ---- */
/* The events of a batch: their numbers, and the newest ids at that time (counted from 0). */
typedef struct nexmark_events {
    uint32_t count;
    uint64_t number[WR_BATCH_ROWS];
    int64_t person[WR_BATCH_ROWS], auction[WR_BATCH_ROWS];
    uint8_t kind[WR_BATCH_ROWS];
    uint16_t all[WR_BATCH_ROWS]; /* 0, 1, 2... */
    uint16_t rows[NEXMARK_KINDS][WR_BATCH_ROWS];
    uint32_t row_count[NEXMARK_KINDS];
} nexmark_events;

/* Fills one column of the events in rows, at their places. per_ms: units of a moment. */
typedef void nexmark_fill(const nexmark_config *config, const nexmark_pool *pool,
                          const nexmark_events *events, const uint16_t *rows, uint32_t count,
                          int64_t per_ms, void *out);
typedef struct nexmark_field {
    const char *name; /* NULL: behind the last one */
    wr_type_id type;  /* BIGINT, VARCHAR or TIMESTAMP */
    nexmark_fill *fill;
} nexmark_field;
extern const nexmark_field *const wr_nexmark_fields[NEXMARK_KINDS];

/* The next events from number *next on, before end, at most WR_BATCH_ROWS; only: of that kind, -1:
 * of all. Moves *next behind the last one looked at. */
void wr_nexmark_next(const nexmark_config *config, int only, uint64_t end, uint64_t *next,
                     nexmark_events *out);
