"""A report of a classification as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from elmokit.downstream.classification.report import ClassificationReport

_LONGEST_LABEL = 24  # characters of a label in a table
_LARGEST_MATRIX = 12  # labels


def report_lines(report: ClassificationReport) -> Iterator[str]:
    """Yield the lines of a report: scores, scores per label, and a confusion matrix that is not too large."""
    texts = "text" if report.num_texts == 1 else "texts"
    yield (
        f"{report.num_texts:,} {texts}: accuracy {report.accuracy:.4f}, macro F1 {report.macro_f1:.4f}, "
        f"calibration error {report.calibration_error:.4f}"
    )
    yield ""
    rows: list[Sequence[str]] = [("label", "precision", "recall", "F1", "texts", "predicted")]
    for own in report.per_label:
        scores = (f"{value:.4f}" for value in (own.precision, own.recall, own.f1))
        rows.append((_short(own.label), *scores, f"{own.support:,}", f"{own.predicted:,}"))
    yield from _aligned(rows)
    if report.confusion is not None and len(report.labels) <= _LARGEST_MATRIX:
        yield ""
        rows = [("true \\ predicted", *map(_short, report.labels))]
        for label, counts in zip(report.labels, report.confusion.tolist(), strict=True):
            rows.append((_short(label), *(f"{count:,}" for count in counts)))
        yield from _aligned(rows)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells])
