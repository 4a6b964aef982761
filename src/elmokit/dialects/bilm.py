"""bilm-tf: batchers, the biLM on arrays of ids, ``weight_layers`` and the dumps.

Results are tensors of PyTorch, at once: there are no placeholders and no session; ``numpy.asarray``
takes them as they are. Every sentence starts from a zero LSTM state unless ``stateful=True``, which
carries it from call to call as the original does.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.alphabet import MASK_SYMBOL, NUM_CHARACTER_SYMBOLS
from elmokit.data.indexers import CharacterIndexer
from elmokit.data.read import read_lines
from elmokit.data.vocabulary import BOS, EOS, UNK
from elmokit.dialects.weight_layers import BilmOps, WeightedLayers, WeightLayers, weight_layers
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError, ModelFileError, VocabularyError
from elmokit.files.atomic import new_file
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.formats.token_embeddings import read_token_vectors, write_token_embeddings
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.device import find_device
from elmokit.model.lstm.interface import LstmState

__all__ = [
    "Batcher",
    "BidirectionalLanguageModel",
    "BilmOps",
    "TokenBatcher",
    "WeightLayers",
    "WeightedLayers",
    "dump_bilm_embeddings",
    "dump_token_embeddings",
    "dump_weights",
    "weight_layers",
]

_MARKERS = 2  # tokens around a sentence
_NO_ID = -1
_IGNORED = "!!!MAXTERMID"  # a line that the original skips, too


class Batcher:
    """Sentences as arrays of character ids.

    Args:
        lm_vocab_file: has no part in the result, because every word is spelled, and is not read.
        max_token_length: places C of a word.
    """

    def __init__(self, lm_vocab_file: str | Path | None, max_token_length: int) -> None:
        if max_token_length < 3:
            raise ConfigError(f"max_token_length: expected at least 3, got {max_token_length}")
        self._indexer = CharacterIndexer(max_token_length)
        self._max_token_length = max_token_length

    def batch_sentences(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Turn B lists of tokens into character ids.

        Returns:
            (B, T, C) int64, T of the longest sentence with ``<S>`` and ``</S>``; each id is one more than
            its character symbol, and 0 is padding.
        """
        ids = np.zeros((len(sentences), _num_steps(sentences), self._max_token_length), dtype=np.int64)
        for row, sentence in zip(ids, sentences, strict=True):
            symbols = self._indexer.rows([self._indexer.bos, *sentence, self._indexer.eos])
            row[: len(symbols)] = symbols + 1
        return ids


