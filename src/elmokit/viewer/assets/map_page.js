// The page of one map: search, layers, legend, and the sentence of the selected point.
import { readAddress, writeAddress } from "./address.js";
import { make } from "./build.js";
import { matching, readMap, table } from "./data.js";
import { pointDetails } from "./details.js";
import { layerSlider } from "./layer_slider.js";
import { legend } from "./legend.js";
import { WordMap } from "./map.js";
import { copyText, saveFile } from "./save.js";
import { text } from "./text.js";
import { textComparison } from "./text_comparison.js";
import { prefersStillness } from "./theme.js";

const map = readMap(JSON.parse(document.getElementById("map-data").textContent));
const parts = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const hidden = new Set();
const isFramed = window !== window.parent; // in a page that scrolls, and has a history of its own
const isMoving = "play" in readAddress();
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
  { label: text.map(map.title), wheel: isFramed ? "focused" : "always" },
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
      play: isMoving ? 1 : "",
    },
    { step: !isFramed && how?.step },
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
}

function filter() {
  const found = matching(map, parts.search.value);
  const isShown = Uint8Array.from({ length: map.size }, (_, k) => !hidden.has(map.groupOf[k]));
  const isFaded = found ? found.isFound.map((value) => 1 - value) : new Uint8Array(map.size);
  const own = (found?.own ?? []).filter((k) => isShown[k]);
  let count = 0;
  for (let k = 0; k < map.size; k++) count += isShown[k] && !isFaded[k];
  parts.found.textContent = text.matches(count, map.size, own.length);
  wordMap.filter(isShown, isFaded, own);
  remember();
}

const choose = (point) => wordMap.select(point, { isUser: true, reveal: true });

/** Show the sentence of a point and its nearest occurrences. */
function describe(point) {
  const layer = map.layers[Math.round(wordMap.layer)];
  parts.details.replaceChildren(...pointDetails(map, layer, point, choose));
}

/** Select the next occurrence of what is searched for: of the word itself, if there is one. */
function chooseNext() {
  const found = matching(map, parts.search.value);
  if (!found) return;
  const all = found.own.length ? found.own : [...found.isFound.keys()].filter((k) => found.isFound[k]);
  const shownOnes = all.filter((k) => wordMap.isShown[k]);
  const next = shownOnes.find((k) => k > wordMap.selected) ?? shownOnes[0];
  if (next !== undefined) choose(next);
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
parts.search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") chooseNext();
});
parts.comparison.replaceChildren(...textComparison(map, map.comparison, choose));
wordMap.show(map);
restore();
if (isMoving && !prefersStillness()) slider.play({ loops: true });
addEventListener("popstate", restore);
document.documentElement.dataset.ready = "yes";
