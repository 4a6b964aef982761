"""Every public object prints as a line or two that say what it is."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

import elmokit
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.occurrences import Occurrence
from elmokit.dialects import allennlp, bilm, elmoformanylangs, simple_elmo, tfhub
from elmokit.formats.token_embeddings import TokenTable
from elmokit.model.batching import encode_words
from elmokit.training.warm_start.report import RestartReport, TensorReport

SENTENCES = ["the cat sat on the mat", "a dog"]


@pytest.fixture(scope="module")
def objects(tmp_path_factory) -> dict[str, object]:
    directory = tmp_path_factory.mktemp("model")
    model = elmokit.load("tiny-en")
    weights = model.save_bilm(directory)[0]
    embedder, language_model = elmokit.ElmoEmbedder(model), elmokit.LanguageModel(model)
    corpus = elmokit.Corpus.from_sentences(SENTENCES)
    vectors = encode_words(model.model, *model.indexer.index(["<S>", "cat"]))
    config = elmokit.Config.load("tiny", ["batch_size=2", "unroll_steps=2", "max_steps=1"])
    vocabulary = elmokit.Vocabulary(["<S>", "</S>", "<UNK>", "the", "cat"])
    rows = vectors.new_tensor([0, 1]).long()
    batch = elmokit.Batch(inputs=(rows, rows), batch_sizes=(1, 1), token_vectors=vectors)
    trainer = elmokit.Trainer(config, corpus, vocabulary, save_dir=directory / "run")
    index = elmokit.NeighborIndex.build(embedder, corpus)
    tensor = TensorReport("w", (2,), "fresh", "fresh", "")
    simple = simple_elmo.ElmoModel()
    simple.load(weights)
    words = directory / "words.txt"
    words.write_text("<S>\n</S>\n<UNK>\n", encoding="utf-8")
    return {
        "PretrainedModel": model,
        "BiLM": model.model,
        "Config": elmokit.Config.load("small"),
        "Vocabulary": model.vocabulary,
        "CharacterIndexer": model.indexer,
        "ElmoEmbedder": embedder,
        "Elmo": elmokit.Elmo(pretrained=model),
        "LanguageModel": language_model,
        "SentenceScore": next(language_model.score([" ".join(SENTENCES * 50)])),
        "Substitutes": language_model.substitutes("the cat sat", 1, k=50),
        "Corpus": corpus,
        "NeighborIndex": index,
        "Nearest": index.nearest(SENTENCES[0], "cat"),
        "Occurrence": Occurrence(tuple(SENTENCES[0].split()) * 50, sentence_index=0, position=7),
        "IndexedCorpus": IndexedCorpus(corpus, vocabulary, max_characters=50),
        "RestartReport": RestartReport("old", 60, "kept", (tensor,) * 31),
        "Progress": next(iter(trainer.run())),
        "TokenTable": TokenTable(["the", "cat"], vectors, source=directory / "tokens.hdf5"),
        "Batch": batch,
        "BiLMOutput": model.model(batch),
        "Trainer": trainer,
        "CatalogEntry": elmokit.published()[0],
        "ElmoModule": tfhub.ElmoModule(model),
        "ScalarMix": allennlp.ScalarMix(3),
        "ElmoModel": simple,
        "allennlp.ElmoEmbedder": allennlp.ElmoEmbedder(weight_file=weights),
        "BidirectionalLanguageModel": bilm.BidirectionalLanguageModel(None, weights),
        "ELMoTokenCharactersIndexer": allennlp.ELMoTokenCharactersIndexer(),
        "ElmoTokenEmbedder": allennlp.ElmoTokenEmbedder(directory / "options.json", weights),
        "Embedder": elmoformanylangs.Embedder(weights),
        "KerasLayer": tfhub.KerasLayer(weights),
        "Batcher": bilm.Batcher(None, 50),
        "TokenBatcher": bilm.TokenBatcher(words),
        "WeightLayers": bilm.WeightLayers(3),
        "UnicodeCharsVocabulary": bilm.load_vocab(words, 50),
        "LMDataset": bilm.LMDataset("text*", vocabulary),
        "BidirectionalLMDataset": bilm.BidirectionalLMDataset("text*", vocabulary),
    }  # fmt: skip


def test_each_is_a_line_or_two(objects):
    for name, value in objects.items():
        text = repr(value)
        assert text.startswith(f"{name}("), text
        assert " at 0x" not in text, text
        assert "\n" not in text, text
        assert len(text) <= 400, text


def test_what_they_say(objects):
    assert repr(objects["BiLM"]).startswith("BiLM(CharCnn, 2 LSTM layers ")
    assert repr(objects["BiLM"]).endswith("parameters)")
    assert "tiny-en" in repr(objects["ElmoEmbedder"])
    assert repr(objects["ElmoEmbedder"]).endswith("num_layers=3, dim=256, device='cpu')")
    assert repr(objects["Corpus"]) == "Corpus('in memory', num_sentences=2, num_tokens=8, num_types=9)"
    assert repr(objects["SentenceScore"]).startswith("SentenceScore('the cat sat on the mat a dog the cat ")
    assert repr(objects["Batch"]) == "Batch(2 positions in 2 steps, 2 directions, token_vectors (2, 128))"
    assert repr(objects["Occurrence"]) == (
        "Occurrence('sat on the mat the [cat] sat on the mat the', sentence_index=0, position=7)"
    )
    assert "tensors: 31 fresh" in repr(objects["RestartReport"])
    assert repr(objects["Progress"]).startswith("Progress(step=1, num_steps=1, epoch=")
    assert repr(simple_elmo.ElmoModel()) == "ElmoModel(not loaded)"


@pytest.mark.parametrize("module", [elmokit, allennlp, bilm, elmoformanylangs, simple_elmo, tfhub])
def test_no_public_class_is_left_out(module):
    for name in getattr(module, "__all__", dir(module)):
        value = getattr(module, name)
        if inspect.isclass(value) and value.__module__.startswith("elmokit"):
            assert value.__repr__ not in (object.__repr__, nn.Module.__repr__), name
