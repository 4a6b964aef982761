/* Packing matrices, and products of whole matrices. Everything outside is float32. */

#include "products.h"

#define PACKED_AT_ONCE (DEPTH * 16 * PANEL) /* operands of a right matrix that is packed only for one product */
#define STEPS 8 /* operands of a row or column that are copied at a time */

/* Bytes of scratch space for rows of values. */
EXPORT size_t elmokit_scratch_size(long rows, long depth) {
    return VALUES > 1 ? sizeof(operand) * rows * ROW_LENGTH(depth) : 0;
}

/* Bytes of a packed matrix. */
EXPORT size_t elmokit_packed_size(long depth, long columns) {
    return sizeof(operand) * COLUMN_LENGTH(depth) * ((columns + PANEL - 1) / PANEL) * PANEL;
}

/* Pack at most PANEL columns of depth values, and return where the next panel begins. */
static operand *pack_panel(const float *source, long depth, long width, long row_stride, long column_stride,
                           operand *packed) {
    operand *ends = packed + OPERANDS(depth) * PANEL;
    end_columns(source, row_stride, column_stride, depth, width, ends);
    long k = 0;
    if (column_stride == 1 && width == PANEL)
        for (; k + VALUES <= depth; k += VALUES, packed += PANEL)
            pack_rows(source + k * row_stride, row_stride, ends, packed);
    for (; k < depth; k += STEPS * VALUES) { /* some steps of a column at a time, which may be next to each other */
        long steps = OPERANDS(depth - k) < STEPS ? OPERANDS(depth - k) : STEPS;
        for (long n = 0; n < width; n++) {
            const float *column = source + k * row_stride + n * column_stride;
            for (long step = 0; step < steps; step++)
                packed[step * PANEL + n] =
                    operand_of(column + step * VALUES * row_stride, row_stride, depth - k - step * VALUES, ends + n);
        }
        for (long step = 0; step < steps; step++)
            for (long n = width; n < PANEL; n++) packed[step * PANEL + n] = 0;
        packed += steps * PANEL;
    }
    return packed + COLUMN_END * PANEL;
}

/* Pack a (depth, columns) matrix whose element (k, n) is source[k * row_stride + n * column_stride]. */
EXPORT void elmokit_pack(const float *source, long depth, long columns, long row_stride, long column_stride,
                         operand *packed) {
    for (long first = 0; first < columns; first += PANEL)
        packed = pack_panel(source + first * column_stride, depth, columns - first < PANEL ? columns - first : PANEL,
                            row_stride, column_stride, packed);
}

/* out (rows, columns) = left (rows, depth) . packed, or with add, out += it; scratch space for the operands of
   min(rows, ROWS_AT_ONCE) rows of left. */
EXPORT void elmokit_product(long rows, long depth, long columns, const float *left, const operand *packed, float *out,
                            operand *scratch, int add) {
    product_by_parts(rows, depth, columns, left, packed, out, scratch, add);
}

/* ---- products of two matrices that are used only once ---- */

/* How much of the right matrix is packed at a time: as many of its columns as fit, and if that is all, as much of its
   depth. Parts of the depth are added to the sums one after another, however many are packed. */
static void parts_of(long depth, long columns, long *depth_at_once, long *columns_at_once) {
    long panels = (columns + PANEL - 1) / PANEL, operands = OPERANDS(depth);
    long deep = operands < DEPTH ? operands : DEPTH;
    long wide = deep ? PACKED_AT_ONCE / (deep * PANEL) : panels;
    *columns_at_once = (panels < wide ? panels : wide) * PANEL;
    while (deep < operands && (deep + DEPTH) * *columns_at_once <= PACKED_AT_ONCE) deep += DEPTH;
    *depth_at_once = (deep < operands ? deep : operands) * VALUES;
}

/* Bytes of scratch space of elmokit_multiply. */
EXPORT size_t elmokit_multiply_scratch_size(long depth, long columns) {
    long depth_at_once, columns_at_once;
    parts_of(depth, columns, &depth_at_once, &columns_at_once);
    return sizeof(operand) * (ROWS_AT_ONCE * ROW_LENGTH(depth_at_once) + columns_at_once * COLUMN_LENGTH(depth_at_once));
}

