/* pool.c - the texts of generated events, and the table prices are looked up in.
 *
 * An event takes a whole text by its number, or a stretch of letters: a view of 16 bytes into
 * memory that is made once for the process, so no text is ever put together per event. The pool
 * does not depend on the seed of a source; seeds only choose differently.
 *
 * Prices are 100 * 10^(6u), u in [0, 1). u has 20 bits, and the power is the product of one factor
 * for the upper ten bits and one for the lower ten. */
#include "conn/nexmark/nexmark.h"
#include "sys/thread.h"
#include <math.h>

static const char *const first_names[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                          "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
static const char *const last_names[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                         "Walton", "Smith",  "Jones",   "Noris"};
static const char *const cities[] = {"Phoenix",  "Los Angeles", "San Francisco", "Boise",
                                     "Portland", "Bend",        "Redmond",       "Seattle",
                                     "Kent",     "Cheyenne"};
static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
static const char *const hot_channels[] = {"Google", "Facebook", "Baidu", "Apple"};
_Static_assert(WR_COUNT(first_names) * WR_COUNT(last_names) == NEXMARK_NAMES, "names");
_Static_assert(WR_COUNT(cities) == NEXMARK_CITIES, "cities");
_Static_assert(WR_COUNT(states) == NEXMARK_STATES, "states");
_Static_assert(WR_COUNT(hot_channels) == NEXMARK_HOT_CHANNELS, "channels");

typedef struct maker {
    nexmark_pool *pool;
    nexmark_config random; /* only its first key */
    uint64_t drawn;
} maker;

static uint32_t below(maker *m, uint32_t count)
{
    return nexmark_high(nexmark_bits(&m->random, (nexmark_draw)0, m->drawn++), count);
}

static wr_view view_of(wr_str text) { return wr_view_of(text.data, text.length); }

/* Letters and some blanks, of 3 to length_max - 1 bytes before blanks at the ends go. */
static wr_str words(maker *m, uint32_t length_max, char blank)
{
    uint32_t length = 3 + below(m, length_max - 3);
    char *text = wr_arena_alloc(&m->pool->arena, length + 1);
    for (uint32_t i = 0; i < length; i++)
        text[i] = below(m, 13) ? (char)('a' + below(m, 26)) : blank;
    return wr_str_trim((wr_str){text, length});
}

static wr_str base_url(maker *m)
{
    wr_str a = words(m, 5, '_'), b = words(m, 5, '_'), c = words(m, 5, '_');
    return wr_arena_printf(&m->pool->arena,
                           "https://www.nexmark.com/%.*s/%.*s/%.*s/item.htm?query=1",
                           WR_STR_ARGS(a), WR_STR_ARGS(b), WR_STR_ARGS(c));
}

static uint32_t bits_reversed(uint32_t x)
{
    uint32_t out = 0;
    for (int i = 0; i < 32; i++)
        out |= (x >> i & 1) << (31 - i);
    return out;
}

/* The hot channels have addresses without an id; nine of ten of the others name theirs. */
static void make_channels(maker *m)
{
    nexmark_pool *pool = m->pool;
    for (uint32_t i = 0; i < NEXMARK_CHANNELS; i++) {
        wr_str url = base_url(m);
        int32_t id = (int32_t)bits_reversed(i);
        if (below(m, 10) > 0)
            url = wr_arena_printf(&pool->arena, "%.*s&channel_id=%lld", WR_STR_ARGS(url),
                                  id < 0 ? -(long long)id : (long long)id);
        pool->channels[i] = view_of(wr_arena_printf(&pool->arena, "channel-%u", i));
        pool->urls[i] = view_of(url);
    }
    for (int i = 0; i < NEXMARK_HOT_CHANNELS; i++) {
        pool->channels[NEXMARK_CHANNELS + i] = view_of(wr_str_of(hot_channels[i]));
        pool->urls[NEXMARK_CHANNELS + i] = view_of(base_url(m));
    }
}

static void make_people(maker *m)
{
    nexmark_pool *pool = m->pool;
    for (size_t i = 0; i < NEXMARK_NAMES; i++)
        pool->names[i] =
            view_of(wr_arena_printf(&pool->arena, "%s %s", first_names[i / WR_COUNT(last_names)],
                                    last_names[i % WR_COUNT(last_names)]));
    for (int i = 0; i < NEXMARK_CITIES; i++)
        pool->cities[i] = view_of(wr_str_of(cities[i]));
    for (int i = 0; i < NEXMARK_STATES; i++)
        pool->states[i] = view_of(wr_str_of(states[i]));
    for (int i = 0; i < NEXMARK_TEXTS; i++) {
        wr_str user = words(m, 7, ' '), host = words(m, 5, ' ');
        uint32_t a = below(m, 10000), b = below(m, 10000), c = below(m, 10000);
        pool->emails[i] = view_of(
            wr_arena_printf(&pool->arena, "%.*s@%.*s.com", WR_STR_ARGS(user), WR_STR_ARGS(host)));
        pool->cards[i] =
            view_of(wr_arena_printf(&pool->arena, "%04u %04u %04u %04u", a, b, c, below(m, 10000)));
    }
}

static nexmark_pool *make_pool(void)
{
    nexmark_pool *pool = wr_heap_new(sizeof *pool);
    maker m = {.pool = pool, .random = {.key = {UINT64_C(0x6e65786d61726b)}}};
    make_people(&m);
    make_channels(&m);
    for (int i = 0; i < NEXMARK_TEXTS; i++) {
        pool->items[i] = view_of(words(&m, 20, ' '));
        pool->descriptions[i] = view_of(words(&m, 100, ' '));
    }
    for (size_t i = 0; i < sizeof pool->letters; i++)
        pool->letters[i] = (char)('a' + below(&m, 26));
    for (int i = 0; i < NEXMARK_PRICE_STEPS; i++) {
        pool->price_coarse[i] = 100.0 * pow(10.0, 6.0 * i / NEXMARK_PRICE_STEPS);
        pool->price_fine[i] = pow(10.0, 6.0 * i / NEXMARK_PRICE_STEPS / NEXMARK_PRICE_STEPS);
    }
    return pool;
}

const nexmark_pool *wr_nexmark_pool(void)
{
    static wr_mutex lock = WR_MUTEX_INIT;
    static nexmark_pool *pool; /* guarded by lock */
    wr_mutex_lock(&lock);
    if (!pool) pool = make_pool();
    wr_mutex_unlock(&lock);
    return pool;
}
