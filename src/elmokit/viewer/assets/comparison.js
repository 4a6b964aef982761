// Two models side by side: which words became less or more surprising.
import { make } from "./build.js";
import { shown } from "./data.js";
import { text } from "./text.js";

const LONGEST = 12; // rows
const LEAST = 0.05; // bits

/** Return a table of the words whose surprise changed most. */
export function comparison(first, second, direction, select) {
  const [before, after] = [first, second].map((pane) => pane.words.surprisal[direction]);
  if (!before || !after) return make("div", {});
  const changes = before
    .map((value, k) => ({ k, value, now: after[k], change: after[k] - value }))
    .filter(({ change }) => Math.abs(change) >= LEAST)
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change))
    .slice(0, LONGEST);
  const rows = changes.map(({ k, value, now, change }) =>
    make(
      "tr",
      {},
      make("td", { class: "number" }, text.change(change)),
      make("td", {}, make("button", { type: "button", class: "link", onclick: () => select(k) }, shown(first.map.wordOf(k)))),
      make("td", { class: "hint" }, `${value.toFixed(1)} → ${now.toFixed(1)}`),
    ),
  );
  const caption = make("caption", {}, text.compared(first.model.name, second.model.name));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const total = make("p", { class: "hint" }, text.meanChange(mean(before), mean(after)));
  return make("div", { class: "card" }, total, make("table", {}, caption, make("tbody", {}, ...rows)));
}
