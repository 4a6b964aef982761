// The buttons of a map: zoom, save the picture, copy the words.
import { make } from "./build.js";
import { table } from "./data.js";
import { copyText, saveFile } from "./save.js";
import { text } from "./text.js";

const button = (label, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, label);

export function zoomButtons(wordMap) {
  return make(
    "div",
    { class: "zoom", role: "group", "aria-label": text.zoom },
    button("+", () => wordMap.zoomBy(1.5), { "aria-label": text.zoomIn, title: text.zoomIn }),
    button("−", () => wordMap.zoomBy(1 / 1.5), { "aria-label": text.zoomOut, title: text.zoomOut }),
    button("⤢", () => wordMap.fit(), { "aria-label": text.fit, title: text.fit }),
  );
}

/**
 * @param facts returns {fileName (without suffix), title} of what is saved
 * @param say called with a message
 */
export function saveButtons(wordMap, facts, say) {
  async function copy() {
    const { map } = wordMap;
    const points = [...Array(map.size).keys()].filter((k) => wordMap.isShown[k] && !wordMap.isFaded[k]);
    const done = await copyText(table(map, points, wordMap.positions, text.columns));
    say(done ? text.copied(points.length) : text.notCopied);
  }
  return [
    button(text.savePng, async () => saveFile(`${facts().fileName}.png`, await wordMap.png(), "image/png")),
    button(text.saveSvg, () => saveFile(`${facts().fileName}.svg`, wordMap.svg(facts().title), "image/svg+xml")),
    button(text.copy, copy),
  ];
}
