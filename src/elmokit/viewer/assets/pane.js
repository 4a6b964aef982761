// What one model makes of the sentences: their words, the map, and the selected word.
import { make } from "./build.js";
import { complete } from "./data.js";
import { layerSlider } from "./layer_slider.js";
import { WordMap } from "./map.js";
import { saveButtons, zoomButtons } from "./map_buttons.js";
import { mixer } from "./mixer.js";
import { colorBySurprise, listenToArrows, markSelected, sentenceList } from "./sentences.js";
import { ask, newestOnly } from "./server.js";
import { text } from "./text.js";
import { textComparison } from "./text_comparison.js";
import { panelParts } from "./word_panel.js";

const NUM_COLORS = 7;
const NUM_SHAPES = 7;

const oneHot = (size, at) => Array.from({ length: size }, (_, k) => Number(k === at));

export class Pane {
  map = null;
  words = null;
  selected = -1;
  isMixed = false;

  /**
   * @param model {number, name, layers, max_bits}
   * @param settings {method, direction, mix (numbers or null), layer}
   * @param on {select(index), changed(), failed(error), scored(pane), say(message)}
   */
  constructor(model, settings, on, { isTitled }) {
    Object.assign(this, { model, settings, on });
    this.runWords = newestOnly(on.failed);
    this.runMap = newestOnly(on.failed);
    this.runMix = newestOnly(on.failed);
    this.runWord = newestOnly(on.failed);
    this.runTexts = newestOnly(on.failed);
    this.sentences = make("div", { class: "sentences" });
    const mapHost = make("div", { class: "map" });
    this.panel = make("section", { class: "word", "aria-live": "polite" });
    this.texts = make("section", { class: "card texts", "aria-label": text.texts, hidden: true });
    this.wordMap = new WordMap(
      mapHost,
      {
        select: (index, isUser) => isUser && index >= 0 && on.select(index),
        view: () => {},
        layer: (layer) => this.slider?.update(Math.min(layer, model.layers.length - 1)),
      },
      { label: text.explorerMap, wheel: "focused" },
    );
    this.wordMap.canvas.wordMap = this.wordMap;
    this.wordMap.layer = settings.layer;
    this.slider = layerSlider(this.wordMap, model.layers, () => this.#layerChosen());
    this.mixer = mixer(model.layers, settings.mix ?? [], () => this.mix());
    this.details = make("details", {}, make("summary", {}, text.mix), this.mixer.element);
    this.details.open = Boolean(settings.mix);
    this.isMixed = Boolean(settings.mix);
    this.slider.element.addEventListener("input", () => (this.isMixed = false));
    this.slider.element.addEventListener("keydown", () => (this.isMixed = false));
    const bar = make("div", { class: "bar" }, this.slider.element);
    const facts = () => ({ fileName: "elmokit-map", title: `${text.inContext} · ${model.name}` });
    const save = make("div", { class: "row", role: "group", "aria-label": text.save },
      ...saveButtons(this.wordMap, facts, on.say));
    const frame = make("div", { class: "frame" }, mapHost, zoomButtons(this.wordMap));
    listenToArrows(this.sentences);
    this.element = make(
      "div",
      { class: "pane" },
      ...(isTitled ? [make("h2", {}, make("bdi", {}, model.name))] : []),
      make("section", { class: "card text", "aria-label": "Words" }, this.sentences),
      make("section", { class: "card map-card", "aria-label": "Map" }, bar, frame,
        make("div", { class: "foot" }, this.details, save)),
      this.panel,
      this.texts,
    );
  }

  /**
   * Show sentences; resolves when their words are scored.
   * @param numFirst the number of sentences of the first text, if there are two; then the groups are the texts
   */
  show(sentences, numFirst = null) {
    const places = [];
    sentences.forEach((sentence, number) => sentence.forEach((_, position) => places.push(number, position)));
    const names = numFirst === null ? sentences.map((sentence) => sentence.join(" ")) : text.textNames;
    const groups = names.map((name, k) => ({
      name, central: -1, color: k % NUM_COLORS, shape: Math.floor(k / NUM_COLORS + k) % NUM_SHAPES,
    }));
    const groupOfSentence = (number) => (numFirst === null ? number : Number(number >= numFirst));
    this.numFirst = numFirst;
    this.texts.hidden = true;
    this.texts.replaceChildren();
    this.map = complete({
      sentences, places, groups, groupOfSentence,
      groupOf: places.filter((_, k) => k % 2 === 0).map(groupOfSentence),
      sentence_numbers: sentences.map((_, k) => k + 1),
      context_words: 0, named_on_map: false, layers: [],
    });
    const { map } = this;
    const nothing = Array(map.size).fill(false);
    this.sentences.replaceChildren(...sentenceList(map, { surprisal: {}, unknown: nothing }, this.on.select));
    this.words = null;
    this.#askForMap();
    return this.runWords(async () => {
      const words = await ask("words", { model: this.model.number, sentences });
      if (map !== this.map) return;
      this.words = words;
      words.unknown.forEach((isUnknown, k) => {
        if (isUnknown) this.sentences.querySelector(`[data-index="${k}"]`).classList.add("unknown");
      });
      this.color();
      this.on.scored(this);
    });
  }

  color() {
    if (this.words) colorBySurprise(this.sentences, this.words, this.settings.direction, this.model.max_bits);
  }

  /** Use another method of projection. */
  setMethod(method) {
    this.settings.method = method;
    this.#askForMap();
  }

  #askForMap() {
    const { map } = this;
    this.runMap(async () => {
      const question = { model: this.model.number, sentences: map.sentences, method: this.settings.method };
      const answer = await ask("map", question);
      if (map !== this.map) return;
      map.layers = answer.layers.map((points, k) => ({ name: this.model.layers[k], xy: Float32Array.from(points.flat()) }));
      this.wordMap.selected = this.selected;
      this.wordMap.show(map);
      if (this.isMixed) this.mix();
      this.on.changed();
    });
  }

