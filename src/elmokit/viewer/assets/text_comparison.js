// Two texts: which words are used differently, and which occurrences are unlike those of the other text.
import { inContext, make, swatch } from "./build.js";
import { shown } from "./data.js";
import { outlineOf } from "./legend.js";
import { text } from "./text.js";

const CONTEXT = 6; // words on either side

const cell = (...content) => make("td", {}, ...content);
const numberCell = (written) => make("td", { class: "number" }, written);
const heading = (...content) => make("th", { scope: "col" }, ...content);
const head = (...cells) => make("thead", {}, make("tr", {}, ...cells));

/**
 * @param compared {names, words, senses, unusual} of a map, or null
 * @param choose called with a point that is clicked
 */
export function textComparison(map, compared, choose) {
  if (!compared) return [];
  const { names, words, senses, unusual } = compared;
  const parts = [make("h2", {}, text.compareTexts(...names))];
  const texts = () =>
    names.map((name) => {
      const group = map.groups.find((one) => one.name === name);
      if (!group) return heading(name);
      const icon = swatch({ ...group, outline: outlineOf(group.shape) });
      return make("th", { scope: "col", title: name }, icon, make("span", { class: "unseen" }, name));
    });
  if (words.length) {
    const rows = words.map(({ word, counts, change, chance, point }) =>
      make(
        "tr",
        {},
        cell(make("button", { type: "button", class: "link", onclick: () => choose(point) }, shown(word))),
        ...counts.map((count) => numberCell(count.toLocaleString("en"))),
        numberCell(change.toFixed(3)),
        numberCell(chance.toFixed(3)),
      ),
    );
    parts.push(
      make("table", {}, make("caption", {}, text.changeMeaning), head(heading(text.word), ...texts(), heading(text.changeColumn), heading(text.chanceColumn)),
        make("tbody", {}, ...rows)),
    );
  }
  if (senses.length > 1) {
    const totals = [0, 1].map((side) => senses.reduce((sum, { counts }) => sum + counts[side], 0));
    const rows = senses.map(({ name, counts }) =>
      make("tr", {}, cell(make("bdi", {}, name)), ...counts.map((count, side) => numberCell(text.countShare(count, totals[side])))),
    );
    parts.push(make("table", {}, make("caption", {}, text.sensesOfTexts), head(heading(text.sense), ...texts()), make("tbody", {}, ...rows)));
  }
  unusual.forEach((entries, side) => {
    if (!entries.length) return;
    const rows = entries.map(({ point, similarity }) =>
      make("tr", {}, numberCell(similarity.toFixed(3)),
        make("td", { dir: "auto" }, ...inContext(map.contextOf(point, CONTEXT), () => choose(point)))),
    );
    const caption = make("caption", {}, text.unlike(names[side], names[1 - side]));
    parts.push(make("table", {}, caption, make("tbody", {}, ...rows)));
  });
  return parts;
}
