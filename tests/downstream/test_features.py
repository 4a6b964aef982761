import numpy as np
import pytest
import torch

from elmokit.downstream import features
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.features import Features

SENTENCES = [["one", "two", "three"], [], ["two"], ["three", "one"]]


def test_a_batch_has_the_vectors_of_its_sentences_padded_with_zeros(elmo, tmp_path):
    embeddings = [RandomEmbedding(dim=4), elmo]
    batch = Features(embeddings, SENTENCES, cache_dir=tmp_path / "cache").batch([3, 1, 0])
    assert batch.sentences == [SENTENCES[3], SENTENCES[1], SENTENCES[0]]
    assert batch.mask.tolist() == [[True, True, False], [False] * 3, [True] * 3]
    for embedding, vectors in zip(embeddings, batch.vectors, strict=True):
        assert vectors.shape == (3, 3, embedding.num_layers, embedding.dim)
        for own, sentence in zip(vectors.numpy(), batch.sentences, strict=True):
            assert np.array_equal(own[: len(sentence)], embedding.vectors([sentence])[0])
            assert not own[len(sentence) :].any()


def test_a_batch_without_tokens_has_one_place(elmo, tmp_path):
    batch = Features([elmo], SENTENCES, cache_dir=tmp_path / "cache").batch([1])
    assert batch.vectors[0].shape == (1, 1, elmo.num_layers, elmo.dim)
    assert not batch.mask.any()


def test_vectors_of_a_bilm_are_computed_once(elmo, tmp_path, monkeypatch):
    first, seen = Features([elmo], SENTENCES, cache_dir=tmp_path / "cache"), []
    monkeypatch.setattr(elmo, "vectors", lambda sentences: pytest.fail("embedded again"))
    second = Features([elmo], SENTENCES, cache_dir=tmp_path / "cache", on_sentences=seen.append)
    assert torch.equal(first.batch(range(4)).vectors[0], second.batch(range(4)).vectors[0])
    assert sum(seen) == len(SENTENCES)


@pytest.mark.parametrize("damage", ["truncated", "removed"])
def test_damaged_vectors_are_computed_again(elmo, tmp_path, damage):
    expected = Features([elmo], SENTENCES, cache_dir=tmp_path / "cache").batch(range(4)).vectors[0]
    (file,) = tmp_path.glob("cache/*/vectors.f32")
    file.unlink() if damage == "removed" else file.write_bytes(file.read_bytes()[:-4])
    assert torch.equal(
        Features([elmo], SENTENCES, cache_dir=tmp_path / "cache").batch(range(4)).vectors[0], expected
    )


def test_other_sentences_or_another_model_have_files_of_their_own(elmo, tmp_path):
    Features([elmo], SENTENCES, cache_dir=tmp_path / "cache")
    Features([elmo], [["one two", "three"], [], ["two"], ["three", "one"]], cache_dir=tmp_path / "cache")
    with torch.no_grad():
        next(elmo.embedder.model.parameters()).add_(1)
    changed = Features([elmo], SENTENCES, cache_dir=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*"))) == 3
    assert np.array_equal(changed.batch([2]).vectors[0][0].numpy(), elmo.vectors([["two"]])[0])


def test_the_oldest_vectors_make_room(elmo, tmp_path, monkeypatch):
    num_bytes = 4 * 6 * elmo.num_layers * elmo.dim  # of SENTENCES
    monkeypatch.setattr(features, "LARGEST_CACHE_BYTES", 2 * num_bytes)
    for word in "abc":
        Features([elmo], [[word] * 6], cache_dir=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*"))) == 2


def test_vectors_of_a_bilm_that_is_fine_tuned_are_not_kept(elmo, tmp_path):
    batch = Features(
        [elmo, RandomEmbedding()], SENTENCES, fine_tune=True, cache_dir=tmp_path / "cache"
    ).batch([0])
    assert batch.vectors[0] is None
    assert batch.vectors[1] is not None
    assert not list((tmp_path / "cache").glob("*"))
