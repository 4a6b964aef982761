// The page of one map: search, layers, legend, and the sentence of the selected point.
import { readAddress, writeAddress } from "./address.js";
import { matching, readMap } from "./data.js";
import { pointDetails } from "./details.js";
import { layerSlider } from "./layer_slider.js";
import { legend } from "./legend.js";
import { WordMap } from "./map.js";
import { saveButtons, zoomButtons } from "./map_buttons.js";
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

parts.layers.replaceChildren(slider.element);
parts.map.after(zoomButtons(wordMap));
parts.save.replaceChildren(
  ...saveButtons(wordMap, () => ({ fileName: map.file_name, title: map.title }), (message) => (parts.status.textContent = message)),
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
