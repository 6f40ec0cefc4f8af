#!/usr/bin/env python3
"""Writes build/<flavour>/gen/pow10.inc: the top 128 bits of 10^-342 ... 10^324, rounded down.

Row k is {high, low} with 2^127 <= high * 2^64 + low < 2^128. Usage: gen_pow10.py <out-file>
"""
import pathlib
import sys


def top128(k):
    if k >= 0:
        power = 10**k
        shift = power.bit_length() - 128
        return power >> shift if shift >= 0 else power << -shift
    power = 10**-k
    return (1 << (power.bit_length() + 127)) // power


def main():
    lines = ["/* made by tools/gen_pow10.py */"]
    for k in range(-342, 325):
        bits = top128(k)
        assert bits >> 127 == 1, k
        lines.append(f"{{0x{bits >> 64:016x}, 0x{bits & (1 << 64) - 1:016x}}},")
    out = pathlib.Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")


main()
