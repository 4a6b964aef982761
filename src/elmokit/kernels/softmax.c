/* The exponentials of a softmax. */

#include "vectors.h"

#define BLOCK (64 * WIDTH) /* columns whose sum is in float32; the sum of the blocks is in double */

/* Replace each row of logits by exp(logit - maximum), and write the maximum and the sum of the row. */
EXPORT void elmokit_exponentials(long rows, long columns, float *logits, float *maxima, float *sums) {
    for (long row = 0; row < rows; row++, logits += columns) {
        vec high = constant(-INFINITY);
        long n = 0;
        for (; n + WIDTH <= columns; n += WIDTH) high = larger(*(vec *)(logits + n), high);
        float maximum = -INFINITY;
        for (int k = 0; k < WIDTH; k++) maximum = high[k] > maximum ? high[k] : maximum;
        for (; n < columns; n++) maximum = logits[n] > maximum ? logits[n] : maximum;
        if (maximum == -INFINITY) maximum = 0.0f; /* nothing but zeros */
        double sum = 0.0;
        for (long start = 0; start < columns; start += BLOCK) {
            long stop = start + BLOCK < columns ? start + BLOCK : columns;
            vec total = constant(0.0f);
            for (n = start; n < stop; n += WIDTH) {
                long count = stop - n;
                vec x = load_part(logits + n, count) - maximum, fraction, scale;
                split_exponential(choose(x < -87.0f, constant(-87.0f), x), &fraction, &scale);
                /* below the smallest normal number: 0, as for a logit of minus infinity */
                vec value = choose(x < -87.0f, constant(0.0f), scale * fraction + scale);
                for (long k = count; k < WIDTH; k++) value[k] = 0.0f;
                total += value;
                store_part(logits + n, value, count);
            }
            for (int k = 0; k < WIDTH; k++) sum += total[k];
        }
        maxima[row] = maximum;
        sums[row] = (float)sum;
    }
}
