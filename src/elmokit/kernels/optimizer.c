/* Updates of Adagrad and Adam, in one pass over values, gradients and what is remembered of them. */

#include "vectors.h"

#ifdef __AVX512F__
INLINE vec square_root(vec x) { return (vec)_mm512_sqrt_ps((__m512)x); }
#elif defined(__AVX__)
INLINE vec square_root(vec x) { return (vec)_mm256_sqrt_ps((__m256)x); }
#else
INLINE vec square_root(vec x) {
    for (int n = 0; n < WIDTH; n++) x[n] = sqrtf(x[n]);
    return x;
}
#endif

static void adagrad(long count, float *values, const float *gradients, float *squares, float rate) {
    for (long n = 0; n < count; n += WIDTH) {
        long rest = count - n;
        vec gradient = load_part(gradients + n, rest);
        vec sum = load_part(squares + n, rest) + gradient * gradient;
        store_part(squares + n, sum, rest);
        store_part(values + n, load_part(values + n, rest) - rate * gradient / square_root(sum), rest);
    }
}

static void adam(long count, float *values, const float *gradients, float *first, float *second, float rate,
                 float beta1, float beta2, float scale, float epsilon) {
    for (long n = 0; n < count; n += WIDTH) {
        long rest = count - n;
        vec gradient = load_part(gradients + n, rest), mean = load_part(first + n, rest);
        mean += (1.0f - beta1) * (gradient - mean);
        vec square = beta2 * load_part(second + n, rest) + (1.0f - beta2) * gradient * gradient;
        store_part(first + n, mean, rest);
        store_part(second + n, square, rest);
        vec deviation = square_root(square) * scale + epsilon;
        store_part(values + n, load_part(values + n, rest) - rate * mean / deviation, rest);
    }
}

/* Update rows of width values: those of the ids, or without ids the first ones. The gradients have one row for each. */
EXPORT void elmokit_adagrad(long rows, long width, const int64_t *ids, float *values, const float *gradients,
                            float *squares, float rate) {
    for (long row = 0; row < rows; row++) {
        size_t at = (size_t)(ids ? ids[row] : row) * width;
        adagrad(width, values + at, gradients + (size_t)row * width, squares + at, rate);
    }
}

/* The same by Adam; rate is that of the mean of the gradients, and scale the factor of the root of the mean of their
   squares, both corrected for means that started at zero. */
EXPORT void elmokit_adam(long rows, long width, const int64_t *ids, float *values, const float *gradients, float *first,
                         float *second, float rate, float beta1, float beta2, float scale, float epsilon) {
    for (long row = 0; row < rows; row++) {
        size_t at = (size_t)(ids ? ids[row] : row) * width;
        adam(width, values + at, gradients + (size_t)row * width, first + at, second + at, rate, beta1, beta2, scale,
             epsilon);
    }
}
