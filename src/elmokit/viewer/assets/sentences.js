// The sentences on the page: a button for each word, colored by surprise; arrow keys move between them.
import { make } from "./build.js";
import { shown } from "./data.js";
import { text } from "./text.js";
import { chip } from "./word_panel.js";

/**
 * Return the sentences.
 * @param words {surprisal: {mean, forward, backward}, unknown}, an entry for each word
 */
export function sentenceList(map, words, select) {
  const lines = map.sentences.map((_, number) =>
    make("p", { class: "sentence", dir: "auto", role: "group", "aria-label": text.sentenceLabel(number + 1) },
      chip(map.groups[map.groupOfSentence(number)], number + 1)),
  );
  for (let k = 0; k < map.size; k++) {
    const button = make(
      "button",
      {
        type: "button", class: words.unknown[k] ? "token unknown" : "token", "data-index": k, tabindex: -1,
        "aria-pressed": "false", onclick: () => select(k),
      },
      shown(map.wordOf(k)),
    );
    // The space makes copied text readable.
    lines[map.sentenceIndex(k)].append(button, " ");
  }
  return lines;
}

/** Color the words by their surprise in one direction. */
export function colorBySurprise(list, words, direction, mostBits) {
  const own = words.surprisal[direction];
  for (const token of list.querySelectorAll(".token")) {
    const k = Number(token.dataset.index);
    const strength = own ? Math.min(1, Math.max(0, own[k] / mostBits)) : 0;
    token.style.setProperty("--surprisal", strength.toFixed(3));
    const facts = Object.entries(text.given)
      .filter(([name]) => words.surprisal[name])
      .map(([name, given]) => `${text.bits(words.surprisal[name][k])} ${given}`);
    if (words.unknown[k]) facts.push(text.unknown);
    token.title = facts.join("\n");
  }
}

/** Mark the selected word, and the same word elsewhere; only the selected one is a tab stop. */
export function markSelected(list, map, selected) {
  const same = selected >= 0 ? map.wordOf(selected).toLocaleLowerCase() : null;
  for (const token of list.querySelectorAll(".token")) {
    const k = Number(token.dataset.index);
    token.setAttribute("aria-pressed", String(k === selected));
    token.tabIndex = k === Math.max(selected, 0) ? 0 : -1;
    token.classList.toggle("same", map.wordOf(k).toLocaleLowerCase() === same);
  }
}

/** Let arrow keys move the focus from word to word. */
export function listenToArrows(list) {
  list.addEventListener("keydown", (event) => {
    const token = event.target.closest(".token");
    if (!token || event.ctrlKey || event.altKey || event.metaKey) return;
    const tokens = [...list.querySelectorAll(".token")];
    const at = tokens.indexOf(token);
    const forward = getComputedStyle(token.parentElement).direction === "rtl" ? -1 : 1;
    const line = (by) => {
      const lines = [...list.querySelectorAll(".sentence")];
      const next = lines[lines.indexOf(token.parentElement) + by];
      return next ? tokens.indexOf(next.querySelector(".token")) : at;
    };
    const targets = {
      ArrowRight: () => at + forward, ArrowLeft: () => at - forward, ArrowDown: () => line(1), ArrowUp: () => line(-1),
      Home: () => 0, End: () => tokens.length - 1,
    };
    const next = tokens[targets[event.key]?.()];
    if (!(event.key in targets)) return;
    event.preventDefault();
    next?.focus();
  });
}
