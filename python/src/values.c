/* values.c - rows of Arrow arrays as Python objects.
 *
 * Each column gets a reader: a function for its format with what that needs, found once per batch.
 * Rows are then made cell by cell. Readers of columns with few different values (days,
 * dictionaries) remember what they made. Arrow has no integer of 128 bits, so HUGEINT comes as a
 * decimal without fraction; its SQL type tells. */
#include "values.h"
#include "errors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader reader;
typedef PyObject *read_fn(reader *r, int64_t i);

struct reader {
    read_fn *read;
    const struct ArrowArray *array;
    const uint8_t *valid; /* NULL: no NULLs */
    const void *data;     /* buffer 1 */
    int64_t offset;
    int width;          /* of a value, of a list of fixed length, of a decimal in bytes */
    int scale;          /* of a decimal */
    int64_t per_second; /* units of a time */
    bool is_int;        /* of a decimal: HUGEINT */
    bool has_zone;
    bool is_bytes; /* not text */
    reader *children;
    int child_count;
    PyObject *names; /* of a struct; a tuple */
    PyObject *made;  /* of a dictionary: a list of what was made; of dates: the last one */
    int64_t made_of;
};

static struct {
    PyObject *date, *datetime, *time, *timedelta, *utc, *decimal, *uuid, *interval;
} classes;

static PyObject *imported(const char *module, const char *name)
{
    PyObject *from = PyImport_ImportModule(module);
    PyObject *found = from ? PyObject_GetAttrString(from, name) : NULL;
    Py_XDECREF(from);
    return found;
}

/* Imported when the first value of it comes, so that importing weir stays quick. */
static PyObject *class_of(PyObject **held, const char *module, const char *name)
{
    if (!*held) *held = imported(module, name);
    return *held;
}

/* The same for the classes of days and times, before the first column of them is read. */
static bool import_times(void)
{
    if (classes.utc) return true;
    PyObject *zone = imported("datetime", "timezone");
    bool is_well = zone && class_of(&classes.date, "datetime", "date") &&
                   class_of(&classes.datetime, "datetime", "datetime") &&
                   class_of(&classes.time, "datetime", "time") &&
                   class_of(&classes.timedelta, "datetime", "timedelta");
    if (is_well) classes.utc = PyObject_GetAttrString(zone, "utc");
    Py_XDECREF(zone);
    return classes.utc != NULL;
}

/* ---- numbers ---- */

#define READ_NUMBER(name, type, make)                        \
    static PyObject *read_##name(reader *r, int64_t i)       \
    {                                                        \
        return make(((const type *)r->data)[r->offset + i]); \
    }
READ_NUMBER(int8, int8_t, PyLong_FromLong)
READ_NUMBER(int16, int16_t, PyLong_FromLong)
READ_NUMBER(int32, int32_t, PyLong_FromLong)
READ_NUMBER(int64, int64_t, PyLong_FromLongLong)
READ_NUMBER(uint8, uint8_t, PyLong_FromLong)
READ_NUMBER(uint16, uint16_t, PyLong_FromLong)
READ_NUMBER(uint32, uint32_t, PyLong_FromUnsignedLong)
READ_NUMBER(uint64, uint64_t, PyLong_FromUnsignedLongLong)
READ_NUMBER(float, float, PyFloat_FromDouble)
READ_NUMBER(double, double, PyFloat_FromDouble)

static PyObject *read_half(reader *r, int64_t i)
{
    uint16_t half = ((const uint16_t *)r->data)[r->offset + i];
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent == 0   ? ldexp(fraction, -24)
                  : exponent < 31 ? ldexp(fraction + 1024, exponent - 25)
                  : fraction == 0 ? HUGE_VAL
                                  : NAN;
    return PyFloat_FromDouble(half >> 15 ? -size : size);
}

static bool bit_at(const uint8_t *bits, int64_t i) { return bits[i >> 3] >> (i & 7) & 1; }

static PyObject *read_bool(reader *r, int64_t i)
{
    return PyBool_FromLong(bit_at(r->data, r->offset + i));
}

static PyObject *read_null(reader *r, int64_t i)
{
    (void)r, (void)i;
    Py_RETURN_NONE;
}

