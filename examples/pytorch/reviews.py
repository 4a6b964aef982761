"""Sentences of product reviews, as tokens with a label: 1 for praise, 0 for complaint."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

import elmokit

DATA = Path(__file__).parents[1] / "data/sentiment"


def read(part: str, limit: int | None = None) -> list[tuple[list[str], float]]:
    """Return the sentences of ``train``, ``dev`` or ``test`` that are not neutral."""
    with (DATA / f"{part}.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = [(row["tokens"].split(), float(row["label"] == "pos")) for row in rows if row["label"] != "neu"]
    return found[:limit]


def batches(part: str, limit: int | None = None) -> DataLoader:
    """Return batches of character ids (B, T, 50) and labels (B,)."""
    return DataLoader(read(part, limit), batch_size=64, shuffle=part == "train", collate_fn=_collate)


def _collate(items: list[tuple[list[str], float]]) -> tuple[Tensor, Tensor]:
    sentences, labels = zip(*items, strict=True)
    return elmokit.batch_to_ids(sentences), torch.tensor(labels)
