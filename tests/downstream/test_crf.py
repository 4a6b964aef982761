import itertools

import numpy as np
import pytest
import torch
from torch import nn

from elmokit.downstream.crf import Constraints, LinearChainCRF
from elmokit.errors import ConfigError

NUM_TAGS, LONGEST = 3, 4
LENGTHS = (4, 2, 1, 0, 3)


@pytest.fixture(params=[False, True], ids=["free", "constrained"])
def crf(request) -> LinearChainCRF:
    torch.manual_seed(0)
    constraints = None
    if request.param:
        transitions = torch.ones(NUM_TAGS, NUM_TAGS, dtype=torch.bool)
        transitions[0, 1] = transitions[2, 2] = False
        constraints = Constraints(
            torch.tensor([True, True, False]), transitions, torch.tensor([True, False, True])
        )
    crf = LinearChainCRF(NUM_TAGS, constraints).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_()
    return crf


@pytest.fixture
def emissions() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(
        len(LENGTHS), LONGEST, NUM_TAGS, dtype=torch.float64, generator=generator, requires_grad=True
    )


MASK = torch.arange(LONGEST) < torch.tensor(LENGTHS).unsqueeze(1)


def sequences(crf, own, length):
    """All allowed sequences of tags of one sentence with their scores, by the definition."""
    found = {}
    for tags in itertools.product(range(NUM_TAGS), repeat=length):
        pairs = list(itertools.pairwise(tags))
        if tags and (
            crf.forbidden_start[tags[0]]
            or crf.forbidden_end[tags[-1]]
            or any(crf.forbidden_transitions[pair] for pair in pairs)
        ):
            continue
        score = own.sum() * 0
        if tags:
            score = crf.start[tags[0]] + crf.end[tags[-1]]
        for t, tag in enumerate(tags):
            score = score + own[t, tag]
        for pair in pairs:
            score = score + crf.transitions[pair]
        found[tags] = score
    return found


def by_enumeration(crf, emissions):
    return [sequences(crf, own, length) for own, length in zip(emissions, LENGTHS, strict=True)]


