/* layout.c - columns in the layout that a consumer asked for.
 *
 * Texts and bytes of the engine are views. Who asks for offsets instead (formats u, U, z, Z) gets
 * copies; the other columns of an array stay as they are. Which type a column has is not changed
 * here: that is a CAST of the query (weir/frame.py). */
#include "layout.h"
#include "arrow.h"
#include <stdlib.h>
#include <string.h>

/* The layout for a column of one format where another is wanted; 0: it stays. */
static char layout_for(const struct ArrowSchema *is, const struct ArrowSchema *wanted)
{
    static const char *const known[][2] = {{"vu", "u"}, {"vu", "U"}, {"vz", "z"}, {"vz", "Z"}};
    if (is->dictionary || wanted->dictionary) return 0;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (!strcmp(is->format, known[k][0]) && !strcmp(wanted->format, known[k][1]))
            return known[k][1][0];
    return 0;
}

char *wrp_layout_new(const struct ArrowSchema *is, const struct ArrowSchema *wanted)
{
    bool is_used = false;
    if (is->n_children != wanted->n_children || strcmp(wanted->format, "+s") != 0) return NULL;
    char *layout = calloc((size_t)is->n_children + 1, 1);
    for (int64_t i = 0; layout && i < is->n_children; i++) {
        layout[i] = layout_for(is->children[i], wanted->children[i]);
        is_used |= layout[i];
    }
    if (is_used) return layout;
    free(layout);
    return NULL;
}

void wrp_layout_schema(const char *layout, struct ArrowSchema *schema)
{
    static const char *const formats[] = {"u", "U", "z", "Z"};
    for (int64_t i = 0; i < schema->n_children; i++)
        for (size_t k = 0; layout[i] && k < sizeof formats / sizeof *formats; k++)
            if (layout[i] == formats[k][0]) schema->children[i]->format = formats[k];
}

/* ---- arrays ---- */

typedef struct texts {
    const void *buffers[3];
    uint8_t *valid;
    char *offsets, *bytes;
} texts;

static void release_texts(struct ArrowArray *array)
{
    texts *t = array->private_data;
    free(t->valid);
    free(t->offsets);
    free(t->bytes);
    free(t);
    array->release = NULL;
}

static bool is_there(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *valid = array->null_count ? array->buffers[0] : NULL;
    int64_t at = array->offset + row;
    return !valid || valid[at >> 3] >> (at & 7) & 1;
}

static const char *view_at(const struct ArrowArray *array, int64_t row, int32_t *length)
{
    const char *view = (const char *)array->buffers[1] + (array->offset + row) * 16;
    int32_t place[2];
    memcpy(length, view, 4);
    if (*length <= 12) return view + 4;
    memcpy(place, view + 8, 8);
    return (const char *)array->buffers[2 + place[0]] + place[1];
}

static void put_offset(const texts *t, bool is_long, int64_t row, int64_t offset)
{
    int32_t narrow = (int32_t)offset;
    if (is_long)
        memcpy(t->offsets + row * 8, &offset, 8);
    else
        memcpy(t->offsets + row * 4, &narrow, 4);
}

static int64_t size_of(const struct ArrowArray *array)
{
    int64_t size = 0;
    int32_t length;
    for (int64_t row = 0; row < array->length; row++)
        if (is_there(array, row)) view_at(array, row, &length), size += length;
    return size;
}

static bool take_texts(const struct ArrowArray *array, bool is_long, int64_t size, texts *t)
{
    size_t rows = (size_t)array->length;
    int64_t at = 0;
    t->valid = calloc(rows / 8 + 1, 1);
    t->offsets = malloc((rows + 1) * 8);
    t->bytes = malloc((size_t)size + 1);
    if (!t->valid || !t->offsets || !t->bytes) return false;
    put_offset(t, is_long, 0, 0);
    for (int64_t row = 0; row < array->length; row++) {
        int32_t length = 0;
        if (is_there(array, row)) {
            const char *text = view_at(array, row, &length);
            memcpy(t->bytes + at, text, (size_t)length);
            t->valid[row >> 3] |= (uint8_t)(1 << (row & 7));
        }
        put_offset(t, is_long, row + 1, at += length);
    }
    t->buffers[0] = t->valid;
    t->buffers[1] = t->offsets;
    t->buffers[2] = t->bytes;
    return true;
}

static const char *convert(struct ArrowArray *array, bool is_long)
{
    int64_t size = size_of(array);
    if (!is_long && size > INT32_MAX)
        return "the texts of one array are too long for offsets of 32 bits: ask for large ones";
    texts *t = calloc(1, sizeof *t);
    struct ArrowArray out = {.length = array->length,
                             .null_count = array->null_count,
                             .n_buffers = 3,
                             .release = release_texts,
                             .private_data = t};
    if (!t) return "out of memory";
    out.buffers = t->buffers;
    if (!take_texts(array, is_long, size, t)) {
        release_texts(&out);
        return "out of memory";
    }
    array->release(array);
    *array = out;
    return NULL;
}

const char *wrp_layout_apply(const char *layout, struct ArrowArray *array)
{
    const char *why = NULL;
    for (int64_t i = 0; !why && i < array->n_children; i++)
        if (layout[i]) why = convert(array->children[i], layout[i] == 'U' || layout[i] == 'Z');
    return why;
}
