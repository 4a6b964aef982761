"""Nearest uses of a word in context, beside the nearest words without context.

Embeds a text with a trained biLM, then prints for each query the words of the text whose contextual
vectors are closest to that of the queried word, as in table 4 of Peters et al. 2018.

    python examples/nearest_in_context.py MODEL TEXT --query "a sentence with the word" --word word
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from elmokit import ElmoEmbedder
from elmokit.data.text import read_sentences

CONTEXT_WORDS = 5  # shown on either side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("text", help="one tokenized sentence a line; plain or compressed")
    parser.add_argument("--query", action="append", required=True, help="a sentence; may be repeated")
    parser.add_argument("--word", action="append", required=True, help="its word to look for")
    parser.add_argument("-k", type=int, default=4, help="neighbors to print (default 4)")
    arguments = parser.parse_args()
    for query, word in zip(arguments.query, arguments.word, strict=True):
        if word not in query.split():
            parser.error(f"the word {word!r} is not in the query {query!r}")

    embedder = ElmoEmbedder.load(arguments.model)
    sentences = [sentence for sentence in read_sentences(arguments.text) if sentence]
    places = [(k, i) for k, sentence in enumerate(sentences) for i in range(len(sentence))]
    types = sorted({word for sentence in sentences for word in sentence})
    uses = normalized(np.concatenate(embedder.embed(sentences, layers=1)))  # (all tokens, D)
    type_vectors = normalized(np.concatenate(embedder.embed([[word] for word in types], layers=0)))

    for query, word in zip(arguments.query, arguments.word, strict=True):
        tokens = query.split()
        position = tokens.index(word)
        vectors = embedder.embed([tokens])[0]  # (L, tokens, D)
        without_context = [
            types[k]
            for k in np.argsort(-(type_vectors @ normalized(vectors[0, position])))
            if types[k] != word
        ]
        print(f"\n{show(tokens, position)}")
        print(f"  without context: {', '.join(without_context[: arguments.k])}")
        print("  in context:")
        similarities = uses @ normalized(vectors[1, position])
        for k in np.argsort(-similarities)[: arguments.k]:
            sentence, i = places[k]
            print(f"    {similarities[k]:.2f}  {show(sentences[sentence], i)}")


def normalized(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def show(tokens: list[str], position: int) -> str:
    left = tokens[max(0, position - CONTEXT_WORDS) : position]
    right = tokens[position + 1 : position + 1 + CONTEXT_WORDS]
    return " ".join([*left, f"[{tokens[position]}]", *right])


if __name__ == "__main__":
    main()