/* At most 39 digits, a sign, a point and leading zeros. */
static void print_decimal(__int128 value, int scale, char *out)
{
    char digits[80];
    int count = 0, at = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    while (rest || count <= scale) {
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (value < 0) out[at++] = '-';
    while (count > 0) {
        out[at++] = digits[--count];
        if (count == scale && scale > 0) out[at++] = '.';
    }
    out[at] = 0;
}

static const char ZERO[16],
    MINUS_ONE[16] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
static PyObject *out_of_range(const char *what);

static PyObject *read_decimal(reader *r, int64_t i)
{
    const char *from = (const char *)r->data + (r->offset + i) * r->width;
    __int128 value;
    int64_t narrow = 0;
    char text[96];
    if (r->width >= 16) {
        memcpy(&value, from, 16); /* of 32 bytes the engine takes those that fit into 16 */
        if (r->width == 32 && memcmp(from + 16, value < 0 ? MINUS_ONE : ZERO, 16) != 0)
            return out_of_range("DECIMAL");
    } else {
        if (r->width == 8)
            memcpy(&narrow, from, 8);
        else
            narrow = *(const int32_t *)from;
        value = narrow;
    }
    if (r->is_int && value == (int64_t)value) return PyLong_FromLongLong((int64_t)value);
    print_decimal(value, r->scale, text);
    if (r->is_int) return PyLong_FromString(text, NULL, 10);
    PyObject *make = class_of(&classes.decimal, "decimal", "Decimal");
    PyObject *printed = make ? PyUnicode_FromString(text) : NULL;
    PyObject *made = printed ? PyObject_CallFunctionObjArgs(make, printed, NULL) : NULL;
    Py_XDECREF(printed);
    return made;
}

/* ---- texts and bytes ---- */

static PyObject *text_of(const reader *r, const char *bytes, int64_t size)
{
    return r->is_bytes ? PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size)
                       : PyUnicode_FromStringAndSize(bytes, (Py_ssize_t)size);
}

static PyObject *read_view(reader *r, int64_t i)
{
    const char *view = (const char *)r->data + (r->offset + i) * 16;
    int32_t length, place[2];
    memcpy(&length, view, 4);
    if (length <= 12) return text_of(r, view + 4, length);
    memcpy(place, view + 8, 8);
    return text_of(r, (const char *)r->array->buffers[2 + place[0]] + place[1], length);
}

static int64_t offset_at(const void *offsets, int width, int64_t i)
{
    return width == 8 ? ((const int64_t *)offsets)[i] : ((const int32_t *)offsets)[i];
}

static PyObject *read_text(reader *r, int64_t i)
{
    int64_t from = offset_at(r->data, r->width, r->offset + i);
    int64_t to = offset_at(r->data, r->width, r->offset + i + 1);
    return text_of(r, (const char *)r->array->buffers[2] + from, to - from);
}

static PyObject *read_fixed(reader *r, int64_t i)
{
    return text_of(r, (const char *)r->data + (r->offset + i) * r->width, r->width);
}

static PyObject *read_uuid(reader *r, int64_t i)
{
    PyObject *make = class_of(&classes.uuid, "uuid", "UUID");
    PyObject *bytes = make ? read_fixed(r, i) : NULL;
    PyObject *made = bytes ? PyObject_CallFunctionObjArgs(make, Py_None, bytes, NULL) : NULL;
    Py_XDECREF(bytes);
    return made;
}

/* ---- times ---- */

static PyObject *out_of_range(const char *what)
{
    char text[120];
    snprintf(text, sizeof text, "a %s is out of the range of Python's", what);
    wrp_raise_own("DataError", text, "cast the column to VARCHAR, or take it by arrow()");
    return NULL;
}

/* Days since 1970 as year, month and day of the Gregorian calendar; eras of 400 years from March
 * on. False outside of years 1 to 9999. */
static bool civil(int64_t days, int *year, int *month, int *day)
{
    if (days < -719162 || days > 2932896) return false;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
    return true;
}

static int64_t split(int64_t value, int64_t by, int64_t *rest)
{
    int64_t quotient = value / by;
    *rest = value % by;
    if (*rest < 0) *rest += by, quotient--;
    return quotient;
}

