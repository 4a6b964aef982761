// What the page says about the selected word: its surprise, neighbors and substitutes.
import { inContext, make, swatch } from "./build.js";
import { context, shown } from "./data.js";
import { outlineOf } from "./legend.js";
import { text } from "./text.js";

const CONTEXT = 6; // words on either side of a neighbor

/** Return the number of a sentence with the color and shape that it has on the map. */
export function chip(group, number) {
  return make("span", { class: "chip", dir: "ltr" }, swatch({ ...group, outline: outlineOf(group.shape) }), String(number));
}

function bar(value, written) {
  const cell = make("td", { class: "length" }, written);
  cell.style.setProperty("--length", Math.min(1, Math.max(0, value)).toFixed(3));
  return cell;
}

function card(kind, title, ...content) {
  return make("section", { class: `card ${kind}` }, make("h3", {}, title), ...content);
}

function tableCard(kind, title, rows) {
  if (!rows.length) return card(kind, title, make("p", { class: "hint" }, text.noOthers));
  return card(kind, title, make("table", {}, make("tbody", {}, ...rows)));
}

const neighborRow = (neighbor, select) =>
  make(
    "tr",
    {},
    bar(neighbor.similarity, neighbor.similarity.toFixed(3)),
    make(
      "td",
      { dir: "auto" },
      ...inContext(
        context(neighbor.sentence, neighbor.position, CONTEXT),
        neighbor.index === undefined ? undefined : () => select(neighbor.index),
      ),
    ),
  );

const wordRow = (word, value, written, isOriginal) =>
  make("tr", {}, bar(value, written), make("td", {}, make("bdi", {}, isOriginal ? make("b", {}, shown(word)) : shown(word))));

function substitutesCard(answer, word) {
  if (!answer.substitutes) return card("substitutes", text.substitutes, make("p", { class: "hint" }, answer.substitutes_error));
  const tables = Object.entries(text.contexts)
    .filter(([key]) => answer.substitutes[key].length)
    .map(([key, title]) => {
      const rows = answer.substitutes[key].map(({ word: other, probability }) =>
        wordRow(other, probability, text.share(probability), other === word),
      );
      return make("table", {}, make("caption", {}, title), make("tbody", {}, ...rows));
    });
  return card("substitutes", text.substitutes, make("div", { class: "columns" }, ...tables));
}

/** Return the parts of the panel: the heading, and the cards if the answer of the server is there. */
export function panelParts(map, words, index, answer, select) {
  const group = map.groups[map.groupOf[index]];
  const facts = Object.entries(text.given)
    .filter(([direction]) => direction !== "mean" && words.surprisal[direction])
    .map(([direction, given]) => `${text.bits(words.surprisal[direction][index])} ${given}`);
  if (words.unknown[index]) facts.push(text.unknown);
  const heading = make(
    "header",
    {},
    make("h2", {}, chip(group, map.numberOf(index)), make("bdi", {}, shown(map.wordOf(index)))),
    make("p", { dir: "auto" }, ...inContext(map.contextOf(index, 20))),
    make("p", { class: "hint" }, facts.length ? text.surprise + facts.join(" · ") : ""),
  );
  if (!answer) return [heading];
  const cards = [tableCard("occurrences", text.nearestHere, answer.neighbors.map((one) => neighborRow(one, select)))];
  if (answer.corpus_neighbors) {
    cards.push(tableCard("occurrences corpus", text.nearestCorpus, answer.corpus_neighbors.map((one) => neighborRow(one))));
  }
  const alone = answer.similar_words.map(({ word, similarity }) => wordRow(word, similarity, similarity.toFixed(3), false));
  cards.push(tableCard("words", text.nearestAlone, alone), substitutesCard(answer, map.wordOf(index)));
  return [heading, ...cards];
}
