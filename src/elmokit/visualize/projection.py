"""Vectors of many dimensions drawn in two."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from elmokit.errors import ConfigError, ElmokitError, MissingExtraError
from elmokit.neighbors.cosine import unit_vectors

Method: TypeAlias = Literal["tsne", "umap", "pca"]

_FEWEST = 5  # points; fewer have no neighborhoods to keep, so all methods draw them by PCA
_NO_SPREAD = 1e-6  # of unit vectors in single precision: what is below is rounding
_USUAL_PERPLEXITY = 30.0
_NUM_NEIGHBORS = 15  # of UMAP
_ITERATIONS = 500  # of t-SNE, after 250 with early exaggeration
_REPORT_EVERY = 10  # iterations


def project(
    vectors: np.ndarray,
    method: Method = "tsne",
    *,
    perplexity: float | None = None,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """Draw vectors in the plane so that those of like direction lie close.

    Vectors are scaled to unit length first, so that distance stands for cosine. The same vectors and seed
    give the same picture.

    Args:
        vectors: (N, D)
        method: ``tsne`` (van der Maaten and Hinton 2008), ``umap`` (McInnes et al. 2018) or ``pca``.
        perplexity: of t-SNE, about how many neighbors a point has, at least 1 and below (N - 1) / 3 + 1; by
            default 30, or what few points allow.
        seed: of t-SNE and UMAP.
        on_progress: told the share of the work that is done, from 0 to 1; by t-SNE only.

    Returns:
        (N, 2) float64. Fewer than 5 points are drawn by PCA whatever the method.

    Raises:
        ConfigError: when the method is unknown or the perplexity does not fit.
        ElmokitError: when a vector is not finite.
        MissingExtraError: when the package behind the method is not installed.
    """
    if method not in ("tsne", "umap", "pca"):
        raise ConfigError(f"method: expected tsne, umap or pca, got {method!r}")
    if not np.isfinite(vectors).all():
        raise ElmokitError("vectors: NaN or infinite values, expected those of a trained model")
    units = unit_vectors(vectors)
    num_points = len(units)
    if num_points == 0:
        return np.zeros((0, 2))
    if method != "tsne" and perplexity is not None:
        raise ConfigError(f"perplexity: is a setting of t-SNE, {method} has none")
    if perplexity is not None and not 1 <= perplexity <= _largest_perplexity(num_points):
        raise ConfigError(
            f"perplexity: expected 1 to {_largest_perplexity(num_points):g} for {num_points} points, "
            f"got {perplexity:g}"
        )
    if method == "pca" or num_points < _FEWEST or np.ptp(units, axis=0).max() < _NO_SPREAD:
        return _pca(units)
    if method == "umap":
        return _umap(units, seed)
    return _tsne(
        units, perplexity or min(_USUAL_PERPLEXITY, _largest_perplexity(num_points)), seed, on_progress
    )


def explained_variance(vectors: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Of each axis of a PCA, the share of the variance of the unit vectors, (2,)."""
    total = unit_vectors(vectors).var(axis=0, dtype=np.float64).sum()
    shares: np.ndarray = coordinates.var(axis=0) / (total or 1.0)
    return shares


def _largest_perplexity(num_points: int) -> float:
    """A point has three times as many neighbors as the perplexity says."""
    return max(1.0, (num_points - 1) / 3)


def _pca(units: np.ndarray) -> np.ndarray:
    """Principal components; of each the largest part points the same way, so that no picture is mirrored."""
    centered = units.astype(np.float64) - units.mean(axis=0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    directions = directions[:2] * (sizes[:2, None] > _NO_SPREAD)
    strongest = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    coordinates = centered @ (directions * np.where(strongest < 0, -1.0, 1.0)[:, None]).T
    return np.pad(coordinates, ((0, 0), (0, 2 - coordinates.shape[1])))


def _tsne(
    units: np.ndarray, perplexity: float, seed: int, on_progress: Callable[[float], None] | None
) -> np.ndarray:
    try:
        from openTSNE import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtraError("t-SNE", "plot") from None
    early = TSNE().early_exaggeration_iter
    done = 0

    def report(iteration: int, error: float, embedding: np.ndarray) -> None:
        nonlocal done
        done += _REPORT_EVERY
        if on_progress is not None:
            on_progress(min(1.0, done / (early + _ITERATIONS)))

    # Sums of several threads come in another order each time.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedding = TSNE(
            perplexity=perplexity,
            initialization=_start(units, seed),
            neighbors="exact",
            negative_gradient_method="bh",
            n_iter=_ITERATIONS,
            random_state=seed,
            n_jobs=1,
            callbacks=report,
            callbacks_every_iters=_REPORT_EVERY,
        ).fit(units)
    return np.array(embedding, dtype=np.float64)


def _start(units: np.ndarray, seed: int) -> np.ndarray:
    """The principal components, as small as Kobak and Berens 2019 advise for t-SNE, and a little chance."""
    coordinates = _pca(units)
    start: np.ndarray = coordinates / coordinates[:, 0].std() * 1e-4
    return start + np.random.default_rng(seed).normal(scale=1e-5, size=start.shape)


def _umap(units: np.ndarray, seed: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from threadpoolctl import threadpool_limits
            from umap import UMAP
    except ImportError:
        raise MissingExtraError("UMAP", "umap") from None
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedding = UMAP(
            n_neighbors=min(_NUM_NEIGHBORS, len(units) - 1),
            init=_start(units, seed) * 1e5,  # UMAP starts from about ten in width
            random_state=seed,
            n_jobs=1,
        ).fit_transform(units)
    return np.asarray(embedding, dtype=np.float64)
