"""Inside ``torch.autocast`` the model computes in the precision of its parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elmokit import Config, Corpus, Elmo, ElmoEmbedder, LanguageModel, Trainer, Vocabulary, batch_to_ids, load
from elmokit.dialects import allennlp, bilm, tfhub
from elmokit.errors import ElmokitError
from elmokit.model.precision import without_autocast

SENTENCES = [["the", "cat", "sat"], [], ["Brazil"]]
IDS = batch_to_ids(SENTENCES)
TYPES = [torch.bfloat16, torch.float16]


@pytest.fixture(scope="module")
def pretrained():
    return load("tiny-en")


def layer_step(layer: Elmo) -> list[Tensor]:
    """One forward and backward pass with a layer around the model."""
    layer.zero_grad()
    torch.manual_seed(0)
    linear = nn.Linear(layer.get_output_dim(), 1)
    (representation,) = layer(IDS)["elmo_representations"]
    linear(representation).float().sum().backward()
    return [
        representation.detach(),
        *(parameter.grad.clone() for parameter in layer.bilm.stacks.parameters()),
    ]


@pytest.mark.parametrize("dtype", TYPES)
def test_the_layer_and_its_gradients(pretrained, dtype):
    layer = Elmo(pretrained=pretrained, requires_grad=True, dropout=0.0)
    expected = layer_step(layer)
    with torch.autocast("cpu", dtype=dtype):
        found = layer_step(layer)
    assert found[0].dtype == torch.float32
    assert torch.equal(found[0], expected[0])
    for own, other in zip(found[1:], expected[1:], strict=True):
        # The gradient that reaches the model was rounded in the linear layer.
        torch.testing.assert_close(own, other, rtol=0, atol=0.02 * float(other.abs().max()))


def test_a_backward_pass_inside_autocast_is_exact(pretrained):
    layer = Elmo(pretrained=pretrained, requires_grad=True, dropout=0.0)

    def gradients() -> list[Tensor]:
        layer.zero_grad()
        layer(IDS)["elmo_representations"][0].sum().backward()
        parts = (layer.bilm.stacks, layer.bilm.encoder.highways)
        return [parameter.grad.clone() for part in parts for parameter in part.parameters()]

    expected = gradients()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients()
    assert all(torch.equal(own, other) for own, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("dtype", TYPES)
def test_every_entry(pretrained, tmp_path, dtype):
    weights = pretrained.save_bilm(tmp_path)[0]
    old, hub = allennlp.ElmoEmbedder(weight_file=weights), tfhub.ElmoModule(pretrained)
    model, ids = (
        bilm.BidirectionalLanguageModel(None, weights),
        bilm.Batcher(None, 50).batch_sentences(SENTENCES),
    )
    language_model = LanguageModel(pretrained)
    entries = {
        "embed": lambda: np.concatenate(ElmoEmbedder(pretrained).embed(SENTENCES), axis=1),
        "score": lambda: np.concatenate([score.forward for score in language_model.score(SENTENCES)]),
        "predictions": lambda: language_model.predictions(SENTENCES[0])[0].numpy(),
        "allennlp": lambda: old.batch_to_embeddings(SENTENCES)[0].numpy(),
        "tfhub": lambda: hub(["the cat sat", ""]).detach().numpy(),
        "bilm": lambda: model(ids)["lm_embeddings"].numpy(),
    }
    for name, call in entries.items():
        expected = call()
        with torch.autocast("cpu", dtype=dtype):
            found = call()
            assert torch.is_autocast_enabled("cpu")
        assert np.array_equal(found, expected), name
        assert found.dtype == np.float32 or name in ("score",)


def test_training(tmp_path):
    words = ["the", "cat", "sat", "on", "mat"]
    corpus = Corpus.from_sentences([words[: 1 + k % 5] for k in range(40)])
    config = Config.load(
        "tiny", ["batch_size=4", "unroll_steps=5", "max_steps=2", "num_epochs=50", "dropout=0"]
    )
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", *words])
    models = []
    for name in ("plain", "autocast"):
        trainer = Trainer(config, corpus, vocabulary, save_dir=tmp_path / name)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=name == "autocast"):
            assert len(list(trainer.run())) == 2
        models.append(trainer.model)
    for own, other in zip(*(model.stacks.parameters() for model in models), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-3)


def test_autocast_is_back_after_an_error():
    @without_autocast
    def fails() -> None:
        assert not torch.is_autocast_enabled("cpu")
        raise ElmokitError("no")

    with torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(ElmokitError):
            fails()
        assert torch.is_autocast_enabled("cpu")
