"""Copy the labelled sets and write the unlabelled text that all vectors of an experiment are trained on.

    python benchmarks/downstream/prepare.py DATA

DATA is a directory with pt_ud, uk_uagec, en_sentiment_vader, en_wic_wordnet, en_sotu, en_web_bible and
en_austen. Everything is written to benchmarks/downstream/prepared, where the task files beside this script
look for it. Test sentences are part of no text.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

PREPARED = Path(__file__).parent / "prepared"
PARTS = {"train": "train", "dev": "heldout"}
"""Which part of a labelled set becomes which kind of text."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    data = parser.parse_args().data
    portuguese(data / "pt_ud", PREPARED / "pt")
    ukrainian(data / "uk_uagec", PREPARED / "uk")
    english(data, PREPARED / "en")


def portuguese(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.conll"):
        shutil.copy(path, target)
    for part, name in PARTS.items():
        # Oil is only read, neither tagged nor part of the heldout text.
        domains = ("news", "oil", "tweets") if part == "train" else ("news", "tweets")
        sentences = (own for domain in domains for own in conll(source / f"{domain}.{part}.conll"))
        write(target / f"{name}.txt", ([token for token, _ in own] for own in sentences))


def ukrainian(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for part in ("train", "dev", "test"):
        # A span of one token for each error, so that early stopping looks at the F1 of errors.
        spans = {"C": "O", "E": "B-E"}
        blocks = (
            "".join(f"{token}\t{spans[tag]}\n" for token, tag in sentence)
            for sentence in conll(source / "labelled" / f"{part}.conll")
        )
        (target / f"{part}.conll").write_text("\n".join(blocks), encoding="utf-8")
    labelled = ([token for token, _ in own] for own in conll(source / "labelled/train.conll"))
    write(target / "train.txt", [*compressed(source, "train"), *labelled])
    write(target / "heldout.txt", compressed(source, "heldout"))


def english(data: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in (data / "en_sentiment_vader").glob("*.tsv"):
        shutil.copy(path, target)
    corpora = [data / name for name in ("en_sotu", "en_web_bible", "en_austen")]
    write(target / "train-books.txt", (own for corpus in corpora for own in compressed(corpus, "train")))
    for part, name in PARTS.items():
        sentences = [
            own
            for domain in ("movie", "amazon", "nyt", "tweets")
            for own in columns(data / "en_sentiment_vader" / f"{domain}.{part}.tsv")
        ]
        sentences += columns(data / "en_wic_wordnet" / f"{part}.tsv")
        write(target / f"{name}-labelled.txt", sentences)


def conll(path: Path) -> Iterator[list[tuple[str, str]]]:
    """Yield the tokens of each sentence with their tags."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        if block.strip():
            yield [tuple(line.split("\t")) for line in block.strip("\n").split("\n")]


def columns(path: Path) -> Iterator[list[str]]:
    """Yield the sentences of a table: its columns tokens, or tokens1 and tokens2."""
    header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    places = [place for place, name in enumerate(header) if name.startswith("tokens")]
    for row in rows:
        for place in places:
            yield row[place].split()


def compressed(corpus: Path, part: str) -> Iterator[list[str]]:
    for path in sorted(corpus.glob(f"{part}*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield line.split()


def write(path: Path, sentences: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(" ".join(own) + "\n" for own in sentences)


if __name__ == "__main__":
    main()
