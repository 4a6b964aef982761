"""Arguments of a wrong kind, in every place that takes them: one line, no traceback of a library."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import elmokit
from elmokit.arguments import share, whole_number, yes_or_no
from elmokit.dialects import allennlp, bilm
from elmokit.downstream.classification.label_set import LabelSet
from elmokit.downstream.crf import LinearChainCRF
from elmokit.downstream.tagging.scores import score_tags
from elmokit.downstream.tagging.spans import write_spans
from elmokit.errors import ConfigError, ElmokitError
from elmokit.visualize.confusion import plot_confusion

NO_PATHS = [1, None, ["model"], b"model", 3.5]


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3), torch.tensor(3)])
def test_whole_numbers_of_any_kind(value):
    number = whole_number("k", value, least=1)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize(
    "value", [True, None, 1.0, "3", [3], np.array([1, 2]), torch.zeros(2), float("nan"), b"3"]
)
def test_anything_else_is_refused(value):
    with pytest.raises(ConfigError, match="k: expected a whole number, got "):
        whole_number("k", value)


def test_the_least():
    assert whole_number("position", -5) == -5
    with pytest.raises(ConfigError, match="k: expected at least 1, got 0"):
        whole_number("k", 0, least=1)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), torch.tensor(0.5), 1])
def test_shares(value):
    assert share("dropout", value) == float(value)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "0.5", True, None, [0.5], np.zeros(2)])
def test_what_is_no_share(value):
    with pytest.raises(ConfigError, match="dropout: expected a number from 0 to 1, got "):
        share("dropout", value)


def test_truth_values():
    assert yes_or_no("x", np.True_) is True
    assert yes_or_no("x", 0) is False
    for value in ("yes", None, 2, 1.0, [True]):
        with pytest.raises(ConfigError, match="x: expected True or False, got "):
            yes_or_no("x", value)


@pytest.fixture(scope="module")
def model() -> elmokit.PretrainedModel:
    return elmokit.load("tiny-en")


@pytest.mark.parametrize("value", NO_PATHS)
def test_what_is_no_path(value, model):
    embedder = elmokit.ElmoEmbedder(model)
    vocabulary = elmokit.Vocabulary(["<S>", "</S>", "<UNK>"])
    config = elmokit.Config.load("tiny")
    corpus = elmokit.Corpus.from_sentences(["a b"])
    calls = [
        lambda: elmokit.load(value),
        lambda: elmokit.ElmoEmbedder.load(value),
        lambda: elmokit.Elmo.from_pretrained(value),
        lambda: elmokit.Elmo("options.json", value),
        lambda: elmokit.LanguageModel.load(value),
        lambda: elmokit.Vocabulary.load(value),
        lambda: elmokit.Config.load(value),
        lambda: elmokit.Trainer(config, corpus, vocabulary, save_dir=value),
        lambda: elmokit.NeighborIndex.open(value, embedder),
        lambda: model.save_pretrained(value),
        lambda: model.save_bilm(value),
        lambda: vocabulary.save(value),
        lambda: config.save(value),
        lambda: embedder.embed_file(__file__, value),
        lambda: elmokit.prepare_corpus([value]),
        lambda: elmokit.plot_curves([value]),
    ]
    for call in calls:
        with pytest.raises(ElmokitError) as raised:
            call()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [1, None, b"text.txt", 3.5])
def test_what_is_no_text(value):
    with pytest.raises(ConfigError, match="patterns: expected a path or a list of paths, got "):
        elmokit.prepare_corpus(value)


def test_options_of_a_layer(model):
    for arguments, message in (
        ({"dropout": 2}, "dropout: expected a number from 0 to 1, got 2"),
        ({"dropout": "a"}, "dropout: expected a number, got 'a'"),
        ({"requires_grad": "yes"}, "requires_grad: expected True or False, got 'yes'"),
        ({"scalar_mix_parameters": 3}, "scalar_mix_parameters: expected a list of numbers or None, got 3"),
    ):
        with pytest.raises(ConfigError, match=message):
            elmokit.Elmo(pretrained=model, **arguments)


@pytest.mark.parametrize("layers", [[0, 2], (0, -1), np.array([0, 2]), torch.tensor([0, 2]), range(0, 3, 2)])
def test_indexes_of_layers(layers, model):
    embedder = elmokit.ElmoEmbedder(model)
    every, _ = embedder.run([["a", "b"]])
    found, _ = embedder.run([["a", "b"]], layers=layers)
    assert torch.equal(torch.stack(found), torch.stack([every[0], every[2]]))


@pytest.mark.parametrize("layers", [3, [3], "top", b"01", [True], [0.5], torch.tensor(1), object()])
def test_what_are_no_indexes_of_layers(layers, model):
    with pytest.raises(ConfigError, match="layers: expected a list of numbers from 0 to 2, got "):
        elmokit.ElmoEmbedder(model).run([["a", "b"]], layers=layers)


@pytest.mark.parametrize("number", ["2", 0, 2.5, True, [1]])
def test_numbers_of_processes(number, model, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("a b\n")
    elmokit.prepare_corpus(text, cache_dir=tmp_path)  # also where the text is prepared already
    with pytest.raises(ConfigError, match="num_processes: expected "):
        elmokit.prepare_corpus(text, cache_dir=tmp_path, num_processes=number)
    with pytest.raises(ConfigError, match="num_processes: expected "):
        elmokit.ElmoEmbedder(model).iter_embed(["a"], num_processes=number)


@pytest.mark.parametrize("overrides", [3, None, "batch_size=2", {"batch_size": 2}, [3], [None]])
def test_overrides(overrides):
    with pytest.raises(ConfigError, match=r"overrides(\[0\])?: expected "):
        elmokit.Config.load("tiny", overrides)


@pytest.mark.parametrize("device", ["cpu", None, [0], True])
def test_devices_of_allennlp(device):
    with pytest.raises(ConfigError, match="cuda_device: expected a whole number"):
        allennlp.ElmoEmbedder(None, "tiny-en", device)


def _corpus() -> elmokit.Corpus:
    return elmokit.Corpus.from_sentences(["a b", "c"])


def _vocabulary() -> bilm.Vocabulary:
    vocabulary = bilm.Vocabulary.__new__(bilm.Vocabulary)
    elmokit.Vocabulary.__init__(vocabulary, ["<S>", "</S>", "<UNK>", "a"])
    return vocabulary


def _classifier() -> elmokit.TextClassifier:
    return elmokit.TextClassifier("random")


TAGS = [["N", "V"]]
EMISSIONS, MASK = torch.zeros(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _corpus().words(-1), "index: expected a sentence from 0 to 1, got -1"),
        (lambda: _corpus().length(2), "index: expected a sentence from 0 to 1, got 2"),
        (lambda: _corpus().sentence(1.5), "index: expected a whole number, got 1.5"),
        (lambda: _corpus().location(torch.zeros(3)), "index: expected a whole number, got Tensor"),
        (
            lambda: _corpus().spans(np.zeros(1), np.zeros(1), np.ones(1), 1),
            "expected three arrays of sentences, starts and counts",
        ),
        (lambda: elmokit.Vocabulary(["<S>", "</S>", "<UNK>", 3]), "words[3]: expected a string, got 3"),
        (lambda: _vocabulary().id_of(3), "word: expected a string, got 3"),
        (lambda: elmokit.Vocabulary.from_counts({"a": "3"}), "counts['a']: expected a whole number, got '3'"),
        (lambda: _vocabulary().id_to_word(4), "cur_id: expected a number from 0 to 3, got 4"),
        (lambda: _vocabulary().encode("ab", split=False), "sentence: expected strings, got 'ab'"),
        (lambda: _classifier().fit(["a"], 3), "labels: expected a label for each text, got 3"),
        (
            lambda: _classifier().fit(["a"], ["x"], [["a"]]),
            "dev: expected two, the texts and their labels, got",
        ),
        (lambda: _classifier().fit(["a"], ["x"], (["a"], 1)), "dev: labels: expected a label for each text"),
        (lambda: elmokit.TextClassifier([]), "embedding: expected at least one"),
        (lambda: elmokit.TextClassifier([3]), "embedding[0]: expected TokenEmbedding, got 3"),
        (lambda: list(_classifier().iter_predict(3)), "texts: expected texts, got 3"),
        (
            lambda: elmokit.SequenceTagger.train([["a", "b"]], [3], [["a", "c"]], TAGS, embedding="random"),
            "tags[0]: expected a list of strings, got 3",
        ),
        (
            lambda: elmokit.SequenceTagger.train([["a", "b"]], TAGS, [["a", "c"]], 3, embedding="random"),
            "dev_tags: expected a list of lists of strings, got 3",
        ),
        (
            lambda: elmokit.SequenceTagger.train([["a", "b"]], TAGS, [["a", "c"]], TAGS, embedding=[]),
            "embedding: expected at least one",
        ),
        (
            lambda: write_spans([("X", 0, 3)], 2, "BIO"),
            "spans: expected a type with a start and an end from 0 to 2",
        ),
        (lambda: score_tags(TAGS, [["N"]]), "predicted: expected as many tags for each sentence as in gold"),
        (lambda: LinearChainCRF(0), "num_tags: expected at least 1, got 0"),
        (lambda: LinearChainCRF(3).decode(EMISSIONS, "x"), "mask: expected Tensor, got str"),
        (
            lambda: LinearChainCRF(3)(EMISSIONS, torch.full((1, 2), 7), MASK),
            "tags: expected numbers from 0 to 2",
        ),
        (
            lambda: plot_confusion(["a", "b"], np.zeros((2, 3))),
            "counts: expected numbers (2, 2) for 2 labels, got",
        ),
        (lambda: bilm.WeightLayers(0), "num_layers: expected at least 1, got 0"),
        (
            lambda: bilm.WeightLayers(3)({"x": 1}),
            "bilm_ops: expected the result of a BidirectionalLanguageModel",
        ),
        (lambda: elmokit.Batch(inputs=(), batch_sizes=()).to("gpu"), "device: expected a device such as cpu"),
    ],
)
def test_each_kind_that_has_failed_once(call, message):
    with pytest.raises(ElmokitError) as raised:
        call()
    assert str(raised.value).startswith(message)


def test_labels_of_other_libraries_have_their_values():
    names = LabelSet.of([torch.tensor(1), torch.tensor(0), np.int64(1)]).names
    assert names == ("0", "1")


def test_numbers_of_layers_are_written_as_pythons(model):
    layout = elmokit.ElmoEmbedder(model).layout(np.int64(1), "float32")
    assert (layout.layers, type(layout.layers)) == (1, int)


def test_the_sentences_of_a_corpus_in_memory_are_numbered():
    assert _corpus().location(1) == "sentence 1"


def test_the_largest_number_of_representations(model):
    with pytest.raises(ConfigError, match="num_output_representations: expected at most 1,000, got 1001"):
        elmokit.Elmo(pretrained=model, num_output_representations=1001)
