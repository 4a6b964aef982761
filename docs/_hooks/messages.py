"""Collect the messages of errors and warnings from the source, for the page of error messages."""

from __future__ import annotations

import ast
import html
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elmokit import errors

PACKAGE = Path(__file__).parents[2] / "src" / "elmokit"
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, (errors.ElmokitError, errors.ElmokitWarning))
}
AREAS = {
    "Text, corpora and vocabularies": ("data",),
    "Settings": ("config",),
    "Models and their files": ("formats", "loading", "pretrained"),
    "Downloads and the Hugging Face Hub": ("repository",),
    "Training": ("training",),
    "Vectors and the language model": ("model", "elmo", "embedder", "language_model", "token_tables"),
    "Classifiers, taggers and other models on top": ("downstream",),
    "Neighbors, pictures and the explorer": ("neighbors", "visualize", "explorer"),
    "Interfaces of other packages": ("dialects", "integrations"),
    "Commands": ("commands", "console", "cli"),
}
"""Headings of the index, with the packages and modules whose messages stand there."""
OTHERS = "Files, and everything else"

_CAUGHT = ("ValueError", "FileNotFoundError", "ImportError")  # the rest of their bases go without saying
_FEWEST_LETTERS = 12  # a message with fewer of its own is made of the values of variables
_TRANSPARENT = ("str", "len", "sorted", "int", "tuple", "map", "type", "repr", "max", "min", "list")


@dataclass(frozen=True, order=True)
class Message:
    """One message, as written in the source."""

    text: str
    """With ``{name}`` for each value that is filled in."""
    kind: str
    area: str


def messages() -> list[Message]:
    """Return all messages of errors and warnings that contain words of their own, sorted."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        area = next((area for area, parts in AREAS.items() if part in parts), OTHERS)
        for kind, text in _in_source(path.read_text(encoding="utf-8")):
            found.add(Message(text, kind, area))
    return sorted(found, key=lambda message: (message.text.lstrip("{"), message))


def _in_source(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name == "warn":  # warnings.warn(text, kind), or a line of a command
            kinds = [other.id for other in node.args[1:] if isinstance(other, ast.Name)]
            if kinds and kinds[0] not in KINDS:  # deprecations say themselves what is new
                continue
            kind = kinds[0] if kinds else "warning"
        elif name == "MissingExtraError" or name in KINDS:
            kind = name
        elif name in ("kind", "error"):  # chosen by a variable
            kind = "ElmokitError"
        elif name == "fail":  # of click
            kind = "a fault of the command line"
        else:
            continue
        text = " ".join(_template(node.args[0]).split())
        if kind == "MissingExtraError":
            text += " needs an optional package: {install command}"
        if len(re.sub(r"\{[^}]*\}|\W", "", text)) >= _FEWEST_LETTERS:
            yield kind, text


def _template(node: ast.expr) -> str:
    """Return the text of a literal, an f-string or their concatenation, with names for the values."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(_template, values))
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _template(left) + _template(right)
        case ast.FormattedValue(value=value):
            return "{" + _named(value) + "}"
        case _:
            return "{" + _named(node) + "}"


def _named(node: ast.expr) -> str:
    """Return a name that tells what an expression stands for."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").replace("_", " ").lower()
        case ast.Call(func=ast.Attribute(attr="join"), args=[argument]):
            return _named(argument)
        case ast.Call(func=ast.Attribute(value=value, attr="lower" | "hexdigest" | "exists" | "resolve")):
            return _named(value)
        case ast.Call(func=ast.Name(id=function), args=[*_, argument]) if function in _TRANSPARENT:
            return _named(argument)
        case ast.Call(func=ast.Attribute(attr="counted"), args=[number, *_]):
            return _named(number)
        case ast.Call(func=function):
            return _named(function)
        case ast.Subscript(value=value) | ast.BinOp(left=value) | ast.Starred(value=value):
            return _named(value)
        case ast.BoolOp(values=[first, *_]) | ast.IfExp(body=first):
            return _named(first)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            return _named(element)
        case _:
            return "…"


def index_in_markdown() -> str:
    """Return all messages, grouped by area."""
    found = messages()
    parts = []
    for area in (*AREAS, OTHERS):
        own = [message for message in found if message.area == area]
        if own:
            parts += [f"### {area}", "\n".join(f"- {_shown(message)}" for message in own)]
    return "\n\n".join(parts)


def _shown(message: Message) -> str:
    pieces = re.split(r"\{([^}]*)\}", message.text.replace("}{", "} {"))
    shown = "".join(
        f"<var>{html.escape(piece)}</var>" if number % 2 else html.escape(piece)
        for number, piece in enumerate(pieces)
    )
    kind = "warning" if message.kind.endswith(("Warning", "warning")) else message.kind
    return f"<code>{shown}</code> ({kind})"


def kinds_in_markdown() -> str:
    """Return a table of the kinds of errors and warnings."""
    rows = ["| kind | also a | meaning |", "| --- | --- | --- |"]
    for name, kind in KINDS.items():
        builtins = [base.__name__ for base in kind.__mro__ if base.__module__ == "builtins"]
        also = ", ".join(f"`{base}`" for base in builtins if base in _CAUGHT)
        meaning = " ".join((inspect.getdoc(kind) or "").split())
        rows.append(f"| `{name}` | {also} | {meaning} |")
    return "\n".join(rows)
