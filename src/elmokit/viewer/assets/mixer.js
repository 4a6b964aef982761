// Sliders for the weights of the layers in ELMo's scalar mix: the softmax of one number per layer.
import { make } from "./build.js";
import { text } from "./text.js";

const LARGEST = 4; // with 4 and two times -4, the first layer has 99.9% of the weight

const softmax = (numbers) => {
  const powers = numbers.map((number) => Math.exp(number - Math.max(...numbers)));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};

/** Return {element, weights()}; `onChange` is called when a slider moves. */
export function mixer(names, numbers, onChange) {
  const outputs = names.map(() => make("output", {}));
  const sliders = names.map((name, k) =>
    make("input", {
      type: "range", min: -LARGEST, max: LARGEST, step: 0.1, value: numbers[k] ?? 0, "aria-label": text.weight(name),
      oninput: () => {
        update();
        onChange();
      },
    }),
  );
  const values = () => sliders.map((slider) => Number(slider.value));
  const weights = () => softmax(values());
  function update() {
    weights().forEach((weight, k) => {
      outputs[k].textContent = text.share(weight);
      sliders[k].setAttribute("aria-valuetext", text.share(weight));
    });
  }
  update();
  const rows = names.map((name, k) => make("div", { class: "slider" }, make("span", {}, name), outputs[k], sliders[k]));
  return { element: make("div", { class: "sliders" }, ...rows), weights, values };
}
