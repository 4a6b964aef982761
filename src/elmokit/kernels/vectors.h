/* Vectors of WIDTH floats, the size of a register, and elementary functions on them.

   Everything is compiled once per instruction set; WIDTH is given to the compiler. */

#ifndef ELMOKIT_VECTORS_H
#define ELMOKIT_VECTORS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int ivec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))

INLINE vec constant(float value) {
    return (vec){0} + value;
}

INLINE vec choose(ivec condition, vec yes, vec no) {
    return (vec)((condition & (ivec)yes) | (~condition & (ivec)no));
}

/* The larger and the smaller of two; b where a or b is NaN. Compilers do not find the instructions for it. */
#if defined(__AVX512F__) && WIDTH == 16
#include <immintrin.h>
INLINE vec larger(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
/* 1 / x for finite x, in less than a third of the time of a division. */
INLINE vec inverse(vec x) {
    vec first = (vec)_mm512_rcp14_ps((__m512)x);
    return first * (2.0f - x * first);
}
#elif defined(__AVX__) && WIDTH == 8
#include <immintrin.h>
INLINE vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vec inverse(vec x) { return 1.0f / x; }
#else
INLINE vec larger(vec a, vec b) { return choose(a > b, a, b); }
INLINE vec smaller(vec a, vec b) { return choose(a < b, a, b); }
INLINE vec inverse(vec x) { return 1.0f / x; }
#endif

INLINE vec clamp(vec x, float bound) { /* NaN stays NaN */
    return larger(constant(-bound), smaller(constant(bound), x));
}

/* The first count elements; zeros behind them. */
INLINE vec load_part(const float *from, long count) {
    if (count >= WIDTH) return *(const vec *)from;
    float part[WIDTH] = {0};
    for (long n = 0; n < count; n++) part[n] = from[n];
    return *(const vec *)part;
}

INLINE void store_part(float *to, vec values, long count) {
    if (count >= WIDTH)
        *(vec *)to = values;
    else
        for (long n = 0; n < count; n++) to[n] = values[n];
}

/* exp(x) - 1 = scale * fraction + (scale - 1), with scale a power of two, for -87 <= x <= 87. */
INLINE void split_exponential(vec x, vec *fraction, vec *scale) {
    /* Adding 1.5 * 2^23 rounds to an integer, which the last bits of the sum then are. */
    const float shift = 12582912.0f + 127;
    vec sum = x * 1.44269504088896341f + shift, n = sum - shift;
    vec r = x - n * 0.693359375f; /* ln 2 in two parts */
    r = r - n * -2.12194440e-4f;
    vec p = constant(1.0f / 5040); /* the Taylor series, to below a rounding error for |r| < 0.35 */
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    *fraction = r * r * p + r;
    *scale = (vec)((ivec)sum << 23);
}

INLINE vec sigmoid(vec x) {
    vec fraction, scale;
    split_exponential(clamp(-x, 87.0f), &fraction, &scale);
    return inverse(1.0f + (scale * fraction + scale));
}

INLINE vec hyperbolic_tangent(vec x) {
    vec fraction, scale;
    split_exponential(clamp(2.0f * x, 30.0f), &fraction, &scale);
    vec less_one = scale * fraction + (scale - 1.0f); /* of full precision for small x, too */
    return less_one * inverse(less_one + 2.0f);
}

#endif
