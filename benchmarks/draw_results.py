"""Draw the stored results over time: how many times as fast as other packages elmokit is.

    python benchmarks/draw_results.py [--output docs/images/speed.svg]

Only results of the processor that was measured last are drawn, since ratios differ between processors.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from results import Result, stored_results

OUTPUT = Path(__file__).parent.parent / "docs" / "images" / "speed.svg"
PANELS = {
    "embed": ("Embedding, times simple_elmo", "cold/simple_elmo x"),
    "train": ("Training, times bilm-tf", "/bilm-tf x"),
}
MARKERS = {"tiny": "o", "small": "s", "original": "D"}
COLORS = {"float32": "C0", "bf16": "C1", "int8": "C2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    results = stored_results()
    results = [result for result in results if result.place == results[-1].place]
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "elmokit"}
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    for axes, (kind, (title, ending)) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        _draw(axes, results, kind, ending)
        axes.set_title(title)
    processor, num_threads = results[-1].place
    figure.supxlabel(f"commit; {processor}, {num_threads} threads", fontsize="medium")
    figure.savefig(arguments.output, metadata={"Date": None} if arguments.output.suffix == ".svg" else None)
    print(arguments.output)


def _draw(axes: Axes, results: list[Result], kind: str, ending: str) -> None:
    """Draw a line for each ratio of a kind, with its last value beside it."""
    measured = [result for result in results if any(name.startswith(kind) for name in result.figures)]
    names = sorted(
        {name for result in measured for name in result.figures if name.startswith(kind) and ending in name}
    )
    for name in names:
        points = [
            (place, result.figures[name]) for place, result in enumerate(measured) if name in result.figures
        ]
        label = name.removeprefix(f"{kind} ").split("/")[0].removesuffix(" cold")
        size, precision = label.split()
        axes.plot(*zip(*points, strict=True), marker=MARKERS[size], color=COLORS[precision], label=label)
        axes.annotate(f"{points[-1][1]:.1f}", points[-1], xytext=(6, -3), textcoords="offset points")
    axes.set_xticks(range(len(measured)), [result.commit for result in measured])
    axes.margins(x=0.15)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)  # clear of the lines


if __name__ == "__main__":
    main()
