"""Arguments of the wrong kind are refused by name, before anything is done with them."""

from __future__ import annotations

import decimal

import numpy as np
import pytest
import torch

from elmokit import (
    BiLM,
    Elmo,
    ElmoEmbedder,
    LanguageModel,
    NeighborIndex,
    TextClassifier,
    Trainer,
    Vocabulary,
    evaluate,
    plot_occurrences,
    restart_config,
    write_projector,
)
from elmokit.arguments import instance_of, one_of, share, strings, yes_or_no
from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.dialects import bilm, simple_elmo, tfhub
from elmokit.errors import ConfigError
from elmokit.loading import load


class Rude:
    """Whose every method raises an error of its own."""

    def _raise(self, *_: object) -> str:
        raise ArithmeticError

    __str__ = __repr__ = __len__ = __iter__ = __float__ = __index__ = __bool__ = _raise  # type: ignore[assignment]


STRANGE = [
    None,
    5,
    -1.5,
    "text",
    b"bytes",
    [],
    {"a": 1},
    {1, 2},
    np.zeros(3),
    torch.zeros(2, 3),
    Rude(),
    object,
]


@pytest.fixture(scope="module")
def model(golden):
    return load(golden / "infer_models" / "no_clips")


@pytest.fixture(scope="module")
def embedder(model):
    return ElmoEmbedder(model)


def test_the_right_ones_are_returned():
    assert instance_of("x", "a", str) == "a"
    for value in (True, np.True_):
        assert yes_or_no("x", value) is True
    for number in (0, 1, 0.5, np.float32(0.5), torch.tensor(0.5), decimal.Decimal("0.5")):
        assert share("x", number) == float(number)
    one_of("x", "a", ("a", "b", "c"))


@pytest.mark.parametrize("value", [*STRANGE, "False", 2, torch.tensor(True)], ids=lambda v: type(v).__name__)
def test_what_is_no_yes_or_no(value):
    with pytest.raises(ConfigError, match=r"^x: expected True or False, got "):
        yes_or_no("x", value)


@pytest.mark.parametrize(
    "value", [-0.1, 1.1, float("nan"), float("inf"), 1j, True, "0.5", None, np.zeros(3), Rude(), [0.5]]
)
def test_what_is_no_share(value):
    with pytest.raises(ConfigError, match=r"^x: expected a number from 0 to 1, got "):
        share("x", value)


@pytest.mark.parametrize("value", ["d", "A", "", None, 0, ["a"], Rude(), np.array(["a", "b"])])
def test_what_is_no_choice(value):
    with pytest.raises(ConfigError, match=r"^x: expected a, b or c, got "):
        one_of("x", value, ("a", "b", "c"))


def test_strings():
    assert strings("x", ("a", "b")) == ["a", "b"]
    assert strings("x", iter(["a"])) == ["a"]
    for value in ("ab", b"ab", 5, None, {"a": 1}):
        with pytest.raises(ConfigError, match=r"^x: expected strings, got "):
            strings("x", value)
    with pytest.raises(ConfigError, match=r"^x\[1\]: expected a string, got None"):
        strings("x", ["a", None])


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_objects_of_another_class_are_refused_by_name(value, model, embedder, golden, tmp_path):
    source = golden / "infer_models" / "no_clips"
    corpus, config = Corpus.from_sentences(["a b"]), Config.load("tiny")
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "a"])
    index = NeighborIndex.build(embedder, corpus)
    a_vector = np.ones(embedder.dim, np.float32)
    calls = {
        "pretrained": [lambda: ElmoEmbedder(value), lambda: LanguageModel(value)],
        "embedder": [
            lambda: NeighborIndex.build(value, ["a b"]),
            lambda: NeighborIndex.open("x", value),
            lambda: NeighborIndex.stored(value, corpus),
            lambda: plot_occurrences(value, ["a b"]),
            lambda: write_projector(value, ["a b"], tmp_path),
        ],
        "config": [
            lambda: Trainer(value, corpus, vocabulary, save_dir=tmp_path),
            lambda: BiLM(value, 10),
        ],
        "corpus": [
            lambda: Trainer(config, value, vocabulary, save_dir=tmp_path),
            lambda: NeighborIndex.stored(embedder, value),
        ],
        "vocabulary": [lambda: Trainer(config, corpus, value, save_dir=tmp_path)],
        "model": [lambda: evaluate(value, corpus)],
        "source": [lambda: restart_config(value)],
        "words": [lambda: index.search(a_vector, words=value), lambda: index.nearest(["a"], 0, words=value)],
        "requires_grad": [lambda: Elmo(pretrained=model, requires_grad=value)],
        "with_softmax": [
            lambda: BiLM(config.model, 10, with_softmax=value),
            lambda: model.save_bilm(tmp_path / "x", with_softmax=value),
        ],
        "half_precision": [lambda: model.save_pretrained(tmp_path / "x", half_precision=value)],
        "dtype": [lambda: embedder.embed_file("text.txt", tmp_path / "x.hdf5", dtype=value)],
        "max_cached_types": [lambda: ElmoEmbedder(model, max_cached_types=[value])],
        "optimizer": [lambda: load(source, optimizer=value)],
        "color_by": [lambda: plot_occurrences(embedder, ["a b"], color_by=[value])],
        "full": [lambda: simple_elmo.ElmoModel().load(tmp_path, full=value)],
        "trainable": [lambda: tfhub.ElmoModule(model, trainable=value)],
        "stateful": [lambda: bilm.dump_bilm_embeddings(None, "t", None, source, "x", stateful=value)],
        "use_top_only": [lambda: bilm.WeightLayers(3, use_top_only=value)],
    }
    if not isinstance(value, dict):
        calls["counts"] = [lambda: Vocabulary.from_counts(value)]
        if value is not None:
            calls["token_table"] = [lambda: ElmoEmbedder(model, token_table=value)]
    if value is not None:
        calls |= {
            "settings": [lambda: TextClassifier("random", settings=value)],
            "query": [lambda: index.search(a_vector, query=value)],
            "heldout": [lambda: Trainer(config, corpus, vocabulary, save_dir=tmp_path, heldout=value)],
        }
    for name, functions in calls.items():
        for function in functions:
            with pytest.raises(ConfigError, match=rf"^{name}: expected ") as caught:
                function()
            assert str(caught.value).isprintable()
