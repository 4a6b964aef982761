// A map as it is stored: docs/formats.md describes the JSON.
const LONGEST = 40; // characters of a word in a label

const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer;

/** Return a word as it is shown: cut to a maximum length, invisible characters marked. */
export function shown(word) {
  const characters = [...word];
  const cut = characters.length <= LONGEST ? word : characters.slice(0, LONGEST - 1).join("") + "…";
  return cut.replace(/[\p{Cc}\p{Cs}]/gu, "\ufffd");
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

/** Decode a stored map. */
export function readMap(stored) {
  const places = new Int32Array(bytes(stored.occurrences));
  return complete({
    ...stored,
    places,
    groupOf: stored.groups ? new Uint16Array(bytes(stored.groups.of)) : new Uint16Array(places.length / 2),
    groups: stored.groups?.entries ?? [],
    layers: stored.layers.map((layer) => ({
      name: layer.name,
      xy: new Float32Array(bytes(layer.coordinates)),
      neighbors: new Int32Array(bytes(layer.neighbors)),
      similarities: new Float32Array(bytes(layer.similarities)),
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
  map.labels = Array.from({ length: map.size }, (_, k) => map.contextOf(k, map.context_words).join(""));
  if (!map.context_words) map.labels = map.labels.map((_, k) => shown(map.wordOf(k)));
  map.order = byImportance(map.labels, map.groups);
  return map;
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

/** Return the indices of the points whose sentence has all words of a query; null for an empty query. */
export function matching(map, query) {
  const wanted = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return null;
  const texts = map.sentences.map((sentence) => sentence.join(" ").toLocaleLowerCase());
  const isFound = texts.map((text) => wanted.every((word) => text.includes(word)));
  return Uint8Array.from({ length: map.size }, (_, k) => isFound[map.sentenceIndex(k)]);
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
