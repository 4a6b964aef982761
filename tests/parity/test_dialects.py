"""The interfaces of other packages, compared with recorded results of the original."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder
from elmokit.dialects import allennlp, bilm, tfhub
from elmokit.dialects.simple_elmo import ElmoModel
from elmokit.errors import VocabularyError

MODELS = ("highway_nocnnproj", "no_clips", "nohighway_cnnproj", "one_layer", "skip2_relu", "skip3_tanh")
Batch = list[list[str]]


def _padded(vectors: list[np.ndarray]) -> np.ndarray:
    """Stack the vectors (L, n, D) of sentences as (B, L, T, D)."""
    num_steps = max(own.shape[1] for own in vectors)
    return np.stack([np.pad(own, ((0, 0), (0, num_steps - own.shape[1]), (0, 0))) for own in vectors])


def _embedder(directory: Path, batch: Batch) -> np.ndarray:
    return _padded(ElmoEmbedder.load(directory).embed(batch))


def _allennlp_embedder(directory: Path, batch: Batch) -> np.ndarray:
    embedder = allennlp.ElmoEmbedder(directory / "options.json", directory / "weights.hdf5")
    vectors, mask = embedder.batch_to_embeddings(batch)
    assert mask.sum(dim=1).tolist() == [len(sentence) for sentence in batch]
    np.testing.assert_array_equal(vectors.numpy(), _padded(embedder.embed_batch(batch)))
    return vectors.numpy()


def _allennlp_layer(directory: Path, batch: Batch) -> np.ndarray:
    """Each mixture is a single layer."""
    num_layers = json.loads((directory / "options.json").read_text(encoding="utf-8"))["lstm"]["n_layers"] + 1
    layers = []
    for own in range(num_layers):
        elmo = allennlp.Elmo(
            directory / "options.json",
            directory / "weights.hdf5",
            1,
            dropout=0.0,
            scalar_mix_parameters=[0.0 if layer == own else -200.0 for layer in range(num_layers)],
        )
        layers.append(elmo(allennlp.batch_to_ids(batch))["elmo_representations"][0].detach().numpy())
    return np.stack(layers, axis=1)


def _bilm(directory: Path, batch: Batch) -> np.ndarray:
    model = bilm.BidirectionalLanguageModel(directory / "options.json", directory / "weights.hdf5")
    ops = model(bilm.Batcher(None, 50).batch_sentences(batch))
    vectors = ops["lm_embeddings"].numpy().copy()
    vectors[:, 0] *= ops["mask"].numpy()[..., None]  # here, the token layer is not zero at padding
    return vectors


def _tfhub(directory: Path, batch: Batch) -> np.ndarray:
    outputs = tfhub.load(directory)(
        {
            "tokens": [sentence + [""] * (max(map(len, batch)) - len(sentence)) for sentence in batch],
            "sequence_len": [len(sentence) for sentence in batch],
        },
        signature="tokens",
        as_dict=True,
    )
    lstms = [outputs[f"lstm_outputs{k}"] for k in range(1, len(outputs) - 2)]
    layers = torch.stack([torch.cat([outputs["word_emb"]] * 2, dim=-1), *lstms], dim=1)
    torch.testing.assert_close(outputs["elmo"].detach(), layers.mean(dim=1), atol=1e-6, rtol=0)
    return layers.numpy()


def _simple_elmo(directory: Path, batch: Batch) -> np.ndarray:
    model = ElmoModel()
    model.load(directory)
    vectors = model.get_elmo_vectors(batch, layers="all")
    np.testing.assert_array_equal(model.get_elmo_vectors(batch, layers="top"), vectors[:, -1])
    np.testing.assert_allclose(model.get_elmo_vectors(batch), vectors.mean(axis=1), rtol=0, atol=1e-6)
    return vectors


DIALECTS: list[Callable[[Path, Batch], np.ndarray]] = [
    _allennlp_embedder,
    _allennlp_layer,
    _bilm,
    _tfhub,
    _simple_elmo,
]


@pytest.mark.parametrize("name", MODELS)
def test_infer_models(name, golden):
    batches = json.loads((golden / "infer_models" / "batches.json").read_text(encoding="utf-8"))
    directory = golden / "infer_models" / name
    with np.load(directory / "out.npz") as recorded:
        for k, batch in enumerate(batches):
            mask = recorded[f"fresh/b{k}/mask"][:, None, :, None]
            expected = recorded[f"fresh/b{k}/lm_embeddings"] * mask
            ours = _embedder(directory, batch)
            assert np.abs(ours - expected).max() < 1e-4
            assert np.abs(ours - expected).mean() < 1e-6
            for dialect in DIALECTS if k < 2 or k == len(batches) - 1 else [_bilm]:
                vectors = dialect(directory, batch)
                assert vectors.shape == expected.shape
                np.testing.assert_allclose(vectors, ours, rtol=0, atol=1e-6, err_msg=dialect.__name__)


class TestBilm:
    """The test model of bilm-tf on its thirty sentences."""

    @pytest.fixture
    def directory(self, reference) -> Path:
        return reference / "infer_stateful"

    @pytest.fixture
    def batches(self, directory) -> list[Batch]:
        batches: list[Batch] = json.loads((directory / "batches.json").read_text(encoding="utf-8"))
        assert len(batches) == 10
        return batches

    @pytest.fixture
    def recorded(self, directory):
        with np.load(directory / "infer.npz") as file:
            yield file

    @pytest.fixture
    def make_model(self, directory) -> Callable[..., bilm.BidirectionalLanguageModel]:
        def make(*arguments: object, **settings: object) -> bilm.BidirectionalLanguageModel:
            return bilm.BidirectionalLanguageModel(
                directory / "options.json", directory / "lm_weights.hdf5", *arguments, **settings
            )

        return make

    def test_batcher(self, directory, batches, recorded):
        batcher = bilm.Batcher(directory / "vocab_test.txt", 50)
        for k in (0, 1):
            np.testing.assert_array_equal(batcher.batch_sentences(batches[k]), recorded[f"char_ids/b{k}"])
        lines = json.loads((directory / "lines12_tokens.json").read_text(encoding="utf-8"))
        for k in (3, 8, 11):
            ids = batcher.batch_sentences(lines[k - 1 : k])
            np.testing.assert_array_equal(ids, recorded[f"lines12/char_ids_line{k}"])

    @pytest.mark.parametrize("as_tensor", [False, True])
    def test_fresh(self, as_tensor, batches, recorded, make_model):
        """All positions, including padding."""
        batcher, model = bilm.Batcher(None, 50), make_model(max_batch_size=4)
        for k, batch in enumerate(batches):
            ids = batcher.batch_sentences(batch)
            ops = model(torch.from_numpy(ids) if as_tensor else ids)
            _assert_near(ops["lm_embeddings"], recorded[f"fresh/b{k}/lm_embeddings"])
            np.testing.assert_array_equal(ops["mask"], recorded[f"stateful/b{k}/mask"])
            np.testing.assert_array_equal(ops["lengths"], recorded[f"stateful/b{k}/lengths"])
            assert np.asarray(ops["lengths"]).dtype == np.int32
            if k < 2:
                _assert_near(ops["token_embeddings"], recorded[f"token_embeddings_with_bos_eos/b{k}"])

    def test_carried(self, batches, recorded, make_model):
        batcher, model = bilm.Batcher(None, 50), make_model(max_batch_size=4, stateful=True)

        def check_state(name: str) -> None:
            parts = [part for layers in model.state for layer in layers for part in layer]
            assert len(parts) == 8
            for k, part in enumerate(parts):
                _assert_near(part, recorded[f"stateful/{name}/state{k}"])

        for k, batch in enumerate(batches):
            ops = model(batcher.batch_sentences(batch))
            _assert_near(ops["lm_embeddings"], recorded[f"stateful/b{k}/lm_embeddings"])
            if k in (0, 9):
                check_state(f"after_b{k}")
        alone = batcher.batch_sentences(batches[0][:1])
        expected = recorded["stateful/b10_first_sentence_of_b0_alone/lm_embeddings"]
        _assert_near(model(alone)["lm_embeddings"], expected)
        check_state("after_b10")
        model.reset_state()
        ops = model(batcher.batch_sentences(batches[0]))
        _assert_near(ops["lm_embeddings"], recorded["fresh/b0/lm_embeddings"])

    def test_weight_layers(self, directory, batches, recorded, make_model):
        ops = make_model()(bilm.Batcher(None, 50).batch_sentences(batches[0]))
        cases = json.loads((directory / "weight_layers_cases.json").read_text(encoding="utf-8"))
        assert len(cases) == 14
        for case in cases:
            result = bilm.weight_layers("x", ops, **case["kw"])
            module = result["module"]
            if "error" in case:  # bilm-tf requires a number for l2_coef
                assert [float(penalty.detach()) for penalty in result["regularization_op"]] == [0.0]
                continue
            shapes = {
                f"x_ELMo_{name}:0": list(parameter.shape) for name, parameter in module.named_parameters()
            }
            assert shapes == case["trainable"]
            with torch.no_grad():
                if case["W"] is not None and module.W is not None:
                    module.W.copy_(torch.tensor(case["W"]))
                if case["gamma"] is not None:
                    module.gamma.copy_(torch.tensor(case["gamma"]))
            result = module(ops)
            name = f"weight_layers/case{case['case']}_w{case['weights']}/weighted"
            _assert_near(result["weighted_op"].detach(), recorded[name])
            penalty = result["regularization_op"]
            assert str(type(penalty)) == case["regularization_op_type"]
            penalties = [] if isinstance(penalty, float) else [float(one.detach()) for one in penalty]
            assert penalties == pytest.approx(case["reg_losses"])

    def test_token_embeddings(self, directory, batches, recorded, make_model, tmp_path):
        vocabulary, dumped = directory / "vocab_test.txt", tmp_path / "tokens.hdf5"
        bilm.dump_token_embeddings(
            vocabulary, directory / "options.json", directory / "lm_weights.hdf5", dumped
        )
        with h5py.File(dumped) as ours, h5py.File(directory / "dump_token_embeddings.hdf5") as theirs:
            assert ours["embedding"].dtype == np.float32
            _assert_near(ours["embedding"][()], theirs["embedding"][()])
            assert [word.strip() for word in vocabulary.read_text(encoding="utf-8").splitlines()] == [
                word.decode() for word in ours["words"][()]
            ]
        batcher = bilm.TokenBatcher(vocabulary)
        with pytest.warns(
            UserWarning, match=r"vocab_test\.txt: no line is <UNK>, so unknown words \('84'\) become"
        ):
            ids = batcher.batch_sentences(batches[0])
        np.testing.assert_array_equal(ids, recorded["token_input/ids_b0"])
        for embeddings in (dumped, directory / "dump_token_embeddings.hdf5"):
            ops = make_model(False, embeddings)(ids)
            _assert_near(ops["lm_embeddings"], recorded["token_input/lm_embeddings_b0"])

    def test_dump_bilm_embeddings(self, directory, reference, tmp_path):
        model = (directory / "options.json", directory / "lm_weights.hdf5")
        arguments = (directory / "vocab_test.txt", directory / "lines12.txt", *model)
        bilm.dump_bilm_embeddings(*arguments, tmp_path / "fresh.hdf5")
        bilm.dump_bilm_embeddings(*arguments, tmp_path / "carried.hdf5", stateful=True)
        with (
            h5py.File(tmp_path / "carried.hdf5") as ours,
            h5py.File(directory / "dump_bilm_embeddings.hdf5") as theirs,
        ):
            assert set(ours) == set(theirs) == {str(k) for k in range(12)}
            for key in theirs:
                assert ours[key].dtype == np.float32
                _assert_near(ours[key][()], theirs[key][()])
        with (
            h5py.File(tmp_path / "fresh.hdf5") as ours,
            np.load(reference / "batcher_quirks" / "fresh_lines.npz") as theirs,
        ):
            assert len(ours) == 12
            for key in ours:
                _assert_near(ours[key][()], theirs[f"line{key}"])

    def test_padding_and_empty_sentences(self, reference, make_model):
        model, batcher = make_model(), bilm.Batcher(None, 50)
        with np.load(reference / "batcher_quirks" / "fresh_lines.npz") as recorded:
            ops = model(batcher.batch_sentences([["one"], ["one", "two", "three"]]))
            _assert_near(ops["lm_embeddings"], recorded["padding_check"])
            ops = model(batcher.batch_sentences([[], ["a", "b"]]))
            for name in ("lm_embeddings", "lengths", "mask"):
                _assert_near(ops[name], recorded[f"empty_and_two_words/{name}"])


def _assert_near(actual: torch.Tensor | np.ndarray, expected: np.ndarray) -> None:
    assert tuple(actual.shape) == expected.shape
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=2e-6)


class TestQuirks:
    """Unusual vocabularies."""

    SENTENCES = (["the", "dog"], ["cat"])
    FILES: ClassVar = {
        "vocab_ok": "<S>\n</S>\n<UNK>\nthe\n.\nnaïve\ncat\n",
        "vocab_no_specials": "the\n.\ncat\n",
        "vocab_dup_blank_max": "<S>\n</S>\n<UNK>\na\nb\na\n\n!!!MAXTERMID\nc\n",
    }

    @pytest.fixture(params=sorted(FILES))
    def name(self, request) -> str:
        name: str = request.param
        return name

    @pytest.fixture
    def vocabulary(self, name, tmp_path) -> Path:
        path = tmp_path / f"{name}.txt"
        path.write_text(self.FILES[name], encoding="utf-8")
        return path

    @pytest.fixture
    def quirks(self, golden):
        return json.loads((golden / "batcher_quirks" / "quirks.json").read_text(encoding="utf-8"))

    def test_batcher(self, name, vocabulary, quirks):
        ids = bilm.Batcher(vocabulary, 8).batch_sentences(self.SENTENCES)
        recorded = np.array(quirks[name]["batcher"])
        if name == "vocab_no_specials":
            # Without them, bilm-tf treats the last word, cat, as </S>; here it stays cat.
            assert (ids != recorded).any(axis=2).tolist() == [[False] * 4, [False, True, False, False]]
            recorded = np.array(quirks["vocab_ok"]["batcher"])
        np.testing.assert_array_equal(ids, recorded)

    def test_all_character_ids(self, name, vocabulary, quirks):
        batcher = bilm.Batcher(vocabulary, 50)
        num_damaged = 0
        for escaped, recorded in quirks[name]["words"].items():
            word = escaped.encode("ascii").decode("unicode_escape")
            symbols = batcher.batch_sentences([[word]])[0, 1] - 1
            if name == "vocab_no_specials" and word in ("cat", "<S>", "</S>"):
                num_damaged += symbols.tolist() != recorded["char_ids"]
                recorded = quirks["vocab_ok"]["words"][escaped]
            assert symbols.tolist() == recorded["char_ids"], word
        assert num_damaged == (3 if name == "vocab_no_specials" else 0)

    def test_short_rows(self, quirks):
        ids = bilm.Batcher("", 10).batch_sentences([["the", "abcdefghijklmnop", "."]])
        np.testing.assert_array_equal(ids, quirks["batcher_max10"])

    def test_token_batcher(self, name, vocabulary, quirks):
        if name == "vocab_no_specials":  # bilm-tf would use padding instead
            with pytest.raises(VocabularyError, match=r"specials\.txt: no line is <S> or </S>: not the"):
                bilm.TokenBatcher(vocabulary)
            return
        batcher = bilm.TokenBatcher(vocabulary)
        np.testing.assert_array_equal(batcher.batch_sentences(self.SENTENCES), quirks[name]["token_batcher"])
        words = {
            escaped.encode("ascii").decode("unicode_escape"): recorded["id"]
            for escaped, recorded in quirks[name]["words"].items()
        }
        ids = batcher.batch_sentences([list(words)])[0, 1:-1] - 1
        assert ids.tolist() == list(words.values())

    def test_token_embeddings_have_a_row_for_each_line(self, name, vocabulary, quirks, golden, tmp_path):
        model, dumped = golden / "infer_models" / "one_layer", tmp_path / "tokens.hdf5"
        arguments = (vocabulary, model / "options.json", model / "weights.hdf5", dumped)
        if name == "vocab_no_specials":
            with pytest.raises(VocabularyError):
                bilm.dump_token_embeddings(*arguments)
            assert not dumped.exists()
            return
        bilm.dump_token_embeddings(*arguments)
        with h5py.File(dumped) as file:
            vectors = file["embedding"][()]
        assert len(vectors) == quirks[name]["size"] == len(quirks[name]["word_char_ids_first6"])
        words = [line for line in self.FILES[name].split("\n")[:-1] if line != "!!!MAXTERMID"]
        expected = ElmoEmbedder.load(model).encode(words)
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-6)
