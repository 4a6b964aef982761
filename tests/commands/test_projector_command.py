from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from elmokit.commands import projector
from elmokit.embedder import ElmoEmbedder
from elmokit.errors.installation import install_command
from elmokit.visualize.projector import write_projector

pytestmark = pytest.mark.usefixtures("work")

LINES = ["a0 b1 unseen", "", "naïve b1", "a0"]


@pytest.fixture(autouse=True)
def lines(work):
    (work / "in.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")


def files(directory: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli("projector", *arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ")


def test_the_log_and_the_next_steps(run_cli):
    result = run_cli("projector", "model", "in.txt", "--logdir", "my logs")
    assert (result.exit_code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "my logs/projector: 6 points of width 8, as tokens (no context), lstm 1, lstm 2, average",
        "next: tensorboard --logdir 'my logs'",
        "      and open http://localhost:6006/#projector",
    ]
    write_projector(ElmoEmbedder.load("model"), LINES, "expected", layouts=True)
    assert files("my logs/projector") == files("expected/projector")


def test_some_words_of_several_texts(run_cli):
    result = run_cli(
        "projector", "model", "in.txt", "train.txt", "--logdir", "logs", "--word", "b1", "--word", "a0"
    )
    assert result.exit_code == 0
    sentences = LINES + Path("train.txt").read_text(encoding="utf-8").splitlines()
    write_projector(ElmoEmbedder.load("model"), sentences, "expected", words=["b1", "a0"], layouts=True)
    assert files("logs/projector") == files("expected/projector")


def test_a_sample_is_reported(run_cli):
    result = run_cli("projector", "model", "in.txt", "--logdir", "logs", "--max-points", "2", "--seed", "5")
    assert result.out.splitlines()[:2] == [
        "sampled 2 of 6 occurrences at random (--max-points, --seed 5)",
        "logs/projector: 2 points of width 8, as tokens (no context), lstm 1, lstm 2, average",
    ]
    write_projector(ElmoEmbedder.load("model"), LINES, "expected", max_points=2, seed=5, layouts=True)
    assert files("logs/projector") == files("expected/projector")


def test_a_missing_tensorboard_is_a_warning(run_cli, monkeypatch):
    def find_spec(name: str):
        return None if name == "tensorboard" else importlib.util.find_spec(name)

    monkeypatch.setattr(projector, "find_spec", find_spec)
    result = run_cli("projector", "model", "in.txt", "--logdir", "logs")
    assert result.exit_code == 0
    assert result.err == f"warning: TensorBoard is not installed: {install_command('tensorboard')}\n"


def test_layouts_can_be_left_out_and_are_left_out_without_their_packages(run_cli, monkeypatch):
    assert run_cli("projector", "model", "in.txt", "--logdir", "logs", "--no-layouts").err == ""
    assert not list(Path("logs").rglob("*.json"))
    monkeypatch.setattr(
        projector, "find_spec", lambda name: None if name == "openTSNE" else importlib.util.find_spec(name)
    )
    result = run_cli("projector", "model", "in.txt", "--logdir", "logs")
    assert result.exit_code == 0
    assert result.err == (
        f"warning: written without layouts, which need optional packages: {install_command('plot')}\n"
    )
    assert not list(Path("logs").rglob("*.json"))


def test_a_training_run_can_be_the_log_directory(run_cli):
    """Its scalars are left as they are, and a second call replaces the first."""
    before = {path: path.read_bytes() for path in Path("model").rglob("*") if path.is_file()}
    for text in ("train.txt", "in.txt"):
        assert run_cli("projector", "model", text, "--logdir", "model/tensorboard").exit_code == 0
    assert {path: path.read_bytes() for path in before} == before
    assert len(Path("model/tensorboard/projector/metadata.tsv").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model"], "projector: 2 errors: Missing argument 'SENTENCES.txt...' of `elmokit projector MODEL "),
        (["model", "in.txt"], "projector: Missing option '--logdir'"),
        (["model", "missing.txt", "--logdir", "logs"], "missing.txt (in "),
        (["nothing", "in.txt", "--logdir", "logs"], "nothing: "),
        (["model", "in.txt", "--logdir", "in.txt"], "projector: Invalid value for '--logdir'"),
        (["model", "in.txt", "--logdir", "in.txt/logs"], "in.txt/logs/projector: cannot write: "),
        (["model", "in.txt", "--logdir", "/proc/logs"], "/proc/logs/projector: cannot write: "),
        (["model", "in.txt", "--logdir", "logs", "--word", "b"], "none of the words occurs in the text: b"),
        (
            ["model", "in.txt", "--logdir", "logs", "--max-points", "1"],
            "projector: Invalid value for '--max-",
        ),
        (["model", "in.txt", "--logdir", "logs", "--device", "abacus"], "device=abacus: not available here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(run_cli, arguments, expected):
    assert refusal(run_cli, *arguments).startswith(expected)
    assert not Path("logs").exists()


def test_help(run_cli):
    result = run_cli("projector", "--help")
    assert result.exit_code == 0
    assert "elmokit projector model sentences.txt --logdir logs --word play" in result.out
