/* The recurrent part of an LSTM layer with projection and clipping, forward and backward, on one thread.

   Everything outside is float32 and row-major; see products.h for how products are computed. The steps of a window are
   packed: step t has the first batch_sizes[t] rows, and the steps follow each other.

   The panels of the recurrent kernel have the four gates of the same WIDTH cells side by side: when the products of a
   panel are done, its cells are computed while the gates are still in registers. */

#include "products.h"

/* Raised with every change of a function's arguments; library.py does not call a library of another number. */
EXPORT int elmokit_interface(void) {
    return 3;
}

/* ---- packing ---- */

EXPORT size_t elmokit_packed_gates_size(long depth, long cells) {
    return sizeof(operand) * COLUMN_LENGTH(depth) * ((cells + WIDTH - 1) / WIDTH) * PANEL;
}

/* Pack a recurrent kernel (depth, 4 * cells), gate after gate, so that a panel holds four gates of WIDTH cells. */
EXPORT void elmokit_pack_gates(const float *source, long depth, long cells, operand *packed) {
    for (long first = 0; first < cells; first += WIDTH) {
        long width = cells - first < WIDTH ? cells - first : WIDTH;
        operand *ends = packed + OPERANDS(depth) * PANEL;
        for (long gate = 0; gate < 4; gate++)
            end_columns(source + gate * cells + first, 4 * cells, 1, depth, width, ends + gate * WIDTH);
        for (long k = 0; k < depth; k += VALUES)
            for (long gate = 0; gate < 4; gate++, packed += WIDTH) {
                const float *rows = source + (k * 4 + gate) * cells + first;
                for (long n = 0; n < width; n++)
                    packed[n] = operand_of(rows + n, 4 * cells, depth - k, ends + gate * WIDTH + n);
                for (long n = width; n < WIDTH; n++) packed[n] = 0;
            }
        packed += COLUMN_END * PANEL;
    }
}

static void clamp_all(float *values, size_t count, float bound) {
    size_t n = 0;
    for (; n + WIDTH <= count; n += WIDTH) *(vec *)(values + n) = clamp(*(vec *)(values + n), bound);
    for (; n < count; n++) values[n] = values[n] > bound ? bound : values[n] < -bound ? -bound : values[n];
}

/* ---- forward ---- */

/* The gates and cells of some rows and WIDTH cells. The gates are stored activated if they are kept. */
INLINE void cell_tile(const int rows, long depth, const operand *hidden, long hidden_stride, const operand *panel,
                      const float *bias, float *gates, long cells, long count, const float *before,
                      float *after, float *gated, float cell_clip, int keep) {
    totals sums[MAX_TILE][4];
    for (int gate = 0; gate < 4; gate++) {
        vec value = load_part(bias + gate * cells, count);
        for (int r = 0; r < rows; r++) sums[r][gate] = begun(value);
    }
    multiply(rows, depth, hidden, hidden_stride, 1, panel, sums);
    for (int r = 0; r < rows; r++) {
        float *row = gates + r * 4 * cells;
        vec x[4], c;
        for (int gate = 0; gate < 4; gate++) {
            vec sum = finished(sums[r][gate], load_part(bias + gate * cells, count),
                               hidden + r * hidden_stride + depth, panel + depth * PANEL + gate * WIDTH);
            x[gate] = load_part(row + gate * cells, count) + sum;
        }
        vec i = sigmoid(x[0]), j = hyperbolic_tangent(x[1]), f = sigmoid(x[2] + 1.0f), o = sigmoid(x[3]);
        c = clamp(f * load_part(before + r * cells, count) + i * j, cell_clip);
        store_part(after + r * cells, c, count);
        store_part(gated + r * cells, o * hyperbolic_tangent(c), count);
        if (keep) {
            store_part(row, i, count);
            store_part(row + cells, j, count);
            store_part(row + 2 * cells, f, count);
            store_part(row + 3 * cells, o, count);
        }
    }
}

