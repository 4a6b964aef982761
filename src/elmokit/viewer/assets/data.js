// A map as it is stored: docs/formats.md describes the JSON.
const LONGEST = 40; // characters of a word in a label

const ODD = /[\p{Cc}\p{Cs}]/gu; // characters that cannot be seen

/** Decode base64; a callback for each byte would take most of the time in which a large map opens. */
function bytes(base64) {
  const binary = atob(base64);
  const found = new Uint8Array(binary.length);
  for (let k = 0; k < found.length; k++) found[k] = binary.charCodeAt(k);
  return found.buffer;
}

/** Return a function that computes its value when it is first called. */
function lazily(compute) {
  let value;
  return () => (value ??= compute());
}

/** Return a word as it is shown: cut to a maximum length, invisible characters marked. */
export function shown(word) {
  if (word.length > LONGEST) {
    const characters = [...word];
    if (characters.length > LONGEST) word = characters.slice(0, LONGEST - 1).join("") + "…";
  }
  return word.replace(ODD, "\ufffd");
}

/** Return the words around a position: those before, the word, those after. */
export function context(sentence, position, width) {
  const start = Math.max(0, position - width);
  const stop = Math.min(sentence.length, position + 1 + width);
  const before = sentence.slice(start, position).map(shown).join(" ");
  const after = sentence.slice(position + 1, stop).map(shown).join(" ");
  return [
    (start ? "… " : "") + before + (before ? " " : ""),
    shown(sentence[position]),
    (after ? " " : "") + after + (stop < sentence.length ? " …" : ""),
  ];
}

/** Decode a stored map; what only the selected word needs is decoded when the first one is selected. */
export function readMap(stored) {
  const places = new Int32Array(bytes(stored.occurrences));
  return complete({
    ...stored,
    places,
    groupOf: stored.groups ? new Uint16Array(bytes(stored.groups.of)) : new Uint16Array(places.length / 2),
    groups: stored.groups?.entries ?? [],
    substitutes: stored.substitutes && {
      words: stored.substitutes.words,
      of: lazily(() => new Int32Array(bytes(stored.substitutes.of))),
      shares: lazily(() => new Float32Array(bytes(stored.substitutes.shares))),
    },
    layers: stored.layers.map((layer) => ({
      name: layer.name,
      xy: new Float32Array(bytes(layer.coordinates)),
      neighbors: lazily(() => new Int32Array(bytes(layer.neighbors))),
      similarities: lazily(() => new Float32Array(bytes(layer.similarities))),
    })),
  });
}

/**
 * Add to a map what follows from it.
 * @param map {sentences, sentence_numbers, places (sentence, position, sentence, position, …), layers, groups,
 *     groupOf, context_words}
 */
export function complete(map) {
  const { places, sentences } = map;
  map.size = places.length / 2;
  map.sentenceOf = (k) => sentences[places[2 * k]];
  map.sentenceIndex = (k) => places[2 * k];
  map.numberOf = (k) => map.sentence_numbers[places[2 * k]];
  map.positionOf = (k) => places[2 * k + 1];
  map.wordOf = (k) => map.sentenceOf(k)[map.positionOf(k)];
  map.contextOf = (k, width) => context(map.sentenceOf(k), map.positionOf(k), width);
  const labels = [];
  const inContext = (k) => map.contextOf(k, map.context_words).join("");
  map.labelOf = (k) => (labels[k] ??= map.context_words ? inContext(k) : shown(map.wordOf(k)));
  map.order = byImportance(Array.from({ length: map.size }, (_, k) => (map.context_words ? map.labelOf : map.wordOf)(k)), map.groups);
  map.substitutesOf = (k) => (map.substitutes ? substitutesOf(map.substitutes, map.size, k) : []);
  map.searched = lazily(() => sentences.map((sentence) => sentence.join(" ").toLocaleLowerCase()));
  return map;
}

/** Return the substitutes of a point, {word, share}; unused places of the table hold -1. */
function substitutesOf({ words, of, shares }, size, k) {
  const each = of().length / size;
  return [...of().subarray(k * each, (k + 1) * each)]
    .map((word, j) => ({ word: words[word], share: shares()[k * each + j] }))
    .filter(({ word }) => word !== undefined);
}

/** Return the points in the order in which they get labels: every text once before any text is repeated. */
function byImportance(labels, groups) {
  const frequency = new Map();
  for (const label of labels) frequency.set(label, (frequency.get(label) ?? 0) + 1);
  const seen = new Map();
  const rank = labels.map((label) => {
    seen.set(label, (seen.get(label) ?? 0) + 1);
    return seen.get(label) * labels.length * 2 + frequency.get(label);
  });
  for (const group of groups) if (group.central >= 0) rank[group.central] = 0;
  return Uint32Array.from(labels.keys()).sort((a, b) => rank[a] - rank[b] || a - b);
}

/**
 * Find the points whose sentence has all words of a query.
 * @returns {isFound: an entry for each point, own: the found points that are one of these words themselves};
 *     null for an empty query
 */
export function matching(map, query) {
  const wanted = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return null;
  const hasAll = map.searched().map((text) => wanted.every((word) => text.includes(word)));
  const isFound = Uint8Array.from({ length: map.size }, (_, k) => hasAll[map.sentenceIndex(k)]);
  const own = [...isFound.keys()].filter((k) => isFound[k] && wanted.includes(map.wordOf(k).toLocaleLowerCase()));
  return { isFound, own };
}

/** Return a table of points, for a spreadsheet: cells with tabs or line ends stay cells. */
export function table(map, points, positions, columns) {
  const cell = (value) => String(value).replace(/[\t\r\n\u2028\u2029\0]/g, " ");
  const rows = points.map((k) => [
    map.wordOf(k),
    map.groups[map.groupOf[k]]?.name ?? "",
    map.sentenceOf(k).join(" "),
    positions[2 * k].toFixed(4),
    positions[2 * k + 1].toFixed(4),
  ]);
  return [columns, ...rows].map((row) => row.map(cell).join("\t")).join("\n") + "\n";
}
