"""Each of several processes embeds on its own share of the processors, or on its own GPU."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from elmokit.embedder import ElmoEmbedder
from elmokit.embedder import worker as module
from elmokit.embedder.worker import EmbeddingWorker

SENTENCES = [["the", "cat"], [], ["on"]]


@pytest.fixture(autouse=True)
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("number", "device"), [(0, "cuda:0"), (1, "cuda:1"), (5, "cuda:2")])
def test_a_process_takes_its_device_once(number, device, monkeypatch):
    monkeypatch.setattr(module, "worker_number", lambda: number)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    devices: list[str] = []
    worker = EmbeddingWorker(lambda sentences: [np.ones(1)] * len(sentences), devices.append, "cuda", 6)
    assert len(worker(SENTENCES)) == 3
    assert len(worker(SENTENCES)) == 3
    assert devices == [device]


@pytest.mark.parametrize(("num_processes", "num_threads"), [(1, 6), (4, 1), (3, 2), (9, 1)])
def test_processes_share_the_processors(num_processes, num_threads, monkeypatch):
    monkeypatch.setattr(module, "available_processors", lambda: 6)
    EmbeddingWorker(list, pytest.fail, "cpu", num_processes)([])
    assert torch.get_num_threads() == num_threads


def test_a_device_is_taken_by_the_embedder_that_embeds(make_model, model_directory, monkeypatch):
    """Also after the two methods have come to the process in a pickle: they are of one embedder there."""
    embedder = ElmoEmbedder.load(model_directory("words"))
    embed, use_device = pickle.loads(pickle.dumps((embedder.embed, embedder._use_device)))
    moved = make_model(embedder.pretrained.config)
    with torch.no_grad():
        moved.encoder.weight.zero_()
    monkeypatch.setattr(type(moved), "on", lambda model, device: moved)
    assert embed(SENTENCES)[0][0].all()
    use_device("cpu")
    assert not embed(SENTENCES)[0][0].any()
    assert embedder.embed(SENTENCES)[0][0].all()
