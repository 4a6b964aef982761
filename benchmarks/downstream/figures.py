"""Draw the pictures of the documentation from the results of the scripts beside this one.

python benchmarks/downstream/figures.py
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from elmokit.downstream.comparison.metrics import METRICS
from elmokit.downstream.comparison.summary import Comparison, Row
from elmokit.visualize.comparison_plots import plot_learning_curves, plot_mixing_weights
from elmokit.visualize.figures import save_figure

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "docs/images"
TASKS = {
    "pt_ud": "parts of speech",
    "uk_uagec": "errors",
    "movie": "sentiment, films",
    "amazon": "sentiment, products",
}
NAMES = {"fasttext": "fastText", "fasttext-official": "fastText (official)", "majority": "most frequent tag"}


def main() -> None:
    weights = {
        name: own
        for task, name in TASKS.items()
        for row in read(HERE / f"{task}-comparison").main_rows
        if row.system == "ELMo"
        for own in row.mixing_weights.values()
    }
    save_figure(plot_mixing_weights(weights), IMAGES / "mixing-weights.png")
    curves = read(HERE / "uk_uagec-comparison")
    save_figure(plot_learning_curves(curves), IMAGES / "learning-curves.png")


def read(directory: Path) -> Comparison:
    """Return a comparison with names for readers; the tests of its pairs are not needed."""
    record = json.loads((directory / "comparison.json").read_text(encoding="utf-8"))
    rows = tuple(dataclasses.replace(row, system=named(row.system)) for row in map(as_row, record["scores"]))
    metric = METRICS[record["metric"]]
    return Comparison(record["name"], metric, record["num_test_items"], record["num_trials"], rows, ())


def as_row(values: dict[str, object]) -> Row:
    return Row(**values)  # type: ignore[arg-type]


def named(system: str) -> str:
    return "+".join(
        "ELMo" if part.startswith("elmo:") else NAMES.get(part, part) for part in system.split("+")
    )


if __name__ == "__main__":
    main()
