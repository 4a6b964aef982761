import pytest

from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError


def test_embeddings_are_joined_in_their_order(model_directory):
    model = model_directory("characters")
    first, second = embeddings_of(f"random + elmo:{model}")
    assert (first.name, second.name) == ("random", f"elmo:{model}")
    assert (first.num_layers, second.num_layers) == (1, 3)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("elmo", "'elmo' names no model: expected elmo:MODEL"),
        ("glow", "got 'glow'"),
        ("random+", "got ''"),
        ("random:3", "takes no file"),
    ],
)
def test_a_choice_that_cannot_be_understood(choice, message):
    with pytest.raises(ConfigError, match=message):
        embeddings_of(choice)


def test_the_name_has_no_secrets(model_directory, monkeypatch):
    model, asked = model_directory("characters"), []
    load = ElmoEmbedder.load

    def load_url(name, *, device):
        asked.append(name)
        return load(model, device=device)

    monkeypatch.setattr(ElmoEmbedder, "load", load_url)
    (embedding,) = embeddings_of("elmo:https://me:password@host/model.zip?sig=abc")
    assert asked == ["https://me:password@host/model.zip?sig=abc"]
    assert embedding.name == "elmo:https://host/model.zip"
