"""Does the biattentive classifier of the ELMo paper pay for single sentences?

    python benchmarks/downstream/biattentive.py --embedding elmo:benchmarks/downstream/prepared/en/model

Trains the encoders pooled, bilstm and the biattentive classification network (McCann et al. 2017, used by
Peters et al. 2018 on SST-5) on the product reviews of examples/data/sentiment, with several seeds.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from elmokit import TextClassifier
from elmokit.config.overrides import section_with
from elmokit.downstream.classification import network
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.labelled.read import read_labelled

DATA = Path(__file__).parents[2] / "examples/data/sentiment"
FIT = ["fit.max_epochs=12", "fit.patience=3"]


class BiattentiveEncoder(nn.Module):
    """Both inputs of the network are the same sentence, as it is used for sentences.

    Args:
        input_dim: width D of a word vector.
        hidden_dim: width H of each direction.
        dropout: dropout rate of the word vectors.
    """

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        width = 2 * hidden_dim
        self.output_dim = width
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(input_dim, hidden_dim)
        self.encoder = nn.LSTM(hidden_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.integrator = nn.LSTM(3 * width, hidden_dim, batch_first=True, bidirectional=True)
        self.self_attention = nn.Linear(width, 1)
        self.maxout = nn.Linear(4 * width, 2 * width)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, 2 H) for vectors (B, T, D) with their mask (B, T)."""
        mask = mask.clone()
        mask[:, 0] = True  # a text without words is one word with the vector zero
        states = run(self.encoder, torch.relu(self.project(self.dropout(vectors))), mask)  # (B, T, 2H)
        hidden = ~mask[:, None]
        attention = torch.softmax((states @ states.mT).masked_fill(hidden, -torch.inf), dim=-1)
        context = attention @ states
        joined = torch.cat([states, states - context, states * context], dim=-1)
        states = run(self.integrator, joined, mask)
        places = mask[..., None]
        weights = torch.softmax(self.self_attention(states).masked_fill(~places, -torch.inf), dim=1)
        pooled = [
            states.masked_fill(~places, -torch.inf).amax(1),
            states.masked_fill(~places, torch.inf).amin(1),
            (states * places).sum(1) / places.sum(1),
            (states * weights).sum(1),
        ]
        return self.maxout(self.dropout(torch.cat(pooled, dim=-1))).unflatten(-1, (-1, 2)).amax(-1)


def run(lstm: nn.LSTM, vectors: Tensor, mask: Tensor) -> Tensor:
    packed = nn.utils.rnn.pack_padded_sequence(
        vectors, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
    )
    return nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=vectors.shape[1])[
        0
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embedding", default="elmo:tiny-en")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = {part: read_labelled(str(DATA / f"{part}.tsv")) for part in ("train", "dev", "test")}
    texts = {part: (own.texts, [label for (label,) in own.labels]) for part, own in parts.items()}
    embeddings = embeddings_of(options.embedding)
    for encoder in ("pooled", "bilstm", "biattentive"):
        scores, start = [], time.process_time()
        kind = BiattentiveEncoder if encoder == "biattentive" else network.BiLSTMEncoder
        name = "pooled" if encoder == "pooled" else "bilstm"
        for seed in range(1, options.seeds + 1):
            settings = section_with(
                ClassifierSettings,
                [
                    f"encoder={name}",
                    f"fit.seed={seed}",
                    "hidden_dim=64",
                    "fit.max_epochs=12",
                    "fit.patience=3",
                ],
            )
            with mock.patch.object(network, "BiLSTMEncoder", kind):
                classifier = TextClassifier(embeddings, settings=settings).fit(*texts["train"], texts["dev"])
            dev, test = (classifier.evaluate(*texts[part]).accuracy for part in ("dev", "test"))
            scores.append((dev, test))
        dev, test = np.mean(scores, axis=0)
        seconds = (time.process_time() - start) / options.seeds
        print(f"{encoder}: dev {dev:.4f}, test {test:.4f}, {seconds:.0f} s of CPU time a model", flush=True)


if __name__ == "__main__":
    main()
