from __future__ import annotations

import pytest

from elmokit.console import progress_bars, terminal


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    return clock


def test_a_line_a_minute_in_a_file(clock, capsys):
    with terminal.progress_bar("training", 1_000_000, "tok") as bar:
        for _ in range(600):
            clock.now += 1
            bar.set_postfix_str("epoch 0.12/10, perplexity 12345.6", refresh=False)
            bar.update(1000)
    lines = capsys.readouterr().err.splitlines()
    assert 9 <= len(lines) <= 11
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].startswith("training: ")
    assert "1.00ktok/s" in lines[-1]


def test_no_estimate_from_the_first_step(clock):
    """It takes 100 times as long as the others."""
    with terminal.progress_bar("training", 100_000, "tok") as bar:
        clock.now += 60
        bar.update(100)
        assert "<?" in str(bar)
        clock.now += 0.5
        bar.update(100)
        assert "<?" in str(bar)
        for _ in range(10):
            clock.now += 0.5
            bar.update(100)
        assert "<08:14" in str(bar)  # 98,800 tokens at 200 tokens/s


def test_nothing_in_a_quiet_command(monkeypatch, capsys):
    monkeypatch.setattr(terminal.modes, "is_quiet", lambda: True)
    with terminal.progress_bar("training", 10, "tok", mininterval=0) as bar:
        bar.update(10)
    assert capsys.readouterr().err == ""
    assert progress_bars._LOG_INTERVAL_SECONDS == 60
