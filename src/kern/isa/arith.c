/* arith.c - arithmetic on whole arrays; built once per instruction set.
 *
 * The caller has chosen a width in which nothing overflows, so the loops are plain; unsigned
 * arithmetic makes values at NULL or unselected rows harmless. The checked loops are for 64-bit
 * operands whose bounds are too wide to know. */
#include "kern/isa/isa.h"

#define T uint8_t
#define OP +
#define NAME WR_ISA_JOIN(add, I8)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, I8)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, I8)
#include "kern/isa/arith_op.tmpl.h"
#undef T
#define T uint16_t
#define OP +
#define NAME WR_ISA_JOIN(add, I16)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, I16)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, I16)
#include "kern/isa/arith_op.tmpl.h"
#undef T
#define T uint32_t
#define OP +
#define NAME WR_ISA_JOIN(add, I32)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, I32)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, I32)
#include "kern/isa/arith_op.tmpl.h"
#undef T
#define T uint64_t
#define OP +
#define NAME WR_ISA_JOIN(add, I64)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, I64)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, I64)
#include "kern/isa/arith_op.tmpl.h"
#undef T
#define T wr_u128
#define OP +
#define NAME WR_ISA_JOIN(add, I128)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, I128)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, I128)
#include "kern/isa/arith_op.tmpl.h"
#undef T
#define T float
#define OP +
#define NAME WR_ISA_JOIN(add, F32)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, F32)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, F32)
#include "kern/isa/arith_op.tmpl.h"
#define OP /
#define NAME WR_ISA_JOIN(div, F32)
#include "kern/isa/arith_op.tmpl.h"
#undef T
#define T double
#define OP +
#define NAME WR_ISA_JOIN(add, F64)
#include "kern/isa/arith_op.tmpl.h"
#define OP -
#define NAME WR_ISA_JOIN(sub, F64)
#include "kern/isa/arith_op.tmpl.h"
#define OP *
#define NAME WR_ISA_JOIN(mul, F64)
#include "kern/isa/arith_op.tmpl.h"
#define OP /
#define NAME WR_ISA_JOIN(div, F64)
#include "kern/isa/arith_op.tmpl.h"
#undef T

#define CHECKED(name, builtin)                                               \
    static size_t name(const void *a_, const void *b_, void *out_, size_t n) \
    {                                                                        \
        const int64_t *a = a_, *b = b_;                                      \
        for (size_t i = 0; i < n; i++)                                       \
            if (builtin(a[i], b[i], (int64_t *)out_ + i)) return i;          \
        return n;                                                            \
    }
CHECKED(checked_add, __builtin_add_overflow)
CHECKED(checked_sub, __builtin_sub_overflow)
CHECKED(checked_mul, __builtin_mul_overflow)

extern const wr_kern_ariths WR_ISA_NAME(wr_kern_ariths);
const wr_kern_ariths WR_ISA_NAME(wr_kern_ariths) = {
    .column = {[WR_K_ADD] = {[WR_P_I8] = add_I8_column,
                             [WR_P_I16] = add_I16_column,
                             [WR_P_I32] = add_I32_column,
                             [WR_P_I64] = add_I64_column,
                             [WR_P_I128] = add_I128_column,
                             [WR_P_F32] = add_F32_column,
                             [WR_P_F64] = add_F64_column},
               [WR_K_SUB] = {[WR_P_I8] = sub_I8_column,
                             [WR_P_I16] = sub_I16_column,
                             [WR_P_I32] = sub_I32_column,
                             [WR_P_I64] = sub_I64_column,
                             [WR_P_I128] = sub_I128_column,
                             [WR_P_F32] = sub_F32_column,
                             [WR_P_F64] = sub_F64_column},
               [WR_K_MUL] = {[WR_P_I8] = mul_I8_column,
                             [WR_P_I16] = mul_I16_column,
                             [WR_P_I32] = mul_I32_column,
                             [WR_P_I64] = mul_I64_column,
                             [WR_P_I128] = mul_I128_column,
                             [WR_P_F32] = mul_F32_column,
                             [WR_P_F64] = mul_F64_column},
               [WR_K_DIV] = {[WR_P_F32] = div_F32_column, [WR_P_F64] = div_F64_column}},
    .constant = {[WR_K_ADD] = {[WR_P_I8] = add_I8_constant,
                               [WR_P_I16] = add_I16_constant,
                               [WR_P_I32] = add_I32_constant,
                               [WR_P_I64] = add_I64_constant,
                               [WR_P_I128] = add_I128_constant,
                               [WR_P_F32] = add_F32_constant,
                               [WR_P_F64] = add_F64_constant},
                 [WR_K_SUB] = {[WR_P_I8] = sub_I8_constant,
                               [WR_P_I16] = sub_I16_constant,
                               [WR_P_I32] = sub_I32_constant,
                               [WR_P_I64] = sub_I64_constant,
                               [WR_P_I128] = sub_I128_constant,
                               [WR_P_F32] = sub_F32_constant,
                               [WR_P_F64] = sub_F64_constant},
                 [WR_K_MUL] = {[WR_P_I8] = mul_I8_constant,
                               [WR_P_I16] = mul_I16_constant,
                               [WR_P_I32] = mul_I32_constant,
                               [WR_P_I64] = mul_I64_constant,
                               [WR_P_I128] = mul_I128_constant,
                               [WR_P_F32] = mul_F32_constant,
                               [WR_P_F64] = mul_F64_constant},
                 [WR_K_DIV] = {[WR_P_F32] = div_F32_constant, [WR_P_F64] = div_F64_constant}},
    .from = {[WR_K_ADD] = {[WR_P_I8] = add_I8_from,
                           [WR_P_I16] = add_I16_from,
                           [WR_P_I32] = add_I32_from,
                           [WR_P_I64] = add_I64_from,
                           [WR_P_I128] = add_I128_from,
                           [WR_P_F32] = add_F32_from,
                           [WR_P_F64] = add_F64_from},
             [WR_K_SUB] = {[WR_P_I8] = sub_I8_from,
                           [WR_P_I16] = sub_I16_from,
                           [WR_P_I32] = sub_I32_from,
                           [WR_P_I64] = sub_I64_from,
                           [WR_P_I128] = sub_I128_from,
                           [WR_P_F32] = sub_F32_from,
                           [WR_P_F64] = sub_F64_from},
             [WR_K_MUL] = {[WR_P_I8] = mul_I8_from,
                           [WR_P_I16] = mul_I16_from,
                           [WR_P_I32] = mul_I32_from,
                           [WR_P_I64] = mul_I64_from,
                           [WR_P_I128] = mul_I128_from,
                           [WR_P_F32] = mul_F32_from,
                           [WR_P_F64] = mul_F64_from},
             [WR_K_DIV] = {[WR_P_F32] = div_F32_from, [WR_P_F64] = div_F64_from}},
    .checked = {checked_add, checked_sub, checked_mul},
};
