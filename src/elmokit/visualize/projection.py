"""Project vectors to two dimensions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from elmokit.errors import ConfigError, ElmokitError, MissingExtraError
from elmokit.neighbors.cosine import nearest_rows, unit_vectors

Method: TypeAlias = Literal["tsne", "umap", "pca"]

_MIN_POINTS = 5  # fewer points have no neighborhoods to preserve, so every method falls back to PCA
_NO_SPREAD = 1e-6  # a smaller spread of single-precision unit vectors is rounding error
_DEFAULT_PERPLEXITY = 30.0
_NUM_NEIGHBORS = 15  # UMAP
_ITERATIONS = 500  # t-SNE, after 250 iterations with early exaggeration
_MANY = 5000  # points from which t-SNE takes half as many iterations, which interpolate the forces
_CONTINUED = 0.3  # share of the iterations if a layout is continued
_REPORT_EVERY = 10  # iterations


def project(
    vectors: np.ndarray,
    method: Method = "tsne",
    *,
    perplexity: float | None = None,
    seed: int = 0,
    start: np.ndarray | None = None,
    nearest: tuple[np.ndarray, np.ndarray] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """Project vectors to the plane so that vectors with similar directions are close.

    Vectors are scaled to unit length first, so that distances correspond to cosine similarities. Equal
    vectors get the same point. The same vectors and seed give the same result.

    Args:
        vectors: (N, D)
        method: ``tsne`` (van der Maaten and Hinton 2008), ``umap`` (McInnes et al. 2018) or ``pca``.
        perplexity: perplexity of t-SNE, roughly the number of neighbors per point, from 1 to (N - 1) / 3;
            30 by default, or less if there are few points.
        seed: random seed of t-SNE and UMAP.
        start: (N, 2) an earlier layout by the same method that t-SNE and UMAP continue, for example that of
            another layer.
        nearest: what :func:`~elmokit.neighbors.cosine.nearest_rows` returned for :func:`num_nearest` rows, if
            it was called already.
        on_progress: called by t-SNE with the completed fraction of the work, from 0 to 1.

    Returns:
        (N, 2) float64. Fewer than 5 points are projected by PCA, whatever the method.

    Raises:
        ConfigError: if the method is unknown or the perplexity is out of range.
        ElmokitError: if a vector is not finite.
        MissingExtraError: if the package that implements the method is not installed.
    """
    if method not in ("tsne", "umap", "pca"):
        raise ConfigError(f"method: expected tsne, umap or pca, got {method!r}")
    if not np.isfinite(vectors).all():
        raise ElmokitError("vectors: contain NaN or infinity: check the weights of the model")
    units = unit_vectors(vectors)
    num_points = len(units)
    if num_points == 0:
        return np.zeros((0, 2))
    if method != "tsne" and perplexity is not None:
        raise ConfigError(f"perplexity: only for method tsne, got method {method}")
    if perplexity is not None and not 1 <= perplexity <= _max_perplexity(num_points):
        raise ConfigError(
            f"perplexity: expected 1 to {_max_perplexity(num_points):g} for {num_points} points, "
            f"got {perplexity:g}"
        )
    if method == "pca" or _are_few(units):
        return _pca(units)
    rows, members = _distinct(units)
    if len(rows) < num_points:
        if start is not None:
            start = _means(start, members, len(rows))
        if perplexity is not None:
            perplexity = min(perplexity, _max_perplexity(len(rows)))
        few = project(
            units[rows], method, perplexity=perplexity, seed=seed, start=start, on_progress=on_progress
        )
        distinct: np.ndarray = few[members]
        return distinct
    if method == "umap":
        return _umap(units, seed, start)
    perplexity = perplexity or min(_DEFAULT_PERPLEXITY, _max_perplexity(num_points))
    return _tsne(units, perplexity, seed, start, nearest, on_progress)


def used_method(vectors: np.ndarray, method: Method) -> Method:
    """Return the method that :func:`project` uses: PCA if fewer than 5 of the vectors (N, D) differ."""
    units = unit_vectors(vectors)
    return "pca" if _are_few(units) or len(_distinct(units)[0]) < _MIN_POINTS else method


def _are_few(units: np.ndarray) -> bool:
    """Return whether unit vectors have no neighborhoods, which methods other than PCA preserve."""
    return len(units) < _MIN_POINTS or bool(np.ptp(units, axis=0).max() < _NO_SPREAD)


def num_nearest(num_points: int, method: Method, perplexity: float | None = None) -> int:
    """Return how many nearest vectors of each vector a projection needs; 0 if it finds them itself."""
    return int(3 * (perplexity or _DEFAULT_PERPLEXITY)) if method == "tsne" and num_points >= _MANY else 0


def _distinct(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of distinct vectors, in their order, and for each vector the index of its row there.

    The vector of a word may differ by rounding errors from batch to batch.
    """
    rounded = np.round(units, 5) + 0.0  # without negative zeros
    _, first, members = np.unique(
        rounded.view(np.dtype((np.void, rounded.itemsize * rounded.shape[1]))).ravel(),
        return_index=True,
        return_inverse=True,
    )
    order = np.argsort(first)
    return first[order], np.argsort(order)[members]


