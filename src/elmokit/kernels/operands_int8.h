/* Operands of four integers of 8 bits, whose products are added to int32.

   A value x of a row or column becomes the integer nearest to x / scale, where scale is the largest magnitude of this
   row or column divided by the largest integer: 127 for rows, and LARGEST for columns. The instructions multiply
   unsigned by signed integers. SHIFT is therefore added to those of rows, and subtracted from the total again as often
   as the integers of the column say, whose sum follows its scale.

   A total is exact for depths up to 2^16: 255 * 127 * 2^16 < 2^31. */

#include <float.h>
#include <immintrin.h>

#define VALUES 4
#define ROW_END 1    /* its scale */
#define COLUMN_END 2 /* its scale, and SHIFT times the sum of its integers */
#define DEPTH (1 << 14)
#define SHIFT 128
typedef uint32_t operand;
typedef ivec operands;
typedef ivec totals;

#ifdef __AVX512VNNI__

#define LARGEST 127
INLINE totals add_product(totals total, operands a, operands b) {
    return (totals)_mm512_dpbusd_epi32((__m512i)total, (__m512i)a, (__m512i)b);
}

#else

#define LARGEST 64 /* products are added in pairs, to 16 bits, and 2 * 255 * 64 = 32,640 < 2^15 */
INLINE totals add_product(totals total, operands a, operands b) {
    __m256i pairs = _mm256_maddubs_epi16((__m256i)a, (__m256i)b);
    return total + (ivec)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#endif

INLINE float as_float(operand bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE operand as_operand(float value) {
    operand bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Numbers in the order of magnitudes, with those of infinity and NaN behind all others. */
INLINE int32_t magnitude(float value) {
    return (int32_t)(as_operand(value) & 0x7fffffff);
}

/* The scale of values of which the largest magnitude is given: NaN if one of them is not finite, and zero if all of
   them are next to zero. */
INLINE float scale_of(int32_t largest, float largest_integer) {
    float value = as_float((operand)largest);
    return !(value <= FLT_MAX) ? NAN : value > 1e-30f ? value / largest_integer : 0.0f;
}

INLINE float inverse_of(float scale) {
    return scale > 0.0f ? 1.0f / scale : 0.0f;
}

INLINE int8_t integer(float value, float inverse_scale) {
    float shifted = value * inverse_scale + 12582912.0f; /* 1.5 * 2^23: the last bits are those of the integer */
    return (int8_t)as_operand(shifted);
}

/* Write what follows the operands of at most PANEL columns. */
INLINE void end_columns(const float *values, long row_stride, long column_stride, long depth, long columns,
                        operand *ends) {
    int32_t largest[PANEL] = {0}, sums[PANEL] = {0};
    float inverses[PANEL];
    for (long k = 0; k < depth; k++)
        for (long n = 0; n < columns; n++) {
            int32_t own = magnitude(values[k * row_stride + n * column_stride]);
            largest[n] = own > largest[n] ? own : largest[n];
        }
    for (long n = 0; n < columns; n++) {
        float scale = scale_of(largest[n], LARGEST);
        ends[n] = as_operand(scale);
        inverses[n] = inverse_of(scale);
    }
    for (long k = 0; k < depth; k++)
        for (long n = 0; n < columns; n++)
            sums[n] += integer(values[k * row_stride + n * column_stride], inverses[n]);
    for (long n = 0; n < columns; n++) ends[PANEL + n] = (operand)(SHIFT * sums[n]);
}

/* The operand of at most VALUES of count values of a column with this end. */
INLINE operand operand_of(const float *values, long stride, long count, const operand *end) {
    int8_t integers[VALUES] = {0};
    for (long k = 0; k < VALUES && k < count; k++)
        integers[k] = integer(values[k * stride], inverse_of(as_float(*end)));
    operand all;
    memcpy(&all, integers, sizeof all);
    return all;
}

INLINE void pack_rows(const float *rows, long row_stride, const operand *ends, operand *to) {
    for (long n = 0; n < PANEL; n++) to[n] = operand_of(rows + n, row_stride, VALUES, ends + n);
}

INLINE operands load_operands(const operand *from) { return *(const ivec *)from; }
INLINE operands repeated(operand value) { return (operands){0} + (int)value; }

/* Totals are added to what was there before when they are finished. */
INLINE totals begun(vec before) {
    (void)before;
    return (totals){0};
}

/* before + total, for a row and columns of these ends. */
INLINE vec finished(totals total, vec before, const operand *row_end, const operand *column_ends) {
    totals exact = total - *(const ivec *)(column_ends + PANEL);
    return before + __builtin_convertvector(exact, vec) * (as_float(*row_end) * *(const vec *)column_ends);
}

/* The operands of each row, in scratch space of rows * ROW_LENGTH(depth). Anything may be behind the last value, where
   columns have zeros. */
static const operand *as_operands(const float *values, long row_stride, long rows, long depth, operand *scratch) {
    operand *end = scratch + OPERANDS(depth);
    for (long row = 0; row < rows; row++, values += row_stride, end += ROW_LENGTH(depth)) {
        int32_t largest = 0;
        for (long k = 0; k < depth; k++) {
            int32_t own = magnitude(values[k]);
            largest = own > largest ? own : largest;
        }
        float scale = scale_of(largest, 127), inverse = inverse_of(scale);
        uint8_t *integers = (uint8_t *)(end - OPERANDS(depth));
        for (long k = 0; k < depth; k++) integers[k] = (uint8_t)(integer(values[k], inverse) + SHIFT);
        *end = as_operand(scale);
    }
    return scratch;
}
