// The part of the plane that is shown, and how the plane is laid on the pixels of the map.
const MARGIN = 44; // pixels around the outermost points
const MAX_ZOOM = 400;

export class View {
  x = 0;
  y = 0;
  zoom = 1;
  width = 1;
  height = 1;

  /** Set the area that zoom 1 shows: that of all layers, so that nothing leaves it when points glide. */
  enclose(layers) {
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { xy } of layers) {
      for (let k = 0; k < xy.length; k += 2) {
        left = Math.min(left, xy[k]);
        right = Math.max(right, xy[k]);
        bottom = Math.min(bottom, xy[k + 1]);
        top = Math.max(top, xy[k + 1]);
      }
    }
    this.bounds = { left, right, bottom, top };
    this.reset();
  }

  reset() {
    const { left, right, bottom, top } = this.bounds;
    [this.x, this.y, this.zoom] = [(left + right) / 2, (bottom + top) / 2, 1];
  }

  /** Pixels per unit of the plane, the same on both axes. */
  get scale() {
    const { left, right, bottom, top } = this.bounds;
    const margin = Math.min(MARGIN, this.width / 8, this.height / 8);
    const fits = [
      (this.width - 2 * margin) / Math.max(right - left, 1e-6),
      (this.height - 2 * margin) / Math.max(top - bottom, 1e-6),
    ];
    return Math.min(...fits, 1e6) * this.zoom;
  }

  /** Write the pixels of points to `xs` and `ys`. */
  project(xy, xs, ys) {
    const scale = this.scale;
    const [middleX, middleY] = [this.width / 2, this.height / 2];
    for (let k = 0; k < xs.length; k++) {
      xs[k] = middleX + (xy[2 * k] - this.x) * scale;
      ys[k] = middleY - (xy[2 * k + 1] - this.y) * scale;
    }
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
    const { left, right, bottom, top } = this.bounds;
    this.x = Math.min(right, Math.max(left, this.x));
    this.y = Math.min(top, Math.max(bottom, this.y));
  }

  /** Zoom by a factor, so that the pixel (x, y) stays where it is. */
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.scale;
    const [planeX, planeY] = [this.x + (x - this.width / 2) / before, this.y - (y - this.height / 2) / before];
    this.zoom = Math.min(MAX_ZOOM, Math.max(0.5, this.zoom * factor));
    const after = this.scale;
    this.x = planeX - (x - this.width / 2) / after;
    this.y = planeY + (y - this.height / 2) / after;
  }
}
