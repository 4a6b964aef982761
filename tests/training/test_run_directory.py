from __future__ import annotations

import json

import pytest

from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, ConfigError, OutputError
from elmokit.formats.checkpoint import list_checkpoints
from elmokit.training.run_directory import continue_run, start_run, training_text_of


@pytest.fixture
def run(texts, make_trainer):
    """A run of two steps."""
    trainer = make_trainer(max_steps=2)
    started = start_run(
        trainer.save_dir, trainer.config, texts.vocabulary, ["train-0.txt", "train-1.txt"], ["heldout.txt"]
    )
    started.write()
    list(trainer.run())
    return started


def test_a_run_is_known_from_its_directory(run):
    continued = continue_run(run.save_dir)
    assert continued.config == run.config
    assert continued.vocabulary == run.vocabulary
    assert continued.train_prefixes == ["train-0.txt", "train-1.txt"]
    assert continued.heldout_prefixes == ["heldout.txt"]
    assert continued.checkpoint is not None
    assert continued.checkpoint.trainer["step"] == 2
    assert continued.problems == []


def test_what_is_given_again_may_agree(run):
    run.config.save(run.save_dir / "again.json")
    continued = continue_run(
        run.save_dir, str(run.save_dir / "again.json"), ["seed=7"], run.save_dir / "vocab.txt", ["other-*"]
    )
    assert continued.config == run.config
    assert continued.train_prefixes == ["other-*"]
    assert continued.heldout_prefixes == ["heldout.txt"]


@pytest.mark.parametrize(
    "override",
    ["num_epochs=5", "max_steps=9", "patience=1", "evaluations_per_epoch=2", "log_interval=1", "device=cpu"],
)
def test_settings_that_touch_nothing_computed_may_change(run, override):
    assert continue_run(run.save_dir, overrides=[override]).config != run.config


@pytest.mark.parametrize("override", ["learning_rate=0.05", "clip_norm=1.0"])
def test_the_remedy_for_a_loss_that_is_not_finite_is_accepted(run, override):
    # The trainer's message advises to lower them and to go on with --resume.
    name, value = override.split("=")
    assert getattr(continue_run(run.save_dir, overrides=[override]).config.training, name) == float(value)


@pytest.mark.parametrize(
    "override",
    ["batch_size=3", "seed=8", "cell_dim=9", "shuffle=false", "blank_lines=keep", "num_negatives=9"],
)
def test_other_settings_are_refused_by_name(run, override):
    with pytest.raises(
        ConfigError, match="settings differ from those that the run was started with"
    ) as error:
        continue_run(run.save_dir, overrides=[override])
    name, value = override.split("=")
    assert f".{name}: " in str(error.value)
    assert str(error.value).count(";") == 0
    assert value.capitalize() in str(error.value) or value in str(error.value)


def test_another_configuration_is_refused_with_every_difference(run):
    with pytest.raises(ConfigError) as error:
        continue_run(run.save_dir, "tiny")
    for name in ("model.lstm.cell_dim", "training.batch_size", "training.unroll_steps"):
        assert name in str(error.value)


def test_another_vocabulary_is_refused_by_name(run, texts):
    Vocabulary(run.vocabulary.words[:-1]).save(texts.directory / "short.txt")
    with pytest.raises(CheckpointError) as error:
        continue_run(run.save_dir, vocab_file=texts.directory / "short.txt")
    num_words = len(run.vocabulary)
    assert f"short.txt: not the vocabulary that this run was started with ({num_words - 1} words" in str(
        error.value
    )
    assert f"expected the {num_words} of " in str(error.value)


@pytest.mark.parametrize("content", ["{", "[]", '{"train_prefix": []}'])
def test_damaged_record_of_the_texts(run, content):
    (run.save_dir / "texts.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"texts\.json: damaged"):
        continue_run(run.save_dir)


def test_no_run_to_continue(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint there to resume from"):
        continue_run(tmp_path / "none")


def test_a_directory_with_a_run_is_not_started_in(run):
    before = json.loads((run.save_dir / "config.json").read_text())
    with pytest.raises(OutputError, match="already holds a training run: continue it with --resume"):
        start_run(run.save_dir, run.config, run.vocabulary, ["x"], [])
    assert json.loads((run.save_dir / "config.json").read_text()) == before


def test_a_file_in_the_place_of_the_directory(run, texts):
    (texts.directory / "file").write_text("kept")
    with pytest.raises(OutputError, match="file: cannot write: File exists"):
        start_run(texts.directory / "file", run.config, run.vocabulary, ["x"], [])
    assert (texts.directory / "file").read_text() == "kept"


def test_excess_negatives_give_way_to_the_full_softmax(texts, make_trainer):
    few = make_trainer(num_negatives=8).config
    many = few.model_copy(update={"training": few.training.model_copy(update={"num_negatives": 50})})
    started = start_run(texts.directory / "new", many, texts.vocabulary, ["x"], [])
    assert started.config.training.num_negatives == 0
    assert started.excess_negatives == 50
    started = start_run(texts.directory / "new", few, texts.vocabulary, ["x"], [])
    assert (started.config.training.num_negatives, started.excess_negatives) == (8, None)


def test_the_training_text_of_a_run_is_found_and_nothing_in_a_model_is_followed(run, texts, monkeypatch):
    (checkpoint,) = list_checkpoints(run.save_dir)
    found = training_text_of(checkpoint)
    assert found is not None
    assert found.fingerprint == texts.train.fingerprint
    # A stranger's run names any path of this machine.
    prepare_corpus("heldout.txt")
    (run.save_dir / "texts.json").write_text('{"train_prefix": ["heldout.txt"]}')
    assert training_text_of(checkpoint).fingerprint == texts.train.fingerprint
    monkeypatch.setenv("ELMOKIT_CACHE", str(texts.directory / "empty"))
    (run.save_dir / "texts.json").write_text('{"train_prefix": ["train-*.txt"]}')
    assert training_text_of(checkpoint) is None
    assert training_text_of(texts.directory) is None


def test_a_run_without_its_texts_is_told_them_again(run):
    (run.save_dir / "texts.json").unlink()
    with pytest.raises(CheckpointError, match=r"texts\.json: missing"):
        continue_run(run.save_dir)
    with pytest.raises(CheckpointError, match="this run was started with heldout text: give the same one"):
        continue_run(run.save_dir, train_prefixes=["train-*.txt"])
    again = continue_run(run.save_dir, train_prefixes=["train-*.txt"], heldout_prefixes=["heldout.txt"])
    assert (again.train_prefixes, again.heldout_prefixes) == (["train-*.txt"], ["heldout.txt"])
