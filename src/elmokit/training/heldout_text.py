"""The heldout text of a run: evaluated by one process for all of them, and until a stop is requested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.model.bilm import BiLM
from elmokit.training.distributed import Ranks
from elmokit.training.evaluation import Evaluation, evaluate


class _StoppedError(Exception):
    """Leaves an evaluation whose result nobody waits for."""


class HeldoutText:
    """Evaluates a model that is being trained.

    Args:
        model: the model.
        text: to evaluate on; None for none.
        ranks: the processes that train together.
        is_stopped: whether the run is to stop, which is asked often.
    """

    def __init__(
        self, model: BiLM, text: IndexedCorpus | None, ranks: Ranks, *, is_stopped: Callable[[], bool]
    ) -> None:
        self._model, self._text, self._ranks, self._is_stopped = model, text, ranks, is_stopped

    def evaluate(self) -> Evaluation | None:
        """Return the figures of the text, the same in all processes; None without text or after a stop."""
        if self._text is None:
            return None
        figures = self._ranks.from_main(self._measure)
        return None if figures is None else Evaluation(**figures)

    def _measure(self) -> dict[str, Any] | None:
        assert self._text is not None
        try:
            return evaluate(self._model, self._text, on_tokens=self._leave_if_stopped).as_dict()
        except _StoppedError:
            return None

    def _leave_if_stopped(self, _: int) -> None:
        if self._is_stopped():
            raise _StoppedError
