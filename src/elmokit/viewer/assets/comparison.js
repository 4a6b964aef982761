// Two models side by side: which words became less or more surprising, and which ones moved.
import { make } from "./build.js";
import { shown } from "./data.js";
import { text } from "./text.js";

const LONGEST = 12; // rows
const LEAST = 0.05; // bits
const LEAST_MOVE = 0.005;

const number = (written) => make("td", { class: "number" }, written);

/** Return the table of the words whose surprise changed most; empty if a model has no surprise. */
export function surpriseChanges(first, second, direction, select) {
  const [before, after] = [first, second].map((pane) => pane.words.surprisal[direction]);
  if (!before || !after) return make("div", {});
  const changes = before
    .map((value, k) => ({ k, value, now: after[k], change: after[k] - value }))
    .filter(({ change }) => Math.abs(change) >= LEAST)
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change))
    .slice(0, LONGEST);
  const rows = changes.map(({ k, value, now, change }) =>
    make("tr", {}, number(text.change(change)), wordCell(first.map, k, select),
      make("td", { class: "hint" }, `${value.toFixed(1)} → ${now.toFixed(1)}`)),
  );
  const caption = make("caption", {}, text.compared(first.model.name, second.model.name));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const total = make("p", { class: "hint" }, text.meanChange(mean(before), mean(after)));
  return make("div", { class: "card" }, total, make("table", {}, caption, make("tbody", {}, ...rows)));
}

/**
 * Return the table of the words that moved most.
 * @param words {index, distance, nearer, farther} of each word, as the server answers
 */
export function moves(first, second, words, select) {
  const moved = words.filter(({ distance }) => distance >= LEAST_MOVE).slice(0, LONGEST);
  const list = (title, indices) => {
    const found = [...new Set(indices.map((k) => shown(first.map.wordOf(k))))].join(", ");
    return found ? make("div", { class: "hint" }, `${title} `, make("bdi", {}, found)) : "";
  };
  const rows = moved.map(({ index, distance, nearer, farther }) =>
    make("tr", {}, number(distance.toFixed(2)), wordCell(first.map, index, select),
      make("td", {}, list(text.nearer, nearer), list(text.farther, farther))),
  );
  const caption = make("caption", {}, text.moved(first.model.name, second.model.name));
  const note = rows.length ? "" : make("p", { class: "hint" }, text.nothingMoved);
  return make("div", { class: "card moved" }, make("table", {}, caption, make("tbody", {}, ...rows)), note);
}

function wordCell(map, k, select) {
  const button = make("button", { type: "button", class: "link", onclick: () => select(k) }, shown(map.wordOf(k)));
  return make("td", { class: "which" }, button, make("span", { class: "hint" }, ` ${map.numberOf(k)}`));
}