/* Add the sums of columns, whose rows have weights or, for NULL, all the same. */
static void add_sums(const float *values, long rows, long columns, long row_stride, long column_stride,
                     const float *weights, float *sums) {
    for (long first = 0; first < columns; first += PANEL) {
        long width = columns - first < PANEL ? columns - first : PANEL;
        const float *row = values + first * column_stride;
        float part[PANEL] = {0};
        if (width == PANEL && column_stride == 1)
            for (long k = 0; k < rows; k++, row += row_stride)
                for (long n = 0; n < PANEL; n++) part[n] += weights ? weights[k] * row[n] : row[n];
        else
            for (long k = 0; k < rows; k++, row += row_stride)
                for (long n = 0; n < width; n++) part[n] += (weights ? weights[k] : 1.0f) * row[n * column_stride];
        for (long n = 0; n < width; n++) sums[first + n] += part[n];
    }
}

#ifndef INT8
/* Copy a matrix whose columns are contiguous in the order in which its tiles are read: the rows of a tile side by side,
   one operand after another. */
static void as_tiles(const float *left, long left_column, long rows, long depth, operand *tiles) {
    operand space[STEPS][ROWS_AT_ONCE + WIDTH];
    const operand *row[STEPS];
    long part = OPERANDS(depth);
    for (long start = 0; start < part; start += STEPS) {
        long steps = part - start < STEPS ? part - start : STEPS;
        for (long k = 0; k < steps; k++, left += VALUES * left_column, depth -= VALUES) {
            row[k] = space[k];
            if (depth >= VALUES)
                row[k] = row_of_operands(left, left_column, rows, space[k]);
            else
                for (long r = 0; r < rows; r++) space[k][r] = operand_of(left + r, left_column, depth, NULL);
        }
#define WORK(n, r)                                                                                               \
    for (long k = 0; k < steps; k++)                                                                             \
        memcpy(tiles + (r) * part + (start + k) * n, row[k] + (r), n * sizeof(operand))
        FOR_TILES(rows, WORK);
#undef WORK
    }
}

/* A product whose left matrix is in the order of its tiles; see product(). */
static void product_of_tiles(long rows, long depth, long columns, const operand *tiles, const operand *packed,
                             float *out, long out_stride, int add) {
    long length = OPERANDS(depth);
#define WORK(n, row)                                                                                             \
    product_tile(n, part, tiles + (row) * length + start * (n), 1, n, panel, out + (row) * out_stride + first, out_stride, \
                 columns - first, start == 0 && !add)
    FOR_PRODUCT(rows, depth, columns, packed, WORK)
#undef WORK
}
#endif

/* Multiply two matrices of any strides: out (rows, columns) = left (rows, depth) . right (depth, columns), or with add,
   out += it. Parts of both are packed into scratch space that fits the cache.

   Either the rows of left or its columns must be contiguous, for int8 the rows. sums (columns), or NULL: the sums of
   the columns of right are added to it, of rows with weights (depth), or NULL. */
EXPORT void elmokit_multiply(long rows, long depth, long columns, const float *left, long left_row, long left_column,
                             const float *right, long right_row, long right_column, float *out, float *sums,
                             const float *weights, operand *scratch, int add) {
    long depth_at_once, columns_at_once;
    parts_of(depth, columns, &depth_at_once, &columns_at_once);
    operand *panels = scratch + ROWS_AT_ONCE * ROW_LENGTH(depth_at_once);
    if (depth == 0 && !add) memset(out, 0, (size_t)rows * columns * sizeof(float));
    for (long start = 0; start < depth; start += depth_at_once)
        for (long first = 0; first < columns; first += columns_at_once) {
            long deep = depth - start < depth_at_once ? depth - start : depth_at_once;
            long wide = columns - first < columns_at_once ? columns - first : columns_at_once;
            const float *block = right + start * right_row + first * right_column;
            elmokit_pack(block, deep, wide, right_row, right_column, panels);
            if (sums) add_sums(block, deep, wide, right_row, right_column, weights ? weights + start : NULL, sums + first);
            for (long row = 0; row < rows; row += ROWS_AT_ONCE) {
                long height = rows - row < ROWS_AT_ONCE ? rows - row : ROWS_AT_ONCE;
                const float *band = left + row * left_row + start * left_column;
                float *to = out + row * columns + first;
                int keep = add || start > 0;
                if (left_column == 1)
                    product(height, deep, wide, as_operands(band, left_row, height, deep, scratch),
                            VALUES > 1 ? ROW_LENGTH(deep) : left_row, panels, to, columns, keep);
#ifndef INT8
                else {
                    as_tiles(band, left_column, height, deep, scratch);
                    product_of_tiles(height, deep, wide, scratch, panels, to, columns, keep);
                }
#endif
            }
        }
}
