"""The trainable layer: values, gradients, and independence of the batch."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit import Config, Elmo, ElmoEmbedder, Vocabulary, batch_to_ids, load
from elmokit.data.characters import boundary_rows, char_rows
from elmokit.errors import ConfigError, ElmokitError
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.model.bilm import BiLM

GOLDEN = Path(__file__).parent / "golden" / "infer_models"
MODEL = GOLDEN / "skip2_relu"
CLIPPED = GOLDEN / "skip3_tanh"  # small clips, so that values are clipped
SENTENCES = [
    ["The", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["naïve"],
    ["<S>", "我", "</S>", "the-word-of-more-than-fifty-bytes-that-has-to-be-cut-somewhere", "the", "The"],
]
WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "sat", "mat", ".")


def make(directory: Path = MODEL, **settings: object) -> Elmo:
    return Elmo(directory / "options.json", directory / "weights.hdf5", **{"dropout": 0.0, **settings})


def values(elmo: Elmo, *inputs: object) -> Tensor:
    (representation,) = elmo(*inputs)["elmo_representations"]
    return representation.detach()


@pytest.fixture
def elmo() -> Elmo:
    return make()


@pytest.fixture
def ids() -> Tensor:
    return batch_to_ids(SENTENCES)


@pytest.fixture
def word_model(tmp_path: Path) -> Path:
    directory = tmp_path / "words"
    directory.mkdir()
    config = Config.load("tiny", ["char_cnn=null", "cell_dim=20", "projection_dim=8", "num_layers=2"])
    model = BiLM(config.model, len(WORDS))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    write_weights(directory / "weights.hdf5", config.model, model.state_dict())
    options = json.dumps(config.to_bilm_options(num_words=len(WORDS)))
    (directory / "options.json").write_text(options, encoding="utf-8")
    Vocabulary(WORDS).save(directory / "vocab.txt")
    return directory


# batch_to_ids


def test_batch_to_ids(ids):
    assert ids.shape == (4, 7, 50)
    assert ids.dtype == torch.int64
    expected = char_rows([b"The", b"cat"], 50) + 1
    np.testing.assert_array_equal(ids[0, :2], expected)
    np.testing.assert_array_equal(ids[3, [0, 2]], boundary_rows(50) + 1)
    assert ids[3, 3, 49] == 260  # the end-of-word symbol is in the last position
    assert not ids[1].any()
    assert not ids[2, 1:].any()


@pytest.mark.parametrize(("batch", "shape"), [([], (0, 0, 50)), ([[]], (1, 0, 50)), ([[""]], (1, 1, 50))])
def test_batch_to_ids_of_empty_batches(batch, shape):
    assert batch_to_ids(batch).shape == shape


# Values


@pytest.mark.parametrize("directory", [MODEL, CLIPPED], ids=["relu", "tanh"])
def test_the_average_of_the_layers(directory, ids):
    output = make(directory)(ids)
    (representation,) = output["elmo_representations"]
    assert representation.shape == (4, 7, 32)
    assert output["mask"].dtype == torch.bool
    assert output["mask"].sum(dim=1).tolist() == [7, 0, 1, 6]
    vectors = ElmoEmbedder.load(directory).embed(SENTENCES, "average")
    for own, row in zip(vectors, representation.detach().numpy(), strict=True):
        np.testing.assert_allclose(row[: len(own)], own, rtol=0, atol=1e-6)
        assert not row[len(own) :].any()


def test_strings_and_ids_give_the_same(elmo, ids):
    torch.testing.assert_close(values(elmo, SENTENCES), values(elmo, ids), rtol=0, atol=1e-6)
    assert torch.equal(elmo(SENTENCES)["mask"], elmo(ids)["mask"])


def test_a_plain_string_is_refused(elmo):
    for sentences in ("the cat", ["the cat"]):
        with pytest.raises(
            ElmokitError, match=r"Elmo: expected lists of tokens, got the string 'the cat': split it"
        ):
            elmo(sentences)


def test_padding_and_the_batch_do_not_matter(elmo, ids):
    expected = values(elmo, ids)
    longer = F.pad(ids, (0, 0, 0, 5))
    output = elmo(longer)
    assert output["mask"].shape == (4, 12)
    padded = output["elmo_representations"][0].detach()
    assert torch.equal(padded[:, :7], expected)
    assert not padded[:, 7:].any()
    for k, sentence in enumerate(SENTENCES):
        alone = values(elmo, batch_to_ids([sentence]))
        torch.testing.assert_close(alone[0], expected[k, : len(sentence)], rtol=0, atol=1e-6)
    torch.testing.assert_close(values(elmo, ids.flip(0)).flip(0), expected, rtol=0, atol=1e-6)
    assert torch.equal(values(elmo, ids), expected)  # no state is carried


def test_dimensions_before_the_words(elmo, ids):
    expected = values(elmo, ids)
    output = elmo(ids.reshape(2, 2, 7, 50))
    assert output["mask"].shape == (2, 2, 7)
    assert torch.equal(output["elmo_representations"][0].detach(), expected.reshape(2, 2, 7, 32))
    assert torch.equal(values(elmo, ids.reshape(1, 2, 2, 7, 50)), expected.reshape(1, 2, 2, 7, 32))


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0), (2, 4), (2, 0, 4)])
@pytest.mark.parametrize("keep", [False, True])
def test_batches_without_a_word(shape, keep):
    elmo = make(keep_sentence_boundaries=keep, do_layer_norm=True, requires_grad=True)
    output = elmo(torch.zeros(*shape, 50, dtype=torch.int64))
    shape = (*shape[:-1], shape[-1] + 2 * keep)
    assert output["mask"].shape == shape
    assert output["elmo_representations"][0].shape == (*shape, 32)
    assert torch.isfinite(output["elmo_representations"][0]).all()
    if not keep:
        assert not output["elmo_representations"][0].any()
        assert not output["mask"].any()


def test_keep_sentence_boundaries(elmo, ids):
    kept = make(keep_sentence_boundaries=True)(ids)
    assert kept["mask"].sum(dim=1).tolist() == [9, 2, 3, 8]
    (representation,) = kept["elmo_representations"]
    representation = representation.detach()
    assert representation.shape == (4, 9, 32)
    assert not representation[~kept["mask"]].any()
    assert representation[kept["mask"]].abs().amax(dim=1).min() > 0.1
    expected = values(elmo, ids)
    for k, sentence in enumerate(SENTENCES):
        assert torch.equal(representation[k, 1 : len(sentence) + 1], expected[k, : len(sentence)])
    layers = ElmoEmbedder.load(MODEL).run(SENTENCES[:1])[0]  # including the markers
    torch.testing.assert_close(representation[0], sum(layers) / 3, rtol=0, atol=1e-6)


def test_layer_norm(ids):
    elmo = make(do_layer_norm=True, keep_sentence_boundaries=True)
    layers = [layer.double() for layer in ElmoEmbedder.load(MODEL).run(SENTENCES)[0]]  # of all tokens
    normalized = [(layer - layer.mean()) / layer.std(correction=0) for layer in layers]
    output = elmo(ids)
    actual = output["elmo_representations"][0].detach()
    torch.testing.assert_close(actual[output["mask"]].double(), sum(normalized) / 3, rtol=0, atol=1e-5)
    assert not actual[~output["mask"]].any()  # normalization would change zeros, but padding stays zero
    without = values(make(do_layer_norm=True), ids)
    for k, sentence in enumerate(SENTENCES):
        assert torch.equal(without[k, : len(sentence)], actual[k, 1 : len(sentence) + 1])
        assert not without[k, len(sentence) :].any()


def test_scalar_mix_parameters(ids):
    elmo = make(scalar_mix_parameters=[-200.0, 0.0, -200.0])
    assert elmo.scalar_mix_0.weights.tolist() == [0, 1, 0]
    layers = ElmoEmbedder.load(MODEL).embed(SENTENCES, 1)
    torch.testing.assert_close(values(elmo, ids)[0], torch.from_numpy(layers[0]), rtol=0, atol=1e-6)
    assert [name for name, parameter in elmo.named_parameters() if parameter.requires_grad] == []
    with pytest.raises(ConfigError, match=r"expected one number for each of 3 layers, got \[1, 2\]"):
        make(scalar_mix_parameters=[1, 2])


def test_several_representations(ids):
    elmo = make(num_output_representations=3, requires_grad=True)
    with torch.no_grad():
        elmo.scalar_mix_1.gamma.fill_(2.0)
        elmo.scalar_mix_2.scalar_parameters[0].fill_(-200.0)
    first, second, third = elmo(ids)["elmo_representations"]
    torch.testing.assert_close(second, 2 * first)
    vectors = ElmoEmbedder.load(MODEL).embed(SENTENCES)
    expected = torch.from_numpy(vectors[0][1:].mean(axis=0))
    torch.testing.assert_close(third[0].detach(), expected, rtol=0, atol=1e-6)
    with pytest.raises(ConfigError, match=r"num_output_representations: expected at least 1, got 0"):
        make(num_output_representations=0)


def test_dropout(ids):
    elmo = make(dropout=0.5)
    torch.manual_seed(0)
    dropped, whole = values(elmo, ids), values(elmo.eval(), ids)
    is_dropped = dropped == 0
    assert 0.4 < is_dropped[0].float().mean() < 0.6
    torch.testing.assert_close(dropped[~is_dropped], 2 * whole[~is_dropped])


def test_get_output_dim(elmo):
    assert elmo.get_output_dim() == 32


# Cached words


VOCABULARY = ["padding", "The", "cat", "sat", "on", "the", "mat", "."]


def word_ids(sentences: list[list[str]]) -> Tensor:
    rows = [torch.tensor([VOCABULARY.index(word) for word in sentence]) for sentence in sentences]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def test_vocab_to_cache(elmo, monkeypatch):
    sentences = [SENTENCES[0], ["the", "cat"]]
    cached = make(vocab_to_cache=VOCABULARY)
    expected = elmo(batch_to_ids(sentences))
    monkeypatch.setattr(cached.bilm.encoder, "forward", None)  # the encoder is not used
    for inputs in (None, batch_to_ids(sentences)):
        output = cached(inputs, word_ids(sentences))
        assert torch.equal(output["mask"], expected["mask"])
        actual, wanted = output["elmo_representations"][0], expected["elmo_representations"][0]
        torch.testing.assert_close(actual, wanted, rtol=0, atol=1e-6)
    with_dimensions = cached(None, word_ids(sentences).reshape(1, 2, 7))
    assert with_dimensions["elmo_representations"][0].shape == (1, 2, 7, 32)


def test_words_beyond_the_cache_are_encoded(elmo, ids):
    cached = make(vocab_to_cache=VOCABULARY)
    beyond = torch.full((4, 7), len(VOCABULARY))
    torch.testing.assert_close(values(cached, ids, beyond), values(elmo, ids), rtol=0, atol=1e-6)
    # Without a cache, word_inputs has no effect.
    torch.testing.assert_close(values(elmo, ids, word_ids(SENTENCES[:1])), values(elmo, ids))
    with pytest.raises(ElmokitError, match=r"word_inputs: ids from 8 to 8, expected 0 to 7"):
        cached(None, beyond)
    with pytest.raises(ElmokitError, match=r"no inputs, and no vocab_to_cache for word_inputs"):
        elmo(None, word_ids(SENTENCES[:1]))


def test_cached_words_learn_with_the_bilm():
    cached = make(vocab_to_cache=VOCABULARY, requires_grad=True)
    cached(None, word_ids([["the", "cat"]]))["elmo_representations"][0].sum().backward()
    assert cached.cached_words is not None
    assert cached.cached_words.grad is not None
    is_used = cached.cached_words.grad.abs().sum(dim=1) > 0
    # The two markers come first.
    assert is_used.tolist() == [True, True, *(word in ("the", "cat") for word in VOCABULARY)]
    frozen = make(vocab_to_cache=VOCABULARY).cached_words
    assert frozen is not None
    assert not frozen.requires_grad


# Gradients


def plain_layers(model: BiLM, sentence: list[str]) -> list[Tensor]:
    """Return the layers (n + 2, D) of one sentence, computed token by token."""
    encoder = model.encoder
    rows = torch.from_numpy(char_rows([word.encode() for word in sentence], 50))
    begin, end = torch.from_numpy(boundary_rows(50))
    tokens = []
    for row in [begin, *rows, end]:
        characters = encoder.embedding[row]
        pooled = []
        for kernel, bias in zip(encoder.kernels, encoder.biases, strict=True):
            convolved = F.conv1d(characters.t()[None], kernel.permute(2, 1, 0))[0]  # (n, windows)
            pooled.append(convolved.max(dim=1).values + bias)
        features = torch.cat(pooled)
        features = features.relu() if encoder.activation == "relu" else features.tanh()
        for highway in encoder.highways:
            gate = torch.sigmoid(features @ highway.carry + highway.carry_bias)
            transform = torch.relu(features @ highway.transform + highway.transform_bias)
            features = gate * transform + (1 - gate) * features
        tokens.append(features @ encoder.projection + encoder.projection_bias)
    outputs = []
    for direction, stack in enumerate(model.stacks):
        hidden, of_direction = tokens[::-1] if direction else tokens, []
        for k, layer in enumerate(stack):
            cell, state = hidden[0].new_zeros(layer.cell_dim), hidden[0].new_zeros(layer.output_dim)
            next_hidden = []
            for inputs in hidden:
                i, j, f, o = (torch.cat([inputs, state]) @ layer.kernel + layer.bias).chunk(4)
                cell = torch.sigmoid(f + 1.0) * cell + torch.sigmoid(i) * torch.tanh(j)
                if layer.cell_clip is not None:
                    cell = cell.clamp(-layer.cell_clip, layer.cell_clip)
                state = (torch.sigmoid(o) * torch.tanh(cell)) @ layer.projection
                if layer.projection_clip is not None:
                    state = state.clamp(-layer.projection_clip, layer.projection_clip)
                next_hidden.append(state + inputs if k > 0 else state)  # skip connections
            hidden = next_hidden
            of_direction.append(torch.stack(hidden[::-1] if direction else hidden))
        outputs.append(of_direction)
    token_layer = torch.stack(tokens)
    return [
        torch.cat([token_layer, token_layer], dim=1),
        *(torch.cat(pair, dim=1) for pair in zip(*outputs, strict=True)),
    ]


@pytest.mark.parametrize("directory", [MODEL, CLIPPED], ids=["relu", "tanh"])
def test_gradients_of_everything(directory):
    """Gradients of all parameters, in double precision, compared with autograd through a plain loop."""
    sentences = [["The", "cat", "sat", "naïve"], [], ["the", "cat"]]
    elmo = make(directory, requires_grad=True).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for mixture in elmo.scalar_mix_0.parameters():
            mixture.uniform_(0.5, 1.5, generator=generator)
    target = torch.rand(3, 4, 32, generator=generator, dtype=torch.float64)
    (representation,) = elmo(batch_to_ids(sentences))["elmo_representations"]
    (representation * target).sum().backward()
    gradients = {name: parameter.grad for name, parameter in elmo.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())

    elmo.zero_grad(set_to_none=True)
    mix = elmo.scalar_mix_0
    weights = torch.softmax(torch.cat(list(mix.scalar_parameters)), dim=0)
    loss = target.new_zeros(())
    for k, sentence in enumerate(sentences):
        layers = plain_layers(elmo.bilm, sentence)
        expected = mix.gamma * sum(weight * layer for weight, layer in zip(weights, layers, strict=True))
        own = representation[k, : len(sentence)].detach()
        torch.testing.assert_close(own, expected[1:-1].detach(), rtol=0, atol=1e-12)
        loss = loss + (expected[1:-1] * target[k, : len(sentence)]).sum()
    loss.backward()
    for name, parameter in elmo.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-9, atol=1e-11, msg=name)


def test_which_parameters_are_trained(ids):
    frozen, learning = make(), make(requires_grad=True)
    for elmo in (frozen, learning):
        elmo(ids)["elmo_representations"][0].sum().backward()
    for name, parameter in frozen.named_parameters():
        assert (parameter.grad is not None) == name.startswith("scalar_mix_"), name
    for name, parameter in learning.named_parameters():
        assert parameter.grad is not None, name
    torch.testing.assert_close(values(frozen, ids), values(learning, ids), rtol=0, atol=1e-6)


def test_frozen_layers_keep_nothing_for_gradients(ids):
    assert not any(layer.requires_grad for layer in make()._layers(ids, None)[0])
    learning = make(requires_grad=True)
    assert all(layer.requires_grad for layer in learning._layers(ids, None)[0])
    with torch.no_grad():
        assert not any(layer.requires_grad for layer in learning._layers(ids, None)[0])


def test_padding_inside_a_sentence(elmo, ids):
    """As in AllenNLP, the sentence is shorter by one, and the padding is encoded like a word."""
    with_hole = ids[:1].clone()
    with_hole[0, 2] = 0
    output = elmo(with_hole)
    assert output["mask"].tolist() == [[True] * 6 + [False]]
    rows = with_hole[0, 2:3] - 1
    rows = torch.where(rows < 0, 261, rows)  # the symbol whose embedding is zero
    token = elmo.bilm.encode(rows, None)
    (layers, _, _) = elmo._layers(with_hole, None)
    torch.testing.assert_close(layers[0][0, 3, :16], token[0], rtol=0, atol=1e-6)


def test_it_learns(ids):
    elmo = make(requires_grad=True)
    optimizer = torch.optim.Adam(elmo.parameters(), lr=0.01)
    target = torch.rand(4, 7, 32, generator=torch.Generator().manual_seed(2))
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        output = elmo(ids)
        loss = ((output["elmo_representations"][0] - target)[output["mask"]] ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


# Models with word embeddings


def test_word_embeddings(word_model):
    elmo = Elmo.from_pretrained(word_model, dropout=0.0)
    sentences = [["the", "dog", "sat"], [], ["cat"]]
    vocabulary = Vocabulary(WORDS)
    ids = torch.zeros(3, 5, dtype=torch.int64)
    for k, sentence in enumerate(sentences):
        ids[k, : len(sentence)] = torch.tensor([vocabulary.id_of(word) + 1 for word in sentence])
    vectors = ElmoEmbedder.load(word_model).embed(sentences, "average")
    for inputs in (ids, sentences):
        output = elmo(inputs)
        for k, own in enumerate(vectors):
            actual = output["elmo_representations"][0][k, : len(own)].detach().numpy()
            np.testing.assert_allclose(actual, own, rtol=0, atol=1e-6)
        assert output["mask"].sum(dim=1).tolist() == [3, 0, 1]
    with pytest.raises(ElmokitError, match=r"inputs: ids from 2 to 9, expected 1 to 8"):
        elmo(torch.tensor([[9, 2]]))


def test_word_embeddings_learn_densely(word_model):
    elmo = Elmo.from_pretrained(word_model, requires_grad=True, dropout=0.0)
    elmo([["the", "cat"]])["elmo_representations"][0].sum().backward()
    gradient = elmo.bilm.encoder.weight.grad
    assert not gradient.is_sparse
    is_used = gradient.abs().sum(dim=1) > 0
    assert is_used.tolist() == [word in ("<S>", "</S>", "the", "cat") for word in WORDS]


# Invalid inputs


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            torch.zeros(2, 50, dtype=torch.int64),
            r"expected character ids \(B, T, C\) from .*, got \(2, 50\)",
        ),
        (torch.zeros(2, 3, 50), r"from batch_to_ids, got \(2, 3, 50\) torch\.float32"),
        (torch.full((1, 1, 50), 262), r"character ids from 262 to 262, expected 0 \(padding\) to 261"),
        (torch.tensor([[[5] + [-3] * 49]]), r"character ids from -3 to 5, expected 0"),
        (
            torch.ones(1, 1, 3, dtype=torch.int64),
            r"3 character ids per word, expected at least 4: the width of the",
        ),
    ],
)
def test_invalid_inputs(elmo, inputs, message):
    with pytest.raises(ElmokitError, match=message):
        elmo(inputs)


def test_missing_files(tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"Elmo needs options_file and weight_file: for models in other formats use Elmo\.from_pre",
    ):
        Elmo()
    with pytest.raises(ElmokitError, match=r"nowhere\.hdf5: no such file"):
        Elmo(MODEL / "options.json", tmp_path / "nowhere.hdf5")
    with pytest.raises(ElmokitError, match=r"nowhere\.json"):
        Elmo(tmp_path / "nowhere.json", MODEL / "weights.hdf5")


# Copies, files and compilation


def changed(elmo: Elmo) -> Elmo:
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in elmo.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return elmo


def test_state_dict(ids):
    elmo = changed(make(requires_grad=True, num_output_representations=2))
    other = make(requires_grad=True, num_output_representations=2)
    other.load_state_dict(elmo.state_dict())
    for ours, theirs in zip(
        elmo(ids)["elmo_representations"], other(ids)["elmo_representations"], strict=True
    ):
        assert torch.equal(ours, theirs)


def test_the_mixtures_of_an_allennlp_model_fit():
    names = [name for name in make().state_dict() if not name.startswith("bilm.")]
    assert names == [
        "scalar_mix_0.gamma",
        "scalar_mix_0.scalar_parameters.0",
        "scalar_mix_0.scalar_parameters.1",
        "scalar_mix_0.scalar_parameters.2",
    ]


def test_deepcopy(ids, tmp_path):
    elmo = make(requires_grad=True)
    before = values(elmo, ids)
    other = changed(copy.deepcopy(elmo))
    assert torch.equal(values(elmo, ids), before)
    assert not torch.allclose(values(other, ids), before)
    other.save_bilm(tmp_path / "other")
    reloaded = make(tmp_path / "other").bilm.state_dict()
    assert all(torch.equal(tensor, reloaded[name]) for name, tensor in other.bilm.state_dict().items())


def test_a_loaded_model_is_copied():
    pretrained = load(MODEL)
    changed(Elmo(pretrained=pretrained, requires_grad=True))
    untouched = load(MODEL).model.state_dict()
    assert all(torch.equal(tensor, untouched[name]) for name, tensor in pretrained.model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in pretrained.model.parameters())


@pytest.mark.parametrize("kind", ["characters", "words"])
@pytest.mark.parametrize("save", [Elmo.save_bilm, Elmo.save_pretrained], ids=["pair", "directory"])
def test_a_saved_model_is_bit_identical(
    kind: str, save: Callable[[Elmo, Path], object], word_model: Path, tmp_path: Path
) -> None:
    source = MODEL if kind == "characters" else word_model
    elmo = changed(Elmo.from_pretrained(source, requires_grad=True, dropout=0.0))
    with torch.no_grad():  # the mixtures are not part of the biLM
        for mixture in elmo.scalar_mix_0.parameters():
            mixture.fill_(1.0)
    save(elmo, tmp_path / "saved")
    again = Elmo.from_pretrained(tmp_path / "saved", dropout=0.0)
    for name, tensor in elmo.bilm.state_dict().items():
        assert torch.equal(tensor, again.bilm.state_dict()[name]), name
    sentences = [["the", "cat"], ["dog"]]
    assert torch.equal(values(again, sentences), values(elmo, sentences))
    before = Elmo.from_pretrained(source, dropout=0.0)
    assert not torch.allclose(values(again, sentences), values(before, sentences))


def test_saved_files(tmp_path):
    elmo = make()
    files = elmo.save_bilm(tmp_path / "pair")
    assert sorted(path.name for path in files) == ["options.json", "weights.hdf5"]
    with h5py.File(tmp_path / "pair" / "weights.hdf5") as ours, h5py.File(MODEL / "weights.hdf5") as theirs:
        np.testing.assert_array_equal(ours["char_embed"][()], theirs["char_embed"][()])
        np.testing.assert_array_equal(ours["CNN/W_cnn_1"][()], theirs["CNN/W_cnn_1"][()])
    shutil.copy(CLIPPED / "options.json", tmp_path / "pair")
    with pytest.raises(ElmokitError, match=r"options\.json: already exists and belongs to another model"):
        elmo.save_bilm(tmp_path / "pair")


class Tagger(torch.nn.Module):
    def __init__(self, elmo: Elmo) -> None:
        super().__init__()
        self.elmo = elmo
        self.output = torch.nn.Linear(32, 5)

    def forward(self, ids: Tensor) -> Tensor:
        return self.output(self.elmo(ids)["elmo_representations"][0])


@pytest.mark.filterwarnings("default")  # the compiler itself causes warnings
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compile(backend):
    tagger = Tagger(make(requires_grad=True))
    compiled = torch.compile(tagger, backend=backend)
    for sentences in (SENTENCES, [["one", "more"], ["the", "cat", "sat"]]):
        ids = batch_to_ids(sentences)
        results = []
        for model in (tagger, compiled):
            tagger.zero_grad()
            scores = model(ids)
            scores.square().sum().backward()
            gradients = [parameter.grad.clone() for parameter in tagger.parameters()]
            results.append((scores.detach(), gradients))
        torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(shutil.which("c++") is None and shutil.which("g++") is None, reason="no C++ compiler")
@torch.no_grad()
def test_compile_to_machine_code(ids):
    tagger = Tagger(make())
    torch.testing.assert_close(torch.compile(tagger)(ids), tagger(ids), rtol=1e-4, atol=1e-5)
