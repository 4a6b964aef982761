/* What matrix products multiply: float32, or with -DBFLOAT16 pairs of bfloat16 whose products are added to float32.

   A matrix is packed as operands, each of VALUES successive values of a column (of the right matrix) or of a row
   (of the left one). All sums are float32. */

#ifndef ELMOKIT_OPERANDS_H
#define ELMOKIT_OPERANDS_H

#include "vectors.h"

#define OPERANDS(values) (((size_t)(values) + VALUES - 1) / VALUES)

#ifdef BFLOAT16

#include <immintrin.h>

#define VALUES 2
typedef uint32_t operand;
typedef __m512bh operands;

/* Round to the nearest bfloat16, ties to even; NaN stays NaN. */
INLINE uint32_t bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return 0x7fc0;
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/* The operand of at most VALUES of count values. */
INLINE operand operand_of(const float *values, long stride, long count) {
    return bfloat16(values[0]) | (count > 1 ? bfloat16(values[stride]) << 16 : 0);
}

INLINE operands load_operands(const operand *from) { return (operands)_mm512_loadu_si512(from); }
INLINE operands repeated(operand value) { return (operands)_mm512_set1_epi32((int)value); }
INLINE vec add_product(vec sum, operands a, operands b) { return (vec)_mm512_dpbf16_ps((__m512)sum, a, b); }

/* The operands of each row, in scratch space of rows * OPERANDS(depth). */
static const operand *as_operands(const float *values, long rows, long depth, operand *scratch) {
    operand *to = scratch;
    for (long row = 0; row < rows; row++, values += depth) {
        long k = 0;
        for (; k + 32 <= depth; k += 32, to += 16) {
            __m512 low = _mm512_loadu_ps(values + k), high = _mm512_loadu_ps(values + k + 16);
            _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
        for (; k < depth; k += VALUES) *to++ = operand_of(values + k, 1, depth - k);
    }
    return scratch;
}

#else

#define VALUES 1
typedef float operand;
typedef vec operands;

INLINE operand operand_of(const float *values, long stride, long count) {
    (void)stride, (void)count;
    return *values;
}

INLINE operands load_operands(const operand *from) { return *(const vec *)from; }
INLINE operands repeated(operand value) { return constant(value); }
INLINE vec add_product(vec sum, operands a, operands b) { return sum + a * b; }

/* The values are operands as they are. */
static const operand *as_operands(const float *values, long rows, long depth, operand *scratch) {
    (void)rows, (void)depth, (void)scratch;
    return values;
}

#endif
#endif