/* Run the layer over a window.

   The inputs' part of the gates is computed for a few steps at a time, so that it is still in the cache when these
   steps are run.

   inputs        (N, D)
   input_kernel  packed (D, 4H), and bias (4H)
   kernel        packed gates of the recurrent kernel (P, 4H)
   projection    packed (H, P), or NULL for none
   cell          (B, H) the cells before the window
   hidden        (B, P) the outputs before the window
   gates         with keep (N, 4H) receives the activated gates; otherwise (max(B, ROWS_AT_ONCE), 4H) of scratch space
   cells         with keep (N, H); otherwise (B, H), which holds the last cells of each row at the end
   gated         with keep (N, H); otherwise (B, H) of scratch space; not used without projection
   outputs       (N, P)
   scratch       space for max(B, ROWS_AT_ONCE) rows of max(D, H, P) values
   Clips are infinite for none. */
EXPORT void elmokit_lstm_forward(long steps, const long *batch_sizes, long num_inputs, long num_cells,
                                 long num_outputs, const float *inputs, const operand *input_kernel,
                                 const float *bias, const operand *kernel, const operand *projection,
                                 const float *cell, const float *hidden, float cell_clip, float projection_clip,
                                 int keep, float *gates, float *cells, float *gated, float *outputs,
                                 operand *scratch) {
    if (!keep) memcpy(cells, cell, (size_t)batch_sizes[0] * num_cells * sizeof(float));
    long depth = OPERANDS(num_outputs), stride = ROW_LENGTH(num_outputs);
    for (long t = 0, stop = 0; t < steps;) {
        long ahead = 0; /* rows of the steps from t to stop */
        do ahead += batch_sizes[stop++];
        while (stop < steps && ahead + batch_sizes[stop] <= ROWS_AT_ONCE);
        product_by_parts(ahead, num_inputs, 4 * num_cells, inputs, input_kernel, gates, scratch, 0);
        inputs += ahead * num_inputs;
        float *step_gates = gates;
        if (keep) gates += ahead * 4 * num_cells;
        for (; t < stop; t++) {
            long rows = batch_sizes[t];
            const operand *left = as_operands(hidden, num_outputs, rows, num_outputs, scratch);
            const float *before = keep ? cell : cells;
            float *step_gated = projection ? gated : outputs;
            for (long first = 0; first < num_cells; first += WIDTH) {
                const operand *panel = kernel + first * 4 * COLUMN_LENGTH(num_outputs);
#define WORK(n, row)                                                                                       \
    cell_tile(n, depth, left + (row) * stride, stride, panel, bias + first, step_gates + (row) * 4 * num_cells + first, \
              num_cells, num_cells - first, before + (row) * num_cells + first,                            \
              cells + (row) * num_cells + first, step_gated + (row) * num_cells + first, cell_clip, keep)
                FOR_TILES(rows, WORK);
#undef WORK
            }
            if (projection) {
                product_by_parts(rows, num_cells, num_outputs, gated, projection, outputs, scratch, 0);
                if (projection_clip != INFINITY) clamp_all(outputs, (size_t)rows * num_outputs, projection_clip);
            }
            hidden = outputs;
            outputs += rows * num_outputs;
            step_gates += rows * 4 * num_cells;
            if (keep) {
                cell = cells;
                cells += rows * num_cells;
                gated += rows * num_cells;
            }
        }
    }
}

/* ---- backward ---- */

/* The gradients of some cells of one row: of its gates, and of the cell before. */
INLINE void cell_gradient(vec grad_gated, const float *gates, float *grad_gates, long cells, long count,
                          const float *cell, const float *before, float *grad_cell, float cell_clip) {
    vec i = load_part(gates, count), j = load_part(gates + cells, count);
    vec f = load_part(gates + 2 * cells, count), o = load_part(gates + 3 * cells, count);
    vec c = load_part(cell, count), earlier = load_part(before, count);
    vec zero = constant(0.0f), tanh_c = hyperbolic_tangent(c);
    vec slope = o - o * tanh_c * tanh_c;
    if (cell_clip != INFINITY) {
        slope = choose((c < cell_clip) & (c > -cell_clip), slope, zero);
    }
    vec total = load_part(grad_cell, count) + grad_gated * slope;
    vec carry = total * f;
    if (cell_clip != INFINITY) carry = choose((earlier < cell_clip) & (earlier > -cell_clip), carry, zero);
    store_part(grad_gates, total * j * (i - i * i), count);
    store_part(grad_gates + cells, total * i * (1.0f - j * j), count);
    store_part(grad_gates + 2 * cells, total * earlier * (f - f * f), count);
    store_part(grad_gates + 3 * cells, grad_gated * tanh_c * (o - o * o), count);
    store_part(grad_cell, carry, count);
}