class TokenBatcher:
    """Sentences as arrays of word ids.

    Args:
        lm_vocab_file: one word a line; a word's id is its line's number, the later one's where it stands
            there twice. ``!!!MAXTERMID`` does not count as a line.

    Raises:
        VocabularyError: when ``<S>`` or ``</S>`` is missing: the original would take padding for them.
        TextError: when the file cannot be read.
    """

    def __init__(self, lm_vocab_file: str | Path) -> None:
        self._file = lm_vocab_file
        self._ids = {word: line for line, word in enumerate(_read_words(lm_vocab_file))}

    def batch_sentences(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Look up B lists of tokens.

        Returns:
            (B, T) int64, T of the longest sentence with ``<S>`` and ``</S>``; each id is one more than
            the line's number from 0, and 0 is padding.

        Warns:
            UserWarning: for unknown words without an ``<UNK>`` in the vocabulary: they become padding, as
                in the original, and damage their sentence.
        """
        unknown = self._ids.get(UNK, _NO_ID)
        ids = np.zeros((len(sentences), _num_steps(sentences)), dtype=np.int64)
        for row, sentence in zip(ids, sentences, strict=True):
            for place, word in enumerate((BOS, *sentence, EOS)):
                row[place] = self._ids.get(word, unknown) + 1
        if unknown == _NO_ID:
            missing = sorted({word for sentence in sentences for word in sentence} - self._ids.keys())
            if missing:
                words = ", ".join(map(repr, missing[:5]))
                warnings.warn(
                    f"{self._file}: no line is {UNK}, so unknown words ({words}) become padding, as in the "
                    "original, and their sentences lose a word: add it to the vocabulary",
                    stacklevel=2,
                )
        return ids


class BidirectionalLanguageModel:
    """A biLM on arrays of ids.

    Args:
        options_file: path or URL of an ``options.json``; None for the one that belongs to the weights.
        weight_file: path or URL of HDF5 weights, or any model that :func:`elmokit.load` reads.
        use_character_inputs: take ids from :class:`Batcher`; otherwise from :class:`TokenBatcher`.
        embedding_weight_file: token vectors from :func:`dump_token_embeddings`, for word ids.
        max_batch_size: slots that carry state; without ``stateful`` it has no effect.
        stateful: start each sentence from the state that the last sentence of the same batch slot left
            behind, as the original does; the same sentence then gives other vectors the second time.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelFileError: when the model's files are missing, damaged or do not fit.
        ConfigError: when a setting is impossible.
    """

    def __init__(
        self,
        options_file: str | Path | None,
        weight_file: str | Path,
        use_character_inputs: bool = True,
        embedding_weight_file: str | Path | None = None,
        max_batch_size: int = 128,
        *,
        stateful: bool = False,
        device: str = "cpu",
    ) -> None:
        pretrained = load(weight_file, options=options_file)
        self._model = pretrained.model.to(find_device(device))
        self._config = pretrained.config.model
        self._table: Tensor | None = None
        if self._config.lexicon is not None:
            raise _foreign(weight_file)
        if use_character_inputs:
            if self._config.char_cnn is None:
                raise ConfigError(
                    f"{weight_file}: a model with word embeddings: expected use_character_inputs=False and "
                    "embedding_weight_file"
                )
        else:
            if embedding_weight_file is None:
                raise ConfigError("use_character_inputs=False needs embedding_weight_file")
            vectors = _read_embedding(Path(embedding_weight_file), self._config.lstm.projection_dim)
            self._table = F.pad(vectors, (0, 0, 1, 0)).to(self._model.device)  # the padding's row is zero
        self._max_batch_size = max_batch_size
        self._stateful = stateful
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what has been read."""
        num_slots = self._max_batch_size if self._stateful else 0
        self.state = self._model.zero_state(num_slots)

    @torch.no_grad()
    def __call__(self, ids: np.ndarray | Tensor) -> BilmOps:
        """Embed a batch.

        Args:
            ids: (B, T, C) character ids or (B, T) word ids, markers included, 0 being padding.

        Raises:
            ElmokitError: when the ids have the wrong shape or are out of range, a sentence lacks its
                markers, or there are more sentences than slots.
        """
        ids = torch.as_tensor(ids, device=self._model.device)
        tokens = self._token_vectors(ids)  # (B, T, P)
        present = (ids > 0).any(dim=2) if ids.dim() == 3 else ids > 0
        lengths = present.sum(dim=1)
        short = (lengths < _MARKERS).nonzero().flatten().tolist()
        if short or ids.shape[1] < _MARKERS:
            raise ElmokitError(
                f"ids: sentences {short} have fewer than two tokens: expected the markers around each, as "
                "batch_sentences gives them"
            )
        steps = torch.arange(ids.shape[1], device=ids.device)
        marked = steps < lengths[:, None]
        outputs = self._run(tokens[marked], lengths.tolist())
        mask = steps[:-_MARKERS] < lengths[:, None] - _MARKERS
        # What stands at a padded place was behind the end marker.
        words = torch.where(mask.unsqueeze(-1), tokens[:, 1:-1], tokens[:, 2:])
        layers = [torch.cat([words] * self._config.num_directions, dim=-1)]
        for output in outputs[1:]:
            padded = output.new_zeros(*marked.shape, output.shape[1])
            padded[marked] = output
            layers.append(padded[:, 1:-1] * mask.unsqueeze(-1))
        return {
            "lm_embeddings": torch.stack(layers, dim=1),
            "lengths": (lengths - _MARKERS).to(torch.int32),
            "mask": mask,
            "token_embeddings": tokens,
        }

    def _token_vectors(self, ids: Tensor) -> Tensor:
        """(B, T, P) of character or word ids, padding included."""
        if self._table is not None:
            _check_ids(ids, "word ids (B, T)", 2, len(self._table))
            return F.embedding(ids, self._table)
        assert self._config.char_cnn is not None
        num_characters = self._config.char_cnn.max_characters
        _check_ids(ids, f"character ids (B, T, {num_characters})", 3, NUM_CHARACTER_SYMBOLS + 1)
        if ids.shape[2] != num_characters:
            raise ElmokitError(
                f"ids: {ids.shape[2]} places for characters, the model has {num_characters}: "
                f"Batcher(..., {num_characters})"
            )
        rows, place = torch.unique(ids.reshape(-1, num_characters), dim=0, return_inverse=True)
        symbols = (rows - 1).where(rows > 0, MASK_SYMBOL)
        vectors = encode_words(self._model, symbols, None)
        return vectors[place].reshape(*ids.shape[:2], vectors.shape[1])

    def _run(self, tokens: Tensor, lengths: list[int]) -> list[Tensor]:
        """The layers (M, D), from the slots' states where they are kept."""
        if not self._stateful:
            return run_sentences(self._model, tokens, _numbers(tokens), lengths)[0]
        size = len(lengths)
        if size > self._max_batch_size:
            raise ElmokitError(f"{size} sentences for {self._max_batch_size} slots: raise max_batch_size")
        own = [[LstmState(*(part[:size] for part in kept)) for kept in layers] for layers in self.state]
        outputs, changed = run_sentences(self._model, tokens, _numbers(tokens), lengths, own)
        assert changed is not None
        for kept_layers, new_layers in zip(self.state, changed, strict=True):
            for kept, new in zip(kept_layers, new_layers, strict=True):
                for part, new_part in zip(kept, new, strict=True):
                    part[:size] = new_part
        return outputs


def dump_token_embeddings(
    vocab_file: str | Path, options_file: str | Path | None, weight_file: str | Path, outfile: str | Path
) -> None:
    """Write the context-free vectors of a vocabulary to HDF5: ``embedding`` (V, P), a row for each line.

    Raises:
        VocabularyError: as :class:`TokenBatcher`.
        ModelFileError: when the model's files are missing, damaged or do not fit.
        ConfigError: when the model has no character encoder.
        OutputError: when the file cannot be written.
    """
    words = _read_words(vocab_file)
    pretrained = load(weight_file, options=options_file)
    if pretrained.config.model.lexicon is not None:
        raise _foreign(weight_file)
    if pretrained.config.model.char_cnn is None:
        raise ConfigError(f"{weight_file}: a model with word embeddings, which are its token vectors already")
    embedder = ElmoEmbedder(pretrained)
    write_token_embeddings(Path(outfile), words, np.concatenate(list(embedder.encode_chunks(words))))


def dump_bilm_embeddings(
    vocab_file: str | Path | None,
    dataset_file: str | Path,
    options_file: str | Path | None,
    weight_file: str | Path,
    outfile: str | Path,
    *,
    stateful: bool = False,
) -> None:
    """Write all layers of every line of a tokenized text to HDF5.

    One dataset per line, (L, n_tokens, D) float32, its key the line's number from 0.

    Args:
        vocab_file: has no effect, see :class:`Batcher`.
        dataset_file: the text, one sentence a line.
        options_file: the ``options.json``.
        weight_file: the HDF5 weights.
        outfile: the HDF5 file, which appears when it is complete.
        stateful: go on from line to line with the LSTM state, as the original does.

    Raises:
        TextError: when the text cannot be read.
        ModelFileError: when the model's files are missing, damaged or do not fit.
        OutputError: when the file cannot be written.
    """
    embedder = ElmoEmbedder(load(weight_file, options=options_file))
    if not stateful:
        embedder.embed_file(dataset_file, outfile)
        return
    state = embedder.zero_state(1)
    with new_file(Path(outfile)) as temporary, Hdf5Writer(temporary) as file:
        for number, line in enumerate(read_lines(str(dataset_file))):
            (vectors,), state = embedder.embed_statefully([line.split()], state)
            file.write(str(number), vectors)


def dump_weights(tf_save_dir: str | Path, outfile: str | Path) -> None:
    """Write a trained model's weights to HDF5, without its softmax.

    The options stay where they are; ``elmokit dump-weights`` writes them beside the weights.

    Args:
        tf_save_dir: a training directory of bilm-tf or of elmokit.
        outfile: the HDF5 file.

    Raises:
        ModelFileError: when there is no checkpoint, or it is damaged.
        ConfigError: when the model has no counterpart in bilm-tf.
        OutputError: when the file cannot be written.
    """
    pretrained = load(tf_save_dir)
    if pretrained.config.model.lexicon is not None:
        raise _foreign(tf_save_dir)
    write_weights(Path(outfile), pretrained.config.model, dict(pretrained.model.named_parameters()))


def _numbers(rows: Tensor) -> Tensor:
    return torch.arange(len(rows), device=rows.device)


def _read_words(path: str | Path) -> list[str]:
    """The words of a vocabulary file, as the original counts its lines."""
    words = [word for line in read_lines(str(path)) if (word := line.strip()) != _IGNORED]
    missing = [marker for marker in (BOS, EOS) if marker not in words]
    if missing:
        raise VocabularyError(f"{path}: no line is {' or '.join(missing)}: not the vocabulary of a biLM")
    return words


def _foreign(model: str | Path) -> ConfigError:
    return ConfigError(
        f"{model}: reads words by an alphabet or a list of its own, which bilm-tf does not know: "
        "use elmokit.ElmoEmbedder"
    )


def _num_steps(sentences: Sequence[Sequence[str]]) -> int:
    return max((len(sentence) for sentence in sentences), default=0) + _MARKERS


def _check_ids(ids: Tensor, expected: str, num_dims: int, num_ids: int) -> None:
    if ids.dim() != num_dims or ids.is_floating_point():
        raise ElmokitError(f"ids: expected {expected}, got {tuple(ids.shape)} {ids.dtype}")
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_ids:
        raise ElmokitError(f"ids: from {int(ids.min())} to {int(ids.max())}, expected 0 to {num_ids - 1}")


def _read_embedding(path: Path, dim: int) -> Tensor:
    """``embedding`` (V, P) of an HDF5 file; whose its rows are is the batcher's affair."""
    vectors, _ = read_token_vectors(path)
    if vectors.shape[1] != dim:
        raise ModelFileError(
            f"{path}: embedding: shape {tuple(vectors.shape)}, expected vectors of {dim} numbers"
        )
    return vectors
