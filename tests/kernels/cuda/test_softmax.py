"""Triton's cross-entropy, compared with PyTorch's logits and autograd.

Products are tested in float32: Triton's interpreter multiplies the bits of bfloat16.
"""

from __future__ import annotations

import pytest
import torch


@pytest.mark.parametrize("with_extra", [True, False], ids=["sampled", "full"])
@pytest.mark.parametrize(("num_rows", "num_words", "width"), [(20, 37, 24), (33, 16, 16)])
def test_equals_pytorch(num_rows, num_words, width, with_extra, triton_device):
    from elmokit.kernels.cuda.softmax import log_totals_and_gradients

    generator = torch.Generator().manual_seed(num_rows)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(triton_device)

    hidden, weight, bias, extra = normal(num_rows, width), normal(num_words, width), normal(num_words), None
    excluded = torch.randint(-1, num_words, (num_rows,), generator=generator).to(triton_device)
    excluded[::3] = -1
    if with_extra:
        extra = normal(num_rows) * 4
    found = log_totals_and_gradients(hidden, weight, bias, excluded, extra, keep_gradients=True)

    factors = [part.double().requires_grad_() for part in (hidden, weight, bias)]
    logits = factors[0] @ factors[1].t() + factors[2]
    rows = (excluded >= 0).nonzero().squeeze(1)
    logits = logits.index_put((rows, excluded[rows]), torch.tensor(-torch.inf, dtype=torch.float64))
    if extra is not None:
        logits = torch.cat([logits, extra[:, None].double()], dim=1)
    log_totals = logits.logsumexp(dim=1)
    expected = [log_totals, *torch.autograd.grad(log_totals.sum(), factors)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.detach(), rtol=1e-4, atol=2e-5)
    only_values = log_totals_and_gradients(hidden, weight, bias, excluded, extra, keep_gradients=False)
    torch.testing.assert_close(only_values[0], found[0])
    assert [len(part) for part in only_values[1:]] == [0, 0, 0]


@pytest.mark.filterwarnings("ignore:All-NaN slice encountered")  # of NumPy in the interpreter
def test_large_logits_and_what_is_not_a_number(triton_device):
    from elmokit.kernels.cuda.softmax import log_totals_and_gradients

    hidden = torch.zeros(3, 16, device=triton_device)
    hidden[0, 0], hidden[1, 0], hidden[2, 0] = 3000.0, -3000.0, torch.nan
    weight = torch.eye(20, 16, device=triton_device)
    bias, none = torch.zeros(20, device=triton_device), torch.full((3,), -1, device=triton_device)
    log_totals, means, *_ = log_totals_and_gradients(hidden, weight, bias, none, None, keep_gradients=True)
    assert log_totals[0] == 3000
    assert log_totals[1].item() == pytest.approx(torch.tensor(19.0).log().item(), rel=1e-5)
    assert log_totals[2].isnan()
    assert means[0, 0] == 1
    assert means[1, 0] == 0