def _means(points: np.ndarray, members: np.ndarray, number: int) -> np.ndarray:
    """Return the mean point of each group, (number, 2)."""
    counts = np.bincount(members, minlength=number)[:, None]
    sums = [np.bincount(members, weights=points[:, axis], minlength=number) for axis in (0, 1)]
    means: np.ndarray = np.stack(sums, axis=1) / counts
    return means


def explained_variance(vectors: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Return the fraction of the unit vectors' variance that each axis of a PCA explains, (2,)."""
    total = unit_vectors(vectors).var(axis=0, dtype=np.float64).sum()
    shares: np.ndarray = coordinates.var(axis=0) / (total or 1.0)
    return shares


def _max_perplexity(num_points: int) -> float:
    """Return the largest perplexity: t-SNE uses three times as many neighbors per point."""
    return max(1.0, (num_points - 1) / 3)


def _pca(units: np.ndarray) -> np.ndarray:
    """Project to the principal components, with signs chosen so that results are never mirrored."""
    centered = units.astype(np.float64) - units.mean(axis=0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    directions = directions[:2] * (sizes[:2, None] > _NO_SPREAD)
    strongest = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    coordinates = centered @ (directions * np.where(strongest < 0, -1.0, 1.0)[:, None]).T
    return np.pad(coordinates, ((0, 0), (0, 2 - coordinates.shape[1])))


def _tsne(
    units: np.ndarray,
    perplexity: float,
    seed: int,
    start: np.ndarray | None,
    nearest: tuple[np.ndarray, np.ndarray] | None,
    on_progress: Callable[[float], None] | None,
) -> np.ndarray:
    try:
        from openTSNE import TSNE
        from openTSNE.affinity import PerplexityBasedNN
        from openTSNE.nearest_neighbors import PrecomputedNeighbors
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtraError("t-SNE", "plot") from None
    is_large = len(units) >= _MANY
    iterations = _ITERATIONS // 2 if is_large else _ITERATIONS
    early = TSNE().early_exaggeration_iter
    if start is not None:
        early, iterations = 0, int(_CONTINUED * iterations)
    done = 0

    def report(iteration: int, error: float, embedding: np.ndarray) -> None:
        nonlocal done
        done += _REPORT_EVERY
        if on_progress is not None:
            on_progress(min(1.0, done / (early + iterations)))

    # With several threads, the order of summation would differ from run to run.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        affinities = None
        if is_large:
            rows, found = nearest or nearest_rows(units, num_nearest(len(units), "tsne", perplexity))
            distances = np.sqrt(np.maximum(0, 2 - 2 * found.astype(np.float64)))
            index = PrecomputedNeighbors(rows.astype(np.int64), distances)
            affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=index, n_jobs=1)
        tsne = TSNE(
            perplexity=perplexity,
            initialization=_start(units, seed),
            neighbors="exact",
            negative_gradient_method="fft" if is_large else "bh",
            n_iter=iterations,
            random_state=seed,
            n_jobs=1,
            callbacks=report,
            callbacks_every_iters=_REPORT_EVERY,
        )
        if start is None:
            embedding = tsne.fit(units, affinities=affinities)
        else:
            embedding = tsne.prepare_initial(units, affinities=affinities)
            embedding[:] = start
            embedding.optimize(iterations, momentum=0.8, inplace=True)
    return np.array(embedding, dtype=np.float64)


def _start(units: np.ndarray, seed: int) -> np.ndarray:
    """Initialize with the principal components, scaled down as in Kobak and Berens 2019, plus noise."""
    coordinates = _pca(units)
    start: np.ndarray = coordinates / coordinates[:, 0].std() * 1e-4
    return start + np.random.default_rng(seed).normal(scale=1e-5, size=start.shape)


def _umap(units: np.ndarray, seed: int, start: np.ndarray | None) -> np.ndarray:
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
            init=_start(units, seed) * 1e5 if start is None else start,  # UMAP expects a width of about 10
            random_state=seed,
            n_jobs=1,
        ).fit_transform(units)
    return np.asarray(embedding, dtype=np.float64)
