// The groups of a map: name, number of points, and the most central sentence; each can be hidden.
import { inContext, make, swatch } from "./build.js";
import { shown } from "./data.js";
import { SHAPES, SvgPath } from "./shapes.js";
import { text } from "./text.js";

export function outlineOf(shape) {
  const path = new SvgPath();
  SHAPES[shape](path, 0, 0, 6);
  return path.d;
}

/**
 * @param hidden Set of the numbers of hidden groups, which the check boxes change
 * @param onChange called after such a change
 * @param select called with a point
 */
export function legend(map, hidden, onChange, select) {
  if (!map.groups.length) return make("div", {});
  const items = map.groups.map((group, number) => {
    const box = make("input", { type: "checkbox", checked: !hidden.has(number) });
    box.addEventListener("change", () => {
      hidden[box.checked ? "delete" : "add"](number);
      onChange();
    });
    const name = make("bdi", { class: "name" }, group.name.split(" ").map(shown).join(" "));
    const count = make("span", { class: "count" }, group.count.toLocaleString("en"));
    const head = make("label", {}, box, swatch({ ...group, outline: outlineOf(group.shape) }), name, count);
    if (group.central < 0) return make("li", {}, head);
    const example = inContext(map.contextOf(group.central, 6), () => select(group.central));
    return make("li", {}, head, make("p", { dir: "auto", class: "hint" }, ...example));
  });
  return make("fieldset", { class: "legend" }, make("legend", {}, text.groups), make("ul", {}, ...items));
}
