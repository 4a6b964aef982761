"""Turn references in docstrings, such as :func:`name`, into links to the documentation of that name."""

from __future__ import annotations

import re
from typing import Any

from griffe import AliasResolutionError, CyclicAliasError, Extension, NameResolutionError, Object

_ROLE = re.compile(r":(?:func|meth|class|mod|data|attr):`(~?)([\w.]+)`")


class Roles(Extension):
    """Replaces the roles in every docstring by links, or by code where the name is not documented."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(lambda match: _link(obj, match), obj.docstring.value)


def _link(scope: Object, match: re.Match[str]) -> str:
    is_short, name = bool(match[1]), match[2]
    shown = name.rpartition(".")[2] if is_short else name
    try:
        target = name if name.startswith("elmokit.") else scope.resolve(name)
    except (NameResolutionError, AliasResolutionError, CyclicAliasError):
        return f"`{shown}`"
    return f'<autoref optional identifier="{target}"><code>{shown}</code></autoref>'
