"""Whether precomputed token vectors are those of a model.

Tables of elmokit carry a fingerprint of the encoder that made them. Those of bilm-tf do not, so a few of
their words are encoded and compared.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from elmokit.arguments import instance_of
from elmokit.embedder.fingerprints import encoder_fingerprint
from elmokit.errors import ConfigError, ModelFileError
from elmokit.formats.token_embeddings import TokenTable
from elmokit.model.batching import encode_words
from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel

_NUM_COMPARED = 16
# Weights of half precision change the vectors by a thousandth of the largest value; another model, or more
# training, by a multiple of this.
_TOLERANCE = 5e-3


def refuse_table_of_another_model(
    table: Mapping[str, Tensor], pretrained: PretrainedModel, model: BiLM
) -> None:
    """Refuse token vectors that the model's encoder does not give.

    Vectors that do not come from a file are only checked for their width: they may be chosen on purpose.

    Args:
        table: token vectors (P,) by word.
        pretrained: what is known about the model.
        model: the model, on any device.

    Raises:
        ConfigError: when vectors that do not come from a file have the wrong width.
        ModelFileError: when the file is of another model; the message names it.
    """
    instance_of("token_table", table, Mapping, "vectors by word")  # type: ignore[type-abstract]
    if not table:
        return
    width, dim = len(next(iter(table.values()))), pretrained.config.model.lstm.projection_dim
    if not isinstance(table, TokenTable) or table.source is None:
        if width != dim:
            raise ConfigError(
                f"token_table: vectors of width {width}, expected {dim}: they are from another model"
            )
        return
    if width != dim:
        problem = f"vectors of width {width}, expected {dim}"
    elif table.encoder is not None:
        if table.encoder == encoder_fingerprint(pretrained, model):
            return
        problem = "its fingerprint is that of another encoder"
    else:
        different = _different_words(table, pretrained, model)
        if not different:
            return
        problem = f"its vectors of {', '.join(map(repr, different[:3]))} are not those of the model"
    raise ModelFileError(
        f"{table.source}: token embeddings of another model than {pretrained.source} ({problem}): make them "
        "again with `elmokit embed-tokens`"
    )


def words_by_row(pretrained: PretrainedModel) -> list[str] | None:
    """Return the vocabulary in the order of its file, in which bilm-tf writes token embeddings.

    Args:
        pretrained: the model.

    Returns:
        None when the vocabulary is not known.
    """
    if pretrained.vocabulary is None:
        return None
    words = list(pretrained.vocabulary.words)
    for word, row in zip(pretrained.vocabulary.words, pretrained.vocabulary_rows or (), strict=False):
        words[row] = word
    return words


@torch.inference_mode()
def _different_words(table: TokenTable, pretrained: PretrainedModel, model: BiLM) -> list[str]:
    """Return those of a few words whose vectors in the table are not the encoder's."""
    step = max(1, len(table) // _NUM_COMPARED)
    words = list(table)[::step][:_NUM_COMPARED]
    expected = encode_words(model, *pretrained.indexer.index(words)).float().cpu()
    stored = torch.stack([table[word] for word in words]).float().cpu()
    largest = (stored - expected).abs().amax(dim=1)
    allowed = _TOLERANCE * expected.abs().max()
    return [word for word, difference in zip(words, largest, strict=True) if not difference <= allowed]
