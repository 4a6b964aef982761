"""Projection of vectors to two dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.errors import ConfigError, ElmokitError
from elmokit.visualize import projection
from elmokit.visualize.projection import explained_variance, project


def clusters(num_points: int = 20, dim: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of random length around three directions, and the direction of each."""
    generator = np.random.default_rng(3)
    directions = np.eye(dim)[:3]
    numbers = np.repeat(np.arange(3), (num_points - 8, num_points, num_points + 8))
    vectors = directions[numbers] + 0.05 * generator.normal(size=(len(numbers), dim))
    return (vectors * generator.uniform(0.5, 9, size=(len(numbers), 1))).astype(np.float32), numbers


def test_pca_is_that_of_the_unit_vectors():
    vectors, _ = clusters()
    units = vectors.astype(np.float64) / np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    values, directions = np.linalg.eigh(np.cov(units.T, bias=True))
    coordinates = project(vectors, "pca")
    for axis in (0, 1):
        expected = (units - units.mean(axis=0)) @ directions[:, -1 - axis]
        assert min(np.abs(coordinates[:, axis] - sign * expected).max() for sign in (1, -1)) < 1e-5
    np.testing.assert_allclose(
        explained_variance(vectors, coordinates), values[:-3:-1] / values.sum(), rtol=1e-9
    )


@pytest.mark.parametrize("method", ["tsne", pytest.param("umap", marks=pytest.mark.slow), "pca"])
def test_similar_directions_are_close_and_results_are_reproducible(method):
    vectors, numbers = clusters()
    coordinates = project(vectors, method, seed=1)
    assert coordinates.shape == (60, 2)
    distances = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(numbers[distances.argmin(axis=1)] == numbers) == 1.0
    np.testing.assert_array_equal(project(vectors, method, seed=1), coordinates)
    if method != "pca":
        assert np.abs(project(vectors, method, seed=2) - coordinates).max() > 0


@pytest.mark.parametrize("method", ["tsne", "umap", "pca"])
@pytest.mark.parametrize("num_points", range(5))
def test_few_points_are_projected_by_pca(num_points, method):
    vectors = clusters()[0][::13][:num_points]
    coordinates = project(vectors, method)
    assert coordinates.shape == (num_points, 2)
    np.testing.assert_array_equal(coordinates, project(vectors, "pca"))
    assert np.isfinite(coordinates).all()


@pytest.mark.parametrize("method", ["tsne", "umap", "pca"])
def test_identical_vectors_are_one_point(method):
    assert not project(np.full((9, 4), 0.3), method).any()
    assert not project(np.zeros((9, 4)), method).any()
    assert not project(np.ones((9, 1)), method).any()


def test_repeated_vectors_stay_together():
    vectors = np.repeat(clusters()[0][::20], 6, axis=0)
    groups = project(vectors).reshape(3, 6, 2)
    assert (groups == groups[:, :1]).all()
    assert len(np.unique(groups[:, 0], axis=0)) == 3


def test_a_layout_can_be_continued(capfd):
    vectors, _ = clusters()
    first = project(vectors)
    continued = project(vectors, start=first)
    # Points stay about where they are; without the start they would be anywhere.
    assert np.corrcoef(first.ravel(), continued.ravel())[0, 1] > 0.9
    repeated = np.repeat(vectors, 2, axis=0)
    doubled = project(repeated, start=np.repeat(first, 2, axis=0)).reshape(-1, 2, 2)
    assert (doubled[:, 0] == doubled[:, 1]).all()
    assert np.corrcoef(first.ravel(), doubled[:, 0].ravel())[0, 1] > 0.9
    assert capfd.readouterr() == ("", "")


def test_many_points_are_laid_out_by_interpolation(monkeypatch):
    monkeypatch.setattr(projection, "_ITERATIONS", 20)
    vectors, _ = clusters()
    start = project(vectors, "pca") * 20
    exact = project(vectors, perplexity=9, start=start)
    monkeypatch.setattr(projection, "_MANY", 50)
    monkeypatch.setattr(projection, "_ITERATIONS", 40)  # of which half are done
    interpolated = project(vectors, perplexity=9, start=start)
    assert np.abs(exact - start).max() > 1
    np.testing.assert_allclose(interpolated, exact, atol=0.02 * np.ptp(exact))


@pytest.mark.parametrize("perplexity", [0.5, 7, float("nan")])
def test_a_perplexity_out_of_range_is_refused(perplexity):
    with pytest.raises(ConfigError, match=r"^perplexity: expected 1 to 5 for 16 points, got"):
        project(clusters()[0][:16], perplexity=perplexity)


def test_arguments_are_checked():
    vectors = clusters()[0]
    with pytest.raises(ConfigError, match="method: expected tsne, umap or pca, got 'mds'"):
        project(vectors, "mds")
    with pytest.raises(ConfigError, match="perplexity: only for method tsne, got method pca"):
        project(vectors, "pca", perplexity=5)
    vectors[3, 1] = np.nan
    with pytest.raises(ElmokitError, match="NaN"):
        project(vectors)


def test_progress_increases_to_one():
    fractions: list[float] = []
    project(clusters()[0], on_progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 10
