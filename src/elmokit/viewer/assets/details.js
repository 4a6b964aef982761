// What a map knows about one point: its sentence, its nearest occurrences, and substitutes for the word.
import { inContext, make } from "./build.js";
import { shown } from "./data.js";
import { text } from "./text.js";

const NEIGHBOR_CONTEXT = 6; // words on either side

const number = (value, written) => make("td", { class: "number" }, written ?? value.toFixed(3));

const section = (title, rows) =>
  rows.length ? [make("h3", {}, title), make("table", {}, make("tbody", {}, ...rows))] : [];

/**
 * Return the elements to show.
 * @param layer an entry of `map.layers`
 * @param choose called with a point that is clicked
 */
export function pointDetails(map, layer, point, choose) {
  if (point < 0) return [make("p", { class: "hint" }, text.noneSelected)];
  const facts = [map.groups[map.groupOf[point]]?.name ?? "", text.sentence(map.numberOf(point))].filter(Boolean);
  const each = layer.neighbors().length / map.size;
  const near = Array.from({ length: each }, (_, k) => {
    const at = point * each + k;
    const other = layer.neighbors()[at];
    const words = inContext(map.contextOf(other, NEIGHBOR_CONTEXT), () => choose(other));
    return make("tr", {}, number(layer.similarities()[at]), make("td", { dir: "auto" }, ...words));
  });
  const instead = map.substitutesOf(point).map(({ word, share }) =>
    make("tr", {}, number(share, text.share(share)), make("td", {}, make("bdi", {}, shown(word)))),
  );
  return [
    make("h2", {}, make("bdi", {}, shown(map.wordOf(point)))),
    make("p", { class: "hint" }, facts.join(" · ")),
    make("p", { dir: "auto", class: "sentence" }, ...inContext(map.contextOf(point, 60))),
    ...section(text.nearest(layer.name), near),
    ...section(text.substitutes, instead),
  ];
}
