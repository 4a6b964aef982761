"""The sampled softmax and its sampler against TensorFlow's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elmokit.model.softmax import Candidates, Softmax, draw_candidates

UNIQUE_CASES = ("case0_unique", "case1_unique")
NUM_WORDS, NUM_CANDIDATES = 1000, 64


@pytest.fixture(scope="module")
def recorded(golden) -> dict[str, np.ndarray]:
    with np.load(golden / "sampled_softmax" / "sampled_softmax.npz") as file:
        return dict(file)


def _candidates(recorded: dict[str, np.ndarray], case: str) -> Candidates:
    num_tries = int(recorded[f"{case}/implied_num_tries"])
    return Candidates(recorded[f"{case}/sampled_ids"], num_tries, NUM_WORDS)


@pytest.mark.parametrize("case", UNIQUE_CASES)
def test_expected_counts(case, recorded):
    candidates = _candidates(recorded, case)
    np.testing.assert_allclose(
        np.exp(candidates.log_expected_counts(candidates.ids)),
        recorded[f"{case}/sampled_expected_count"],
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        np.exp(candidates.log_expected_counts(recorded["labels"])),
        recorded[f"{case}/true_expected_count"][:, 0],
        rtol=1e-6,
    )


@pytest.mark.parametrize("case", UNIQUE_CASES)
def test_loss_and_gradients(case, recorded):
    candidates = _candidates(recorded, case)
    assert np.isin(recorded["labels"], candidates.ids).any()  # there are accidental hits to mask
    softmax = Softmax(*recorded["W"].shape)
    with torch.no_grad():
        softmax.weight.copy_(torch.from_numpy(recorded["W"]))
        softmax.bias.copy_(torch.from_numpy(recorded["b"]))
    hidden = torch.from_numpy(recorded["inputs"]).requires_grad_()

    total, losses = softmax(hidden, torch.from_numpy(recorded["labels"]), candidates)
    (total / len(hidden)).backward()  # recorded are the gradients of the mean

    np.testing.assert_allclose(losses, recorded[f"{case}/loss_per_example"], rtol=1e-5)
    assert total.item() == pytest.approx(float(recorded[f"{case}/loss_per_example"].sum()), rel=1e-5)
    for name, gradient in (("W", softmax.weight.grad), ("b", softmax.bias.grad), ("inputs", hidden.grad)):
        expected = torch.from_numpy(recorded[f"{case}/grad_{name}"])
        difference = float((gradient.to_dense() - expected).norm() / expected.norm())
        assert difference < 1e-5, name


@pytest.fixture(scope="module")
def draws(recorded) -> list[Candidates]:
    generator = np.random.default_rng(20)
    num_draws = int(recorded["stats/n_draws"])
    return [draw_candidates(generator, NUM_CANDIDATES, NUM_WORDS) for _ in range(num_draws)]


class TestDrawing:
    def test_candidates_are_distinct(self, draws):
        for candidates in draws:
            assert candidates.ids.shape == (NUM_CANDIDATES,)
            assert candidates.ids.dtype == np.int64
            assert len(np.unique(candidates.ids)) == NUM_CANDIDATES
            assert candidates.num_tries >= NUM_CANDIDATES
            assert candidates.num_words == NUM_WORDS
            assert candidates.ids.min() >= 0
            assert candidates.ids.max() < NUM_WORDS

    def test_how_often_each_word_is_drawn(self, draws, recorded):
        """Two samples of 3,000 draws: the squared deviations average to 1 if they are of one kind."""
        theirs = recorded["stats/inclusion_counts_over_draws"]
        ours = np.bincount(np.concatenate([candidates.ids for candidates in draws]), minlength=NUM_WORDS)
        share = (ours + theirs) / (2 * len(draws))
        # <S> comes up nearly always: keep its deviation finite.
        deviation = np.sqrt(2 * len(draws) * np.maximum(share * (1 - share), 1e-3))
        scores = (ours - theirs) / deviation
        assert (scores**2).mean() < 1.25
        assert np.abs(scores).max() < 5

    def test_the_first_word(self, draws):
        """Drawn by p(k) itself."""
        ids = np.arange(NUM_WORDS)
        expected = len(draws) * np.log((ids + 2) / (ids + 1)) / math.log(NUM_WORDS + 1)
        ours = np.bincount([candidates.ids[0] for candidates in draws], minlength=NUM_WORDS)
        assert ((ours - expected) ** 2 / expected).mean() < 1.25
        assert np.abs(ours[:10] - expected[:10]).max() < 5 * math.sqrt(expected[0])

    def test_how_many_tries_it_takes(self, draws, recorded):
        ours = np.array([candidates.num_tries for candidates in draws])
        theirs = recorded["stats/num_tries_each_draw"]
        score = (ours.mean() - theirs.mean()) / math.sqrt((ours.var() + theirs.var()) / len(ours))
        assert abs(score) < 4
        assert ours.std() == pytest.approx(theirs.std(), rel=0.1)

    def test_the_seed_decides(self):
        first, again, other = (
            draw_candidates(np.random.default_rng(seed), NUM_CANDIDATES, NUM_WORDS) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first.ids, again.ids)
        assert first.num_tries == again.num_tries
        assert not np.array_equal(first.ids, other.ids)

    def test_all_words_of_a_vocabulary(self):
        candidates = draw_candidates(np.random.default_rng(0), 50, 50)
        assert sorted(candidates.ids) == list(range(50))
