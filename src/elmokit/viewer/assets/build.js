// Make elements; text is always text, never markup.

/** Return a new element with attributes, listeners (`onclick`) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Return a swatch with the color and shape of a group. */
export function swatch(group) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "-10 -10 20 20");
  icon.setAttribute("aria-hidden", "true");
  icon.classList.add("swatch");
  const outline = document.createElementNS("http://www.w3.org/2000/svg", "path");
  outline.setAttribute("d", group.outline);
  outline.classList.add(group.color < 0 ? "group-other" : `group-${group.color}`);
  icon.append(outline);
  return icon;
}

/** Return a word between the words around it; the word is bold, or a button if it can be clicked. */
export function inContext([before, word, after], onclick) {
  const middle = onclick ? make("button", { type: "button", class: "link", onclick }, word) : make("b", {}, word);
  return [before, middle, after];
}