static PyObject *remember(reader *r, int64_t of, PyObject *made)
{
    Py_XDECREF(r->made);
    r->made = Py_XNewRef(made);
    r->made_of = of;
    return made;
}

static PyObject *make_date(reader *r, int64_t days)
{
    int year, month, day;
    if (r->made && r->made_of == days) return Py_NewRef(r->made);
    if (!civil(days, &year, &month, &day)) return out_of_range("DATE");
    return remember(r, days, PyObject_CallFunction(classes.date, "iii", year, month, day));
}

static PyObject *read_date(reader *r, int64_t i)
{
    return make_date(r, ((const int32_t *)r->data)[r->offset + i]);
}

static PyObject *read_date_ms(reader *r, int64_t i)
{
    int64_t rest;
    return make_date(r, split(((const int64_t *)r->data)[r->offset + i], 86400000, &rest));
}

/* Whole seconds and microseconds of a value in the reader's unit. */
static int64_t seconds_of(const reader *r, int64_t i, int *micros)
{
    int64_t at = r->offset + i, rest;
    int64_t value = r->width == 4 ? ((const int32_t *)r->data)[at] : ((const int64_t *)r->data)[at];
    int64_t seconds = split(value, r->per_second, &rest);
    *micros = (int)(r->per_second >= 1000000 ? rest / (r->per_second / 1000000)
                                             : rest * (1000000 / r->per_second));
    return seconds;
}

static PyObject *read_time(reader *r, int64_t i)
{
    int micros;
    int64_t s = seconds_of(r, i, &micros);
    if (s < 0 || s >= 86400) return out_of_range("TIME of 24:00:00");
    return PyObject_CallFunction(classes.time, "iiii", (int)(s / 3600), (int)(s / 60 % 60),
                                 (int)(s % 60), micros);
}

static PyObject *read_timestamp(reader *r, int64_t i)
{
    int micros, year, month, day;
    int64_t second, days = split(seconds_of(r, i, &micros), 86400, &second);
    if (!civil(days, &year, &month, &day)) return out_of_range("TIMESTAMP");
    int s = (int)second;
    return PyObject_CallFunction(classes.datetime, "iiiiiiiO", year, month, day, s / 3600,
                                 s / 60 % 60, s % 60, micros, r->has_zone ? classes.utc : Py_None);
}

static PyObject *read_duration(reader *r, int64_t i)
{
    int micros;
    int64_t second, days = split(seconds_of(r, i, &micros), 86400, &second);
    if (days > 999999999 || days < -999999999) return out_of_range("INTERVAL");
    return PyObject_CallFunction(classes.timedelta, "iii", (int)days, (int)second, micros);
}

static PyObject *read_interval(reader *r, int64_t i)
{
    int32_t parts[2];
    int64_t nanos, rest;
    const char *from = (const char *)r->data + (r->offset + i) * 16;
    memcpy(parts, from, 8);
    memcpy(&nanos, from + 8, 8);
    int64_t micros = split(nanos, 1000, &rest);
    if (parts[0] == 0)
        return PyObject_CallFunction(classes.timedelta, "iiL", parts[1], 0, (long long)micros);
    PyObject *make = class_of(&classes.interval, "weir.interval", "Interval");
    return make ? PyObject_CallFunction(make, "iiL", parts[0], parts[1], (long long)micros) : NULL;
}

static PyObject *read_months(reader *r, int64_t i)
{
    PyObject *make = class_of(&classes.interval, "weir.interval", "Interval");
    return make ? PyObject_CallFunction(make, "i", ((const int32_t *)r->data)[r->offset + i])
                : NULL;
}

static PyObject *read_days_ms(reader *r, int64_t i)
{
    const int32_t *parts = (const int32_t *)r->data + 2 * (r->offset + i);
    return PyObject_CallFunction(classes.timedelta, "iiL", parts[0], 0, parts[1] * 1000LL);
}

/* ---- nested ---- */

static PyObject *value_at(reader *r, int64_t i)
{
    if (r->valid && !bit_at(r->valid, r->offset + i)) Py_RETURN_NONE;
    return r->read(r, i);
}

