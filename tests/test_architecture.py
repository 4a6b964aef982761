"""The drawing of the packages in the documentation is that of the source."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_drawing_is_up_to_date():
    script = DOCS / "_hooks/draw_architecture.py"
    drawn = runpy.run_path(str(script))["draw"]()
    assert drawn == (DOCS / "images/architecture.svg").read_text(encoding="utf-8"), f"run {script.name} again"
