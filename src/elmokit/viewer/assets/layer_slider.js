// The slider of layers, and the button that glides from the first layer to the last.
import { make } from "./build.js";
import { text } from "./text.js";

/** Return {element, update(layer)}; the element is empty if the map has one layer. */
export function layerSlider(wordMap, names, onSettled) {
  const last = names.length - 1;
  const output = make("output", {});
  const slider = make("input", {
    type: "range", min: 0, max: last, step: 0.01, value: last, "aria-label": text.layer,
  });
  const button = make("button", { type: "button", class: "play", title: text.playHint }, text.play);
  const element = make("div", { class: "layers", role: "group", "aria-label": text.layer }, button, slider, output);
  let isPlaying = false;

  const go = async (layer) => {
    if (await wordMap.glideTo(layer)) onSettled();
  };
  slider.addEventListener("input", () => {
    stop();
    wordMap.setLayer(Number(slider.value));
  });
  slider.addEventListener("change", () => go(Math.round(Number(slider.value))));
  slider.addEventListener("keydown", (event) => {
    const at = wordMap.layer;
    const targets = {
      ArrowRight: Math.floor(at + 1), ArrowUp: Math.floor(at + 1), ArrowLeft: Math.ceil(at - 1),
      ArrowDown: Math.ceil(at - 1), Home: 0, End: last,
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    stop();
    go(Math.max(0, Math.min(last, targets[event.key])));
  });

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  async function play({ loops = false } = {}) {
    isPlaying = true;
    button.textContent = text.pause;
    do {
      if (wordMap.layer >= last) {
        wordMap.setLayer(0);
        await pause(900);
      }
      while (isPlaying && wordMap.layer < last) {
        if (!(await wordMap.glideTo(Math.floor(wordMap.layer + 1)))) break;
        await pause(wordMap.layer === last ? 1800 : 500);
      }
    } while (loops && isPlaying);
    stop();
    onSettled();
  }
  function stop() {
    if (!isPlaying) return;
    isPlaying = false;
    wordMap.stopGliding();
    button.textContent = text.play;
  }
  button.addEventListener("click", () => (isPlaying ? stop() : play()));

  function update(layer) {
    slider.value = layer;
    const below = Math.min(Math.floor(layer), last);
    const name = layer === below ? names[below] : text.between(names[below], names[below + 1]);
    output.textContent = layer === below ? name : names[Math.round(layer)];
    slider.setAttribute("aria-valuetext", name);
  }
  if (!last) element.replaceChildren(output);
  return { element, update, play, stop };
}
