/* map.c - open addressing with linear probing. See map.h.
 *
 * An empty slot has a key without data; a key of length 0 is stored with data "". Removal shifts
 * the followers back, so there are no tombstones and probing stops at the first empty slot. At most
 * 3/4 of the slots are taken; capacity is a power of two. */
#include "base/map.h"
#include "base/mem.h"

static uint32_t home(const wr_map *map, wr_str key)
{
    uint64_t hash = map->ignore_case ? wr_hash_str_ci(key) : wr_hash_bytes(key.data, key.length);
    return (uint32_t)hash & (map->cap - 1);
}

static bool same(const wr_map *map, wr_str a, wr_str b)
{
    return map->ignore_case ? wr_str_ieq(a, b) : wr_str_eq(a, b);
}

/* The slot of key, or the empty slot where it belongs. */
static uint32_t slot_of(const wr_map *map, wr_str key)
{
    uint32_t i = home(map, key);
    while (map->keys[i].data && !same(map, map->keys[i], key))
        i = (i + 1) & (map->cap - 1);
    return i;
}

static void grow(wr_map *map)
{
    wr_map bigger = {.cap = map->cap ? map->cap * 2 : 16, .count = map->count};
    bigger.ignore_case = map->ignore_case;
    bigger.keys = wr_heap_new(bigger.cap * sizeof *bigger.keys);
    bigger.values = wr_heap_new(bigger.cap * sizeof *bigger.values);
    for (uint32_t i = 0; i < map->cap; i++) {
        if (!map->keys[i].data) continue;
        uint32_t to = slot_of(&bigger, map->keys[i]);
        bigger.keys[to] = map->keys[i];
        bigger.values[to] = map->values[i];
    }
    wr_heap_drop(map->keys);
    wr_heap_drop(map->values);
    *map = bigger;
}

void *wr_map_get(const wr_map *map, wr_str key)
{
    return map->cap ? map->values[slot_of(map, key)] : NULL;
}

void *wr_map_put(wr_map *map, wr_str key, void *value)
{
    wr_assert(value);
    if (map->count + 1 > map->cap / 4 * 3) grow(map);
    uint32_t i = slot_of(map, key);
    void *replaced = map->values[i];
    if (!map->keys[i].data) map->count++;
    map->keys[i] = (wr_str){key.data ? key.data : "", key.length};
    map->values[i] = value;
    return replaced;
}

void *wr_map_remove(wr_map *map, wr_str key)
{
    if (!map->cap) return NULL;
    uint32_t mask = map->cap - 1, hole = slot_of(map, key);
    void *removed = map->values[hole];
    if (!map->keys[hole].data) return NULL;
    for (uint32_t i = (hole + 1) & mask; map->keys[i].data; i = (i + 1) & mask) {
        /* The follower may fill the hole unless its home lies behind the hole. */
        if (((i - home(map, map->keys[i])) & mask) < ((i - hole) & mask)) continue;
        map->keys[hole] = map->keys[i];
        map->values[hole] = map->values[i];
        hole = i;
    }
    map->keys[hole] = (wr_str){0};
    map->values[hole] = NULL;
    map->count--;
    return removed;
}

void wr_map_clear(wr_map *map)
{
    wr_heap_drop(map->keys);
    wr_heap_drop(map->values);
    *map = (wr_map){.ignore_case = map->ignore_case};
}

bool wr_map_next(const wr_map *map, uint32_t *i, wr_str *key, void **value)
{
    for (; *i < map->cap; ++*i) {
        if (!map->keys[*i].data) continue;
        *key = map->keys[*i];
        *value = map->values[*i];
        ++*i;
        return true;
    }
    return false;
}
