// The shapes of points: a second channel beside color.
const polygon = (...corners) => (path, x, y, r) => {
  corners.forEach(([dx, dy], k) => path[k ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
  path.closePath();
};

const around = (sides, start, size = 1) =>
  Array.from({ length: sides }, (_, k) => {
    const angle = start + (2 * Math.PI * k) / sides;
    return [size * Math.cos(angle), size * Math.sin(angle)];
  });

/** Functions (path, x, y, radius) that add a closed outline; all cover about the same area. */
export const SHAPES = [
  (path, x, y, r) => {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
    path.closePath();
  },
  polygon(...around(4, Math.PI / 4, 1.22)),
  polygon(...around(3, -Math.PI / 2, 1.5)),
  polygon(...around(4, 0, 1.28)),
  polygon(...around(3, Math.PI / 2, 1.5)),
  polygon(...[[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2],
    [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]]),
  polygon(...around(6, 0, 1.15)),
];

/** A path that remembers its outline as the attribute `d` of an SVG path. */
export class SvgPath {
  d = "";
  moveTo(x, y) {
    this.d += `M${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  lineTo(x, y) {
    this.d += `L${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  arc(x, y, r) {
    const side = r.toFixed(1);
    this.d += `A${side} ${side} 0 1 1 ${(x - r).toFixed(1)} ${y.toFixed(1)}A${side} ${side} 0 1 1 ${(x + r).toFixed(1)} ${y.toFixed(1)}`;
  }
  closePath() {
    this.d += "Z";
  }
}
