// The page of the explorer: type sentences, see what one or two models make of them.
import { readAddress, writeAddress } from "./address.js";
import { make } from "./build.js";
import { moves, surpriseChanges } from "./comparison.js";
import { Pane } from "./pane.js";
import { copyText, saveFile } from "./save.js";
import { ask, newestOnly, Refused, watchServer } from "./server.js";
import { text } from "./text.js";

const TYPING = 50; // milliseconds without a key, after which the text is read
const LONGEST_ADDRESS = 6000; // characters of a text; a longer one is kept by the browser for this tab

const parts = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const runText = newestOnly(fail);
const runMoved = newestOnly(fail);
const panes = [];
let sentences = [];
let numFirst = null; // sentences of the first text, if there are two
let compared = ""; // the question about moved words that was asked last
let selected = -1;
let tokenize = null; // as the user decided; null: as the text looks
let isRestoring = true;

function fail(error) {
  // A server that has ended is reported by its own notice.
  if (error instanceof Refused) parts.message.textContent = error.message;
  else if (!(error instanceof TypeError)) throw error;
}

function remember(how) {
  if (isRestoring || !panes.length) return;
  const [pane] = panes;
  const short = {};
  for (const name of ["text", "second"]) {
    const written = parts[name].value;
    const isLong = written.length > LONGEST_ADDRESS;
    short[name] = isLong ? "" : written;
    try {
      sessionStorage.setItem(name, isLong ? written : "");
    } catch {
      // Without storage, a reload loses long texts.
    }
  }
  const top = pane.model.layers.length - 1;
  const layer = Math.min(Math.round(pane.wordMap.layer), top);
  writeAddress(
    {
      ...short,
      word: selected < 0 ? "" : selected,
      layer: layer === top || pane.isMixed ? "" : layer,
      mix: pane.isMixed ? pane.mixer.values().join(",") : "",
      method: pane.settings.method === "pca" ? "" : pane.settings.method,
      direction: direction() === "mean" ? "" : direction(),
      split: tokenize === null ? "" : Number(tokenize),
    },
    how,
  );
}

const direction = () => document.querySelector("[name=direction]:checked").value;

/** Read the text, and show its sentences; `word` is selected if it is there. */
function showText(word = -1, how) {
  runText(async () => {
    const answer = await ask("text", { text: parts.text.value, second: parts.second.value, tokenize });
    parts.message.textContent = answer.note;
    if (!answer.sentences.length) return;
    parts.tokenize.checked = answer.tokenized;
    const isSame = JSON.stringify([answer.sentences, answer.num_first]) === JSON.stringify([sentences, numFirst]);
    if (!isSame || !panes[0].words) {
      ({ sentences, num_first: numFirst } = answer);
      const size = sentences.flat().length;
      selected = word < size ? word : -1;
      parts.surprises.replaceChildren();
      parts.moves.replaceChildren();
      await Promise.all(panes.map((pane) => pane.show(sentences, numFirst)));
    } else if (word >= 0) select(word);
    remember(how);
  });
}

/** Called when the words of a pane are scored. */
function scored(pane) {
  if (selected < 0) selected = pane.words.default;
  pane.select(selected);
  compareSurprise();
  compareMaps();
}

const areComparable = () => panes[1]?.words && panes[0].words && panes[0].map.size === panes[1].map.size;

function compareSurprise() {
  if (areComparable()) parts.surprises.replaceChildren(surpriseChanges(...panes, direction(), select));
}

/** Show which words moved between the layers that the two maps show. */
function compareMaps() {
  if (!areComparable()) return;
  const question = { sentences, weights: panes.map((pane) => pane.weights) };
  const asked = JSON.stringify(question);
  if (asked === compared) return;
  compared = asked;
  runMoved(async () => {
    const { words } = await ask("moved", question);
    if (asked === compared) parts.moves.replaceChildren(moves(...panes, words, select));
  });
}

function select(index, { isStep = true } = {}) {
  selected = index;
  for (const pane of panes) pane.select(index);
  remember({ step: isStep });
}

