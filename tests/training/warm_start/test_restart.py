"""Going on from a model with new text and a new vocabulary."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from elmokit.data.evaluation_streams import every_token_once
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError
from elmokit.formats.checkpoint import list_checkpoints, read_last_checkpoint
from elmokit.loading import load
from elmokit.pretrained import PretrainedModel
from elmokit.training.evaluation import evaluate
from elmokit.training.run_directory import start_run
from elmokit.training.trainer import Trainer
from elmokit.training.warm_start.restart import NUM_MATCHED_PREDICTIONS, restart, restart_config

PREDICTIONS = "elmokit.training.warm_start.restart.NUM_MATCHED_PREDICTIONS"
WORDS = {"char_cnn": None}
TIED = {"char_cnn": None, "tie_softmax": True}


@pytest.fixture(autouse=True)
def few_predictions(monkeypatch):
    """The bias is measured on little text, which most of the tests do not look at."""
    monkeypatch.setattr(PREDICTIONS, 400)


@pytest.fixture
def base(texts, make_trainer):
    """A trained model, loaded with its optimizer."""

    def train(**changes: object) -> PretrainedModel:
        trainer = make_trainer("base", **({"max_steps": 12} | changes))
        start_run(
            trainer.save_dir, trainer.config, texts.vocabulary, ["train-0.txt"], ["heldout.txt"]
        ).write()
        list(trainer.run())
        return load(trainer.save_dir, optimizer=True)

    return train


def new_run(texts, source, words, *, name: str = "new", **changes: object) -> Trainer:
    """A run on other text, with the given words as vocabulary."""
    rng = random.Random(1)
    text = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(40)]
    (texts.directory / "new.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
    overrides = [f"{key}={json.dumps(value)}" for key, value in ({"num_negatives": 0} | changes).items()]
    return Trainer(
        restart_config(source, None, overrides),
        prepare_corpus(["new.txt"]),
        Vocabulary(["<S>", "</S>", "<UNK>", *words]),
        save_dir=texts.directory / name,
        heldout=texts.heldout if "patience" in changes else None,
    )


def vocabularies(texts) -> dict[str, list[str]]:
    words = list(texts.vocabulary.words[3:])
    return {
        "same": words,
        "superset": [*words, "new", "newer"],
        "subset": words[: len(words) // 2],
        "disjoint": ["quite", "other", "words"],
        "reordered": words[::-1],
        "larger": ["слово", *words[::-1], "мова", "і", *(f"x{k}" for k in range(90))],
        "another alphabet": ["слово", "мова", "і"],
    }


KINDS = ["same", "superset", "subset", "disjoint", "reordered", "larger", "another alphabet"]
MODELS = [WORDS, TIED, {"recipe": "adam"}, {"bidirectional": False}]


@pytest.mark.parametrize(
    ("kind", "model"), [*((kind, {}) for kind in KINDS), *(("larger", model) for model in MODELS)], ids=str
)
def test_every_vocabulary(texts, base, kind, model):
    source = base(**model)
    words = vocabularies(texts)[kind]
    trainer = new_run(texts, source, words)
    report = restart(trainer, source)

    old, new = source.vocabulary, trainer.vocabulary
    stored, slots = dict(source.model.named_parameters()), source.optimizer_state.slots
    fates = {tensor.name: tensor for tensor in report.tensors}
    for name, parameter in trainer.model.named_parameters():
        fate = fates[name]
        assert fate.shape == tuple(parameter.shape)
        if name not in ("encoder.weight", "softmax.weight", "softmax.bias"):
            assert (fate.outcome, fate.optimizer) == ("restored", "restored")
            assert torch.equal(parameter, stored[name])
            continue
        expected = "restored" if kind == "same" else "transplanted"
        assert (fate.outcome, fate.optimizer) == (expected, expected)
        for row, word in enumerate(new.words):
            if word in old:
                if name != "softmax.bias":
                    assert torch.equal(parameter[row], stored[name][old.id_of(word)])
                for slot, values in slots.items():
                    mine = trainer.optimizer.slot(slot, name)[row]
                    assert torch.equal(mine, values[name][old.id_of(word)])
            else:
                for slot in slots:
                    assert (trainer.optimizer.slot(slot, name)[row] == trainer.optimizer.initial_value).all()
                if name == "encoder.weight":
                    assert torch.equal(parameter[row], stored[name][2])  # as <UNK>, which it has been
        if kind != "same":
            kept = sum(word in old for word in new.words)
            assert (fate.num_kept, fate.num_new, fate.num_dropped) == (
                kept,
                len(new) - kept,
                len(old) - kept,
            )
    earlier = source.optimizer_state.num_updates
    assert trainer.optimizer.num_updates == report.num_updates == earlier > 0
    assert all(torch.isfinite(parameter).all() for parameter in trainer.model.parameters())

    news = list(trainer.run())
    assert news[0].step == 0  # where it starts from is a checkpoint
    assert news[-1].step == trainer.num_steps
    assert trainer.optimizer.num_updates == earlier + trainer.num_steps


def mean_predictions(trainer: Trainer) -> torch.Tensor:
    """How often each word is predicted over the whole text, both directions together."""
    text = IndexedCorpus(trainer.corpus, trainer.vocabulary, max_characters=10)
    state = trainer.model.zero_state(2)
    total = torch.zeros(len(trainer.vocabulary), dtype=torch.float64)
    softmax = trainer.model.softmax
    with torch.no_grad():
        for batch in every_token_once(text, num_rows=2, num_steps=7, num_warm_up=0, bidirectional=True):
            output = trainer.model(batch, state)
            state = output.state
            for hidden in (part.hidden for part in output.directions):
                probabilities = torch.softmax(hidden @ softmax.weight.t() + softmax.bias, dim=1)
                total += probabilities[torch.from_numpy(batch.is_counted.ravel())].sum(dim=0).double()
    return total / total.sum()


def test_words_are_predicted_as_often_as_they_occur_in_the_new_text(texts, base, monkeypatch):
    monkeypatch.setattr(PREDICTIONS, NUM_MATCHED_PREDICTIONS)
    source = base()
    words = [*texts.vocabulary.words[3:20], "new", "newer"]
    trainer = new_run(texts, source, words)
    restart(trainer, source)
    lines = (texts.directory / "new.txt").read_text().split("\n")[:-1]
    num_predictions = 2 * sum(len(line.split()) + 1 for line in lines)
    expected = {"<S>": len(lines) / num_predictions, "</S>": len(lines) / num_predictions}
    for word in words:
        expected[word] = 2 * sum(line.split().count(word) for line in lines) / num_predictions
    found = mean_predictions(trainer)
    for word, share in expected.items():
        assert found[trainer.vocabulary.id_of(word)] == pytest.approx(share, rel=0.15, abs=2e-3), word


def test_the_bias_of_a_kept_softmax_is_left_alone_in_the_recipe_of_2018(texts, base):
    source = base()
    trainer = new_run(texts, source, list(texts.vocabulary.words[3:]))
    report = restart(trainer, source)
    assert torch.equal(trainer.model.softmax.bias, source.model.softmax.bias)
    assert not any(tensor.is_shifted for tensor in report.tensors)


def test_new_rows_come_from_the_spelling(texts, base):
    """The rows of a new word and of a known one that is spelled alike are alike."""
    source = base(recipe="adam", max_steps=200, num_epochs=20)
    known = texts.vocabulary.words[5]
    # Cut to ten places, the last two are the same to the model.
    words = [known, known.ljust(8, "_") + "1", known.ljust(8, "_") + "2"]
    trainer = new_run(texts, source, words)
    restart(trainer, source)
    weight = trainer.model.softmax.weight
    assert torch.allclose(weight[4], weight[5])
    assert not torch.allclose(weight[4], weight[3])


def test_patterns(texts, base):
    source = base()
    trainer = new_run(texts, source, ["a", "b"], freeze=["encoder", "stacks.0.1"])
    fresh = new_run(texts, source, ["a", "b"])
    report = restart(trainer, source, exclude=["softmax", "stacks.1.?.bias"])
    excluded = {tensor.name for tensor in report.tensors if tensor.outcome == "excluded"}
    assert excluded == {"softmax.weight", "softmax.bias", "stacks.1.0.bias", "stacks.1.1.bias"}
    parameters, untouched = dict(trainer.model.named_parameters()), dict(fresh.model.named_parameters())
    for name in excluded:
        assert torch.equal(parameters[name], untouched[name])
        assert (trainer.optimizer.slot("sum", name) == trainer.optimizer.initial_value).all()
    frozen = {name for name in parameters if name.startswith(("encoder.", "stacks.0.1."))}
    assert {t.name for t in report.tensors if t.reason.endswith("; frozen")} == frozen
    before = {name: value.detach().clone() for name, value in parameters.items()}
    list(trainer.run())
    assert {name for name in parameters if torch.equal(parameters[name], before[name])} == frozen


@pytest.mark.parametrize("patterns", [["sofmax"], ["softmax", "lm/softmax"]])
def test_a_pattern_without_a_match_is_refused_with_all_names(texts, base, patterns):
    source = base()
    trainer = new_run(texts, source, ["a", "b"])
    with pytest.raises(ConfigError, match=r"matches no parameter.*encoder\.embedding.*softmax\.bias"):
        restart(trainer, source, exclude=patterns)


def test_freezing_everything_is_refused(texts, base):
    with pytest.raises(ConfigError, match="leaves no parameter to train"):
        new_run(texts, base(), ["a", "b"], freeze=["*"])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"reset_optimizer": True}, "adagrad, fresh, as requested"),
        ({"recipe": "adam"}, "adam, fresh: the model was trained with adagrad"),
        ({"forget": True}, "adagrad, fresh: the model has no optimizer state"),
    ],
    ids=str,
)
def test_a_fresh_optimizer(texts, base, how, words):
    source = base()
    if how.pop("forget", False):
        source = load(texts.directory / "base")
    reset = how.pop("reset_optimizer", False)
    trainer = new_run(texts, source, ["a", "b"], **how)
    report = restart(trainer, source, reset_optimizer=reset)
    assert report.optimizer == words
    assert {tensor.optimizer for tensor in report.tensors} == {"fresh"}
    assert trainer.optimizer.num_updates == 0
    for slot in trainer.optimizer.slots:
        for name, _ in trainer.model.named_parameters():
            assert (trainer.optimizer.slot(slot, name) == trainer.optimizer.initial_value).all()


def test_a_model_without_softmax(texts, base, tmp_path):

    base().save_bilm(tmp_path / "pair")
    source = load(tmp_path / "pair", optimizer=True)
    trainer = new_run(texts, source, ["a", "b"], batch_size=4, unroll_steps=5)
    report = restart(trainer, source)
    fates = {tensor.name: (tensor.outcome, tensor.reason) for tensor in report.tensors}
    assert fates["softmax.weight"] == fates["softmax.bias"] == ("fresh", "the model has no softmax")
    assert {outcome for name, (outcome, _) in fates.items() if not name.startswith("softmax")} == {"restored"}
    list(trainer.run())


def test_another_geometry_is_refused_by_name(texts, base):
    source = base()
    with pytest.raises(ConfigError) as error:
        restart_config(source, None, ["cell_dim=9"])
    assert "continued training cannot change the geometry (model, given): lstm.cell_dim: 8, 9" in str(
        error.value
    )
    with pytest.raises(ConfigError, match="cannot change the geometry"):
        restart_config(source, "tiny")


def test_the_settings_are_those_of_the_model(texts, base):
    source = base(batch_size=3)
    config = restart_config(source, None, ["patience=2"])
    assert config.model == source.config.model
    assert config.training.batch_size == 3
    assert config.training.max_steps is None
    assert config.training.patience == 2
    assert (config.training.learning_rate, config.training.warmup) == (0.2, 0.0)
    changed = restart_config(source, None, ["recipe=adam"]).training
    assert (changed.optimizer, changed.schedule, changed.batch_size) == ("adam", "cosine", 3)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_schedule_is_one_for_going_on(texts, base, schedule):
    source = base(recipe="adam", schedule=schedule)
    assert (source.config.training.learning_rate, source.config.training.warmup) == (0.015, 0.1)
    training = restart_config(source).training
    assert (training.learning_rate, training.warmup, training.schedule) == (0.01, 0.02, schedule)
    assert restart_config(source, None, ["learning_rate=0.02"]).training.learning_rate == 0.02
    assert restart_config(source, None, ["recipe=bilm"]).training.learning_rate == 0.2
    # Nothing is warm where the optimizer starts afresh.
    cold = load(texts.directory / "base")
    assert restart_config(cold).training == source.config.training.model_copy(update={"max_steps": None})


def test_one_of_the_checkpoints(texts, base):
    base(evaluations_per_epoch=10**6)
    directory = list_checkpoints(texts.directory / "base")[0]
    source = load(directory, optimizer=True)
    assert source.source == directory
    assert source.facts["step"] == source.optimizer_state.num_updates == int(directory.name[5:])


def test_a_restarted_run_resumes_bit_for_bit(texts, base):
    source = base()
    words = [*texts.vocabulary.words[3:20], "new"]
    straight = new_run(texts, source, words, name="straight", max_steps=9)
    restart(straight, source)
    list(straight.run())
    stopped = new_run(texts, source, words, max_steps=9)
    restart(stopped, source)
    for progress in stopped.run():
        if progress.step == 4:
            stopped.save_checkpoint()
            break
    resumed = new_run(texts, source, words, max_steps=9)
    resumed.load_checkpoint(read_last_checkpoint(resumed.save_dir)[1])
    assert resumed.step == 4
    list(resumed.run())
    for name, parameter in resumed.model.named_parameters():
        assert torch.equal(parameter, dict(straight.model.named_parameters())[name])
    earlier = source.optimizer_state.num_updates
    assert resumed.optimizer.num_updates == straight.optimizer.num_updates == earlier + 9


def test_the_report_says_it_all(texts, base):
    source = base()
    trainer = new_run(texts, source, ["a", "b", texts.vocabulary.words[4]])
    report = restart(trainer, source, exclude=["softmax.weight"])
    lines = str(report).split("\n")
    assert lines[0] == (
        f"continuing from {source.source}; optimizer: adagrad, restored after {report.num_updates} updates"
    )
    assert lines[1].split() == ["tensor", "shape", "outcome", "kept", "new", "dropped", "optimizer", "why"]
    assert len(lines) == 2 + len(report.tensors)
    last = lines[-1].split()
    assert last[:7] == [
        "softmax.bias",
        "6",
        "transplanted",
        "4",
        "2",
        str(len(texts.vocabulary) - 4),
        "transplanted",
    ]
    assert lines[-1].endswith("its rows are words; shifted to the word frequencies of the new text")
    assert lines[-2].split()[:2] == ["softmax.weight", "6"]
    report.save(Path("report.json"))
    saved = json.loads(Path("report.json").read_text())
    assert saved["num_updates"] == source.optimizer_state.num_updates > 0
    assert [tensor["name"] for tensor in saved["tensors"]] == [t.name for t in report.tensors]


def test_evaluation_before_the_first_step_counts(texts, base):
    """The best model may be the one that was started from."""
    source = base()
    trainer = new_run(texts, source, list(texts.vocabulary.words[3:]), learning_rate=1e-9, patience=1)
    restart(trainer, source)
    first = next(iter(trainer.run()))
    assert (first.step, first.is_best) == (0, True)
    expected = evaluate(trainer.model, texts.heldout, trainer.vocabulary).perplexity
    assert first.evaluation.perplexity == expected