  /** Show the mix of layers. */
  mix() {
    const { map } = this;
    const weights = this.mixer.weights();
    this.isMixed = true;
    this.slider.stop();
    this.wordMap.stopGliding();
    this.runMix(async () => {
      const question = { model: this.model.number, sentences: map.sentences, method: this.settings.method, weights };
      const answer = await ask("map", question);
      if (map !== this.map || !this.isMixed) return;
      const own = this.model.layers.length;
      map.layers[own] = { name: text.mix, xy: Float32Array.from(answer.layers[0].flat()) };
      this.wordMap.setLayer(own);
      this.on.changed();
      this.describe();
    });
  }

  #layerChosen() {
    this.isMixed = false;
    this.on.changed();
    this.describe();
  }

  /** The weights of the layers that the map shows. */
  get weights() {
    const size = this.model.layers.length;
    return this.isMixed ? this.mixer.weights() : oneHot(size, Math.min(Math.round(this.wordMap.layer), size - 1));
  }

  select(index) {
    this.selected = index;
    markSelected(this.sentences, this.map, index);
    if (this.wordMap.map === this.map) this.wordMap.select(index, { reveal: true });
    else this.wordMap.selected = index;
    this.describe();
  }

  /** Tell about the selected word: at once what is known here, then what the server answers. */
  describe() {
    const { map, words, selected: index } = this;
    if (!words || index < 0 || index >= map.size) return;
    const parts = (answer) => panelParts(map, words, index, answer, this.on.select);
    const isFocused = this.panel.contains(document.activeElement);
    // The cards of the word before would look like those of this one.
    if (this.described !== map.wordOf(index) + index) this.panel.replaceChildren(...parts(null));
    this.panel.setAttribute("aria-busy", "true");
    this.#compareTexts();
    if (isFocused) this.sentences.querySelector(`[data-index="${index}"]`)?.focus({ preventScroll: true });
    this.runWord(async () => {
      const question = { model: this.model.number, sentences: map.sentences, index, weights: this.weights };
      const answer = await ask("word", question);
      if (map !== this.map || index !== this.selected) return;
      this.described = map.wordOf(index) + index;
      this.panel.replaceChildren(...parts(answer));
      this.panel.setAttribute("aria-busy", "false");
    });
  }

  /** Show how the words of two texts differ, the selected one first. */
  #compareTexts() {
    const { map, numFirst, selected: index } = this;
    if (numFirst === null) return;
    this.runTexts(async () => {
      const question = { model: this.model.number, sentences: map.sentences, num_first: numFirst, index, weights: this.weights };
      const answer = await ask("differences", question);
      if (map !== this.map || index !== this.selected) return;
      const isFocused = this.texts.contains(document.activeElement);
      const [, ...tables] = textComparison(map, { ...answer, names: text.textNames }, this.on.select);
      this.texts.replaceChildren(make("h2", {}, text.texts), ...tables);
      this.texts.hidden = false;
      if (isFocused) this.texts.querySelector("button")?.focus({ preventScroll: true });
    });
  }
}
