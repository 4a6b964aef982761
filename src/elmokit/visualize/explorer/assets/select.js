// A click on a word, wherever it stands on the page, selects it.
document.addEventListener("click", (event) => {
  const word = event.target.closest("[data-place]");
  if (word) window.dash_clientside.set_props("selected", { data: Number(word.dataset.place) });
});
