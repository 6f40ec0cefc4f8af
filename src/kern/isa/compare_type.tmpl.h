/* compare_type.tmpl.h - the six comparisons of one type. Parameters: T, SUFFIX, IS_FLOAT. */
#if IS_FLOAT
#define EQ_(a, b) (uint8_t)(((a) == (b)) | (((a) != (a)) & ((b) != (b))))
#define NE_(a, b) (uint8_t)(!EQ_(a, b))
#define LT_(a, b) (uint8_t)(((a) < (b)) | (((a) == (a)) & ((b) != (b))))
#define LE_(a, b) (uint8_t)(((a) <= (b)) | ((b) != (b)))
#else
#define EQ_(a, b) (uint8_t)((a) == (b))
#define NE_(a, b) (uint8_t)((a) != (b))
#define LT_(a, b) (uint8_t)((a) < (b))
#define LE_(a, b) (uint8_t)((a) <= (b))
#endif
#define GT_(a, b) LT_(b, a)
#define GE_(a, b) LE_(b, a)

#define CMP EQ_
#define NAME WR_ISA_JOIN(eq, SUFFIX)
#include "kern/isa/compare_op.tmpl.h"
#define CMP NE_
#define NAME WR_ISA_JOIN(ne, SUFFIX)
#include "kern/isa/compare_op.tmpl.h"
#define CMP LT_
#define NAME WR_ISA_JOIN(lt, SUFFIX)
#include "kern/isa/compare_op.tmpl.h"
#define CMP LE_
#define NAME WR_ISA_JOIN(le, SUFFIX)
#include "kern/isa/compare_op.tmpl.h"
#define CMP GT_
#define NAME WR_ISA_JOIN(gt, SUFFIX)
#include "kern/isa/compare_op.tmpl.h"
#define CMP GE_
#define NAME WR_ISA_JOIN(ge, SUFFIX)
#include "kern/isa/compare_op.tmpl.h"

#undef EQ_
#undef NE_
#undef LT_
#undef LE_
#undef GT_
#undef GE_
#undef T
#undef SUFFIX
#undef IS_FLOAT