static PyObject *list_of(reader *child, int64_t from, int64_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (int64_t k = 0; list && k < count; k++) {
        PyObject *value = value_at(child, from + k);
        if (value)
            PyList_SetItem(list, (Py_ssize_t)k, value);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *read_list(reader *r, int64_t i)
{
    int64_t from = offset_at(r->data, r->width, r->offset + i);
    return list_of(&r->children[0], from, offset_at(r->data, r->width, r->offset + i + 1) - from);
}

static PyObject *read_list_view(reader *r, int64_t i)
{
    int64_t from = offset_at(r->data, r->width, r->offset + i);
    return list_of(&r->children[0], from, offset_at(r->array->buffers[2], r->width, r->offset + i));
}

static PyObject *read_array(reader *r, int64_t i)
{
    return list_of(&r->children[0], (r->offset + i) * r->width, r->width);
}

static PyObject *dict_at(reader *r, int64_t i)
{
    PyObject *dict = PyDict_New();
    for (int c = 0; dict && c < r->child_count; c++) {
        PyObject *value = value_at(&r->children[c], i);
        if (!value || PyDict_SetItem(dict, PyTuple_GetItem(r->names, c), value) != 0)
            Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *read_struct(reader *r, int64_t i) { return dict_at(r, r->offset + i); }

/* A dict; of keys that are no keys of Python (lists, structs) a list of pairs. */
static PyObject *read_map(reader *r, int64_t i)
{
    int64_t from = offset_at(r->data, 4, r->offset + i);
    int64_t to = offset_at(r->data, 4, r->offset + i + 1);
    reader *entries = &r->children[0], *keys = &entries->children[0];
    bool as_pairs = keys->child_count > 0;
    PyObject *made = as_pairs ? PyList_New(0) : PyDict_New();
    for (int64_t k = from; made && k < to; k++) {
        PyObject *key = value_at(keys, entries->offset + k);
        PyObject *value = key ? value_at(&entries->children[1], entries->offset + k) : NULL;
        PyObject *pair = value && as_pairs ? PyTuple_Pack(2, key, value) : NULL;
        bool is_in = value && (as_pairs ? pair && PyList_Append(made, pair) == 0
                                        : PyDict_SetItem(made, key, value) == 0);
        if (!is_in) Py_CLEAR(made);
        Py_XDECREF(pair);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return made;
}

/* Runs: their ends count rows from the start of the array; the values are the second child. */
static PyObject *read_run(reader *r, int64_t i)
{
    const reader *ends = &r->children[0];
    int64_t at = r->offset + i, low = 0, high = ends->array->length;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, k = ends->offset + middle;
        int64_t end = r->width == 2   ? ((const int16_t *)ends->data)[k]
                      : r->width == 4 ? ((const int32_t *)ends->data)[k]
                                      : ((const int64_t *)ends->data)[k];
        if (end > at)
            high = middle;
        else
            low = middle + 1;
    }
    return value_at(&r->children[1], low);
}

static PyObject *read_dictionary(reader *r, int64_t i)
{
    int64_t at = r->offset + i, code;
    switch (r->width) {
    case 1:
        code = ((const uint8_t *)r->data)[at];
        break;
    case 2:
        code = ((const uint16_t *)r->data)[at];
        break;
    case 4:
        code = ((const uint32_t *)r->data)[at];
        break;
    default:
        code = ((const int64_t *)r->data)[at];
    }
    PyObject *known = PyList_GetItem(r->made, (Py_ssize_t)code);
    if (!known) return NULL;
    if (known != Py_None) return Py_NewRef(known);
    PyObject *value = value_at(&r->children[0], code);
    if (value) PyList_SetItem(r->made, (Py_ssize_t)code, Py_NewRef(value));
    return value;
}

/* ---- finding readers ---- */

static const struct {
    const char *format;
    read_fn *read;
    int width;
    int64_t per_second;
    bool is_bytes;
} plain[] = {
    {"n", read_null, 0, 0, 0},
    {"b", read_bool, 0, 0, 0},
    {"c", read_int8, 0, 0, 0},
    {"C", read_uint8, 0, 0, 0},
    {"s", read_int16, 0, 0, 0},
    {"S", read_uint16, 0, 0, 0},
    {"i", read_int32, 0, 0, 0},
    {"I", read_uint32, 0, 0, 0},
    {"l", read_int64, 0, 0, 0},
    {"L", read_uint64, 0, 0, 0},
    {"f", read_float, 0, 0, 0},
    {"g", read_double, 0, 0, 0},
    {"vu", read_view, 0, 0, 0},
    {"vz", read_view, 0, 0, 1},
    {"u", read_text, 4, 0, 0},
    {"U", read_text, 8, 0, 0},
    {"z", read_text, 4, 0, 1},
    {"Z", read_text, 8, 0, 1},
    {"tdD", read_date, 4, 0, 0},
    {"tdm", read_date_ms, 8, 0, 0},
    {"tts", read_time, 4, 1, 0},
    {"ttm", read_time, 4, 1000, 0},
    {"ttu", read_time, 8, 1000000, 0},
    {"ttn", read_time, 8, 1000000000, 0},
    {"tDs", read_duration, 8, 1, 0},
    {"tDm", read_duration, 8, 1000, 0},
    {"tDu", read_duration, 8, 1000000, 0},
    {"tDn", read_duration, 8, 1000000000, 0},
    {"tin", read_interval, 16, 0, 0},
    {"+l", read_list, 4, 0, 0},
    {"+L", read_list, 8, 0, 0},
    {"+vl", read_list_view, 4, 0, 0},
    {"+vL", read_list_view, 8, 0, 0},
    {"+s", read_struct, 0, 0, 0},
    {"+m", read_map, 4, 0, 0},
    {"e", read_half, 0, 0, 0},
    {"+r", read_run, 0, 0, 0},
    {"tiM", read_months, 4, 0, 0},
    {"tiD", read_days_ms, 8, 0, 0},
};

static bool find_plain(reader *r, const char *format)
{
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++) {
        if (strcmp(format, plain[k].format) != 0) continue;
        r->read = plain[k].read;
        r->width = plain[k].width;
        r->per_second = plain[k].per_second;
        r->is_bytes = plain[k].is_bytes;
        return true;
    }
    return false;
}

static bool find_with_arguments(reader *r, const char *format, const char *metadata)
{
    int precision, bits = 128;
    if (sscanf(format, "d:%d,%d,%d", &precision, &r->scale, &bits) >= 2) {
        r->read = read_decimal;
        r->width = bits / 8;
        return bits == 32 || bits == 64 || bits == 128 || bits == 256;
    }
    if (sscanf(format, "w:%d", &r->width) == 1) {
        /* The one extension of this width is arrow.uuid; the pairs are counted, so it is searched.
         */
        bool is_uuid =
            r->width == 16 && metadata && memcmp(metadata + 4, "\x14\0\0\0ARROW", 9) == 0;
        r->read = is_uuid ? read_uuid : read_fixed;
        r->is_bytes = true;
        return true;
    }
    if (sscanf(format, "+w:%d", &r->width) == 1) {
        r->read = read_array;
        return true;
    }
    if (strncmp(format, "ts", 2) != 0 || !format[2] || format[3] != ':') return false;
    r->read = read_timestamp;
    r->width = 8;
    r->has_zone = format[4] != 0;
    r->per_second = format[2] == 's'   ? 1
                    : format[2] == 'm' ? 1000
                    : format[2] == 'u' ? 1000000
                                       : 1000000000;
    return true;
}

static void clear(reader *r)
{
    for (int c = 0; c < r->child_count; c++)
        clear(&r->children[c]);
    free(r->children);
    Py_XDECREF(r->names);
    Py_XDECREF(r->made);
}

static bool prepare(reader *r, const struct ArrowSchema *schema, const struct ArrowArray *array,
                    bool has_hugeint);

static bool prepare_children(reader *r, const struct ArrowSchema *schema,
                             const struct ArrowArray *array, bool has_hugeint)
{
    r->children = calloc((size_t)schema->n_children + 1, sizeof *r->children);
    r->names = r->children ? PyTuple_New((Py_ssize_t)schema->n_children) : NULL;
    if (!r->names) return false;
    for (int c = 0; c < schema->n_children; c++) {
        r->child_count = c + 1;
        PyObject *name = PyUnicode_FromString(schema->children[c]->name);
        if (name) PyUnicode_InternInPlace(&name);
        if (!name || PyTuple_SetItem(r->names, c, name) != 0) return false;
        if (!prepare(&r->children[c], schema->children[c], array->children[c], has_hugeint))
            return false;
    }
    return true;
}

static bool prepare_dictionary(reader *r, const struct ArrowSchema *schema,
                               const struct ArrowArray *array, bool has_hugeint)
{
    const char *widths = "cCsSiIlL", *at = strchr(widths, schema->format[0]);
    r->read = read_dictionary;
    r->width = 1 << ((at ? at - widths : 0) / 2);
    r->children = calloc(1, sizeof *r->children);
    r->made = PyList_New(0);
    if (!r->children || !r->made) return false;
    r->child_count = 1;
    for (int64_t i = 0; i < array->dictionary->length; i++)
        if (PyList_Append(r->made, Py_None) != 0) return false;
    return prepare(&r->children[0], schema->dictionary, array->dictionary, has_hugeint);
}

static bool prepare(reader *r, const struct ArrowSchema *schema, const struct ArrowArray *array,
                    bool has_hugeint)
{
    const char *format = schema->format;
    r->array = array;
    r->offset = array->offset;
    r->is_int = has_hugeint && strncmp(format, "d:38,0", 6) == 0;
    if (array->n_buffers > 0 && array->null_count != 0) r->valid = array->buffers[0];
    if (array->n_buffers > 1) r->data = array->buffers[1];
    if (schema->dictionary) return prepare_dictionary(r, schema, array, has_hugeint);
    if (format[0] == 't' && !import_times()) return false;
    if (!find_plain(r, format) && !find_with_arguments(r, format, schema->metadata)) {
        PyErr_Format(PyExc_TypeError, "values of the Arrow type %s cannot be shown", format);
        return false;
    }
    if (strcmp(format, "+r") == 0) {
        const char *ends = schema->children[0]->format;
        r->valid = NULL;
        r->width = ends[0] == 's' ? 2 : ends[0] == 'i' ? 4 : 8;
    }
    return !schema->n_children || prepare_children(r, schema, array, has_hugeint);
}

/* ---- rows ---- */

static PyObject *tuple_at(reader *r, int64_t i)
{
    PyObject *row = PyTuple_New(r->child_count);
    for (int c = 0; row && c < r->child_count; c++) {
        PyObject *value = value_at(&r->children[c], i);
        if (value)
            PyTuple_SetItem(row, c, value);
        else
            Py_CLEAR(row);
    }
    return row;
}

/* HUGEINT is told from DECIMAL(38, 0) by the SQL type of the column. */
static bool mark_hugeint(reader *all, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, PyObject *types)
{
    for (int c = 0; c < schema->n_children; c++) {
        PyObject *type = c < PyList_Size(types) ? PyList_GetItem(types, c) : NULL;
        PyObject *bytes = type ? PyUnicode_AsUTF8String(type) : NULL;
        if (type && !bytes) return false;
        bool has_hugeint = bytes && strstr(PyBytes_AsString(bytes), "HUGEINT");
        Py_XDECREF(bytes);
        all->child_count = c + 1;
        if (!prepare(&all->children[c], schema->children[c], array->children[c], has_hugeint))
            return false;
    }
    return true;
}

int64_t wrp_rows_append(const struct ArrowSchema *schema, const struct ArrowArray *array,
                        PyObject *types, bool as_dicts, int64_t limit, PyObject *list)
{
    reader all = {.array = array, .offset = array->offset};
    int64_t count = limit < array->length ? limit : array->length, done = 0;
    all.children = calloc((size_t)schema->n_children + 1, sizeof *all.children);
    all.names = PyTuple_New((Py_ssize_t)schema->n_children);
    bool is_well = all.children && all.names && mark_hugeint(&all, schema, array, types);
    for (int c = 0; is_well && c < schema->n_children; c++) {
        PyObject *name = PyUnicode_FromString(schema->children[c]->name);
        is_well = name && PyTuple_SetItem(all.names, c, name) == 0;
    }
    for (; is_well && done < count; done++) {
        PyObject *row =
            as_dicts ? dict_at(&all, all.offset + done) : tuple_at(&all, all.offset + done);
        is_well = row && PyList_Append(list, row) == 0;
        Py_XDECREF(row);
    }
    clear(&all);
    if (!is_well && !PyErr_Occurred()) PyErr_NoMemory();
    return is_well ? count : -1;
}
