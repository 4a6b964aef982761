"""The tables and pictures of a comparison, and what they say about significance."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from scipy import stats

from elmokit.downstream.comparison.outcomes import Outcomes
from elmokit.downstream.comparison.report import markdown, score_table, write_report
from elmokit.downstream.comparison.running import Plan, run
from elmokit.downstream.comparison.summary import Comparison, mean_interval, summarize


@pytest.fixture
def compared(experiment, tmp_path):
    def compare(
        systems: tuple[str, ...], sizes: tuple[int, ...] = (40,), seeds: int = 3, test: str = "test"
    ) -> Comparison:
        plan = Plan(systems, seeds, sizes, ({"rate": 1},))
        results = list(run(experiment, plan, Outcomes(tmp_path / "outcomes")))
        return summarize("Reviews", experiment.metric, results, num_trials=1, test=test)

    return compare


def test_the_interval_over_seeds_is_students():
    values = [0.71, 0.74, 0.69, 0.75, 0.72]
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)
    assert mean_interval([0.5]) is None


def test_the_mean_is_that_of_the_seeds(compared):
    (row,) = compared(("elmo-80",)).rows
    assert row.num_seeds == 3
    assert row.low < row.score < row.high
    assert row.score == pytest.approx(0.8, abs=0.05)
    assert row.mixing_weights == {"elmo": pytest.approx([0.2, 0.5, 0.3])}


def test_each_test_set_has_figures_of_its_own(compared):
    inside, outside = (compared(("elmo-80", "word2vec-70"), test=test) for test in ("test", "elsewhere"))
    assert (inside.num_test_items, outside.num_test_items) == (200, 100)
    for one, other in zip(inside.rows, outside.rows, strict=True):
        assert one.score - other.score == pytest.approx(0.3, abs=0.08)
        assert one.dev_score == other.dev_score


def test_the_markdown_says_what_is_significant_and_what_is_not(compared):
    text = markdown(compared(("elmo-90", "word2vec-70", "fasttext-71")))
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert lines["elmo-90 - word2vec-70"].rstrip("| ").endswith("yes")
    assert lines["word2vec-70 - fasttext-71"].rstrip("| ").endswith("no")
    assert "95% interval by paired bootstrap" in text
    assert "Holm" in text
    assert "| elmo-90 | elmo      |        0.20 |   0.50 |   0.30 |" in text


def test_tables_line_up(compared):
    lines = score_table(compared(("elmo-90", "word2vec-70"), (10, 40))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 4
    assert "examples" in lines[0]


def test_one_seed_has_no_interval_and_one_system_no_pairs(compared):
    comparison = compared(("elmo-90",), seeds=1)
    assert comparison.rows[0].low is None
    text = markdown(comparison)
    assert "significant" not in text
    assert "mean of 1 model" in text


def test_files(compared, tmp_path):
    comparison = compared(("elmo-90", "word2vec-70"), (10, 40))
    paths = write_report(comparison, tmp_path / "report")
    assert sorted(path.name for path in paths) == [
        "comparison.json",
        "comparison.md",
        "pairs.csv",
        "scores.csv",
    ]
    values = json.loads((tmp_path / "report/comparison.json").read_text(encoding="utf-8"))
    with (tmp_path / "report/scores.csv").open(encoding="utf-8", newline="") as file:
        scores = list(csv.DictReader(file))
    assert [float(row["score"]) for row in scores] == [row["score"] for row in values["scores"]]
    with (tmp_path / "report/pairs.csv").open(encoding="utf-8", newline="") as file:
        (pair,) = csv.DictReader(file)
    assert pair["is_significant"] == "True"
    assert values["pairs"][0]["difference"] == pytest.approx(0.2, abs=0.1)
