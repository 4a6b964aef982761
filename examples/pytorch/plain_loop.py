"""ELMo in plain PyTorch: a classifier with a training loop of its own.

    python examples/pytorch/plain_loop.py

It learns to tell praise from complaint in sentences of product reviews. The biLM is frozen; its layers are
mixed with weights that are trained along with the classifier.
"""

from __future__ import annotations

import argparse

import torch
from classifier import Classifier
from reviews import batches
from torch import nn


def accuracy(model: Classifier, part: str, limit: int | None) -> float:
    model.eval()
    with torch.no_grad():
        right = [((model(ids) > 0) == labels.bool()).float() for ids, labels in batches(part, limit)]
    return float(torch.cat(right).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="number of sentences of each part; all by default")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameter_groups())
    for epoch in range(1, arguments.epochs + 1):
        model.train()
        for ids, labels in batches("train", arguments.limit):
            loss = nn.functional.binary_cross_entropy_with_logits(model(ids), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: {accuracy(model, 'dev', arguments.limit):.1%} of the dev sentences are right")
    print(f"{accuracy(model, 'test', arguments.limit):.1%} of the test sentences are right")
    print(
        "weights of the layers:",
        ", ".join(f"{weight:.2f}" for weight in model.elmo.scalar_mix_0.weights.tolist()),
    )


if __name__ == "__main__":
    main()
