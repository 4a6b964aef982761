"""Export to a fixed graph, which the model does not have."""

from __future__ import annotations

import torch

from elmokit.errors import ElmokitError

EXPORT_PROBLEM = (
    "cannot be exported with torch.export, ONNX or TorchScript, because the number of steps depends on the "
    "sentences: export the layers behind it, or speed it up with torch.compile"
)


def refuse_export(name: str) -> None:
    """Refuse to be recorded as a graph; called where a module computes.

    Raises:
        ElmokitError: if PyTorch is exporting or tracing.
    """
    is_tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if torch.compiler.is_exporting() or is_tracing:
        raise ElmokitError(f"{name} {EXPORT_PROBLEM}")
