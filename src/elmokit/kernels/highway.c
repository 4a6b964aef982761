/* What a highway layer computes beside its matrix products. */

#include "vectors.h"

/* Replace the sums of the gate by gate = sigmoid(sum) and those of the transform by transform = relu(sum), and write
   gate * transform + (1 - gate) * features. */
EXPORT void elmokit_highway(long count, float *gates, float *transforms, const float *features, float *outputs) {
    for (long n = 0; n < count; n += WIDTH) {
        long rest = count - n;
        vec sum = load_part(transforms + n, rest), gate = sigmoid(load_part(gates + n, rest));
        vec transform = choose(sum < 0.0f, constant(0.0f), sum); /* NaN stays NaN */
        store_part(gates + n, gate, rest);
        store_part(transforms + n, transform, rest);
        store_part(outputs + n, gate * transform + (1.0f - gate) * load_part(features + n, rest), rest);
    }
}

/* The gradients of the sums and, without what the products add to it, of the features. */
EXPORT void elmokit_highway_gradient(long count, const float *gates, const float *transforms, const float *features,
                                     const float *gradients, float *grad_gates, float *grad_transforms,
                                     float *grad_features) {
    for (long n = 0; n < count; n += WIDTH) {
        long rest = count - n;
        vec gate = load_part(gates + n, rest), transform = load_part(transforms + n, rest);
        vec gradient = load_part(gradients + n, rest), carry = gradient - gradient * gate;
        store_part(grad_gates + n, carry * gate * (transform - load_part(features + n, rest)), rest);
        store_part(grad_transforms + n, choose(transform > 0.0f, gradient * gate, constant(0.0f)), rest);
        store_part(grad_features + n, carry, rest);
    }
}
