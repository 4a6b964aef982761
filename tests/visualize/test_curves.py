"""Learning curves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from elmokit.errors import ElmokitError, OutputError
from elmokit.training.journal import Journal, read_metrics
from elmokit.visualize.curves import plot_curves, read_runs, write_curves
from elmokit.visualize.palette import COLORS
from elmokit.visualize.run_history import read_history


def write_run(directory: Path, records: list[dict], rest: str = "") -> Path:
    directory.mkdir(parents=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (directory / "metrics.jsonl").write_text(lines + rest)
    return directory


def train(step: int, perplexity: float) -> dict:
    return {
        "event": "train",
        "step": step,
        "predictions": 640 * step,
        "seconds": 2.0 * step,
        "perplexity": perplexity,
    }


def heldout(step: int, perplexity: float) -> dict:
    return {"event": "heldout", "step": step, "seconds": 2.0 * step, "perplexity": perplexity}


def lines_of(figure) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Return x and y of every line of each panel."""
    return [[line.get_data() for line in axes.lines] for axes in figure.axes]


def test_perplexity_over_tokens_and_over_time(tmp_path):
    records = [train(10, 400.0), train(20, 300.0), heldout(25, 250.0), train(30, 200.0), heldout(30, 190.0)]
    figure = plot_curves([write_run(tmp_path / "run", records)])
    by_tokens, by_time = lines_of(figure)
    np.testing.assert_allclose(by_tokens[0][0], [6400, 12800, 19200])
    np.testing.assert_allclose(by_tokens[0][1], [400, 300, 200])  # as recorded; then smoothed, then heldout
    np.testing.assert_allclose(by_tokens[2], [[16000, 19200], [250, 190]])  # step 25 lies between two records
    np.testing.assert_allclose(by_time[0][0], [20 / 60, 40 / 60, 1])
    np.testing.assert_allclose(by_time[2], [[50 / 60, 1], [250, 190]])
    assert [axes.get_xlabel() for axes in figure.axes] == ["tokens", "minutes"]
    assert figure.axes[0].get_yscale() == "log"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["run: best on heldout text 190.0"]


def test_heldout_text_far_above_is_marked_at_the_edge_and_leaves_the_rest_readable(tmp_path):
    records = [train(10, 400.0), train(20, 300.0), heldout(20, 5e5), train(30, 200.0)]
    figure = plot_curves([write_run(tmp_path / "run", records)])
    for axes in figure.axes:
        highest = axes.get_ylim()[1]
        assert 400 < highest < 450
        above = axes.lines[3]
        assert (above.get_marker(), above.get_ydata().tolist()) == ("^", [pytest.approx(highest)])
        assert above.get_xdata().tolist() == axes.lines[2].get_xdata().tolist()
    figure.canvas.draw()
    assert figure.axes[0].yaxis.label.get_window_extent().x0 >= 0
    # With large numbers at the axis, its name is inside as well.
    other = plot_curves([write_run(tmp_path / "other", [train(10, 4e5), train(20, 3e5)])])
    other.canvas.draw()
    assert other.axes[0].yaxis.label.get_window_extent().x0 >= 0


def test_the_training_curve_is_a_local_geometric_mean(tmp_path):
    generator = np.random.default_rng(0)
    perplexity = 100 * np.exp(generator.normal(scale=0.2, size=200))
    figure = plot_curves([write_run(tmp_path / "run", [train(k + 1, p) for k, p in enumerate(perplexity)])])
    indices = np.arange(200)
    weights = np.exp(-0.5 * ((indices[:, None] - indices[None]) / 6) ** 2)
    expected = np.exp(weights @ np.log(perplexity) / weights.sum(axis=1))
    np.testing.assert_allclose(lines_of(figure)[0][0][1], perplexity)
    np.testing.assert_allclose(lines_of(figure)[0][1][1], expected, rtol=0.01)
    note = " ".join(text.get_text() for text in reversed(figure.texts))
    assert "Gaussian weights (σ = 3% of the run's records)" in note
    flat = plot_curves([write_run(tmp_path / "flat", [train(k, 50.0) for k in range(1, 4)])])
    np.testing.assert_allclose(lines_of(flat)[0][1][1], 50.0)


def test_repeated_steps_replace_earlier_ones(tmp_path):
    first = [train(10, 400.0), train(20, 300.0), heldout(20, 310.0), train(30, 999.0), heldout(30, 999.0)]
    again = [train(30, 280.0), heldout(30, 270.0), train(40, 250.0)]
    (by_tokens, _) = lines_of(plot_curves([write_run(tmp_path / "run", first + again)]))
    np.testing.assert_allclose(by_tokens[0][0], [6400, 12800, 19200, 25600])
    np.testing.assert_allclose(by_tokens[2][1], [310, 270])
    assert by_tokens[1][1].max() < 500


def test_several_runs_have_distinct_names_and_styles(tmp_path):
    runs = [write_run(tmp_path / f"set{k}" / "model", [train(1, 100.0 + k)]) for k in range(9)]
    runs.append(write_run(tmp_path / "other", [train(1, 90.0), heldout(1, 95.0)]))
    figure = plot_curves(runs)
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:2] == ["set0/model", "set1/model"]
    assert names[-1].endswith("other: best on heldout text 95.0")
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[1::3]}
    assert len(looks) == 10
    assert {color for color, _ in looks} == set(COLORS)