def test_the_log_partition_and_its_gradient(crf, emissions):
    expected = torch.stack(
        [torch.logsumexp(torch.stack(list(all_.values())), 0) for all_ in by_enumeration(crf, emissions)]
    )
    found = crf.log_partition(emissions, MASK)
    torch.testing.assert_close(found, expected)
    inputs = [emissions, *crf.parameters()]
    weights = torch.arange(1.0, len(LENGTHS) + 1)
    for own, other in zip(
        torch.autograd.grad((found * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, other)


def test_probabilities_of_all_sequences_sum_to_one(crf, emissions):
    for row, all_ in enumerate(by_enumeration(crf, emissions)):
        tags = torch.zeros(len(all_), LONGEST, dtype=torch.long)
        for number, sequence in enumerate(all_):
            tags[number, : len(sequence)] = torch.tensor(sequence)
        count = len(all_)
        log_probabilities = crf(emissions[[row] * count], tags, MASK[[row] * count])
        assert float(log_probabilities.detach().exp().sum()) == pytest.approx(1)
        scores = torch.stack(list(all_.values()))
        torch.testing.assert_close(log_probabilities, scores - torch.logsumexp(scores, 0))


def test_marginals(crf, emissions):
    expected = torch.zeros(len(LENGTHS), LONGEST, NUM_TAGS, dtype=torch.float64)
    for row, all_ in enumerate(by_enumeration(crf, emissions)):
        probabilities = torch.softmax(torch.stack(list(all_.values())), 0)
        for sequence, probability in zip(all_, probabilities, strict=True):
            for t, tag in enumerate(sequence):
                expected[row, t, tag] += probability.detach()
    found = crf.marginals(emissions, MASK)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad
    assert all(parameter.grad is None for parameter in crf.parameters())
    with torch.inference_mode():
        assert torch.equal(crf.marginals(emissions.detach() + 0, MASK & True), found)


def test_the_best_path(crf, emissions):
    best = [max(all_, key=all_.__getitem__) for all_ in by_enumeration(crf, emissions)]
    assert crf.decode(emissions, MASK) == [list(path) for path in best]


def test_padding_does_not_matter(crf, emissions):
    tags = torch.tensor([[0, 2, 0, 0]] * len(LENGTHS))
    longer = torch.full((len(LENGTHS), LONGEST + 3, NUM_TAGS), 7e3, dtype=torch.float64)
    longer[:, :LONGEST] = torch.where(MASK.unsqueeze(2), emissions.detach(), -3e4)
    mask = nn.functional.pad(MASK, (0, 3))
    torch.testing.assert_close(
        crf(longer, nn.functional.pad(tags, (0, 3), value=-1), mask),
        crf(emissions, tags, MASK).detach(),
        check_dtype=False,
    )
    assert crf.decode(longer, mask) == crf.decode(emissions, MASK)


def test_what_is_forbidden_has_no_probability(emissions):
    transitions = ~torch.eye(NUM_TAGS, dtype=torch.bool)
    everywhere = torch.ones(NUM_TAGS, dtype=torch.bool)
    crf = LinearChainCRF(NUM_TAGS, Constraints(everywhere, transitions, everywhere))
    tags = torch.zeros(len(LENGTHS), LONGEST, dtype=torch.long)
    log_probabilities = crf(emissions.float(), tags, MASK)
    assert (log_probabilities.detach().exp() == 0).tolist() == [length > 1 for length in LENGTHS]
    loss = -crf(emissions.float(), torch.tensor([[0, 1, 0, 1]] * len(LENGTHS)), MASK).sum()
    loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in crf.parameters())
    assert all(
        left != right for path in crf.decode(emissions, MASK) for left, right in itertools.pairwise(path)
    )


def test_as_pytorch_crf(emissions):
    torchcrf = pytest.importorskip("torchcrf")
    torch.manual_seed(3)
    other = torchcrf.CRF(NUM_TAGS, batch_first=True).double()
    own = LinearChainCRF(NUM_TAGS).double()
    own.load_state_dict(
        {"start": other.start_transitions, "end": other.end_transitions, "transitions": other.transitions}
    )
    rows = [row for row, length in enumerate(LENGTHS) if length]  # it takes no empty sentence
    mask = MASK[rows]
    tags = torch.randint(NUM_TAGS, mask.shape, generator=torch.Generator().manual_seed(4))
    expected = other(emissions[rows], tags, mask=mask, reduction="none")
    torch.testing.assert_close(own(emissions[rows], tags, mask), expected)
    assert own.decode(emissions[rows], mask) == other.decode(emissions[rows], mask=mask)
    expected = other(emissions[rows], tags, mask=mask, reduction="none")
    theirs = torch.autograd.grad(expected.sum(), [emissions, other.start_transitions, other.transitions])
    ours = torch.autograd.grad(
        own(emissions[rows], tags, mask).sum(), [emissions, own.start, own.transitions]
    )
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_it_computes_in_double_precision(dtype):
    crf = LinearChainCRF(2)
    emissions = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(0)).to(dtype)
    mask = torch.ones(1, 3, dtype=torch.bool)
    found = crf.log_partition(emissions, mask)
    assert found.dtype == torch.float64
    assert torch.equal(found, crf.log_partition(emissions.double(), mask))


def test_a_long_document_stays_finite():
    crf = LinearChainCRF(2, Constraints(*(torch.ones(shape, dtype=torch.bool) for shape in (2, (2, 2), 2))))
    emissions = torch.from_numpy(np.random.default_rng(0).normal(0, 30, (1, 5000, 2)).astype(np.float32))
    mask = torch.ones(1, 5000, dtype=torch.bool)
    (path,) = crf.decode(emissions, mask)
    # Neighbors hardly matter beside such emissions, so that the tags are nearly certain.
    assert float(crf(emissions, torch.tensor([path]), mask).detach()) == pytest.approx(
        float(crf.marginals(emissions, mask).amax(2).log().sum()), abs=3
    )


@pytest.mark.parametrize(
    ("emissions", "tags", "mask", "message"),
    [
        ((1, 2, 3), (1, 2), [[True, True]], r"expected shape \(B, T, 2\)"),
        ((1, 0, 2), (1, 0), [[]], "T > 0"),
        ((1, 2, 2), (1, 2), [[False, True]], "padding comes before tokens"),
        ((1, 2, 2), (1, 2), [[True]], r"mask: expected bool \(1, 2\)"),
        ((1, 2, 2), (1, 1), [[True, True]], r"tags: expected shape \(1, 2\)"),
    ],
)
def test_shapes_are_checked(emissions, tags, mask, message):
    with pytest.raises(ConfigError, match=message):
        LinearChainCRF(2)(
            torch.zeros(emissions), torch.zeros(tags, dtype=torch.long), torch.tensor(mask, dtype=torch.bool)
        )


def test_constraints_of_another_size():
    every = torch.ones(3, dtype=torch.bool)
    with pytest.raises(ConfigError, match="start: expected shape"):
        LinearChainCRF(2, Constraints(every, torch.ones(3, 3, dtype=torch.bool), every))
