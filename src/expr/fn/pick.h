/* pick.h - builds a column from single values that stand anywhere: the tool of list, struct and
 * collecting functions. */
#pragma once
#include "col/column.h"

/* Row row of column; column NULL is the value NULL. */
typedef struct wr_pick {
    const wr_column *column;
    uint32_t row;
} wr_pick;

/* Fills out with count picked values of type, FLAT at type->phys, validity only where needed. Text
 * is borrowed from the sources; nested values are rebuilt, so that children are compact. Memory
 * from arena. Any thread. */
void wr_column_pick(const wr_pick *picks, uint32_t count, const wr_type *type, wr_arena *arena,
                    wr_column *out);

/* The pick of element k of the list (LIST, MAP or ARRAY) at row i of list, which must be FLAT and
 * not NULL there. */
static inline wr_pick wr_pick_element(const wr_column *list, uint32_t i, uint32_t k)
{
    uint32_t at = list->phys == WR_P_ARRAY ? i * list->type->array_length
                                           : ((const wr_list_slot *)list->data)[i].offset;
    return (wr_pick){&list->children[0], at + k};
}
static inline uint32_t wr_list_length(const wr_column *list, uint32_t i)
{
    return list->phys == WR_P_ARRAY ? list->type->array_length
                                    : ((const wr_list_slot *)list->data)[i].length;
}
