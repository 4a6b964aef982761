from __future__ import annotations

import threading
import time

import pytest

from elmokit.explorer.turns import Turns


def _order_of(turns: Turns, works: list[tuple[str, int, float]], clock: list[float]) -> list[str]:
    """The order in which works are done that began to wait one after the other, while the turn was taken."""
    done: list[str] = []

    def work(name: str, num_words: int) -> None:
        with turns.turn(num_words):
            done.append(name)

    threads = []
    with turns.turn(1):
        for number, (name, num_words, at) in enumerate(works, start=1):
            clock[0] = at
            threads.append(threading.Thread(target=work, args=(name, num_words)))
            threads[-1].start()
            end = time.monotonic() + 20
            while len(turns._waiting) < number and time.monotonic() < end:
                time.sleep(0.001)
    for thread in threads:
        thread.join(20)
    return done


def test_short_texts_pass_long_ones_and_equals_keep_their_order():
    clock = [0.0]
    works = [("long", 400, 0.0), ("short", 5, 0.1), ("longer", 500, 0.2), ("short too", 5, 0.3)]
    assert _order_of(Turns(lambda: clock[0]), works, clock) == ["short", "short too", "long", "longer"]


def test_a_long_text_is_not_put_off_for_ever():
    clock = [0.0]
    works = [("long", 400, 0.0), ("early", 5, 1.0), ("late", 5, 60.0)]
    assert _order_of(Turns(lambda: clock[0]), works, clock) == ["early", "long", "late"]


def test_one_works_at_a_time_and_an_error_gives_the_turn_back():
    turns, working, most = Turns(), [0], [0]

    def work() -> None:
        for _ in range(50):
            with turns.turn(1):
                working[0] += 1
                most[0] = max(most[0], working[0])
                time.sleep(0)
                working[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1]
    with pytest.raises(KeyError), turns.turn(1):
        raise KeyError("of the work")
    with turns.turn(1):
        assert not turns._waiting
