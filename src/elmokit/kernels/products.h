/* Products of a left matrix, some rows at a time, and a right matrix packed into panels.

   A panel has PANEL columns of the right matrix, row after row, so that the innermost loop reads it from one address to
   the next. The sum over the rows of a right matrix always runs from first to last, so a row's result does not depend
   on the other rows. */

#ifndef ELMOKIT_PRODUCTS_H
#define ELMOKIT_PRODUCTS_H

#include "operands.h"

#define MAX_TILE TILE_ROWS /* rows whose sums are in registers at the same time */
#ifndef DEPTH
#define DEPTH 512          /* operands of a panel's column that are used at a time, so that they stay in the cache */
#endif
#define ROWS_AT_ONCE 96    /* likewise of the left matrix */

/* sums[r][:] += left[r, :depth] . panel, for a fixed number of rows. The operands of a row are step apart, and rows
   row_stride; depth counts operands. */
INLINE void multiply(const int rows, long depth, const operand *left, long row_stride, long step,
                     const operand *panel, totals sums[][4]) {
#if TILE_ROWS == 3
    /* Of 16 registers, 12 have sums: three more for the left operands, and one for each of the others in turn. */
    for (long k = 0; k < depth; k++, panel += PANEL) {
        operands a[3];
        for (int r = 0; r < rows; r++) a[r] = repeated(left[r * row_stride + k * step]);
        for (int v = 0; v < 4; v++) {
            operands b = load_operands(panel + v * WIDTH);
            for (int r = 0; r < rows; r++) sums[r][v] = add_product(sums[r][v], a[r], b);
        }
    }
#else
    for (long k = 0; k < depth; k++, panel += PANEL) {
        operands b0 = load_operands(panel), b1 = load_operands(panel + WIDTH);
        operands b2 = load_operands(panel + 2 * WIDTH), b3 = load_operands(panel + 3 * WIDTH);
        for (int r = 0; r < rows; r++) {
            operands a = repeated(left[r * row_stride + k * step]);
            sums[r][0] = add_product(sums[r][0], a, b0);
            sums[r][1] = add_product(sums[r][1], a, b1);
            sums[r][2] = add_product(sums[r][2], a, b2);
            sums[r][3] = add_product(sums[r][3], a, b3);
        }
    }
#endif
}

/* Call work(number of rows, first row) for tiles of nearly equal size, each with a constant number of rows. */
#define FOR_TILES(rows, work)                                                     \
    do {                                                                          \
        long tiles_ = ((rows) + MAX_TILE - 1) / MAX_TILE, row_ = 0;               \
        for (long tile_ = 0; tile_ < tiles_; tile_++) {                           \
            long n_ = ((rows) - row_ + tiles_ - tile_ - 1) / (tiles_ - tile_);    \
            switch (n_) {                                                         \
                TILE_CASES(work)                                                  \
            }                                                                     \
            row_ += n_;                                                           \
        }                                                                         \
    } while (0)
#define TILE_CASE(n, work) case n: work(n, row_); break;
#if TILE_ROWS == 6
#define TILE_CASES(work)                                                          \
    TILE_CASE(1, work) TILE_CASE(2, work) TILE_CASE(3, work)                      \
    TILE_CASE(4, work) TILE_CASE(5, work) TILE_CASE(6, work)
#elif TILE_ROWS == 3
#define TILE_CASES(work) TILE_CASE(1, work) TILE_CASE(2, work) TILE_CASE(3, work)
#elif TILE_ROWS == 2
#define TILE_CASES(work) TILE_CASE(1, work) TILE_CASE(2, work)
#endif

INLINE void product_tile(const int rows, long depth, const operand *left, long row_stride, long step,
                         const operand *panel, float *out, long out_stride, long width, int is_first) {
    totals sums[MAX_TILE][4];
    vec before[MAX_TILE][4];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < 4; v++) {
            before[r][v] = constant(0.0f);
            if (!is_first && width > v * WIDTH)
                before[r][v] = load_part(out + r * out_stride + v * WIDTH, width - v * WIDTH);
            sums[r][v] = begun(before[r][v]);
        }
    multiply(rows, depth, left, row_stride, step, panel, sums);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < 4; v++)
            if (width > v * WIDTH)
                store_part(out + r * out_stride + v * WIDTH,
                           finished(sums[r][v], before[r][v], left + r * row_stride + depth,
                                    panel + depth * PANEL + v * WIDTH),
                           width - v * WIDTH);
}

/* Call WORK(number of rows, first row) for the tiles of a product, parts of the depth outermost. It can use start and
   part, the first operand of the part and their number, and panel, whose first column is first. */
#define FOR_PRODUCT(rows, depth, columns, packed, WORK)                                  \
    for (long start = 0; start < (long)OPERANDS(depth); start += DEPTH) {                \
        long part = (long)OPERANDS(depth) - start;                                       \
        part = part < DEPTH ? part : DEPTH;                                              \
        for (long first = 0; first < columns; first += PANEL) {                          \
            const operand *panel = packed + first * COLUMN_LENGTH(depth) + start * PANEL; \
            FOR_TILES(rows, WORK);                                                       \
        }                                                                                \
    }

/* out (rows, columns) = left (rows, depth) . packed, or with add, out += it. The rows of left and of out are left_stride
   operands and out_stride floats apart. */
static void product(long rows, long depth, long columns, const operand *left, long left_stride, const operand *packed,
                    float *out, long out_stride, int add) {
#define WORK(n, row)                                                                                           \
    product_tile(n, part, left + (row) * left_stride + start, left_stride, 1, panel, out + (row) * out_stride + first, \
                 out_stride, columns - first, start == 0 && !add)
    FOR_PRODUCT(rows, depth, columns, packed, WORK)
#undef WORK
}

/* The same for any number of rows of values; scratch space for the operands of min(rows, ROWS_AT_ONCE) of them. */
static void product_by_parts(long rows, long depth, long columns, const float *values, const operand *packed, float *out,
                             operand *scratch, int add) {
    long parts = (rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    for (long row = 0; parts; parts--) {
        long some = (rows - row + parts - 1) / parts;
        const operand *left = as_operands(values + row * depth, depth, some, depth, scratch);
        product(some, depth, columns, left, ROW_LENGTH(depth), packed, out + row * columns, columns, add);
        row += some;
    }
}

#endif
