// What a map looks like at one moment, and two ways to draw it: on a canvas and as SVG.
import { Occupied, placeLabels, placeNear } from "./labels.js";
import { SHAPES, SvgPath } from "./shapes.js";
import { drawDots } from "./stamps.js";

const FONT_SIZE = 12;
const NAME_SIZE = 14;
const LABEL_HEIGHT = 15;
const LONGEST_NAME = 32; // characters; longer names of groups are in the legend only
const FADED = 0.18;
const OPAQUE = 0.85;
const MOST_FAR = 20; // labels that may lie at some distance from their points
const FAR = 400; // pixels between such a label and its point
const LONG_GAP = 8; // pixels between a point and its label from which a line leads to it
const RING = 4; // pixels between a point and the ring around the selected one
const NEAR_RING = 3; // and the thinner ones around its neighbors
const SAMPLED = 200; // points of a group whose middle is that of the group

/** Return whether a text starts in a script that is written from right to left. */
const isRightToLeft = (text) => /^[^\p{L}]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u.test(text);

const clamp = (value, middle, reach) => Math.max(middle - reach, Math.min(middle + reach, value));

/** Return the radius of points: smaller if there are many, larger when zoomed in. */
export function radiusOf(size, zoom) {
  const base = size <= 60 ? 5.5 : size <= 600 ? 4.2 : size <= 4000 ? 2.8 : 1.8;
  return Math.min(7, base * Math.max(1, zoom) ** 0.3);
}

/**
 * Arrange what is to be drawn.
 * @param state {map, xs, ys (pixels), isShown, isFaded, first (points that get labels first), near (neighbors of
 *     the selected point), selected, width, height, zoom, before, widths}
 */
export function arrange(state) {
  const { map, xs, ys, isShown, first, width, height, selected } = state;
  const radius = radiusOf(map.size, state.zoom);
  const occupied = new Occupied(width, height);
  const isNear = new Set(state.near);
  const outerRadius = (k) => (isNear.has(k) ? radius + NEAR_RING : radius);
  const inside = (k) => isShown[k] && xs[k] > -9 && ys[k] > -9 && xs[k] < width + 9 && ys[k] < height + 9;
  const dots = map.groups.length ? map.groups.map(() => []) : [[]];
  const faded = [];
  for (let k = 0; k < map.size; k++) {
    if (!inside(k)) continue;
    (state.isFaded[k] ? faded : dots[map.groupOf[k]]).push(k);
    occupied.addDot(xs[k], ys[k], (k === selected ? radius + RING : outerRadius(k)) + 1);
  }
  const at = (k) => [xs[k], ys[k]];
  const isSelected = selected >= 0 && inside(selected);
  const near = state.near.filter(inside);
  const isFirst = new Set(first);
  const weightOf = (k) => (k === selected || isFirst.has(k) ? "bold" : "normal");
  const widthOf = (k) => state.widths(map.labelOf(k), weightOf(k), FONT_SIZE) + 2;
  const labels = [];
  const leaders = [];
  // What was chosen or searched for has its label always, if need be at some distance, to which a line leads.
  for (const k of new Set([selected, ...first.slice(0, MOST_FAR)].filter((k) => k >= 0 && inside(k)))) {
    const width = widthOf(k);
    const place = placeNear(occupied, ...at(k), width, LABEL_HEIGHT, FAR);
    if (!place) continue;
    labels.push({ text: map.labelOf(k), ...place, size: FONT_SIZE, weight: "bold", group: -1, point: k });
    const end = [clamp(xs[k], place.x, width / 2), clamp(ys[k], place.y, LABEL_HEIGHT / 2)];
    const length = Math.hypot(end[0] - xs[k], end[1] - ys[k]);
    if (length <= radius + LONG_GAP) continue;
    const edge = (k === selected ? radius + RING : radius) / length;
    leaders.push([[xs[k] + (end[0] - xs[k]) * edge, ys[k] + (end[1] - ys[k]) * edge], end]);
  }
  const hasLabel = new Set(labels.map(({ point }) => point));
  labels.push(...namesOfGroups(state, dots, occupied));
  const candidates = function* () {
    for (const points of [state.before.keys(), first, near, map.order]) {
      for (const k of points) if (inside(k) && !state.isFaded[k] && !hasLabel.has(k)) yield k;
    }
  };
  const textOf = map.labelOf;
  const how = { at, radiusOf: outerRadius, textOf, widthOf, height: LABEL_HEIGHT, before: state.before };
  const placed = placeLabels(occupied, candidates(), how);
  for (const [k, { x, y }] of placed) {
    labels.push({ text: map.labelOf(k), x, y, size: FONT_SIZE, weight: weightOf(k), group: -1 });
  }
  const directions = new Map([...placed].map(([k, { direction }]) => [k, direction]));
  return { dots, faded, labels, leaders, directions, radius, selected: isSelected ? selected : -1, near, at, xs, ys, width, height };
}

