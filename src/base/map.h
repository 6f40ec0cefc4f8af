/* map.h - hash map from text to pointer, for names (never for rows of data). Keys are borrowed. */
#pragma once
#include "base/arena.h"

typedef struct wr_map {
    wr_str *keys;
    void **values;
    uint32_t count, cap;
    bool ignore_case;
} wr_map;

/* Memory comes from the heap; clear frees it. A zeroed map is valid and empty. */
void *wr_map_get(const wr_map *map, wr_str key); /* NULL if absent */
/* value is not NULL. Returns the value replaced, or NULL; the new key is kept either way. */
void *wr_map_put(wr_map *map, wr_str key, void *value);
void *wr_map_remove(wr_map *map, wr_str key);
void wr_map_clear(wr_map *map);
/* Iterate: for (uint32_t i = 0; wr_map_next(map, &i, &key, &value);). Order is unspecified. */
bool wr_map_next(const wr_map *map, uint32_t *i, wr_str *key, void **value);