@pytest.mark.parametrize(("width", "panels"), [(7.7, "above"), (16.0, "beside")])
def test_a_figure_for_a_paper_has_its_width(width, panels, tmp_path):
    figure = plot_curves([write_run(tmp_path / "run", [train(1, 100.0), heldout(1, 99.0)])], width)
    assert figure.get_figwidth() == pytest.approx(width / 2.54)
    first, second = (axes.get_position() for axes in figure.axes)
    assert (second.y1 < first.y0) == (panels == "above")
    page = figure.bbox.extents
    figure.draw_without_rendering()  # places the labels of the axes
    for text in (*figure.texts, *figure.legends[0].get_texts(), *(axes.yaxis.label for axes in figure.axes)):
        box = text.get_window_extent().extents
        assert (box[:2] >= page[:2]).all()
        assert (box[2:] <= page[2:]).all()


def test_a_table_has_what_is_drawn(tmp_path):
    records = [train(10, 400.0), heldout(15, 250.0), train(20, 300.0), train(30, 200.0)]
    directory = write_run(tmp_path / "a,run", records)
    write_curves(read_runs([directory]), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == {"a,run"}
    assert [row["text"] for row in rows] == ["train"] * 3 + ["heldout"]
    assert [row["tokens"] for row in rows] == ["6400", "12800", "19200", "9600"]
    raw, smoothed, held = lines_of(plot_curves([directory]))[0]
    assert [float(row["perplexity"]) for row in rows] == [*raw[1], *held[1]]
    assert [float(row["smoothed"]) for row in rows[:3]] == pytest.approx([*smoothed[1]], abs=1e-6)
    assert rows[3]["smoothed"] == ""
    (tmp_path / "b.csv").write_text("another,table\n")
    with pytest.raises(OutputError, match=r"b\.csv"):
        write_curves(read_runs([directory]), tmp_path / "b.csv")


def test_an_unfinished_run_is_drawn_up_to_its_latest_record(tmp_path):
    run = write_run(tmp_path / "run", [train(1, 100.0), {"event": "train", "step": 2}], '{"event": "tra')
    assert len(lines_of(plot_curves([run]))[0][0][0]) == 1
    nan = write_run(tmp_path / "nan", [train(1, 100.0), train(2, float("nan"))])
    assert len(lines_of(plot_curves([nan]))[0][0][0]) == 1


def test_a_directory_without_a_run_is_an_error(tmp_path):
    with pytest.raises(ElmokitError, match=r"metrics\.jsonl: no such file: expected the save directory"):
        plot_curves([tmp_path])
    with pytest.raises(ElmokitError, match="no training records yet"):
        plot_curves([write_run(tmp_path / "empty", [])])
    with pytest.raises(ElmokitError, match="no runs"):
        plot_curves([])


GOOD = {"step": 9, "predictions": 90, "seconds": 1.0, "perplexity": 7.0}
DAMAGES = [
    b"\xff\xfe\x00",
    b'{"event": "train", "step": 9, "seco',
    b"[" * 100_000,
    b'{"event": "train", "step": ' + b"9" * 5000 + b"}",
    b"null",
    b'"text"',
    b"[1, 2]",
    b"NaN",
    *(
        json.dumps({**GOOD, "event": event, **wrong}).encode()
        for event in ("train", "heldout")
        for value in (None, "x", [], {}, True, float("nan"), float("inf"), -1, 10**400)
        for wrong in ({"event": value}, {"step": value}, {"seconds": value}, {"perplexity": value})
    ),
    b'{"event": "train", "step": 9, "predictions": "x", "seconds": 1.0, "perplexity": 7.0}',
    b'{"event": "train", "step": 9, "predictions": 90, "seconds": 1.0, "perplexity": 0.0}',
]


def test_damaged_lines_are_left_out(tmp_path):
    good = [
        {"event": "train", "step": step, "predictions": 10 * step, "seconds": step, "perplexity": 8.0 - step}
        for step in (1, 2, 3)
    ]
    run = write_run(tmp_path / "run", good)
    expected = read_history(run)
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines()
    for damage in DAMAGES:
        path.write_bytes(b"\n".join([lines[0], damage, *lines[1:]]) + b"\n" + damage)
        found = read_history(run)
        for curve in ("train", "heldout"):
            for field in ("tokens", "seconds", "perplexity"):
                np.testing.assert_array_equal(
                    getattr(getattr(found, curve), field), getattr(getattr(expected, curve), field)
                )
        with Journal(run, step=2):  # resumes, and drops what it cannot read
            assert [record["step"] for record in read_metrics(run)] == [1, 2]
        path.write_bytes(damage)
        with pytest.raises(ElmokitError, match="no training records yet, or none that can be read"):
            read_history(run)


def test_a_directory_in_the_place_of_the_records(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(ElmokitError, match=r"metrics\.jsonl: cannot read: a directory, pipe or device"):
        read_history(tmp_path)
