"""Task files are checked all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmokit.downstream.comparison.task import read_task
from elmokit.errors import ConfigError

GOOD = 'kind = "classify"\ntrain = "a.tsv"\ndev = "b.tsv"\ntest = "c.tsv"\n'


@pytest.fixture
def task_file(tmp_path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n", encoding="utf-8")
    path = tmp_path / "reviews.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_task_file(task_file, monkeypatch):
    monkeypatch.chdir("/")
    task = read_task(task_file)
    assert task.train == task_file.parent / "a.tsv"
    assert task.name == "reviews"
    assert task.trials == 1


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ('metrik = "f1"', r"1 error: metrik: unknown setting, did you mean 'metric'"),
        ('metric = "auc"\ntrials = 0', r"2 errors: metric: expected one of accuracy.*trials: .*greater"),
        ("trials = 3", "search lists no values to try"),
        ("[search]\nrate = [1]", "search lists values to try, but trials is 1"),
        ("trials = 2\n[search]\nrate = []", r"search\.rate: expected at least one value"),
        ("kind =", "not a valid TOML file"),
        ('[transfer]\nbooks = "d.tsv"', r"transfer\.books: no file .*d\.tsv"),
        ('[transfer]\n"a/b" = "a.tsv"', "transfer: expected names of letters.*got 'a/b'"),
        ('[transfer]\noutcomes = "a.tsv"', "transfer: .*other than test and outcomes"),
    ],
)
def test_mistakes_are_named(task_file, added, message):
    task_file.write_text(GOOD + added, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_task(task_file)


def test_missing_files_are_named(task_file):
    (task_file.parent / "b.tsv").unlink()
    with pytest.raises(ConfigError, match=r"reviews\.toml: dev: no file .*b\.tsv"):
        read_task(task_file)
    with pytest.raises(ConfigError, match="cannot read the configuration: No such file"):
        read_task(task_file.with_name("none.toml"))
    task_file.write_text('kind = "parse"', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"4 errors: kind: .*'classify' or 'tag'.*train: field required"):
        read_task(task_file)