INLINE void gradient_tile(const int rows, long depth, const operand *left, long left_stride, const operand *panel,
                          const float *gates, float *grad_gates, long cells, long width, const float *cell,
                          const float *before, float *grad_cell, float cell_clip) {
    totals sums[MAX_TILE][4];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < 4; v++) sums[r][v] = begun(constant(0.0f));
    multiply(rows, depth, left, left_stride, 1, panel, sums);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < 4; v++) {
            long at = r * cells + v * WIDTH, gates_at = r * 4 * cells + v * WIDTH;
            if (width > v * WIDTH)
                cell_gradient(finished(sums[r][v], constant(0.0f), left + r * left_stride + depth,
                                       panel + depth * PANEL + v * WIDTH),
                              gates + gates_at, grad_gates + gates_at, cells, width - v * WIDTH,
                              cell + at, before + at, grad_cell + at, cell_clip);
        }
}

/* Differentiate a window, from its last step to its first.

   gates           (N, 4H) the activated gates
   kernel          packed (4H, P), the transposed recurrent kernel
   projection      packed (P, H), the transposed projection, or NULL for none
   cells           (N, H) the cells of the window, and cell (B, H) those before it
   outputs         (N, P)
   grad_gates      (N, 4H) receives the gradients of the gates before activation; may be gates
   grad_projected  (N, P) the gradient of the outputs; overwritten by that of the projections before clipping
   grad_cell       (B, H) zeros at the beginning, and scratch space afterwards
   grad_hidden     (B, P) likewise
   scratch         space for B rows of 4H values */
EXPORT void elmokit_lstm_backward(long steps, const long *batch_sizes, long num_cells, long num_outputs,
                           const float *gates, const operand *kernel, const operand *projection,
                           const float *cells, const float *cell, const float *outputs, float cell_clip,
                           float projection_clip, float *grad_gates, float *grad_projected, float *grad_cell,
                           float *grad_hidden, operand *scratch) {
    long position = 0, depth = OPERANDS(num_outputs), stride = ROW_LENGTH(num_outputs);
    for (long t = 0; t < steps; t++) position += batch_sizes[t];
    for (long t = steps - 1; t >= 0; t--) {
        long rows = batch_sizes[t];
        position -= rows;
        const float *step_gates = gates + position * 4 * num_cells;
        float *step_grads = grad_gates + position * 4 * num_cells;
        float *gradient = grad_projected + position * num_outputs;
        const float *output = outputs + position * num_outputs;
        const float *step_cells = cells + position * num_cells;
        const float *before = t ? step_cells - batch_sizes[t - 1] * num_cells : cell;
        for (long n = 0; n < rows * num_outputs; n++) {
            int passes = projection_clip == INFINITY || fabsf(output[n]) < projection_clip;
            gradient[n] = passes ? gradient[n] + grad_hidden[n] : 0.0f;
        }
        if (projection) {
            const operand *left = as_operands(gradient, num_outputs, rows, num_outputs, scratch);
            for (long first = 0; first < num_cells; first += PANEL) {
                const operand *panel = projection + first * COLUMN_LENGTH(num_outputs);
#define WORK(n, row)                                                                                           \
    gradient_tile(n, depth, left + (row) * stride, stride, panel,                                              \
                  step_gates + (row) * 4 * num_cells + first, step_grads + (row) * 4 * num_cells + first,      \
                  num_cells, num_cells - first,                                                                \
                  step_cells + (row) * num_cells + first, before + (row) * num_cells + first,                  \
                  grad_cell + (row) * num_cells + first, cell_clip)
                FOR_TILES(rows, WORK);
#undef WORK
            }
        } else
            for (long row = 0; row < rows; row++)
                for (long first = 0; first < num_cells; first += WIDTH) {
                    long at = row * num_cells + first, gates_at = row * 4 * num_cells + first;
                    cell_gradient(load_part(gradient + at, num_cells - first), step_gates + gates_at,
                                  step_grads + gates_at, num_cells, num_cells - first, step_cells + at, before + at,
                                  grad_cell + at, cell_clip);
                }
        product_by_parts(rows, 4 * num_cells, num_outputs, step_grads, kernel, grad_hidden, scratch, 0);
    }
}

