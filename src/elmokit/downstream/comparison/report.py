"""A comparison as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from elmokit.downstream.comparison.significance import LEVEL, PairedTest
from elmokit.downstream.comparison.summary import Comparison, Row
from elmokit.files.atomic import new_files


def write_report(comparison: Comparison, directory: Path) -> list[Path]:
    """Write ``comparison.md``, ``comparison.json``, ``scores.csv`` and ``pairs.csv``; return their paths.

    Raises:
        OutputError: if a file cannot be written.
    """
    texts = {
        "comparison.md": markdown(comparison),
        "comparison.json": json.dumps(as_record(comparison), indent=2, ensure_ascii=False) + "\n",
        "scores.csv": _csv([_score_record(row) for row in comparison.rows]),
        "pairs.csv": _csv([_pair_record(test) for test in comparison.pairs]),
    }
    with new_files({directory / name: None for name in texts}) as temporary:
        for name, text in texts.items():
            temporary[directory / name].write_text(text, encoding="utf-8")
    return [directory / name for name in texts]


def markdown(comparison: Comparison) -> str:
    """Return the tables of a comparison with what their figures mean."""
    metric = comparison.metric
    seeds = max(row.num_seeds for row in comparison.rows)
    parts = [
        f"# {comparison.name}",
        f"{metric.name}: {metric.description}, on {comparison.num_test_items:,} test items. Each score is "
        f"the mean of {_number(seeds, 'model')} with different seeds, and ± is half of the 95% interval of "
        f"this mean (Student's t). {_tuned(comparison)}",
        score_table(comparison),
    ]
    if comparison.pairs:
        parts += [
            "## Which differences are significant?",
            f"With {comparison.train_sizes[-1]:,} training examples. Intervals and p-values say how certain "
            "a difference is for other test items from the same source: 95% interval by paired bootstrap, "
            "two-sided p-values by paired bootstrap and by permutation, corrected for the number of pairs "
            f"(Holm). A difference is significant if both p-values are below {LEVEL:g}.",
            pair_table(comparison),
        ]
    if weights := _weight_table(comparison.main_rows):
        parts += ["## Which layers are used?", weights]
    return "\n\n".join(parts) + "\n"


def score_table(comparison: Comparison) -> str:
    """Return the table of scores and costs, in Markdown."""
    several = len(comparison.train_sizes) > 1
    header = ["embedding", *(["examples"] if several else []), comparison.metric.name, "±", "dev"]
    header += ["training", "embedding time", "memory", "parameters"]
    return _table(
        header,
        [
            [
                row.system,
                *([f"{row.train_size:,}"] if several else []),
                f"{row.score:.3f}",
                "" if row.low is None or row.high is None else f"{(row.high - row.low) / 2:.3f}",
                f"{row.dev_score:.3f}",
                f"{row.train_seconds:,.1f} s",
                f"{row.embedding_seconds:,.1f} s",
                "" if row.peak_bytes is None else f"{row.peak_bytes / 2**20:,.0f} MiB",
                f"{row.num_parameters:,}",
            ]
            for row in comparison.rows
        ],
    )


def pair_table(comparison: Comparison) -> str:
    """Return the table of the tests of each pair, in Markdown."""
    return _table(
        ["pair", "difference", "95% interval", "p (bootstrap)", "p (permutation)", "significant"],
        [
            [
                f"{test.first} - {test.second}",
                f"{test.difference:+.3f}",
                f"{test.low:+.3f} to {test.high:+.3f}",
                _p_value(test.corrected_p_bootstrap),
                _p_value(test.corrected_p_permutation),
                "yes" if test.is_significant else "no",
            ]
            for test in comparison.pairs
        ],
        left_columns=1,
    )


def as_record(comparison: Comparison) -> dict[str, object]:
    """Return all figures, as JSON can hold them."""
    return {
        "name": comparison.name,
        "metric": comparison.metric.name,
        "num_test_items": comparison.num_test_items,
        "num_trials": comparison.num_trials,
        "scores": [dataclasses.asdict(row) for row in comparison.rows],
        "pairs": [_pair_record(test) for test in comparison.pairs],
    }


def _score_record(row: Row) -> dict[str, object]:
    values = dataclasses.asdict(row)
    return {**values, "mixing_weights": json.dumps(row.mixing_weights), "settings": json.dumps(row.settings)}


def _pair_record(test: PairedTest) -> dict[str, object]:
    return {**dataclasses.asdict(test), "is_significant": test.is_significant}


def _csv(records: Sequence[dict[str, object]]) -> str:
    if not records:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _weight_table(rows: Sequence[Row]) -> str:
    mixed = [
        [row.system, name, *(f"{weight:.2f}" for weight in weights)]
        for row in rows
        for name, weights in row.mixing_weights.items()
    ]
    if not mixed:
        return ""
    longest = max(map(len, mixed))
    layers = ["token layer", *(f"LSTM {number}" for number in range(1, longest - 2))]
    return _table(
        ["system", "embedding", *layers],
        [[*cells, *[""] * (longest - len(cells))] for cells in mixed],
        left_columns=2,
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left_columns: int = 1) -> str:
    """Return a Markdown table whose columns are aligned in plain text too."""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (header, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        [
            cell.ljust(width) if number < left_columns else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in cells
    ]
    rule = ["-" * width if k < left_columns else "-" * (width - 1) + ":" for k, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _tuned(comparison: Comparison) -> str:
    if comparison.num_trials < 2:
        return "All systems have the settings of the task file."
    return (
        f"For each system, the best of {comparison.num_trials} settings was chosen on the dev data: the same "
        "settings were tried for all."
    )


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _p_value(p_value: float) -> str:
    return f"{p_value:.4f}" if p_value >= 0.0001 else "< 0.0001"
