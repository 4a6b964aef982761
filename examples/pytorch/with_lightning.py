"""ELMo in PyTorch Lightning: the classifier of plain_loop.py without a loop, with early stopping.

pip install 'elmokit[lightning]'
python examples/pytorch/with_lightning.py
"""

from __future__ import annotations

import argparse
import logging

import lightning
import torch
from classifier import Classifier
from lightning.pytorch.callbacks import EarlyStopping
from reviews import batches
from torch import Tensor, nn


class LightningClassifier(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = Classifier()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        ids, labels = batch
        return nn.functional.binary_cross_entropy_with_logits(self.model(ids), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self._log_accuracy("dev accuracy", batch)

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self._log_accuracy("test accuracy", batch)

    def _log_accuracy(self, name: str, batch: tuple[Tensor, Tensor]) -> None:
        ids, labels = batch
        is_right = ((self.model(ids) > 0) == labels.bool()).float()
        self.log(name, is_right.mean(), batch_size=len(labels), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameter_groups())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="number of sentences of each part; all by default")
    arguments = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    lightning.seed_everything(0, verbose=False)
    trainer = lightning.Trainer(
        max_epochs=arguments.epochs,
        accelerator="auto",
        callbacks=[EarlyStopping("dev accuracy", mode="max", patience=2)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = LightningClassifier()
    trainer.fit(module, batches("train", arguments.limit), batches("dev", arguments.limit))
    (results,) = trainer.test(module, batches("test", arguments.limit), verbose=False)
    print(f"{results['test accuracy']:.1%} of the test sentences are right")


if __name__ == "__main__":
    main()
