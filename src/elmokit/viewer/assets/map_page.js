// The page of one map: search, layers, legend, and the sentence of the selected point.
import { readAddress, writeAddress } from "./address.js";
import { inContext, make } from "./build.js";
import { matching, readMap, shown, table } from "./data.js";
import { layerSlider } from "./layer_slider.js";
import { legend } from "./legend.js";
import { WordMap } from "./map.js";
import { copyText, saveFile } from "./save.js";
import { text } from "./text.js";

const NEIGHBOR_CONTEXT = 6; // words on either side

const map = readMap(JSON.parse(document.getElementById("map-data").textContent));
const parts = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const hidden = new Set();
let isReady = false;

const wordMap = new WordMap(
  parts.map,
  {
    select: (point, isUser) => {
      describe(point);
      remember({ step: isUser });
    },
    view: () => remember(),
    layer: (layer) => slider?.update(layer),
  },
  { label: text.map(map.title) },
);
const slider = layerSlider(wordMap, map.layers.map((layer) => layer.name), () => {
  describe(wordMap.selected);
  remember();
});

function remember(how) {
  if (!isReady) return;
  const { x, y, zoom } = wordMap.view;
  const isFitted = Math.abs(zoom - 1) < 1e-3;
  const layer = Math.round(wordMap.layer);
  writeAddress(
    {
      layer: layer === map.start ? "" : layer,
      point: wordMap.selected < 0 ? "" : wordMap.selected,
      q: parts.search.value,
      off: [...hidden].join(","),
      view: isFitted ? "" : [x, y, zoom].map((value) => value.toPrecision(5)).join(","),
      bare: document.documentElement.classList.contains("bare") ? 1 : "",
    },
    how,
  );
}

const whole = (value, limit) => (/^\d+$/.test(value ?? "") && Number(value) < limit ? Number(value) : null);

function restore() {
  const state = readAddress();
  isReady = false;
  document.documentElement.classList.toggle("bare", "bare" in state);
  parts.search.value = state.q ?? "";
  hidden.clear();
  for (const number of (state.off ?? "").split(",")) {
    if (whole(number, map.groups.length) !== null) hidden.add(Number(number));
  }
  parts.legend.replaceChildren(legend(map, hidden, filter, choose));
  const [x, y, zoom] = (state.view ?? "").split(",").map(Number);
  if ([x, y, zoom].every(Number.isFinite) && zoom > 0) Object.assign(wordMap.view, { x, y, zoom });
  else wordMap.view.reset();
  wordMap.setLayer(whole(state.layer, map.layers.length) ?? map.start);
  filter();
  wordMap.select(whole(state.point, map.size) ?? -1);
  isReady = true;
  return state;
}

function filter() {
  const found = matching(map, parts.search.value);
  const isShown = Uint8Array.from({ length: map.size }, (_, k) => !hidden.has(map.groupOf[k]));
  const isFaded = found ? found.map((value) => 1 - value) : new Uint8Array(map.size);
  let count = 0;
  for (let k = 0; k < map.size; k++) count += isShown[k] && !isFaded[k];
  parts.found.textContent = text.matches(count, map.size);
  wordMap.filter(isShown, isFaded);
  remember();
}

const choose = (point) => wordMap.select(point, { isUser: true, reveal: true });

/** Show the sentence of a point and its nearest occurrences. */
function describe(point) {
  if (point < 0) {
    parts.details.replaceChildren(make("p", { class: "hint" }, text.noneSelected));
    return;
  }
  const group = map.groups[map.groupOf[point]];
  const facts = [map.groups.length ? group.name : "", text.sentence(map.numberOf(point))].filter(Boolean);
  const layer = map.layers[Math.round(wordMap.layer)];
  const perPoint = layer.neighbors.length / map.size;
  const rows = Array.from({ length: perPoint }, (_, k) => {
    const other = layer.neighbors[point * perPoint + k];
    const words = inContext(map.contextOf(other, NEIGHBOR_CONTEXT), () => choose(other));
    const value = layer.similarities[point * perPoint + k].toFixed(3);
    return make("tr", {}, make("td", { class: "number" }, value), make("td", { dir: "auto" }, ...words));
  });
  parts.details.replaceChildren(
    make("h2", {}, make("bdi", {}, shown(map.wordOf(point)))),
    make("p", { class: "hint" }, facts.join(" · ")),
    make("p", { dir: "auto", class: "sentence" }, ...inContext(map.contextOf(point, 60))),
    ...(rows.length ? [make("h3", {}, text.nearest(layer.name)), make("table", {}, make("tbody", {}, ...rows))] : []),
  );
}

function button(label, onclick, more = {}) {
  return make("button", { type: "button", onclick, ...more }, label);
}

async function copy() {
  const points = [...Array(map.size).keys()].filter((k) => wordMap.isShown[k] && !wordMap.isFaded[k]);
  const done = await copyText(table(map, points, wordMap.positions, text.columns));
  parts.status.textContent = done ? text.copied(points.length) : text.notCopied;
}

parts.layers.replaceChildren(slider.element);
parts.zoom.replaceChildren(
  button("+", () => wordMap.zoomBy(1.5), { "aria-label": text.zoomIn, title: text.zoomIn }),
  button("−", () => wordMap.zoomBy(1 / 1.5), { "aria-label": text.zoomOut, title: text.zoomOut }),
  button("⤢", () => wordMap.fit(), { "aria-label": text.fit, title: text.fit }),
);
parts.save.replaceChildren(
  button(text.savePng, async () => saveFile(`${map.file_name}.png`, await wordMap.png(), "image/png")),
  button(text.saveSvg, () => saveFile(`${map.file_name}.svg`, wordMap.svg(map.title), "image/svg+xml")),
  button(text.copy, copy),
);
parts.search.addEventListener("input", filter);
wordMap.show(map);
const state = restore();
if ("play" in state) slider.play({ loops: true });
addEventListener("popstate", restore);
document.documentElement.dataset.ready = "yes";
