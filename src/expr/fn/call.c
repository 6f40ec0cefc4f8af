/* call.c - room for result text.
 *
 * Pieces are cut from the arena of the batch; a value that does not fit starts a piece of its own
 * size or of WR_TEXT_PIECE, whichever is larger. Sizes that depend on values of the data (repeat,
 * lpad) are first shown to the budget, because the arena itself cannot refuse. */
#include "expr/fn/call.h"

char *wr_text_more(wr_text_out *text, size_t size)
{
    size_t piece = WR_MAX(size, WR_TEXT_PIECE);
    text->next = wr_arena_alloc(text->arena, piece);
    text->end = text->next + piece;
    return text->next;
}

weir_status wr_text_room_checked(wr_text_out *text, const wr_env *env, size_t size, char **out)
{
    if (size > WR_TEXT_MAX) return wr_fail(WR_E_TOO_BIG, "the text would be longer than 1 GiB");
    if (size > WR_TEXT_PIECE && env && env->mem) {
        uint64_t held = size + (text->arena->mem ? 0 : text->arena->total);
        WR_TRY(wr_mem_reserve(env->mem, held));
        wr_mem_release(env->mem, held);
    }
    *out = wr_text_room(text, size);
    return WR_OK;
}

void wr_out_int(wr_column *out, uint32_t i, wr_i128 value)
{
    switch ((wr_phys)out->phys) {
    case WR_P_I8:
    case WR_P_U8:
        WR_OUT(out, int8_t, i) = (int8_t)value;
        break;
    case WR_P_I16:
    case WR_P_U16:
        WR_OUT(out, int16_t, i) = (int16_t)value;
        break;
    case WR_P_I32:
    case WR_P_U32:
        WR_OUT(out, int32_t, i) = (int32_t)value;
        break;
    case WR_P_I128:
        WR_OUT(out, wr_i128, i) = value;
        break;
    default:
        WR_OUT(out, int64_t, i) = (int64_t)value;
        break;
    }
}
