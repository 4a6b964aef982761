/* What matrix products multiply: float32, or with -DBFLOAT16 pairs of bfloat16 whose products are added to float32,
   or with -DINT8 what operands_int8.h says.

   A matrix is packed as operands, each of VALUES successive values of a column (of the right matrix) or of a row
   (of the left one). What turns a total of their products into float32 follows the operands of a row and those of a
   column: ROW_END and COLUMN_END further operands. */

#ifndef ELMOKIT_OPERANDS_H
#define ELMOKIT_OPERANDS_H

#include "vectors.h"

#define PANEL (4 * WIDTH) /* columns of a panel of the right matrix: four registers */
#define OPERANDS(depth) (((size_t)(depth) + VALUES - 1) / VALUES)
#define ROW_LENGTH(depth) (OPERANDS(depth) + ROW_END)
#define COLUMN_LENGTH(depth) (OPERANDS(depth) + COLUMN_END)

#ifdef INT8
#include "operands_int8.h"
#else

#ifdef BFLOAT16

#include <immintrin.h>

#define VALUES 2
typedef uint32_t operand;
typedef __m512bh operands;
typedef vec totals;

/* Round to the nearest bfloat16, ties to even; NaN stays NaN. */
INLINE uint32_t bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return 0x7fc0;
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/* The operand of at most VALUES of count values. */
INLINE operand operand_of(const float *values, long stride, long count, const operand *end) {
    (void)end;
    return bfloat16(values[0]) | (count > 1 ? bfloat16(values[stride]) << 16 : 0);
}

INLINE operands load_operands(const operand *from) { return (operands)_mm512_loadu_si512(from); }
INLINE operands repeated(operand value) { return (operands)_mm512_set1_epi32((int)value); }
INLINE totals add_product(totals total, operands a, operands b) { return (vec)_mm512_dpbf16_ps((__m512)total, a, b); }

/* Those of VALUES rows, at most WIDTH columns of them; anything may be in the columns behind. */
INLINE __m512i operands_of_rows(const float *rows, long row_stride, long columns) {
    const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __mmask16 there = columns < WIDTH ? (__mmask16)((1 << columns) - 1) : 0xffff;
    __m512 low = _mm512_maskz_loadu_ps(there, rows), high = _mm512_maskz_loadu_ps(there, rows + row_stride);
    return _mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* The operands of PANEL columns of VALUES rows. */
INLINE void pack_rows(const float *rows, long row_stride, const operand *ends, operand *to) {
    (void)ends;
    for (int v = 0; v < 4; v++)
        _mm512_storeu_si512(to + v * WIDTH, operands_of_rows(rows + v * WIDTH, row_stride, WIDTH));
}

/* The operands of VALUES rows of at most ROWS_AT_ONCE columns; scratch space for them. */
INLINE const operand *row_of_operands(const float *rows, long row_stride, long columns, operand *scratch) {
    for (long n = 0; n < columns; n += WIDTH)
        _mm512_storeu_si512(scratch + n, operands_of_rows(rows + n, row_stride, columns - n));
    return scratch;
}

/* The operands of each row, in scratch space of rows * OPERANDS(depth). */
static const operand *as_operands(const float *values, long row_stride, long rows, long depth, operand *scratch) {
    operand *to = scratch;
    for (long row = 0; row < rows; row++, values += row_stride) {
        long k = 0;
        for (; k + 32 <= depth; k += 32, to += 16) {
            __m512 low = _mm512_loadu_ps(values + k), high = _mm512_loadu_ps(values + k + 16);
            _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
        for (; k < depth; k += VALUES) *to++ = operand_of(values + k, 1, depth - k, NULL);
    }
    return scratch;
}

#else

#define VALUES 1
typedef float operand;
typedef vec operands;
typedef vec totals;

INLINE operand operand_of(const float *values, long stride, long count, const operand *end) {
    (void)stride, (void)count, (void)end;
    return *values;
}

INLINE operands load_operands(const operand *from) { return *(const vec *)from; }
INLINE operands repeated(operand value) { return constant(value); }
INLINE totals add_product(totals total, operands a, operands b) { return total + a * b; }

INLINE void pack_rows(const float *rows, long row_stride, const operand *ends, operand *to) {
    (void)row_stride, (void)ends;
    memcpy(to, rows, PANEL * sizeof(float));
}

/* The values are operands as they are. */
INLINE const operand *row_of_operands(const float *rows, long row_stride, long columns, operand *scratch) {
    (void)row_stride, (void)columns, (void)scratch;
    return rows;
}
static const operand *as_operands(const float *values, long row_stride, long rows, long depth, operand *scratch) {
    (void)row_stride, (void)rows, (void)depth, (void)scratch;
    return values;
}

#endif

/* Totals of float32 begin with what they are added to, and need nothing else. */
#define ROW_END 0
#define COLUMN_END 0
INLINE void end_columns(const float *values, long row_stride, long column_stride, long depth, long columns,
                        operand *ends) {
    (void)values, (void)row_stride, (void)column_stride, (void)depth, (void)columns, (void)ends;
}
INLINE totals begun(vec before) { return before; }
INLINE vec finished(totals total, vec before, const operand *row_end, const operand *column_ends) {
    (void)before, (void)row_end, (void)column_ends;
    return total;
}

#endif
#endif
