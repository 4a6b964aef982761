"""`elmokit train --restart-ckpt-file`, and the comparison that `elmokit evaluate` prints."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint
from elmokit.loading import load
from elmokit.training.evaluation import evaluate
from elmokit.training.fixed_vocabulary import common_vocabulary

GOLDEN = Path(__file__).parents[1] / "golden"
NEW_WORDS = ["a0", "b1", "слово", "new", "words"]


@pytest.fixture(autouse=True)
def new_text(work):
    lines = ["new words a0", "слово b1 b1", "a0 new", "words words слово a0 b1"] * 10
    (work / "new.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (work / "new-heldout.txt").write_text("new words\nслово a0 b1\n", encoding="utf-8")
    (work / "new-vocab.txt").write_text(
        "\n".join(["<S>", "</S>", "<UNK>", *NEW_WORDS]) + "\n", encoding="utf-8"
    )


@pytest.fixture(autouse=True)
def few_predictions(monkeypatch):
    """The bias is measured on little text, which these tests do not look at."""
    monkeypatch.setattr("elmokit.training.warm_start.restart.NUM_MATCHED_PREDICTIONS", 400)


def arguments(model: str, save_dir: str, *more: object) -> list[object]:
    return [
        *("train", "--restart-ckpt-file", model, "--train-prefix", "new.txt"),
        *("--heldout-prefix", "new-heldout.txt", "--vocab-file", "new-vocab.txt", "--save-dir", save_dir),
        *("num_negatives=0", *more),
    ]


NO_UNKNOWN, SMALL_TEXT = "no word of the training text is <UNK>", "the training text is small for this model"


def assert_done(result, *warnings: str) -> None:
    """The command ended well, with exactly these warnings."""
    assert result.exit_code == 0, result.err
    log = ("loaded ", "preparing ", "step ")  # which -v shows
    lines = [line for line in result.err.splitlines() if not line.startswith(log)]
    assert len(lines) == len(warnings), result.err
    for line, warning in zip(lines, warnings, strict=True):
        assert line.startswith("warning: ")
        assert warning in line


def test_new_text_and_new_vocabulary(run_cli, work):
    result = run_cli(*arguments("model", "new-model", "max_steps=4", "-v"))
    assert_done(result, NO_UNKNOWN, SMALL_TEXT)
    lines = result.out.splitlines()
    num_updates = load("model", optimizer=True).optimizer_state.num_updates
    assert lines[1].startswith("heldout text: 5 tokens in 2 sentences")
    assert lines[2].startswith("continuing from model/checkpoints/step-")
    assert lines[2].endswith(f"; optimizer: adam, restored after {num_updates} updates")
    (softmax,) = [line for line in lines if line.startswith("softmax.weight")]
    assert softmax.split()[4] == "transplanted"
    assert any(line.startswith("step 0, epoch 0.00: heldout perplexity ") for line in lines)
    report = json.loads((work / "new-model/restart.json").read_text())
    assert report["num_updates"] == num_updates
    new = load("new-model")
    assert new.vocabulary.words[3:] == tuple(NEW_WORDS)
    # It is a run as any other.
    result = run_cli("train", "--save-dir", "new-model", "--resume", "max_steps=6")
    assert (result.exit_code, result.err) == (0, "")
    assert "resuming after step 4 of 6" in result.out
    assert run_cli("embed", "new-model", "new-heldout.txt", "vectors.hdf5").exit_code == 0


def test_from_one_checkpoint_and_with_underscores(run_cli, work):
    checkpoint = list_checkpoints(work / "model")[0]
    result = run_cli(
        *("train", "--restart_ckpt_file", checkpoint, "--train_prefix", "new.txt", "--save_dir", "n"),
        *("max_steps=2", "num_negatives=0", "--verbose"),
    )
    assert_done(result, SMALL_TEXT)
    assert f"continuing from {checkpoint}; optimizer: adam, restored" in result.out
    # Without a new vocabulary, the model's own.
    assert "the vocabulary is the same" in result.out


def test_from_hdf5_weights(run_cli, work):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "pair/weights.hdf5")
    result = run_cli(*arguments("pair", "n", "-v", "max_steps=2", "batch_size=4", "unroll_steps=5"))
    assert_done(
        result,
        "no softmax, so the output layer starts from scratch; nothing is known of",
        NO_UNKNOWN,
        SMALL_TEXT,
    )
    assert "adam, fresh: the model has no optimizer state" in result.out
    assert result.out.count("the model has no softmax") == 2


def test_excluded_frozen_and_a_fresh_optimizer(run_cli, work):
    options = ["--exclude", "softmax", "--freeze", "encoder", "--reset-optimizer"]
    result = run_cli(*arguments("model", "n", *options, "max_steps=3"))
    assert_done(result, NO_UNKNOWN, SMALL_TEXT)
    assert "optimizer: adam, fresh, as requested" in result.out
    before = load("model").model
    after = read_checkpoint(list_checkpoints(work / "n")[-1]).tensors["model"]
    changed = {
        name
        for name, value in before.named_parameters()
        if not name.startswith("softmax") and not torch.equal(after[name], value)
    }
    assert changed
    assert not any(name.startswith("encoder") for name in changed)
    assert json.loads((work / "n/config.json").read_text())["training"]["freeze"] == ["encoder"]


def test_replay_is_remembered(run_cli, work):
    settings = ["--replay-prefix", "train.txt", "replay_share=0.5"]
    result = run_cli(*arguments("model", "n", *settings, "max_steps=4"))
    assert_done(result, NO_UNKNOWN, SMALL_TEXT)
    assert "replaying old text as 50% of the predictions" in result.out
    (work / "train.txt").write_text("something else\n" * 50)
    result = run_cli("train", "--save-dir", "n", "--resume", "max_steps=6")
    assert result.exit_code == 2
    assert "the replayed text is not the one that this run was started with" in result.err


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            ["--exclude", "sofmax"],
            "exclude 'sofmax': matches no parameter (did you mean 'softmax'?); expected one of encoder.",
        ),
        (["--freeze", "lstm"], "freeze 'lstm': matches no parameter"),
        (["cell_dim=9"], "continued training cannot change the geometry (model, given): lstm.cell_dim: 8, 9"),
        (["--resume"], "--resume continues the run in --save-dir"),
        (["--config", "tiny"], "continued training cannot change the geometry"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_mistakes(run_cli, more, expected):
    result = run_cli(*arguments("model", "n", *more))
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert expected in line


def test_a_model_that_can_only_be_read(run_cli, work):
    model = GOLDEN / "elmoformanylangs" / "characters"
    result = run_cli(*arguments(str(model), "n"))
    assert result.exit_code == 2
    assert "can be used but not trained" in result.err
    assert not (work / "n").exists()


def test_options_that_need_a_model(run_cli):
    for options in (["--exclude", "softmax"], ["--reset-optimizer"], ["--restart-vocab-file", "vocab.txt"]):
        result = run_cli("train", "--save-dir", "n", "--train-prefix", "new.txt", *options)
        assert result.exit_code == 2
        assert "need --restart-ckpt-file" in result.err


def test_a_model_that_is_not_there(run_cli):
    result = run_cli(*arguments("nowhere/model", "n"))
    assert result.exit_code == 2
    assert "nowhere/model: no such file or directory" in result.err


# --- old and new domain side by side -----------------------------------------------------------------


@pytest.fixture
def two_models(run_cli):
    run_cli(*arguments("model", "new-model", "max_steps=4"))
    return {name: load(name) for name in ("model", "new-model")}


TEXTS = ["--test-prefix", "new-heldout.txt", "--old-test-prefix", "heldout.txt"]
MODELS = ["--save-dir", "model", "--save-dir", "new-model"]


def test_the_table(run_cli, two_models):
    result = run_cli("evaluate", *MODELS, *TEXTS)
    assert (result.exit_code, result.err) == (0, "")
    lines = result.out.splitlines()
    fixed = common_vocabulary([model.vocabulary for model in two_models.values()])
    assert lines[2] == f"perplexity over a fixed vocabulary of {len(fixed)} words (mean of the directions)"
    assert lines[3].split() == ["new", "text", "old", "text"]
    for line, (name, model) in zip(lines[4:], two_models.items(), strict=True):
        expected = [
            evaluate(model.model, prepare_corpus([text]), model.vocabulary, fixed_vocabulary=fixed)
            for text in ("new-heldout.txt", "heldout.txt")
        ]
        assert line.split() == [name, *(f"{found.perplexity:.2f}" for found in expected)]


def test_json_and_a_vocabulary_of_ones_choice(run_cli, two_models):
    result = run_cli("evaluate", *MODELS, *TEXTS, "--fixed-vocab-file", "vocab.txt", "--json")
    records = [json.loads(line) for line in result.out.splitlines()]
    assert [(record["model"], record["text"]) for record in records] == [
        ("model", "new text"),
        ("model", "old text"),
        ("new-model", "new text"),
        ("new-model", "old text"),
    ]
    fixed = Vocabulary.load("vocab.txt")
    own = evaluate(two_models["model"].model, prepare_corpus(["heldout.txt"]), fixed)
    assert records[1]["perplexity"] == pytest.approx(own.perplexity, rel=1e-6)
    assert {record["num_words"] for record in records} == {len(fixed)}
    # One text has one share of <UNK>, whatever the model.
    assert records[0]["unk_share"] == records[2]["unk_share"]


def test_one_model_on_both_domains(run_cli, two_models):
    result = run_cli("evaluate", "--save-dir", "new-model", *TEXTS)
    assert f"vocabulary of {len(two_models['new-model'].vocabulary)} words" in result.out


def test_the_figure_of_bilm_tf_is_not_for_comparisons(run_cli):
    result = run_cli("evaluate", "--save-dir", "model", *TEXTS, "--bilm-compatible")
    assert result.exit_code == 2
    assert "--bilm-compatible works with one model and one text only" in result.err


def test_the_summary_fits_a_terminal(run_cli, work):
    """Six lines of at most 80 columns; restart.json has every tensor."""
    result = run_cli(*arguments("model", "new-model", "max_steps=2"))
    assert_done(result, NO_UNKNOWN, SMALL_TEXT)
    lines = result.out.splitlines()
    (first,) = [k for k, line in enumerate(lines) if line.startswith("continuing from ")]
    (last,) = [k for k, line in enumerate(lines) if line == "every tensor: -v, or new-model/restart.json"]
    summary = lines[first + 1 : last]
    assert last - first < 6
    assert all(len(line) <= 80 for line in summary)
    tensors = json.loads((work / "new-model/restart.json").read_text())["tensors"]
    outcomes = Counter(tensor["outcome"] for tensor in tensors)
    for outcome, number in outcomes.items():
        assert any(line.split()[:2] == [outcome, str(number)] for line in summary)
    (words,) = [line.split() for line in summary if line.split()[0] == "words"]
    assert int(words[1]) + int(words[3]) == len(NEW_WORDS) + 3


def test_a_checkpoint_of_bilm_tf_without_its_vocabulary(run_cli):
    """Its directory has none; one warning says what follows and what to do."""
    checkpoint = GOLDEN / "train_trace_char" / "ckpt"
    result = run_cli(*arguments(str(checkpoint), "n", "max_steps=1"))
    if "optional package" in result.err:
        pytest.skip("needs the extra tensorflow")
    assert result.exit_code == 0, result.err
    (warning,) = [line for line in result.err.splitlines() if "vocabulary is not known" in line]
    assert "all words start from scratch" in warning
    assert "--restart-vocab-file" in warning
