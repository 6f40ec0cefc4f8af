/* isa.h - naming for sources built once per instruction set: WR_ISA_NAME(x) is x_base, x_avx2 or
 * x_avx512. */
#pragma once
#include "kern/kern.h"

#define WR_ISA_JOIN_(a, b) a##_##b
#define WR_ISA_JOIN(a, b) WR_ISA_JOIN_(a, b)
#define WR_ISA_NAME(name) WR_ISA_JOIN(name, WR_ISA)
