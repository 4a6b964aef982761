"""Ray Data: embedding a large text on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elmokit.arguments import checked, whole_number
from elmokit.data.find import Patterns
from elmokit.data.text_parts import TextPart
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import ElmokitError, MissingExtraError
from elmokit.formats.parquet_part import require_pyarrow
from elmokit.formats.vector_choices import DEFAULT_FILE_BYTES, VectorType
from elmokit.integrations.embedding_job import (
    DEFAULT_PART_BYTES,
    EmbeddingJob,
    JobPart,
    count_lines,
    do_part,
    finish_job,
    plan_job,
    unfinished_parts,
)

try:
    import ray
    import ray.data
    import ray.exceptions
except ImportError:
    raise MissingExtraError("elmokit.integrations.ray_data", "ray") from None


@checked
def embed_text(
    model: str | Path,
    text: Patterns,
    output: str | Path,
    *,
    layers: Layers = "all",
    dtype: VectorType = "float32",
    batch_size: int = 64,
    num_actors: int = 1,
    cpus_per_actor: float = 1.0,
    gpus_per_actor: float = 0.0,
    part_bytes: int = DEFAULT_PART_BYTES,
    file_bytes: int = DEFAULT_FILE_BYTES,
    on_part: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Write the vectors of texts to Parquet files, with the actors of a Ray cluster.

    Each actor holds one model and does one part of the text after the other. Ray starts a lost actor again.
    Called again after whatever happened, it goes on: parts that are done stay as they are. The result does
    not depend on the number of actors, and its line numbers run through all files of the text.

    Start Ray or connect to a cluster first, with ``ray.init()``.

    Args:
        model: path, URL or name of a model, which every machine can load.
        text: paths, globs or fsspec URLs that every machine can read; one sentence per line.
        output: directory or fsspec URL that every machine can write to.
        layers: see :meth:`elmokit.ElmoEmbedder.embed`.
        dtype: type of the stored values; int8 has a scale per vector.
        batch_size: number of sentences to run together.
        num_actors: number of actors, and so of copies of the model.
        cpus_per_actor: processors that Ray reserves for an actor, which computes with as many threads.
        gpus_per_actor: GPUs that Ray reserves for an actor; with more than 0, it computes there.
        part_bytes: size of the parts of files that are not compressed; a compressed file is one part.
        file_bytes: approximate size of the largest Parquet file.
        on_part: called with the number of parts that are done and that of all parts.

    Returns:
        The manifest, see :mod:`elmokit.formats.parquet_vectors`.

    Raises:
        TextError: if a text cannot be read.
        OutputError: if the output cannot be written, or something else is there.
        ConfigError: if a setting is impossible.
        MissingExtraError: if pyarrow is not installed.
        ElmokitError: if Ray is not running.
    """
    require_pyarrow("writing Parquet files")
    if not ray.is_initialized():
        raise ElmokitError("Ray is not running: call ray.init() first, with a cluster's address or none")
    num_actors = whole_number("num_actors", num_actors, least=1)
    embedder = ElmoEmbedder.load(model)
    job = plan_job(
        text,
        output,
        embedder.layout(layers, dtype),
        batch_size=batch_size,
        part_bytes=part_bytes,
        file_bytes=file_bytes,
        count=_count,
    )
    del embedder
    waiting = unfinished_parts(job)
    num_done = len(job.parts) - len(waiting)
    if waiting:
        rows = [{"number": part.number} for part in waiting]
        actor: Any = _Actor  # Ray's types know functions only
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            actor,
            fn_constructor_args=(str(model), job, cpus_per_actor, gpus_per_actor > 0),
            compute=ray.data.ActorPoolStrategy(size=min(num_actors, len(rows))),
            num_cpus=cpus_per_actor,
            num_gpus=gpus_per_actor,
        )
        for _ in _raised_as_they_were(done):
            num_done += 1
            if on_part is not None:
                on_part(num_done, len(job.parts))
    return finish_job(job)


class _Actor:
    """Embeds parts of a text with a model of its own."""

    def __init__(self, model: str, job: EmbeddingJob, num_cpus: float, uses_gpu: bool) -> None:
        import torch

        torch.set_num_threads(max(1, int(num_cpus)))
        self._embedder = ElmoEmbedder.load(model, device="cuda" if uses_gpu else "cpu")
        self._job = job
        self._parts: dict[int, JobPart] = {part.number: part for part in job.parts}

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do the part with the number in a row."""
        do_part(self._embedder, self._job, self._parts[row["number"]])
        return row


def _count(parts: Sequence[TextPart]) -> list[int]:
    """Count the lines of parts, in tasks of the cluster."""
    count = ray.remote(num_cpus=1)(count_lines)
    try:
        counts: list[int] = ray.get([count.remote(part) for part in parts])
    except ray.exceptions.RayTaskError as error:
        raise _cause(error) from None
    return counts


def _raised_as_they_were(dataset: Any) -> Any:
    """Yield the rows of a dataset; an error of elmokit in an actor is raised as it was there."""
    try:
        yield from dataset.iter_rows()
    except (ray.exceptions.RayTaskError, ray.exceptions.UserCodeException) as error:
        raise _cause(error) from None


def _cause(error: BaseException) -> BaseException:
    """Return the error of elmokit that is behind one of Ray, or the latter if there is none."""
    found: BaseException | None = error
    while found is not None:
        inner = getattr(found, "cause", None) or found.__cause__
        if isinstance(found, ElmokitError) and inner is None:
            return found
        found = inner
    return error
