/* The character convolution of word types as sums of table rows, with max-pooling over the windows. */

#include "vectors.h"

/* best[u] = the maximum over windows p < num_windows[u] of the sum over offsets of
   table[(symbols[u, p + offset] * width + offset)], and where it was found first.

   table    (symbols * width, filters)
   symbols  (types, characters) int64 */
EXPORT void elmokit_pooled_convolution(long types, long characters, long width, long filters,
                                       const float *table, const int64_t *symbols, const int64_t *num_windows,
                                       float *best, int32_t *position) {
    /* Four registers of filters at a time: their columns of the table stay in the cache. */
    for (long first = 0; first < filters; first += 4 * WIDTH) {
        long left = filters - first;
        int full = left >= 4 * WIDTH;
        for (long u = 0; u < types; u++) {
            vec high[4];
            ivec where[4];
            for (int v = 0; v < 4; v++) high[v] = constant(-INFINITY), where[v] = (ivec){0};
            for (long p = 0; p < num_windows[u]; p++) {
                const int64_t *window = symbols + u * characters + p;
                vec sums[4];
                for (int v = 0; v < 4; v++) sums[v] = constant(0.0f);
                for (long offset = 0; offset < width; offset++) {
                    const float *row = table + (window[offset] * width + offset) * filters + first;
                    if (full)
                        for (int v = 0; v < 4; v++) sums[v] += *(const vec *)(row + v * WIDTH);
                    else
                        for (int v = 0; v * WIDTH < left; v++)
                            sums[v] += load_part(row + v * WIDTH, left - v * WIDTH);
                }
                for (int v = 0; v < 4; v++) {
                    ivec is_better = (sums[v] > high[v]) | (sums[v] != sums[v]); /* NaN is kept */
                    high[v] = choose(is_better, sums[v], high[v]);
                    where[v] = (is_better & (int)p) | (~is_better & where[v]);
                }
            }
            for (int v = 0; v < 4 && v * WIDTH < left; v++) {
                long at = u * filters + first + v * WIDTH, count = left - v * WIDTH;
                store_part(best + at, high[v], count);
                store_part((float *)position + at, (vec)where[v], count);
            }
        }
    }
}

/* Add the gradient (types, filters) of each maximum to the table rows of its window. */
EXPORT void elmokit_pooled_convolution_gradient(long types, long characters, long width, long filters,
                                                const int64_t *symbols, const int32_t *position,
                                                const float *gradient, float *grad_table) {
    for (long u = 0; u < types; u++, symbols += characters, position += filters, gradient += filters)
        for (long offset = 0; offset < width; offset++) {
            float *table = grad_table + offset * filters;
            const int64_t *symbol = symbols + offset;
            for (long n = 0; n < filters; n++) table[symbol[position[n]] * width * filters + n] += gradient[n];
        }
}
