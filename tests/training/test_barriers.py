"""Embedding and training use none of PyTorch's parallel loops, whose threads wait for each other."""

from __future__ import annotations

from elmokit.embedder import ElmoEmbedder


def test_embedding(threads_of_operations):
    embedder = ElmoEmbedder.load("tiny-en")
    sentences = [["the", "house"] * n for n in range(1, 40)]
    with threads_of_operations as threads:
        embedder.embed(sentences, dtype="float16")
    assert set(threads.found) == {1}, threads.found


def test_training(make_trainer, threads_of_operations):
    trainer = make_trainer(max_steps=2)
    batches = iter(trainer.stream)
    trainer.train_step(next(batches))
    batch = next(batches)
    with threads_of_operations as threads:
        trainer.train_step(batch)
    assert set(threads.found) == {1}, threads.found
