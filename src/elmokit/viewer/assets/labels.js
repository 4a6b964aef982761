// Labels beside their points: no label covers a point or another label.
const CELL = 2; // pixels
const DIRECTIONS = [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [-1, -1], [1, 1], [-1, 1]];
const APART = 110; // pixels between two labels with the same text
const MAX_LABELS = 400;
const MAX_TRIES = 3000; // labels tried in one frame, so that a crowded map still moves smoothly
const NAME_REACH = 170; // pixels between the center of a group and its name

/** The occupied part of a picture. */
export class Occupied {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.columns = Math.ceil(width / CELL) + 1;
    this.cells = new Uint8Array(this.columns * (Math.ceil(height / CELL) + 1));
  }

  addDot(x, y, r) {
    if (x + r > 0 && y + r > 0 && x - r < this.width && y - r < this.height) {
      this.add(Math.max(0, x - r), Math.max(0, y - r), Math.min(this.width, x + r), Math.min(this.height, y + r));
    }
  }

  add(left, top, right, bottom) {
    const [first, last] = [Math.floor(left / CELL), Math.floor(right / CELL)];
    for (let row = Math.floor(top / CELL); row <= Math.floor(bottom / CELL); row++) {
      this.cells.fill(1, row * this.columns + first, row * this.columns + last + 1);
    }
  }

  isFree(left, top, right, bottom) {
    if (left < 1 || top < 1 || right > this.width - 1 || bottom > this.height - 1) return false;
    const [first, last] = [Math.floor(left / CELL), Math.floor(right / CELL)];
    for (let row = Math.floor(top / CELL); row <= Math.floor(bottom / CELL); row++) {
      for (let cell = row * this.columns + first; cell <= row * this.columns + last; cell++) {
        if (this.cells[cell]) return false;
      }
    }
    return true;
  }
}

/** Find a place for a text beside a point; the direction it had before is tried first. */
function placeBeside(occupied, x, y, r, width, height, before) {
  const gap = r + 3 + CELL;
  for (let k = -1; k < DIRECTIONS.length; k++) {
    const direction = k < 0 ? before : k;
    if (direction === undefined) continue;
    const [dx, dy] = DIRECTIONS[direction];
    const centerX = x + dx * (width / 2 + gap);
    const centerY = y + dy * (height / 2 + gap);
    const box = [centerX - width / 2, centerY - height / 2, centerX + width / 2, centerY + height / 2];
    if (occupied.isFree(...box)) {
      occupied.add(...box);
      return { x: centerX, y: centerY, direction };
    }
  }
  return null;
}

/** Find a place for a text, such as the name of a group, as near as possible to a pixel. */
export function placeNear(occupied, x, y, width, height, reach = NAME_REACH) {
  for (let distance = 0; distance <= reach; distance += 10) {
    const steps = distance ? Math.ceil(distance / 4) : 1;
    for (let k = 0; k < steps; k++) {
      const angle = -Math.PI / 2 + (2 * Math.PI * k) / steps;
      const centerX = x + distance * Math.cos(angle);
      const centerY = y + distance * Math.sin(angle);
      const box = [centerX - width / 2, centerY - height / 2, centerX + width / 2, centerY + height / 2];
      if (occupied.isFree(...box)) {
        occupied.add(...box);
        return { x: centerX, y: centerY };
      }
    }
  }
  return null;
}

/**
 * Place as many labels as there is room for, the most important first.
 * @param order iterable of the points to label, which are inside the picture
 * @param before Map from point to the direction of its label in the last frame; labels stay where they were
 * @returns Map from point to {x, y, direction}, the center of its label
 */
export function placeLabels(occupied, order, { at, radiusOf, textOf, widthOf, height, before }) {
  const placed = new Map();
  const sameText = new Map();
  let tries = 0;
  for (const point of order) {
    if (placed.size >= MAX_LABELS || tries++ >= MAX_TRIES) break;
    if (placed.has(point)) continue;
    const [x, y] = at(point);
    const others = sameText.get(textOf(point)) ?? [];
    if (others.some((other) => Math.hypot(other.x - x, other.y - y) < APART)) continue;
    const place = placeBeside(occupied, x, y, radiusOf(point), widthOf(point), height, before.get(point));
    if (!place) continue;
    placed.set(point, place);
    sameText.set(textOf(point), [...others, place]);
  }
  return placed;
}
