// The words of the sentences. A click on a word anywhere on the page selects it, and the selected word is marked
// here: if the server rendered the buttons again, the keyboard focus would be lost.
window.explorer = {
  index: null,
  select(index) {
    window.explorer.index = index;
    window.explorer.mark();
  },
  mark() {
    const selected = document.querySelector(`.token[data-index="${window.explorer.index}"]`);
    for (const token of document.querySelectorAll(".token[data-index]")) {
      token.setAttribute("aria-pressed", token === selected);
      token.classList.toggle("same", token.dataset.word === selected?.dataset.word);
    }
  },
};

document.addEventListener("click", (event) => {
  const word = event.target.closest("[data-index]");
  if (word) window.dash_clientside.set_props("selected", { data: Number(word.dataset.index) });
});

new MutationObserver((changes) => {
  const added = changes.flatMap((change) => [...change.addedNodes]);
  if (added.some((node) => node.querySelector?.(".token[data-index]"))) window.explorer.mark();
}).observe(document.documentElement, { childList: true, subtree: true });
