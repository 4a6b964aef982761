from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from elmokit.data.prepare import prepare_corpus
from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint
from elmokit.loading import load
from elmokit.training.evaluation import evaluate


def read_metrics(save_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (save_dir / "metrics.jsonl").read_text().splitlines()]


pytestmark = pytest.mark.usefixtures("work")

TEXTS = ["--train-prefix", "train.txt", "--heldout-prefix", "heldout.txt", "--vocab-file", "vocab.txt"]


def train(run_cli, *arguments: object, save_dir: str = "new"):
    return run_cli("train", *TEXTS, "--save-dir", save_dir, "--config", "c.toml", *arguments)


def test_lines_fit_the_terminal(run_cli, work, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    run = train(run_cli, "max_steps=2")
    described = run_cli("info", "new")
    lines = [*run.out.splitlines(), *run.err.splitlines(), *described.out.splitlines()]
    assert len(lines) > 12
    assert [line for line in lines if len(line) > 80] == []


def test_details_of_evaluations(run_cli, work):
    lines = train(run_cli, "-v", "max_steps=1").out.splitlines()
    (shown,) = [line for line in lines if "heldout perplexity" in line]
    assert re.search(
        r"heldout perplexity [\d.,]+ \(forward [\d.,]+, backward [\d.,]+; [\d.]+% <UNK>\)", shown
    )


def test_a_run_from_text_to_model(run_cli, work):
    result = train(run_cli, "num_epochs=2", "histogram_interval=5")
    assert (result.exit_code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("training text: ")
    assert " tokens in 45 sentences, " in lines[0]
    assert lines[1].startswith("heldout text: ")
    assert lines[2] == "skipped 1 blank line"
    assert ": heldout perplexity " in lines[3]
    assert lines[3].endswith(", best so far")
    assert lines[-1].endswith("the model is in new")
    names = {path.name for path in (work / "new").iterdir()}
    records = {"config.json", "metrics.jsonl", "options.json", "texts.json", "vocab.txt"}
    assert names == {".lock", "checkpoints", "tensorboard", *records}
    assert (work / "new/vocab.txt").read_bytes() == (work / "vocab.txt").read_bytes()

    records = read_metrics(work / "new")
    wanted = {"loss", "perplexity", "learning_rate", "gradient_norm", "clipped_gradient_norm"}
    assert wanted | {"tokens_per_second", "unk_share"} <= set(records[0])
    heldout = [record for record in records if record["event"] == "heldout"]
    assert len(heldout) in (8, 9)
    shown = f"heldout perplexity {heldout[0]['perplexity']:.2f} ({heldout[0]['unk_share']:.2%} <UNK>)"
    assert shown in lines[3]

    # The last two checkpoints and the best one.
    steps = [int(path.name.removeprefix("step-")) for path in list_checkpoints(work / "new")]
    best = min(heldout, key=lambda record: record["perplexity"])["step"]
    assert set(steps) == {best, *[record["step"] for record in heldout][-2:]}

    events = EventAccumulator(str(work / "new/tensorboard"), size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    tags = events.Tags()
    assert {"train/loss", "train/gradient_norm", "heldout/perplexity", "train/unk_share"} <= set(
        tags["scalars"]
    )
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert losses == [
        (record["step"], pytest.approx(record["loss"])) for record in records if record["event"] == "train"
    ]
    assert {"weights/encoder.embedding", "weights/softmax.weight", "activations/token_vectors"} <= set(
        tags["histograms"]
    )
    assert [event.step for event in events.Histograms("weights/softmax.weight")][:2] == [5, 10]


def test_the_best_checkpoint_is_the_model(run_cli, work):
    train(run_cli, "num_epochs=2")
    model = load(work / "new")
    heldout = [record for record in read_metrics(work / "new") if record["event"] == "heldout"]
    best = min(record["perplexity"] for record in heldout)
    found = evaluate(model.model, prepare_corpus(["heldout.txt"]), model.vocabulary)
    assert found.perplexity == best == model.facts["best_perplexity"]


def test_two_runs_are_one(run_cli, work):
    for name in ("one", "two"):
        assert train(run_cli, "max_steps=5", save_dir=name).exit_code == 0
    one, two = (
        read_checkpoint(list_checkpoints(work / name)[-1]).tensors["model"] for name in ("one", "two")
    )
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "changes",
    [["char_cnn=null", "tie_softmax=true"], ["char_cnn=null"], ["bidirectional=false"], ["num_negatives=0"]],
    ids=" ".join,
)
def test_other_models_are_trained_dumped_and_embed(run_cli, work, changes):
    result = train(run_cli, "max_steps=4", *changes)
    assert (result.exit_code, result.err) == (0, "")
    assert run_cli("dump-weights", "--save-dir", "new", "--outfile", "out/weights.hdf5").exit_code == 0
    for model in ("new", "out"):
        result = run_cli("embed", model, "heldout.txt", f"{model}.hdf5")
        assert (result.exit_code, result.err) == (0, "")
        result = run_cli("info", model)
        assert (result.exit_code, result.err) == (0, "")


def test_a_word_model_from_a_file(run_cli, work):
    # TOML has no null: JSON says it.
    options = {
        "model": {"char_cnn": None, "tie_softmax": True, "lstm": {"cell_dim": 8, "projection_dim": 4}},
        "training": {"batch_size": 4, "unroll_steps": 5, "max_steps": 3, "num_negatives": 8},
    }
    (work / "w.json").write_text(json.dumps(options))
    result = run_cli("train", *TEXTS, "--save-dir", "new", "--config", "w.json")
    assert (result.exit_code, result.err) == (0, "")
    assert "word embeddings" in run_cli("info", "new").out


def test_options_of_bilm_tf(run_cli, work):
    options = {
        "bidirectional": True,
        "char_cnn": {
            "activation": "relu",
            "embedding": {"dim": 4},
            "filters": [[1, 4], [2, 4]],
            "max_characters_per_token": 10,
            "n_characters": 261,
            "n_highway": 1,
        },
        "dropout": 0.1,
        "lstm": {"cell_clip": 3, "dim": 8, "n_layers": 2, "proj_clip": 3, "projection_dim": 4},
        "all_clip_norm_val": 10.0,
        "n_epochs": 1,
        "n_train_tokens": 768648884,
        "batch_size": 4,
        "n_tokens_vocab": 793471,
        "unroll_steps": 5,
        "n_negative_samples_batch": 8,
    }
    (work / "options.json").write_text(json.dumps(options))
    result = run_cli("train", *TEXTS, "--save-dir", "new", "--config", "options.json", "max_steps=2")
    assert (result.exit_code, result.err) == (0, "")


def test_both_spellings(run_cli, work):
    arguments = [argument.replace("-p", "_p").replace("-f", "_f") for argument in TEXTS]
    assert "--train_prefix" in arguments
    result = run_cli("train", *arguments, "--save_dir", "new", "--config", "c.toml", "max_steps=1")
    assert (result.exit_code, result.err) == (0, "")


def test_patience_stops_early(run_cli, work):
    result = train(run_cli, "num_epochs=9", "patience=2", "learning_rate=1e-9", "evaluations_per_epoch=20")
    assert result.exit_code == 0
    assert "stopped early: 2 evaluations without improvement in heldout perplexity" in result.out
    assert read_metrics(work / "new")[-1]["step"] < 20


def test_without_heldout_text(run_cli, work):
    result = run_cli(
        "train", *TEXTS[:2], *TEXTS[4:], "--save-dir", "new", "--config", "c.toml", "max_steps=3"
    )
    assert (result.exit_code, result.err) == (0, "")
    assert "perplexity" not in result.out
    assert run_cli("evaluate", "--save-dir", "new", "--test-prefix", "heldout.txt").exit_code == 0
    assert "heldout" not in run_cli("info", "new").out


def test_without_tensorboard(run_cli, work, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = train(run_cli, "max_steps=3", "histogram_interval=1")
    assert (result.exit_code, result.err) == (0, "")
    assert not (work / "new/tensorboard").exists()
    assert read_metrics(work / "new")[-1]["step"] == 3


def test_a_vocabulary_that_is_not_sorted_is_warned_of(run_cli, work):
    words = (work / "vocab.txt").read_text().split()
    (work / "vocab.txt").write_text("\n".join([*words[:3], *reversed(words[3:])]) + "\n")
    result = train(run_cli, "max_steps=1")
    assert result.exit_code == 0
    (warning,) = result.err.splitlines()
    assert warning.startswith(
        "warning: the vocabulary is not sorted by descending frequency (rank correlation"
    )
    assert "num_negatives=0" in warning
    assert train(run_cli, "max_steps=1", "num_negatives=0", save_dir="full").err == ""


def test_more_candidates_than_words(run_cli, work):
    result = train(run_cli, "max_steps=1", "num_negatives=8192")
    assert (result.exit_code, result.err) == (0, "")
    assert "using the full softmax: sampling num_negatives=8,192 of " in result.out
    assert json.loads((work / "new/config.json").read_text())["training"]["num_negatives"] == 0


def test_blank_lines_kept(run_cli, work):
    result = train(run_cli, "max_steps=1", "blank_lines=keep")
    assert result.exit_code == 0
    assert "blank lines skipped" not in result.out


def test_a_very_long_token(run_cli, work):
    with (work / "train.txt").open("a") as file:
        file.write("short " + "x" * 10_000 + " short\n")
    result = train(run_cli, "num_epochs=1")
    assert (result.exit_code, result.err) == (0, "")
    (work / "long.txt").write_text("é" * 10_000 + "\n")
    result = run_cli("embed", "new", "long.txt", "long.hdf5")
    assert (result.exit_code, result.err) == (0, "")


def test_the_prepared_text_is_used_again(run_cli, work, monkeypatch):
    assert train(run_cli, "max_steps=1", save_dir="one").exit_code == 0

    def read(*arguments):
        raise AssertionError("the text was read again")

    monkeypatch.setattr("elmokit.data.prepare.write_corpus", read)
    assert train(run_cli, "max_steps=1", save_dir="two").exit_code == 0


def interrupt_after(monkeypatch, num_steps: int) -> None:
    from elmokit.training.trainer import Trainer

    train_step = Trainer.train_step

    def step(self, *arguments, **options):
        if self.step == num_steps:
            raise KeyboardInterrupt
        return train_step(self, *arguments, **options)

    monkeypatch.setattr(Trainer, "train_step", step)


def test_interrupted_and_gone_on_with(run_cli, work, monkeypatch):
    train(run_cli, save_dir="straight")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 7)
        result = train(run_cli)
    assert result.exit_code == 130
    assert result.err.strip() == "elmokit: interrupted"
    last = list_checkpoints(work / "new")[-1]
    advice = f"stopped at step 7; resume from {last.name} with: elmokit train --save-dir new --resume"
    assert result.out.splitlines()[-1] == advice
    result = run_cli("train", "--save-dir", "new", "--resume")
    assert (result.exit_code, result.err) == (0, "")
    one, two = (read_checkpoint(list_checkpoints(work / name)[-1]) for name in ("straight", "new"))
    assert one.trainer["step"] == two.trainer["step"]
    assert all(torch.equal(two.tensors["model"][name], value) for name, value in one.tensors["model"].items())


def test_interrupted_before_the_first_checkpoint(run_cli, work, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        result = train(run_cli)
    assert result.exit_code == 130
    assert result.out.splitlines()[-1] == "stopped at step 1; there is no checkpoint yet"
    # The same command starts again.
    result = train(run_cli, "max_steps=2")
    assert (result.exit_code, result.err) == (0, "")
    assert [record["step"] for record in read_metrics(work / "new")] == [2, 2]


def test_heldout_text_that_is_trained_on_is_refused(run_cli, work):
    result = train(run_cli, "--heldout-prefix", "train.txt")
    assert result.exit_code == 2
    assert "train.txt: training text and heldout text at the same time" in result.err
    assert not (work / "new").exists()  # nothing was begun


def test_a_directory_of_shards(run_cli, work):
    """Training files and heldout file are told apart by their names."""
    lines = [f"a b c w{n}" for n in range(60)] * 2
    (work / "whole.txt").write_text("\n".join(lines) + "\n")
    run_cli("shard", "--input", "whole.txt", "--output-dir", "shards", "--heldout-fraction", "0.2")
    result = run_cli(
        *("train", "--train-prefix", "shards", "--heldout-prefix", "shards", "--vocab-file", "vocab.txt"),
        *("--save-dir", "new", "--config", "model/config.json", "max_steps=1"),
    )
    assert result.exit_code == 0, result.err
    assert " tokens in 96 sentences, " in result.out
    assert "heldout text: 96 tokens in 24 sentences; " in result.out
    assert "also occur in the training text" in result.out  # each line is there twice
    result = run_cli("evaluate", "--save-dir", "new", "--test-prefix", "shards")
    assert "96 tokens in 24 sentences" in result.out
    assert "also occur in the text that new" in result.err


def test_a_start_that_fails_leaves_nothing(run_cli, work):
    result = run_cli(
        *("train", "--train-prefix", "train.txt", "--vocab-file", "vocab.txt", "--save-dir", "deep/new"),
        *("--config", "model/config.json", "batch_size=100000"),
    )
    assert result.exit_code == 2
    assert not (work / "deep").exists()


@pytest.mark.parametrize("arguments", [["threads=1"], ["--threads", "1"]])
def test_threads_are_a_setting(arguments, run_cli, work):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        result = train(run_cli, "max_steps=1", *arguments)
        assert result.exit_code == 0, result.err
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert json.loads((work / "new/config.json").read_text())["training"]["threads"] == 1
    # Another number may be used to go on.
    assert train(run_cli, "--resume", "max_steps=2", "threads=null").exit_code == 0


def test_a_missing_vocabulary_can_be_made(run_cli, work):
    Path("vocab.txt").unlink()
    result = train(run_cli)
    assert result.exit_code == 2
    assert "vocab.txt: cannot read" in result.err
    assert result.err.endswith("make one with `elmokit vocabulary`\n")
    assert not Path("new").exists()
