"""Arguments are checked against type hints, and the one that is wrong is named."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

import numpy as np
import pytest
import torch

from elmokit.arguments import checked
from elmokit.data.find import Patterns
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Speaks(Protocol):
    def speak(self) -> str: ...


Speaks.__module__ = "elmokit.example"  # classes of other packages are left to the function


class Dog:
    def speak(self) -> str:
        return "woof"


class Ops(TypedDict):
    layers: int


@checked
def call(
    whole: int = 1,
    real: float = 1.0,
    truth: bool = False,
    text: str = "",
    path: str | Path = "",
    place: Path | None = None,
    choice: Literal["a", "b"] = "a",
    words: Collection[str] = (),
    numbers: Sequence[float] | None = None,
    patterns: Patterns = (),
    table: Mapping[str, int] | None = None,
    report: Callable[[int], object] | None = None,
    animals: Sequence[Speaks] = (),
    sentences: Iterable[str | Sequence[str]] = (),
    layers: Literal["all"] | int = "all",
    ops: Ops | None = None,
    figure: Figure | None = None,
) -> dict[str, Any]:
    return dict(locals())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("whole", np.int64(3), 3),
        ("whole", torch.tensor(3), 3),
        ("real", np.float32(0.5), 0.5),
        ("real", 2, 2.0),
        ("truth", np.True_, True),
        ("path", Path("x"), Path("x")),
        ("place", "x", Path("x")),
        ("words", np.array(["a"]), ["a"]),
        ("words", {"a"}, {"a"}),
        ("words", (word for word in "ab"), ["a", "b"]),
        ("numbers", torch.tensor([1.0, 2.0]), [1.0, 2.0]),
        ("patterns", ["a", Path("b")], ["a", Path("b")]),
        ("report", print, print),
        ("table", {"a": 1}, {"a": 1}),
        # These the function itself knows better.
        ("sentences", "a single string", "a single string"),
        ("layers", "none", "none"),
        ("ops", [3], [3]),
        ("figure", 3, 3),
    ],
)
def test_what_is_right_comes_through_as_python_has_it(name, value, expected):
    found = call(**{name: value})[name]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("whole", "3", "whole: expected a whole number, got '3'"),
        ("whole", True, "whole: expected a whole number, got True"),
        ("real", float("nan"), "real: expected a number, got nan"),
        ("real", "0.5", "real: expected a number, got '0.5'"),
        ("truth", "no", "truth: expected True or False, got 'no'"),
        ("truth", torch.zeros(2), "truth: expected True or False, got Tensor"),
        ("text", b"x", "text: expected a string, got bytes"),
        ("path", 5, "path: expected a path, got 5"),
        ("path", "a\0b", r"path: expected a path, got 'a\x00b', which no file can be named"),
        ("path", "a\ud800", r"path: expected a path, got 'a\ud800', which no file can be named"),
        ("path", "x" * 300, f"path: expected a path, got '{'x' * 200}'…, which no file can be named"),
        ("place", 5, "place: expected a path or None, got 5"),
        ("choice", "c", "choice: expected a or b, got 'c'"),
        ("choice", np.zeros(3), "choice: expected a or b, got ndarray"),
        ("words", "abc", "words: expected a list of strings, got 'abc'"),
        ("words", ["a", 3], "words[1]: expected a string, got 3"),
        ("words", np.array([["a", "b"]]), "words: expected a list of strings, got ndarray"),
        ("words", torch.tensor(3), "words: expected a list of strings, got Tensor"),
        ("numbers", [1.0, "x"], "numbers[1]: expected a number, got 'x'"),
        ("numbers", 3, "numbers: expected a list of numbers or None, got 3"),
        ("patterns", ["a", 3], "patterns[1]: expected a path, got 3"),
        ("table", [1], "table: expected a mapping or None, got list"),
        ("report", 3, "report: expected a function or None, got 3"),
        ("animals", [Dog(), 3], "animals[1]: expected Speaks, got 3"),
        ("animals", [Dog], "animals[0]: expected Speaks, got type"),
    ],
)
def test_what_is_wrong_is_named(name, value, message):
    with pytest.raises(ConfigError) as raised:
        call(**{name: value})
    assert str(raised.value) == message


def test_python_speaks_of_missing_and_unknown_arguments_itself():
    with pytest.raises(TypeError, match=r"call\(\) got an unexpected keyword argument 'wole'"):
        call(wole=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"call\(\) got multiple values for argument 'whole'"):
        call(1, whole=3)  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"takes 2 positional arguments but 3 were given"):
        ElmoEmbedder.load("model", "cpu")  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"ElmoEmbedder.load\(\) missing 1 required positional argument"):
        ElmoEmbedder.load()  # type: ignore[call-arg]


def test_arguments_are_checked_however_they_are_given():
    @checked
    def several(first: int, /, second: int, *rest: int, third: int = 0, **more: int) -> tuple[Any, ...]:
        return first, second, rest, third, more

    found = several(np.int64(1), np.int64(2), "unchecked", third=np.int64(3), first="of more")  # type: ignore
    assert found == (1, 2, ("unchecked",), 3, {"first": "of more"})
    assert [type(each) for each in (found[0], found[1], found[3])] == [int, int, int]
    assert several(1, second=np.int64(2))[1] == 2
    for arguments, names in (((True, 2), {}), ((1, True), {}), ((1,), {"second": True})):
        with pytest.raises(ConfigError, match="expected a whole number, got True"):
            several(*arguments, **names)
    with pytest.raises(ConfigError, match="third: expected a whole number, got True"):
        several(1, 2, third=True)


def test_what_is_right_is_not_copied_and_what_is_nearly_right_is_found():
    @checked
    def same(words: Sequence[str] = (), counts: Sequence[int] = ()) -> tuple[Any, Any]:
        return words, counts

    words, counts = ["a", "b"], [1, 2]
    assert same(words, counts)[0] is words
    assert same(words, counts)[1] is counts
    with pytest.raises(ConfigError, match=r"counts\[1\]: expected a whole number, got True"):
        same(counts=[1, True])
    assert same(np.array(["a", "b"]))[0] == ["a", "b"]


def test_streams_are_checked_as_they_come():
    @checked
    def first(words: Iterable[str]) -> str:
        return next(iter(words))

    def endless() -> Iterator[Any]:
        while True:
            yield "a"

    assert first(endless()) == "a"
    with pytest.raises(ConfigError, match=r"words\[0\]: expected a string, got 3"):
        first(iter([3]))


def test_signatures_and_names_stay():
    assert list(inspect.signature(call).parameters)[:2] == ["whole", "real"]
    assert call.__name__ == "call"


def test_every_checked_function_has_hints_that_can_be_read():
    """Each is called with nothing but wrong arguments: an error of elmokit's, not one of the check itself."""
    import elmokit

    for name in elmokit.__all__:
        found = getattr(elmokit, name)
        functions = [found, *(vars(found).values() if inspect.isclass(found) else ())]
        for function in functions:
            plain = getattr(function, "__func__", function)
            if getattr(plain, "__code__", None) is None or plain.__code__.co_name != "call":
                continue
            names = list(inspect.signature(plain).parameters)
            with pytest.raises((ElmokitError, TypeError, AttributeError)) as raised:
                plain(**dict.fromkeys(names, object()))
            last = raised.traceback[-1]
            assert last.path.name != "hints.py" or isinstance(raised.value, ConfigError)
