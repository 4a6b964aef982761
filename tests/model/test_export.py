"""Export to a fixed graph is refused in one line."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from elmokit import Elmo, batch_to_ids
from elmokit.errors import ElmokitError

IDS = batch_to_ids([["the", "cat"], ["a"]])


class Tagger(nn.Module):
    """A model of a user, with the layer inside."""

    def __init__(self) -> None:
        super().__init__()
        self.elmo = Elmo.from_pretrained("tiny-en", dropout=0.0)
        self.tags = nn.Linear(self.elmo.get_output_dim(), 3)

    def forward(self, ids: Tensor) -> Tensor:
        scores: Tensor = self.tags(self.elmo(ids)["elmo_representations"][0])
        return scores


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger().eval()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TorchScript
@pytest.mark.parametrize(
    "export",
    [
        lambda model: torch.export.export(model, (IDS,)),
        lambda model: torch.jit.trace(model, (IDS,)),
        torch.jit.script,
    ],
)
def test_a_model_with_the_layer(tagger, export):
    with pytest.raises(ElmokitError, match=r"^(Elmo|BiLM) cannot be exported .*: export the layers behind"):
        export(tagger)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_model_alone(tagger):
    with pytest.raises(ElmokitError, match=r"^BiLM cannot be exported"):
        torch.jit.script(tagger.elmo.bilm)


def test_the_layers_behind_it(tagger):
    (representation,) = tagger.elmo(IDS)["elmo_representations"]
    representation = representation.detach()
    exported = torch.export.export(tagger.tags, (representation,))
    assert torch.equal(exported.module()(representation), tagger.tags(representation))
