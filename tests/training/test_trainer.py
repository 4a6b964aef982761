from __future__ import annotations

import json
import math
import shutil
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import (
    ConfigError,
    CorpusError,
    ElmokitError,
    OutputError,
    UnsortedVocabularyWarning,
)
from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint
from elmokit.loading import load
from elmokit.model.device import find_device
from elmokit.training.evaluation import evaluate
from elmokit.training.journal import Journal
from elmokit.training.trainer import Trainer


def read_metrics(save_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (save_dir / "metrics.jsonl").read_text().splitlines()]


def parameters(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.model.named_parameters()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_training_lowers_the_heldout_perplexity(make_trainer):
    trainer = make_trainer(num_epochs=4, dropout=0.0)
    evaluations = [progress.evaluation for progress in trainer.run() if progress.evaluation is not None]
    assert evaluations[-1].perplexity < 0.9 * evaluations[0].perplexity
    assert trainer.best_perplexity == min(evaluation.perplexity for evaluation in evaluations)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(make_trainer):
    trainers = [make_trainer(f"run-{k}", max_steps=4, seed=seed) for k, seed in enumerate((1, 1, 2))]
    assert not equal(parameters(trainers[0]), parameters(trainers[2]))
    for trainer in trainers:
        list(trainer.run())
    one, again, other = map(parameters, trainers)
    assert equal(one, again)
    assert not equal(one, other)


def test_no_global_generator_is_touched(make_trainer):
    before = torch.get_rng_state()
    list(make_trainer(max_steps=2).run())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("ending", ["end", "abandoned", "error"])
def test_threads_are_those_of_the_run_alone(make_trainer, monkeypatch, ending):
    trainer = make_trainer(max_steps=3, threads=3)
    before, used, train_step = torch.get_num_threads(), [], trainer.train_step

    def step(*arguments):
        used.append(torch.get_num_threads())
        if ending == "error":
            raise OSError("no such luck")
        return train_step(*arguments)

    monkeypatch.setattr(trainer, "train_step", step)
    run = trainer.run()
    if ending == "error":
        with pytest.raises(OSError, match="no such luck"):
            next(run)
    else:
        next(run)
    if ending == "end":
        list(run)
    run.close()
    assert set(used) == {3} != {before}
    assert torch.get_num_threads() == before


def test_without_the_setting_the_threads_stay(make_trainer):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for progress in make_trainer(max_steps=2).run():
            assert torch.get_num_threads() == 2, progress
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_number_of_steps(make_trainer):
    trainer = make_trainer(num_epochs=3)
    num_predictions = trainer.corpus.num_tokens + trainer.corpus.num_sentences
    assert trainer.num_steps == 3 * num_predictions // 20
    assert make_trainer(num_epochs=3, max_steps=5).num_steps == 5
    assert make_trainer(num_epochs=3, max_steps=10**6).num_steps == trainer.num_steps
    assert make_trainer(num_epochs=1, unroll_steps=10**4).num_steps == 1


def test_progress(make_trainer):
    trainer = make_trainer(num_epochs=1, evaluations_per_epoch=2)
    steps = list(trainer.run())
    assert [progress.step for progress in steps] == list(range(1, trainer.num_steps + 1))
    assert steps[-1].epoch == pytest.approx(1, abs=0.1)
    assert steps[-1].num_predictions == 20 * trainer.num_steps
    assert all(1 < progress.perplexity < 500 for progress in steps)
    evaluated = [progress.step for progress in steps if progress.evaluation is not None]
    assert evaluated == [progress.step for progress in steps if progress.checkpoint is not None]
    assert evaluated[-1] == trainer.num_steps
    assert len(evaluated) in (2, 3)
    assert steps[evaluated[0] - 1].is_best


def test_records(make_trainer):
    trainer = make_trainer(num_epochs=1, log_interval=4)
    list(trainer.run())
    records = read_metrics(trainer.save_dir)
    train = [record for record in records if record["event"] == "train"]
    last = trainer.num_steps
    assert [record["step"] for record in train] == sorted({*range(4, last + 1, 4), last})
    for record in train:
        assert record["perplexity"] == pytest.approx(math.exp(record["loss"]))
        assert record["clipped_gradient_norm"] == min(record["gradient_norm"], 10.0)
        assert record["learning_rate"] == 0.2
        assert record["tokens_per_second"] > 0
        assert 0 <= record["unk_share"] < 1
        assert record["predictions"] == 20 * record["step"]
    heldout = [record for record in records if record["event"] == "heldout"]
    assert {"perplexity", "forward", "backward", "in_vocabulary_perplexity", "unk_share"} <= set(heldout[-1])
    assert (
        heldout[-1]["perplexity"] == evaluate(trainer.model, trainer.heldout, trainer.vocabulary).perplexity
    )


def test_the_recorded_loss_is_the_mean_since_the_last_record(make_trainer):
    trainer, again = make_trainer(max_steps=4, log_interval=4), make_trainer("again")
    list(trainer.run())
    losses = []
    for batch in islice(again.stream, 4):
        output = again.train_step(batch)
        losses.append(float(sum(part.total_loss.detach() for part in output.directions)) / (2 * 20))
    assert read_metrics(trainer.save_dir)[0]["loss"] == pytest.approx(sum(losses) / 4)


def test_clipping_is_recorded(make_trainer):
    trainer = make_trainer(max_steps=1, clip_norm=0.01, log_interval=1)
    list(trainer.run())
    record = read_metrics(trainer.save_dir)[0]
    assert record["gradient_norm"] > 0.01
    assert record["clipped_gradient_norm"] == 0.01


def test_the_last_two_and_the_best_checkpoint_are_kept(make_trainer, monkeypatch):
    perplexities = iter([9.0, 3.0, 5.0, 4.0, 8.0, 7.0])
    trainer = make_trainer(max_steps=6, evaluations_per_epoch=1000)

    def scripted(*arguments, **options):
        evaluation = evaluate(*arguments, **options)
        return type(evaluation)(**evaluation.as_dict() | {"perplexity": next(perplexities)})

    monkeypatch.setattr("elmokit.training.heldout_text.evaluate", scripted)
    kept = [
        ([path.name[-1] for path in list_checkpoints(trainer.save_dir)], progress.is_best)
        for progress in trainer.run()
    ]
    assert kept == [
        (["1"], True),
        (["1", "2"], True),
        (["2", "3"], False),
        (["2", "3", "4"], False),
        (["2", "4", "5"], False),
        (["2", "5", "6"], False),
    ]
    assert (trainer.best_step, trainer.best_perplexity) == (2, 3.0)


def test_checkpoints_without_heldout_text(make_trainer):
    trainer = make_trainer(heldout=False, num_epochs=1)
    steps = list(trainer.run())
    assert {progress.evaluation for progress in steps} == {None}
    assert [path.name for path in list_checkpoints(trainer.save_dir)][-1] == f"step-{trainer.num_steps:08d}"
    assert len(list_checkpoints(trainer.save_dir)) == 2


def test_a_run_from_python_can_be_loaded(make_trainer):
    trainer = make_trainer(num_epochs=1)
    list(trainer.run())
    loaded = load(trainer.save_dir)
    assert loaded.config == trainer.config
    assert loaded.vocabulary == trainer.vocabulary


def test_patience_stops_early_with_a_checkpoint(make_trainer):
    trainer = make_trainer(patience=2, evaluations_per_epoch=1000, learning_rate=1e-9, num_epochs=2)
    last = list(trainer.run())[-1]
    assert last.stopped_early
    assert last.step < trainer.num_steps
    assert last.checkpoint == list_checkpoints(trainer.save_dir)[-1]
    assert trainer.training_state.counters.evaluations_without_gain == 2


def test_a_loss_that_is_not_finite_stops_training_and_changes_nothing(make_trainer):
    trainer = make_trainer()
    batches = iter(trainer.stream)
    trainer.train_step(next(batches))
    with torch.no_grad():
        trainer.model.softmax.bias[5] = torch.nan
    before = parameters(trainer)
    before["softmax.bias"] = before["softmax.bias"].nan_to_num()
    batch = next(batches)
    with pytest.raises(ElmokitError, match=r"step 2: loss nan, .* the update was not applied") as error:
        trainer.train_step(batch)
    for sentence in batch.sentences:
        assert trainer.corpus.location(sentence) in str(error.value)
    after = parameters(trainer)
    after["softmax.bias"] = after["softmax.bias"].nan_to_num()
    assert equal(after, before)
    assert trainer.step == 1


@pytest.mark.parametrize("num_negatives", [30, 1000])
def test_negatives_that_would_save_no_work_give_way_to_the_full_softmax(make_trainer, num_negatives):
    full, sampled = make_trainer(num_negatives=0), make_trainer(num_negatives=num_negatives)
    assert len(full.vocabulary) / 2 <= 30
    assert sampled.config == full.config


def test_more_lanes_than_sentences(make_trainer):
    with pytest.raises(CorpusError, match="sentences are too few for batch_size=1000"):
        make_trainer(batch_size=1000)


@pytest.mark.parametrize("name", ["cuda:99", "nonsense", "cpu:x"])
def test_unknown_devices(name):
    with pytest.raises(ConfigError, match=f"device={name}: not available here") as error:
        find_device(name)
    assert "\n" not in str(error.value)


def test_a_full_disk_leaves_the_checkpoints_before(make_trainer, monkeypatch):
    trainer = make_trainer()
    for batch in islice(trainer.stream, 2):
        trainer.train_step(batch)
        trainer.save_checkpoint()

    def full(tensors, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elmokit.formats.checkpoint.save_file", full)
    trainer.train_step(next(iter(trainer.stream)))
    with pytest.raises(OutputError, match=r"step-00000003: cannot write: No space left on device"):
        trainer.save_checkpoint()
    names = sorted(path.name for path in (trainer.save_dir / "checkpoints").iterdir())
    assert names == ["step-00000001", "step-00000002"]
    for directory in list_checkpoints(trainer.save_dir):
        read_checkpoint(directory)


def test_without_tensorboard_the_metrics_are_there(make_trainer, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    trainer = make_trainer(max_steps=3, histogram_interval=1)
    list(trainer.run())
    assert not (trainer.save_dir / "tensorboard").exists()
    assert [record["step"] for record in read_metrics(trainer.save_dir)][-1] == 3
    with Journal(trainer.save_dir, step=3) as journal:
        assert not journal.has_tensorboard


def test_every_line_of_the_metrics_is_strict_json(make_trainer):
    trainer = make_trainer(max_steps=3)
    with torch.no_grad():
        trainer.model.softmax.bias.copy_(torch.linspace(-3000, 3000, len(trainer.vocabulary)))
    list(trainer.run())
    not_json: list[str] = []  # Infinity and NaN, which Python's reader takes
    lines = (trainer.save_dir / "metrics.jsonl").read_text().splitlines()
    for line in lines:
        json.loads(line, parse_constant=not_json.append)
    assert lines
    assert not_json == []


def test_patience_needs_heldout_text(texts, tmp_path):
    config = Config.load("tiny", ["patience=2", "batch_size=2", "num_negatives=0"])
    with pytest.raises(ConfigError, match="patience=2 needs heldout text"):
        Trainer(config, texts.train, texts.vocabulary, save_dir=tmp_path)


def test_a_second_run_in_the_same_directory_is_refused_and_nothing_is_deleted(make_trainer, texts):
    first = make_trainer(max_steps=6, evaluations_per_epoch=1000)
    list(first.run())
    before = {path: path.read_bytes() for path in first.save_dir.rglob("*") if path.is_file()}
    second = make_trainer(max_steps=4, lstm={"cell_dim": 7, "projection_dim": 5})
    with pytest.raises(OutputError, match=r"run: already holds a training run: continue it with --resume"):
        list(second.run())
    after = {path: path.read_bytes() for path in first.save_dir.rglob("*") if path.is_file()}
    assert after == before
    assert len(list_checkpoints(first.save_dir)) >= 2


def test_the_same_trainer_may_run_on(make_trainer):
    trainer = make_trainer(max_steps=5)
    steps = []
    for progress in trainer.run():
        steps.append(progress.step)
        if progress.step == 2:
            trainer.request_stop()
    assert steps == [1, 2, 3]
    assert [progress.step for progress in trainer.run()] == [4, 5]


def test_configuration_and_vocabulary_are_those_of_the_checkpoints(make_trainer, texts):
    """A run that ended before its first checkpoint leaves files of its own, which the next one replaces."""
    stale = make_trainer(lstm={"cell_dim": 7, "projection_dim": 5})
    stale.config.save(stale.save_dir / "config.json")
    Vocabulary([*texts.vocabulary.words[:3], "stale"]).save(stale.save_dir / "vocab.txt")
    trainer = make_trainer(max_steps=1)
    list(trainer.run())
    loaded = load(trainer.save_dir)
    assert loaded.config == trainer.config
    assert loaded.vocabulary == texts.vocabulary


def test_the_files_of_something_else_are_not_replaced(make_trainer):
    trainer = make_trainer(max_steps=1)
    (trainer.save_dir / "config.json").write_text('{"model_type": "elmokit-bilm"}')
    with pytest.raises(OutputError, match=r"run: contains config\.json but no training run"):
        list(trainer.run())
    assert (trainer.save_dir / "config.json").read_text() == '{"model_type": "elmokit-bilm"}'


def test_an_unsorted_vocabulary_is_a_warning_for_the_sampled_softmax(make_trainer, texts, tmp_path):
    words = texts.vocabulary.words
    unsorted = Vocabulary([*words[:3], *reversed(words[3:])])
    config = make_trainer(num_negatives=5).config
    with pytest.warns(UnsortedVocabularyWarning, match="not sorted by descending frequency"):
        Trainer(config, texts.train, unsorted, save_dir=tmp_path)
    full = make_trainer(num_negatives=0).config
    Trainer(full, texts.train, unsorted, save_dir=tmp_path)  # without a warning


def test_a_save_directory_that_is_removed_during_the_run_is_written_again(make_trainer):
    trainer = make_trainer(max_steps=6)
    for progress in trainer.run():
        if progress.step == 3:
            shutil.rmtree(trainer.save_dir)
    loaded = load(trainer.save_dir)
    assert loaded.facts["step"] == 6
    assert loaded.vocabulary == trainer.vocabulary
