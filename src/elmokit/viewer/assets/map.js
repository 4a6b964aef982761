// A map of words on a canvas: pan, zoom, labels, selection, and layers that glide into each other.
import { listen } from "./gestures.js";
import { arrange, paint, radiusOf, toSvg } from "./scene.js";
import { onThemeChange, prefersStillness, readTheme } from "./theme.js";
import { View } from "./view.js";

const REACH = 12; // pixels between a click and the point that it means
const GLIDE = 900; // milliseconds per layer

const smooth = (t) => t * t * (3 - 2 * t);

export class WordMap {
  map = null;
  selected = -1;
  first = []; // points that get labels before all others
  layer = 0; // between two layers if it is not a whole number
  view = new View();
  #widths = new Map();
  #before = new Map();
  #frame = 0;
  #glide = 0;

  /**
   * @param host the element that the map fills
   * @param on {select(point, isUser), view(), layer(layer)} are called when these change
   */
  constructor(host, on, { label, wheel = "always" }) {
    this.host = host;
    this.on = on;
    this.canvas = document.createElement("canvas");
    this.tip = document.createElement("div");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", label);
    this.tip.className = "tip";
    this.tip.hidden = true;
    host.append(this.canvas, this.tip);
    this.context = this.canvas.getContext("2d");
    listen(this.canvas, this.#actions(), wheel);
    onThemeChange(() => this.#restyle());
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** Show a map that `readMap` returned. */
  show(map, { keepView = false } = {}) {
    this.map = map;
    this.xs = new Float32Array(map.size);
    this.ys = new Float32Array(map.size);
    this.isShown = new Uint8Array(map.size).fill(1);
    this.isFaded = new Uint8Array(map.size);
    this.positions = new Float32Array(2 * map.size);
    this.first = [];
    this.selected = Math.min(this.selected, map.size - 1);
    this.#before.clear();
    const { x, y, zoom } = this.view;
    this.view.enclose(map.layers);
    if (keepView) Object.assign(this.view, { x, y, zoom });
    this.#restyle();
    this.setLayer(Math.min(this.layer, map.layers.length - 1));
  }

  /** Show a layer at once; a fraction is a place between two layers. */
  setLayer(layer) {
    this.layer = layer;
    const { layers } = this.map;
    const first = Math.min(Math.floor(layer), layers.length - 1);
    const [from, to] = [layers[first].xy, layers[Math.min(first + 1, layers.length - 1)].xy];
    const share = smooth(layer - first);
    for (let k = 0; k < from.length; k++) this.positions[k] = from[k] + (to[k] - from[k]) * share;
    this.on.layer(layer);
    this.draw();
  }

  /** Glide to a layer; resolves to whether it arrived before another glide began. */
  glideTo(layer) {
    const number = ++this.#glide;
    if (prefersStillness()) {
      this.setLayer(layer);
      return Promise.resolve(true);
    }
    const [start, from] = [performance.now(), this.layer];
    const duration = GLIDE * Math.max(0.4, Math.abs(layer - from));
    return new Promise((resolve) => {
      const step = (now) => {
        if (number !== this.#glide) return resolve(false);
        const done = Math.min(1, Math.max(0, now - start) / duration);
        this.setLayer(from + (layer - from) * done);
        return done < 1 ? requestAnimationFrame(step) : resolve(true);
      };
      requestAnimationFrame(step);
    });
  }

  stopGliding() {
    this.#glide++;
  }

  /** Select a point, or none with -1. */
  select(point, { isUser = false, reveal = false } = {}) {
    this.selected = point;
    if (reveal && point >= 0) this.#reveal(point);
    this.tip.hidden = true;
    this.on.select(point, isUser);
    this.draw();
  }

  /** Hide points (of a group), fade points (that a search does not find), and label some first. */
  filter(isShown, isFaded, first) {
    Object.assign(this, { isShown, isFaded, first });
    this.#before.clear();
    this.draw();
  }

  zoomBy(factor, x, y) {
    this.view.zoomBy(factor, x, y);
    this.#moved();
  }

  fit() {
    this.view.reset();
    this.#moved();
  }

  /** Draw in the next frame. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.drawNow();
    });
  }

  drawNow() {
    if (!this.map) return;
    const ratio = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    this.#project();
    this.scene = arrange({
      ...this, width, height, zoom: this.view.zoom, before: this.#before, near: this.neighbors(),
      widths: (text, weight, size) => this.#widthOf(text, weight, size),
    });
    this.#before = this.scene.directions;
    paint(this.context, this.scene, this.map, this.theme, ratio);
  }

  /** Compute the pixels of all points. */
  #project() {
    const { clientWidth: width, clientHeight: height } = this.host;
    Object.assign(this.view, { width, height });
    this.view.project(this.positions, this.xs, this.ys);
  }

  svg(title) {
    this.drawNow();
    return toSvg(this.scene, this.map, this.theme, title);
  }

  png() {
    this.drawNow();
    const copy = document.createElement("canvas");
    const ratio = 2;
    copy.width = this.scene.width * ratio;
    copy.height = this.scene.height * ratio;
    paint(copy.getContext("2d"), this.scene, this.map, this.theme, ratio);
    return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
  }

  /** Return the nearest points of the selected one in the layer that is shown, if the map knows them. */
  neighbors() {
    const found = this.selected < 0 ? undefined : this.map.layers[Math.round(this.layer)].neighbors?.();
    const each = found ? found.length / this.map.size : 0;
    return found ? [...found.subarray(this.selected * each, (this.selected + 1) * each)] : [];
  }

  /** Return the point at a pixel, or -1. */
  pointAt(x, y) {
    let [best, nearest] = [-1, (REACH + radiusOf(this.map.size, this.view.zoom) / 2) ** 2];
    for (let k = 0; k < this.map.size; k++) {
      const distance = (this.xs[k] - x) ** 2 + (this.ys[k] - y) ** 2;
      if (distance < nearest && this.isShown[k]) [best, nearest] = [k, distance];
    }
    return best;
  }

  #actions() {
    return {
      pan: (dx, dy) => {
        this.view.pan(dx, dy);
        this.#moved();
      },
      zoom: (factor, x, y) => this.zoomBy(factor, x, y),
      fit: () => this.fit(),
      hover: (x, y) => this.#hover(this.map ? this.pointAt(x, y) : -1),
      leave: () => this.#hover(-1),
      click: (x, y) => this.select(this.pointAt(x, y), { isUser: true }),
      step: (dx, dy) => this.#step(dx, dy),
      walk: (by) => this.#walk(by),
      clear: () => this.select(-1, { isUser: true }),
    };
  }

  #hover(point) {
    this.canvas.style.cursor = point >= 0 ? "pointer" : "grab";
    this.tip.hidden = point < 0;
    if (point < 0) return;
    const [before, word, after] = this.map.contextOf(point, 8);
    const bold = document.createElement("b");
    bold.textContent = word;
    this.tip.dir = "auto";
    this.tip.replaceChildren(before, bold, after);
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const left = Math.max(4, Math.min(this.view.width - width - 4, this.xs[point] - width / 2));
    const above = this.ys[point] - height - 12;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${above > 4 ? above : this.ys[point] + 14}px`;
  }

  /** Select the next point in a direction: near, and not far off the direction. */
  #step(dx, dy) {
    if (this.selected < 0) return this.#walk(1);
    const [x, y] = [this.xs[this.selected], this.ys[this.selected]];
    let [best, least] = [-1, Infinity];
    for (let k = 0; k < this.map.size; k++) {
      if (k === this.selected || !this.isShown[k] || this.isFaded[k]) continue;
      const along = (this.xs[k] - x) * dx + (this.ys[k] - y) * dy;
      const across = Math.abs((this.xs[k] - x) * dy) + Math.abs((this.ys[k] - y) * dx);
      if (along <= 0.01 || across > 2 * along) continue;
      const cost = along + 2 * across;
      if (cost < least) [best, least] = [k, cost];
    }
    return best < 0 ? undefined : this.select(best, { isUser: true, reveal: true });
  }

  /** Select the next point in text order; points that lie on each other are reached as well. */
  #walk(by) {
    const points = [];
    for (let k = 0; k < this.map.size; k++) if (this.isShown[k] && !this.isFaded[k]) points.push(k);
    if (!points.length) return;
    const now = this.selected < 0 ? -1 : points.findIndex((k) => k >= this.selected);
    const next = Math.max(0, Math.min(points.length - 1, now + by));
    this.select(points[next], { isUser: true, reveal: true });
  }

  #reveal(point) {
    this.#project(); // no frame may have been drawn since the layer or the view changed
    const { width, height } = this.view;
    if (!width || !height) return;
    const [x, y] = [this.xs[point], this.ys[point]];
    if (x > 20 && y > 20 && x < width - 20 && y < height - 20) return;
    this.view.pan(width / 2 - x, height / 2 - y);
    this.#moved();
  }

  #moved() {
    this.tip.hidden = true;
    this.on.view();
    this.draw();
  }

  #restyle() {
    this.theme = readTheme(this.host);
    this.#widths.clear();
    this.draw();
  }

  #widthOf(label, weight, size) {
    const key = `${weight}${size}${label}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      this.context.font = `${weight} ${size}px ${this.theme.family}`;
      width = this.context.measureText(label).width;
      this.#widths.set(key, width);
    }
    return width;
  }
}