function buildPanes(models, state) {
  parts.panes.classList.toggle("two", models.length > 1);
  for (const model of models) {
    const top = model.layers.length - 1;
    const layer = /^\d+$/.test(state.layer ?? "") ? Math.min(Number(state.layer), top) : top;
    const mix = state.mix?.split(",").map(Number).filter(Number.isFinite);
    const settings = {
      method: state.method === "tsne" ? "tsne" : "pca", direction: direction(), layer, mix: mix?.length ? mix : null,
    };
    const changed = () => {
      remember();
      compareMaps();
    };
    const on = { select, changed, failed: fail, scored, say: (message) => (parts.status.textContent = message) };
    const pane = new Pane(model, settings, on, { isTitled: models.length > 1 });
    const methods = ["pca", "tsne"].map((method) => {
      const radio = make("input", {
        type: "radio", name: `method-${model.number}`, value: method, checked: settings.method === method,
        onchange: () => {
          for (const other of panes) other.setMethod(method);
          for (const same of document.querySelectorAll(`[name^="method-"][value="${method}"]`)) same.checked = true;
          remember();
        },
      });
      return make("label", {}, radio, method === "pca" ? " PCA" : " t-SNE");
    });
    pane.element
      .querySelector(".bar")
      .append(make("div", { class: "row", role: "group", "aria-label": "Projection" }, ...methods));
    panes.push(pane);
  }
  parts.panes.replaceChildren(...panes.map((pane) => pane.element));
  panes[0].panel.id = "word";
  panes[0].panel.tabIndex = -1;
  panes[0].wordMap.host.id = "map";
  panes[0].sentences.id = "sentences";
}

function describeModels(models) {
  parts.facts.textContent = models
    .map((model) => `${model.name}: ${text.layerWords(model.layers.length, model.dim, model.num_words, model.corpus_tokens)}`)
    .join(" / ");
  document.title = `elmokit explore · ${models.map((model) => model.name).join(", ")}`;
  const [model] = models;
  if (model.error) {
    parts.direction.hidden = true;
    parts.scale.replaceChildren(make("p", { class: "hint" }, text.noSurprise(model.error)));
    return;
  }
  for (const radio of document.querySelectorAll("[name=direction]")) {
    radio.disabled = !model.is_bidirectional && radio.value !== "forward";
    radio.checked = model.is_bidirectional ? radio.value === "mean" : radio.value === "forward";
  }
  const ends = text.scaleEnds(model.max_bits, model.num_words).map((end) => make("span", {}, end));
  parts.scale.replaceChildren(
    make("p", { class: "hint" }, text.legend),
    make("div", { class: "gradient" }),
    make("div", { class: "ticks" }, ...ends),
    make("p", { class: "hint" }, make("span", { class: "token unknown" }, text.unknownExample), ` ${text.unknown}`),
  );
}

/** Return a long text, which the browser keeps for this tab. */
function kept(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return ""; // There is no storage.
  }
}

function restore(state) {
  parts.text.value = state.text ?? (kept("text") || example);
  parts.second.value = state.second ?? kept("second");
  parts.comparison.open = parts.comparison.open || Boolean(parts.second.value);
  tokenize = state.split === undefined ? null : state.split === "1";
  const wanted = document.querySelector(`[name=direction][value="${CSS.escape(state.direction ?? "")}"]:enabled`);
  if (wanted) wanted.checked = true;
  for (const pane of panes) pane.settings.direction = direction();
  const word = /^\d+$/.test(state.word ?? "") ? Number(state.word) : -1;
  showText(word);
}

let typing = 0;
for (const area of [parts.text, parts.second]) {
  area.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => parts.text.value.trim() && showText(), TYPING);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    showText(-1, { step: true });
  });
}
parts.show.addEventListener("click", () => showText(-1, { step: true }));
parts.tokenize.addEventListener("change", () => {
  tokenize = parts.tokenize.checked;
  showText();
});
parts.direction.addEventListener("change", () => {
  for (const pane of panes) {
    pane.settings.direction = direction();
    pane.color();
  }
  compareSurprise();
  remember();
});
parts.skip.addEventListener("click", (event) => {
  event.preventDefault(); // the fragment of the address is taken
  panes[0].panel.focus();
});
addEventListener("popstate", () => restore(readAddress()));

const action = (label, onclick) => make("button", { type: "button", onclick }, label);
parts.actions.replaceChildren(
  action(text.copyAddress, async () => {
    parts.status.textContent = (await copyText(location.href)) ? text.copiedAddress : text.notCopied;
  }),
  action(text.saveFile, async () => {
    const [pane] = panes;
    const layer = Math.min(Math.round(pane.wordMap.layer), pane.model.layers.length - 1);
    const two = numFirst === null ? {} : { num_first: numFirst, index: Math.max(selected, 0) };
    const question = { model: 0, sentences, method: pane.settings.method, layer, ...two };
    try {
      saveFile("elmokit-map.html", await ask("save", question), "text/html");
    } catch (error) {
      fail(error);
    }
  }),
);

const { models, example } = await ask("about", {});
const state = readAddress();
describeModels(models);
buildPanes(models, state);
restore(state);
isRestoring = false;
watchServer(parts["server-ended"], text.serverGone, () => showText(selected));
document.documentElement.dataset.ready = "yes";
