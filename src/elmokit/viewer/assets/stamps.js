// Many points of the same look: the shape is drawn once and then copied, several times faster than outlines.
import { SHAPES } from "./shapes.js";

const MANY = 500; // points from which copies are drawn, which lie on whole pixels
const MOST = 64; // looks that are kept

const stamps = new Map();

/** Return a square picture of a shape, and its size in pixels of the screen. */
function stampOf(color, shape, radius, ratio) {
  const key = `${color} ${shape} ${radius.toFixed(2)} ${ratio}`;
  let stamp = stamps.get(key);
  if (!stamp) {
    if (stamps.size >= MOST) stamps.clear();
    const size = 2 * Math.ceil(1.6 * radius * ratio) + 1;
    stamp = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const context = stamp.getContext("2d");
    context.fillStyle = color;
    SHAPES[shape](context, size / 2, size / 2, radius * ratio);
    context.fill();
    stamps.set(key, stamp);
  }
  return stamp;
}

/**
 * Draw points of one color and shape.
 * @param points their indices
 * @param xs, ys pixels of all points
 * @param ratio pixels of the screen for each of these
 */
export function drawDots(context, points, xs, ys, { color, shape, radius, ratio, alpha }) {
  context.globalAlpha = alpha;
  if (points.length < MANY) {
    context.fillStyle = color;
    context.beginPath();
    for (const k of points) SHAPES[shape](context, xs[k], ys[k], radius);
    context.fill();
  } else {
    const stamp = stampOf(color, shape, radius, ratio);
    const half = stamp.width / 2;
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const k of points) {
      context.drawImage(stamp, Math.round(xs[k] * ratio - half), Math.round(ys[k] * ratio - half));
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  context.globalAlpha = 1;
}