function namesOfGroups({ map, xs, ys, widths }, dots, occupied) {
  const names = [];
  if (map.groups.length < 2 || !map.named_on_map) return names;
  map.groups.forEach((group, number) => {
    const points = dots[number];
    if (!points.length || [...group.name].length > LONGEST_NAME || group.color < 0) return;
    const sample = points.filter((_, k) => k % Math.ceil(points.length / SAMPLED) === 0);
    const middle = (values) => sample.map((k) => values[k]).sort((a, b) => a - b)[sample.length >> 1];
    const width = widths(group.name, "bold", NAME_SIZE) + 6;
    const place = placeNear(occupied, middle(xs), middle(ys), width, NAME_SIZE + 6);
    if (place) names.push({ text: group.name, ...place, size: NAME_SIZE, weight: "bold", group: group.color });
  });
  return names;
}

const colorOf = (theme, color) => (color < 0 ? theme.other : theme.groups[color % theme.groups.length]);

/** Draw a scene on a canvas. */
export function paint(canvas, scene, map, theme, ratio) {
  const { at, radius, xs, ys } = scene;
  canvas.setTransform(ratio, 0, 0, ratio, 0, 0);
  canvas.fillStyle = theme.ground;
  canvas.fillRect(0, 0, scene.width, scene.height);
  drawDots(canvas, scene.faded, xs, ys, { color: theme.other, shape: 0, radius, ratio, alpha: FADED });
  scene.dots.forEach((points, number) => {
    const { color, shape } = map.groups[number] ?? { color: 0, shape: 0 };
    drawDots(canvas, points, xs, ys, { color: colorOf(theme, color), shape, radius, ratio, alpha: OPAQUE });
  });
  canvas.strokeStyle = theme.ink;
  canvas.lineWidth = 1;
  canvas.beginPath();
  for (const k of scene.near) {
    canvas.moveTo(xs[k] + radius + NEAR_RING, ys[k]);
    canvas.arc(xs[k], ys[k], radius + NEAR_RING, 0, 2 * Math.PI);
  }
  for (const [from, to] of scene.leaders) {
    canvas.moveTo(...from);
    canvas.lineTo(...to);
  }
  canvas.stroke();
  if (scene.selected >= 0) {
    canvas.strokeStyle = theme.ink;
    canvas.lineWidth = 2.5;
    canvas.beginPath();
    canvas.arc(...at(scene.selected), radius + RING, 0, 2 * Math.PI);
    canvas.stroke();
  }
  canvas.textAlign = "center";
  canvas.textBaseline = "middle";
  canvas.lineJoin = "round";
  canvas.lineWidth = 3;
  canvas.strokeStyle = theme.ground;
  for (const { text, x, y, size, weight, group } of scene.labels) {
    canvas.font = `${weight} ${size}px ${theme.family}`;
    canvas.direction = isRightToLeft(text) ? "rtl" : "ltr";
    canvas.strokeText(text, x, y);
    canvas.fillStyle = group >= 0 ? colorOf(theme, group) : theme.ink;
    canvas.fillText(text, x, y);
  }
}

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, parent, content = "") {
  const created = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  // XML has no control characters.
  created.textContent = content.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, "\ufffd");
  parent?.append(created);
  return created;
}

/** Return a scene as SVG, in which text is text. */
export function toSvg(scene, map, theme, title) {
  const { at, radius, width, height } = scene;
  const root = element("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  element("title", {}, root, title);
  element("rect", { width, height, fill: theme.ground }, root);
  const shape = (points, attributes, number) => {
    if (!points.length) return;
    const path = new SvgPath();
    for (const k of points) SHAPES[number](path, ...at(k), radius);
    element("path", { d: path.d, ...attributes }, root);
  };
  shape(scene.faded, { fill: theme.other, opacity: FADED }, 0);
  scene.dots.forEach((points, number) => {
    const group = map.groups[number] ?? { color: 0, shape: 0 };
    shape(points, { fill: colorOf(theme, group.color), opacity: OPAQUE }, group.shape);
  });
  const ring = (k, r, width) => {
    const [cx, cy] = at(k);
    element("circle", { cx, cy, r, fill: "none", stroke: theme.ink, "stroke-width": width }, root);
  };
  if (scene.selected >= 0) ring(scene.selected, radius + RING, 2.5);
  for (const k of scene.near) ring(k, radius + NEAR_RING, 1);
  for (const [[x1, y1], [x2, y2]] of scene.leaders) {
    element("line", { x1, y1, x2, y2, stroke: theme.ink, "stroke-width": 1 }, root);
  }
  for (const { text, x, y, size, weight, group } of scene.labels) {
    const place = { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": "middle", "dominant-baseline": "central" };
    const look = { "font-size": size, "font-weight": weight, "font-family": theme.family };
    const halo = { stroke: theme.ground, "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round" };
    const fill = group >= 0 ? colorOf(theme, group) : theme.ink;
    element("text", { ...place, ...look, ...halo, fill, direction: isRightToLeft(text) ? "rtl" : "ltr" }, root, text);
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}\n`;
}
