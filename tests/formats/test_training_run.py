"""The save directory of a training run: its best checkpoint, and nothing that does not belong to it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, MissingConfigError, MissingTextError, VocabularyError
from elmokit.formats.checkpoint import Checkpoint, checkpoint_directory, write_checkpoint
from elmokit.loading import load
from elmokit.pretrained import PretrainedModel


@pytest.fixture
def save_run(make, tmp_path):
    """A save directory with checkpoints after steps 2 and 5, and their models."""

    def save(*, best_step: int = 2) -> dict[int, PretrainedModel]:
        directory = tmp_path / "run"
        directory.mkdir()
        models = {step: make(seed=step) for step in (2, 5)}
        for step, pretrained in models.items():
            trainer = {
                "step": step,
                "best_step": best_step,
                "best_perplexity": 9.5 if best_step else None,
                "seconds": 1.5,
                "config": pretrained.config.model_dump(mode="json"),
                "fingerprints": {"vocabulary": pretrained.vocabulary.fingerprint, "training text": "0"},
            }
            tensors = {name: value.detach() for name, value in pretrained.model.named_parameters()}
            checkpoint = Checkpoint({"model": tensors, "optimizer": {}, "state": {}}, trainer)
            write_checkpoint(checkpoint_directory(directory, step), checkpoint)
        models[2].config.save(directory / "config.json")
        models[2].vocabulary.save(directory / "vocab.txt")
        return models

    return save


@pytest.fixture
def run(save_run, tmp_path) -> Path:
    save_run()
    return tmp_path / "run"


def test_the_best_checkpoint(save_run, tmp_path, assert_same):
    models = save_run()
    found = load(tmp_path / "run")
    assert_same(models[2], found)
    assert not torch.equal(models[5].model.softmax.weight, found.model.softmax.weight)
    assert found.source == checkpoint_directory(tmp_path / "run", 2)
    assert found.require_softmax() == models[2].vocabulary
    assert found.facts == {"step": 5, "best_step": 2, "best_perplexity": 9.5, "seconds": 1.5}


def test_the_last_checkpoint_without_heldout_text(save_run, tmp_path, assert_same):
    models = save_run(best_step=0)
    found = load(str(tmp_path / "run"))
    assert_same(models[5], found)
    assert found.facts["best_perplexity"] is None


def test_facts_travel_into_a_model_directory(run, tmp_path, assert_same):
    found = load(run)
    found.save_pretrained(tmp_path / "own")
    copy = load(tmp_path / "own")
    assert_same(found, copy)
    assert (copy.facts, copy.config) == (found.facts, found.config)
    card = (tmp_path / "own/README.md").read_text(encoding="utf-8")
    assert "| heldout perplexity | 9.50 (mean of the directions, full softmax), after step 2 |" in card


@pytest.mark.parametrize("size", [7, 9])
def test_a_vocabulary_of_another_size(size, run, load_error):
    words = [*Vocabulary.load(run / "vocab.txt").words, "cow"][:size]
    Vocabulary(words).save(run / "vocab.txt")
    assert f"vocab.txt: not the vocabulary of this run ({size} words, fingerprint " in load_error(
        CheckpointError, run
    )


def test_a_configuration_of_another_geometry(run, load_error):
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    config["model"]["lstm"]["projection_dim"] = 5
    config["model"]["char_cnn"]["num_highway"] += 1
    (run / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load_error(CheckpointError, run) == (
        f"{run / 'config.json'}: not the model of this run (checkpoint, file): char_cnn.num_highway: 1, 2; "
        "lstm.projection_dim: 4, 5: restore the right file"
    )


def test_a_vocabulary_of_other_words(run, vocabulary, load_error):
    other = Vocabulary([*vocabulary.words[:3], *reversed(vocabulary.words[3:])])
    other.save(run / "vocab.txt")
    assert load_error(CheckpointError, run) == (
        f"{run / 'vocab.txt'}: not the vocabulary of this run (8 words, fingerprint {other.fingerprint}, "
        f"expected fingerprint {vocabulary.fingerprint}): restore the right file"
    )


def test_a_damaged_vocabulary(run, load_error):
    (run / "vocab.txt").write_text("the\n")
    assert "vocab.txt:1: got 'the', expected <S>" in load_error(VocabularyError, run)


@pytest.mark.parametrize(
    ("name", "kind"), [("config.json", MissingConfigError), ("vocab.txt", MissingTextError)]
)
def test_a_run_without_its_records(run, name, kind, load_error):
    (run / name).unlink()
    message = load_error(kind, run)
    assert message.startswith(f"{run / name}: cannot read")
    assert message.endswith("No such file or directory")


def test_a_damaged_last_checkpoint_gives_way_to_the_one_before(save_run, tmp_path, assert_same):
    models = save_run()
    (checkpoint_directory(tmp_path / "run", 5) / "model.safetensors").write_bytes(b"")
    assert_same(models[2], load(tmp_path / "run"))


def test_a_damaged_best_checkpoint_is_named(run, load_error):
    (checkpoint_directory(run, 2) / "model.safetensors").write_bytes(b"")
    assert "step-00000002/model.safetensors: damaged checkpoint" in load_error(CheckpointError, run)


def test_a_run_without_a_checkpoint(run, load_error):
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").mkdir()
    assert "no checkpoint there" in load_error(CheckpointError, run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize(
    "name",
    [
        *("config.json", "vocab.txt"),
        *("checkpoints/step-00000002/trainer.json", "checkpoints/step-00000002/model.safetensors"),
    ],
)
def test_a_pipe_does_not_wait_forever(run, does_not_wait_for_pipe, name):
    assert does_not_wait_for_pipe(run, name)
