"""Training that was stopped goes on as if it had not been, bit for bit."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import torch

from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, ElmokitError
from elmokit.formats.checkpoint import (
    Checkpoint,
    list_checkpoints,
    read_checkpoint,
    read_last_checkpoint,
    write_checkpoint,
)
from elmokit.loading import load
from elmokit.training.trainer import Trainer


def read_metrics(save_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (save_dir / "metrics.jsonl").read_text().splitlines()]


NUM_STEPS = 26
FIRST_FILE_LINES = 22
WORDS = {"char_cnn": None, "tie_softmax": True}


def tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    """All tensors that change during training."""
    found = {}
    for name, value in trainer.model.named_parameters():
        found[f"model {name}"] = value.detach().clone()
        for slot in trainer.optimizer.slots:
            found[f"{slot} {name}"] = trainer.optimizer.slot(slot, name).clone()
    for d, layers in enumerate(trainer.state):
        for k, layer in enumerate(layers):
            found[f"cell {d} {k}"], found[f"hidden {d} {k}"] = layer.cell.clone(), layer.hidden.clone()
    found["dropout generator"] = trainer.training_state.objective.dropout_generator.get_state()
    return found


def assert_equal_state(trainer: Trainer, expected: Trainer) -> None:
    mine, theirs = tensors(trainer), tensors(expected)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []
    assert trainer.stream.state_dict() == expected.stream.state_dict()
    one, other = trainer.training_state, expected.training_state
    assert (
        one.objective.state_dict()["sampling_generator"] == other.objective.state_dict()["sampling_generator"]
    )
    for name in ("step", "best_step", "best_perplexity", "evaluations_without_gain"):
        assert getattr(one.counters, name) == getattr(other.counters, name), name


def take_steps(trainer: Trainer, num_steps: int) -> list[float]:
    outputs = [trainer.train_step(batch) for batch in islice(trainer.stream, num_steps)]
    return [
        float(total.detach())
        for output in outputs
        for total in (part.total_loss for part in output.directions)
    ]


def stops(trainer: Trainer, corpus) -> dict[str, int]:
    """Steps after which training stands in the places where resuming may go wrong."""
    found: dict[str, int] = {}
    for step, _ in enumerate(islice(trainer.stream, NUM_STEPS - 1), start=1):
        state = trainer.stream.state_dict()
        sentences, places = state["lanes"]["sentence"], state["lanes"]["place"]
        lengths = [len(corpus.sentence(sentence)) - 1 for sentence in sentences]
        if all(0 < place < length for place, length in zip(places, lengths, strict=True)):
            found.setdefault("within sentences", step)
        if min(sentences) < FIRST_FILE_LINES <= max(sentences) and step > 2:
            found.setdefault("in both files", step)
        if state["order"]["epoch"] == 1:
            found.setdefault("over the end of an epoch", step)
        if any(place == length for place, length in zip(places, lengths, strict=True)):
            found.setdefault("at the end of a sentence", step)
    assert len(found) == 4
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": False},
        {"shuffle": True},
        {"shuffle": True, **WORDS},
        {"bidirectional": False},
        {"recipe": "adam"},
        {"recipe": "adam", "num_negatives": 0, "freeze": ["encoder"]},
        {"recipe": "adam", "optimizer": "muon", "schedule": "linear"},
    ],
    ids=str,
)
def test_training_goes_on_bit_for_bit(texts, make_trainer, settings):
    straight = make_trainer("straight", **settings)
    losses = take_steps(straight, NUM_STEPS)
    assert straight.stream.state_dict()["order"]["epoch"] >= 1
    num_directions = len(straight.state)
    for step in sorted(set(stops(make_trainer(**settings), texts.train).values())):
        first = make_trainer(f"run-{step}", **settings)
        assert take_steps(first, step) == losses[: num_directions * step]
        first.save_checkpoint()
        second = make_trainer(f"run-{step}", **settings)
        _, checkpoint, faults = read_last_checkpoint(second.save_dir)
        assert faults == []
        second.load_checkpoint(checkpoint)
        assert_equal_state(second, first)
        assert take_steps(second, NUM_STEPS - step) == losses[num_directions * step :]
        assert_equal_state(second, straight)


def test_what_must_be_restored_is_really_needed(make_trainer):
    # The test above would not notice a generator that is never used.
    settings = {"shuffle": True}
    first = make_trainer(**settings)
    take_steps(first, 5)
    checkpoint = read_checkpoint(first.save_checkpoint())
    expected = take_steps(first, 3)
    for spoil in ("dropout_generator", "sampling_generator", "state"):
        second = make_trainer(**settings)
        state = second.training_state
        fresh_generators, fresh_state = state.objective.state_dict(), state.carried.state_dict()
        second.load_checkpoint(checkpoint)
        if spoil == "state":
            state.carried.load_state_dict(fresh_state)
        else:
            state.objective.load_state_dict({**state.objective.state_dict(), spoil: fresh_generators[spoil]})
        assert take_steps(second, 3) != expected, spoil


def comparable(records: list[dict]) -> list[dict]:
    times = ("seconds", "tokens_per_second")
    return [{key: value for key, value in record.items() if key not in times} for record in records]


@pytest.mark.parametrize("step", [1, 8, 11])
def test_records_go_on_without_gap_or_repetition(make_trainer, step):
    settings = {"num_epochs": 1, "checkpoint_minutes": 1e-9}  # a checkpoint after every step
    straight = make_trainer("straight", **settings)
    list(straight.run())
    first = make_trainer(**settings)
    for progress in first.run():
        if progress.step == step:
            break
    second = make_trainer(**settings)
    directory, checkpoint, _ = read_last_checkpoint(second.save_dir)
    assert directory.name == f"step-{step:08d}"
    second.load_checkpoint(checkpoint)
    list(second.run())
    assert_equal_state(second, straight)
    records = read_metrics(straight.save_dir)
    assert comparable(read_metrics(second.save_dir)) == comparable(records)
    assert len({(record["event"], record["step"]) for record in records}) == len(records)
    assert sum(record["event"] == "heldout" for record in records) >= 4


def test_records_after_the_last_checkpoint_are_dropped(make_trainer):
    settings = {"num_epochs": 1, "log_interval": 1, "evaluations_per_epoch": 4}
    straight = make_trainer("straight", **settings)
    list(straight.run())
    first = make_trainer(**settings)
    checkpoints = []
    for progress in first.run():
        checkpoints += [progress.step] * (progress.checkpoint is not None)
        if len(checkpoints) == 1 and progress.step == checkpoints[0] + 3:
            break
    assert read_metrics(first.save_dir)[-1]["step"] == checkpoints[0] + 3
    with (first.save_dir / "metrics.jsonl").open("a") as file:
        file.write('{"event": "train", "st')  # as a crash leaves it
    second = make_trainer(**settings)
    second.load_checkpoint(read_last_checkpoint(second.save_dir)[1])
    assert second.step == checkpoints[0]
    list(second.run())
    assert comparable(read_metrics(second.save_dir)) == comparable(read_metrics(straight.save_dir))


def test_early_stopping_counts_on(make_trainer):
    settings = {"num_epochs": 1, "patience": 2, "evaluations_per_epoch": 1000, "learning_rate": 1e-9}
    straight = make_trainer("straight", **settings)
    expected = [progress.step for progress in straight.run()][-1]
    first = make_trainer(**settings)
    for progress in first.run():
        if progress.step == expected - 1:
            break
    second = make_trainer(**settings)
    second.load_checkpoint(read_last_checkpoint(second.save_dir)[1])
    last = list(second.run())[-1]
    assert (last.step, last.stopped_early) == (expected, True)


# --- refused -------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(make_trainer):
    trainer = make_trainer()
    take_steps(trainer, 3)
    return read_checkpoint(trainer.save_checkpoint())


def test_another_vocabulary_is_refused(texts, make_trainer, checkpoint):
    words = list(texts.vocabulary.words)
    words[4], words[5] = words[5], words[4]
    trainer = Trainer(make_trainer().config, texts.train, Vocabulary(words), save_dir=texts.directory)
    with pytest.raises(CheckpointError, match="the vocabulary is not the one that this run was started with"):
        trainer.load_checkpoint(checkpoint)
    assert trainer.step == 0


def test_another_text_is_refused(texts, make_trainer, checkpoint):
    corpus = prepare_corpus(["train-1.txt"])
    trainer = Trainer(make_trainer().config, corpus, texts.vocabulary, save_dir=texts.directory)
    with pytest.raises(
        CheckpointError, match="the training text is not the one that this run was started with"
    ):
        trainer.load_checkpoint(checkpoint)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"seed": 8}, "training.seed"),
        ({"batch_size": 3}, "training.batch_size"),
        (WORDS, "model.char_cnn"),
        ({"bidirectional": False}, "model.bidirectional"),
    ],
    ids=str,
)
def test_other_settings_are_refused_by_name(make_trainer, checkpoint, settings, name):
    with pytest.raises(CheckpointError, match=name):
        make_trainer(**settings).load_checkpoint(checkpoint)


@pytest.mark.parametrize("settings", [{"num_epochs": 9}, {"max_steps": 9}, {"log_interval": 1}], ids=str)
def test_settings_that_touch_nothing_computed_may_change(make_trainer, checkpoint, settings):
    trainer = make_trainer(**settings)
    trainer.load_checkpoint(checkpoint)
    assert trainer.step == 3


# --- damaged -------------------------------------------------------------------------------------


@pytest.fixture
def two_checkpoints(make_trainer):
    trainer = make_trainer()
    for num_steps in (3, 2):
        take_steps(trainer, num_steps)
        trainer.save_checkpoint()
    return trainer.save_dir


def damage(directory, name: str, how: str) -> None:
    content = bytearray((directory / name).read_bytes())
    if how == "missing":
        (directory / name).unlink()
        return
    if how == "truncated":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    else:
        content[len(content) // 2] ^= 4
    (directory / name).write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "changed", "empty", "missing"])
@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "state.safetensors", "trainer.json"]
)
def test_a_damaged_checkpoint_is_passed_over_and_named(two_checkpoints, name, how):
    damage(list_checkpoints(two_checkpoints)[-1], name, how)
    directory, checkpoint, faults = read_last_checkpoint(two_checkpoints)
    assert directory.name == "step-00000003"
    assert checkpoint.trainer["step"] == 3
    (fault,) = faults
    assert f"step-00000005/{name}: damaged checkpoint" in fault


def test_every_number_of_a_checkpoint_is_guarded(two_checkpoints):
    # A changed digit leaves valid JSON, which only a checksum finds.
    path = list_checkpoints(two_checkpoints)[-1] / "trainer.json"
    values = json.loads(path.read_text())
    values["stream"]["order"]["next_place"] += 1
    path.write_text(json.dumps(values))
    assert read_last_checkpoint(two_checkpoints)[0].name == "step-00000003"


def test_when_all_are_damaged_all_are_named(two_checkpoints):
    for directory in list_checkpoints(two_checkpoints):
        damage(directory, "optimizer.safetensors", "truncated")
    with pytest.raises(CheckpointError) as error:
        read_last_checkpoint(two_checkpoints)
    for step in (3, 5):
        assert f"step-0000000{step}/optimizer.safetensors: damaged" in str(error.value)


def test_a_damaged_checkpoint_does_not_push_out_a_sound_one(make_trainer, two_checkpoints):
    damage(list_checkpoints(two_checkpoints)[-1], "model.safetensors", "changed")
    trainer = make_trainer()
    trainer.load_checkpoint(read_last_checkpoint(two_checkpoints)[1])
    take_steps(trainer, 1)
    trainer.save_checkpoint()
    sound = []
    for directory in list_checkpoints(two_checkpoints):
        try:
            sound.append(read_checkpoint(directory).trainer["step"])
        except CheckpointError:
            continue
    assert sound == [3, 4]


def test_without_a_checkpoint(texts):
    with pytest.raises(CheckpointError, match="no checkpoint there to resume from"):
        read_last_checkpoint(texts.directory)


# --- through the command -------------------------------------------------------------------------


def train(run_cli, save_dir: str, *arguments: str):
    return run_cli(
        "train",
        "--train-prefix",
        "train-*.txt",
        "--heldout-prefix",
        "heldout.txt",
        "--vocab-file",
        "vocab.txt",
        "--save-dir",
        save_dir,
        "--config",
        "c.json",
        *arguments,
    )


@pytest.fixture
def config_file(texts, make_trainer):
    config = make_trainer(log_interval=1, evaluations_per_epoch=1000).config
    config.save(texts.directory / "c.json")


def assert_equal_checkpoints(one, other) -> None:
    mine, theirs = read_checkpoint(one), read_checkpoint(other)
    for group in ("model", "optimizer", "state"):
        assert mine.tensors[group].keys() == theirs.tensors[group].keys()
        for name, value in mine.tensors[group].items():
            assert torch.equal(value, theirs.tensors[group][name]), name
    changing = ("seconds", "recent_seconds", "checksums", "config", "checksum")
    assert {key: value for key, value in mine.trainer.items() if key not in changing} == {
        key: value for key, value in theirs.trainer.items() if key not in changing
    }


@pytest.mark.parametrize("shuffle", ["true", "false"])
def test_the_command_goes_on_bit_for_bit(texts, run_cli, config_file, shuffle):
    assert train(run_cli, "straight", "max_steps=24", f"shuffle={shuffle}").exit_code == 0
    assert train(run_cli, "run", "max_steps=9", f"shuffle={shuffle}").exit_code == 0
    for step in (19, 24):
        result = run_cli("train", "--save-dir", "run", "--resume", f"max_steps={step}")
        assert (result.exit_code, result.err) == (0, "")
        assert "resuming after step " in result.out
    directory = texts.directory
    assert_equal_checkpoints(
        list_checkpoints(directory / "run")[-1], list_checkpoints(directory / "straight")[-1]
    )
    assert comparable(read_metrics(directory / "run")) == comparable(read_metrics(directory / "straight"))


def test_the_command_falls_back_with_a_warning(texts, run_cli, config_file):
    train(run_cli, "straight", "max_steps=12")
    train(run_cli, "run", "max_steps=11")
    damage(list_checkpoints(texts.directory / "run")[-1], "model.safetensors", "changed")
    result = run_cli("train", "--save-dir", "run", "--resume", "max_steps=12")
    assert result.exit_code == 0
    (warning,) = result.err.splitlines()
    assert warning.startswith("warning: ")
    assert "step-00000011/model.safetensors: damaged checkpoint" in warning
    assert "falling back to the checkpoint before" in warning
    assert "resuming after step 10 of 12" in result.out
    assert_equal_checkpoints(
        list_checkpoints(texts.directory / "run")[-1], list_checkpoints(texts.directory / "straight")[-1]
    )


def test_the_last_setting_of_a_resumed_run_is_remembered(texts, run_cli, config_file):
    train(run_cli, "run", "max_steps=5")
    run_cli("train", "--save-dir", "run", "--resume", "max_steps=7")
    result = run_cli("train", "--save-dir", "run", "--resume")
    assert (result.exit_code, result.err) == (0, "")
    assert "resuming after step 7 of 7" in result.out
    assert "nothing to do: the run has already finished" in result.out


def test_a_limit_that_lies_behind(texts, run_cli, config_file):
    train(run_cli, "run", "max_steps=5")
    result = run_cli("train", "--save-dir", "run", "--resume", "max_steps=3")
    assert (result.exit_code, result.err) == (0, "")
    assert "nothing to do: the run has already finished, after step 5" in result.out


def test_values_that_cannot_be_with_checksums_that_are_right(texts, make_trainer):
    """As in a run that comes from others."""
    trainer = make_trainer(max_steps=2)
    list(trainer.run())
    (directory,) = list_checkpoints(trainer.save_dir)
    found = read_checkpoint(directory)
    refused, going_on = [], make_trainer()
    for key in found.trainer:
        if key in ("format_version", "checksums"):
            continue
        for value in ("x", None, [], {}, [1], 10**400):
            write_checkpoint(directory, Checkpoint(found.tensors, {**_plain(found.trainer), key: value}))
            for name, read in (
                ("load", lambda: load(trainer.save_dir, optimizer=True)),
                ("resume", lambda: going_on.load_checkpoint(read_checkpoint(directory))),
            ):
                try:
                    read()
                except ElmokitError:
                    refused.append((name, key))
    assert {("load", key) for key in ("fingerprints", "step", "best_step", "num_updates")} <= set(refused)
    assert {("resume", key) for key in ("stream", "recent", "sampling_generator", "config")} <= set(refused)


def _plain(values: dict) -> dict:
    return {key: value for key, value in values.items() if key not in ("format_version", "checksums")}
