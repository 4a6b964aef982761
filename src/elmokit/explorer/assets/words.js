// The words of the sentences: a click selects one, wherever it stands on the page, and the selected one is
// marked here, because buttons that the server writes anew would take the keyboard's place away.
window.explorer = {
  place: null,
  select(place) {
    window.explorer.place = place;
    window.explorer.mark();
  },
  mark() {
    const selected = document.querySelector(`.token[data-place="${window.explorer.place}"]`);
    for (const token of document.querySelectorAll(".token[data-place]")) {
      token.setAttribute("aria-pressed", token === selected);
      token.classList.toggle("like", token.dataset.word === selected?.dataset.word);
    }
  },
};

document.addEventListener("click", (event) => {
  const word = event.target.closest("[data-place]");
  if (word) window.dash_clientside.set_props("selected", { data: Number(word.dataset.place) });
});

new MutationObserver((changes) => {
  const added = changes.flatMap((change) => [...change.addedNodes]);
  if (added.some((node) => node.querySelector?.(".token[data-place]"))) window.explorer.mark();
}).observe(document.documentElement, { childList: true, subtree: true });
