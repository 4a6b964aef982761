// What a map looks like at one moment, and two ways to draw it: on a canvas and as SVG.
import { Occupied, placeLabels, placeNear } from "./labels.js";
import { SHAPES, SvgPath } from "./shapes.js";

const FONT_SIZE = 12;
const NAME_SIZE = 14;
const LABEL_HEIGHT = 15;
const LONGEST_NAME = 32; // characters; longer names of groups are in the legend only
const FADED = 0.18;

/** Return whether a text starts in a script that is written from right to left. */
const isRightToLeft = (text) => /^[^\p{L}]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u.test(text);

/** Return the radius of points: smaller if there are many, larger when zoomed in. */
export function radiusOf(size, zoom) {
  const base = size <= 60 ? 5.5 : size <= 600 ? 4.2 : size <= 4000 ? 2.8 : 1.8;
  return Math.min(7, base * Math.max(1, zoom) ** 0.3);
}

/**
 * Arrange what is to be drawn.
 * @param state {map, xs, ys (pixels), isShown, isFaded, selected, width, height, zoom, before, widths}
 */
export function arrange(state) {
  const { map, xs, ys, isShown, width, height, selected } = state;
  const radius = radiusOf(map.size, state.zoom);
  const occupied = new Occupied(width, height);
  const inside = (k) => isShown[k] && xs[k] > -9 && ys[k] > -9 && xs[k] < width + 9 && ys[k] < height + 9;
  const dots = map.groups.length ? map.groups.map(() => []) : [[]];
  const faded = [];
  for (let k = 0; k < map.size; k++) {
    if (!inside(k)) continue;
    (state.isFaded[k] ? faded : dots[map.groupOf[k]]).push(k);
    occupied.addDot(xs[k], ys[k], k === selected ? radius + 5 : radius + 1);
  }
  const at = (k) => [xs[k], ys[k]];
  const isSelected = selected >= 0 && inside(selected);
  const widthOf = (k) => state.widths(map.labels[k], k === selected ? "bold" : "normal", FONT_SIZE) + 2;
  const labels = [];
  if (isSelected) {
    // Its label is there always, if need be at some distance.
    const place = placeNear(occupied, ...at(selected), widthOf(selected), LABEL_HEIGHT);
    if (place) labels.push({ text: map.labels[selected], ...place, size: FONT_SIZE, weight: "bold", group: -1 });
  }
  labels.push(...namesOfGroups(state, dots, occupied));
  const candidates = function* () {
    for (const k of state.before.keys()) if (inside(k) && !state.isFaded[k] && k !== selected) yield k;
    for (const k of map.order) if (inside(k) && !state.isFaded[k] && k !== selected) yield k;
  };
  const textOf = (k) => map.labels[k];
  const how = { at, radius, textOf, widthOf, height: LABEL_HEIGHT, before: state.before };
  const placed = placeLabels(occupied, candidates(), how);
  for (const [k, { x, y }] of placed) {
    labels.push({ text: map.labels[k], x, y, size: FONT_SIZE, weight: "normal", group: -1 });
  }
  const directions = new Map([...placed].map(([k, { direction }]) => [k, direction]));
  return { dots, faded, labels, directions, radius, selected: isSelected ? selected : -1, at, width, height };
}

function namesOfGroups({ map, xs, ys, widths }, dots, occupied) {
  const names = [];
  if (map.groups.length < 2 || !map.named_on_map) return names;
  map.groups.forEach((group, number) => {
    const points = dots[number];
    if (!points.length || [...group.name].length > LONGEST_NAME || group.color < 0) return;
    const middle = (values) => points.map((k) => values[k]).sort((a, b) => a - b)[points.length >> 1];
    const width = widths(group.name, "bold", NAME_SIZE) + 6;
    const place = placeNear(occupied, middle(xs), middle(ys), width, NAME_SIZE + 6);
    if (place) names.push({ text: group.name, ...place, size: NAME_SIZE, weight: "bold", group: group.color });
  });
  return names;
}

const colorOf = (theme, color) => (color < 0 ? theme.other : theme.groups[color % theme.groups.length]);

/** Draw a scene on a canvas. */
export function paint(canvas, scene, map, theme, ratio) {
  const { at, radius } = scene;
  canvas.setTransform(ratio, 0, 0, ratio, 0, 0);
  canvas.fillStyle = theme.ground;
  canvas.fillRect(0, 0, scene.width, scene.height);
  const fill = (points, color, shape, alpha) => {
    canvas.globalAlpha = alpha;
    canvas.fillStyle = color;
    canvas.beginPath();
    for (const k of points) SHAPES[shape](canvas, ...at(k), radius);
    canvas.fill();
  };
  fill(scene.faded, theme.other, 0, FADED);
  scene.dots.forEach((points, number) => {
    const { color, shape } = map.groups[number] ?? { color: 0, shape: 0 };
    fill(points, colorOf(theme, color), shape, 0.85);
  });
  canvas.globalAlpha = 1;
  if (scene.selected >= 0) {
    canvas.strokeStyle = theme.ink;
    canvas.lineWidth = 2.5;
    canvas.beginPath();
    canvas.arc(...at(scene.selected), radius + 4, 0, 2 * Math.PI);
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
    shape(points, { fill: colorOf(theme, group.color), opacity: 0.85 }, group.shape);
  });
  if (scene.selected >= 0) {
    const [cx, cy] = at(scene.selected);
    element("circle", { cx, cy, r: radius + 4, fill: "none", stroke: theme.ink, "stroke-width": 2.5 }, root);
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
