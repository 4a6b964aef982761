"""The shell and Python blocks of README.md and of the pages in docs/ run as written."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TEXTS = ("sotu", "austen", "bible")
NUM_SENTENCES = 150  # kept of each text file, so that a page runs in seconds
OWN_TEST = ("migration.md",)  # its blocks are diffs; tests/test_migration.py runs them

# Commands to run before those of a page.
SETUP = {
    "README.md": "",
    "index.md": "",
    "vectors.md": "",
    "train.md": "",
    "large.md": "",
    "incremental.md": """
mkdir old new
cp examples/data/sotu/train-00000.txt.gz old/train-0.txt.gz
cp examples/data/sotu/heldout-00000.txt.gz old/heldout.txt.gz
cp examples/data/austen/train-00000.txt.gz new/train-0.txt.gz
cp examples/data/austen/heldout-00000.txt.gz new/heldout.txt.gz
elmokit vocabulary --input old/train-0.txt.gz --output vocab.txt --min-count 2
elmokit train --train-prefix old/train-0.txt.gz --heldout-prefix old/heldout.txt.gz --config tiny \
    --vocab-file vocab.txt --save-dir model max_steps=3 batch_size=4 cell_dim=16 projection_dim=8 \
    'filters=[[1,8]]' embedding_dim=4
""",
    "from-the-tutorial.md": "",
    "see-it.md": "",
    "in-your-model.md": "",
    "integrations.md": "",
    "compare.md": "",
    "language-model.md": "",
    "downstream.md": f"""
for part in train dev test; do head -n 60 {ROOT}/examples/data/sentiment/$part.tsv > $part.tsv; done
echo "a fine product" > texts.txt
""",
    "tagging.md": f"""
printf 'Ada B-PER\\nwrote O\\n\\nLondon B-LOC\\nis O\\nold O\\n' > train.conll
printf 'Ada B-PER\\nis O\\nold O\\n' > dev.conll
printf 'London B-LOC\\nwrote O\\n' > test.conll
echo "Ada lives in London" > sentences.txt
printf 'sense\\tlemma\\tindex\\ttokens\\nshore\\tbank\\t0\\tbank\\nmoney\\tbank\\t0\\tbanks\\n' > words.tsv
cp words.tsv senses-train.tsv
cp words.tsv senses-test.tsv
for part in train dev test; do head -n 20 {ROOT}/examples/data/wic_wordnet/$part.tsv > $part.tsv; done
cp test.tsv new.tsv
""",
    "models.md": "",
    "sharing.md": "",
    "other-scripts.md": "",
    "settings.md": "",
    "formats.md": "",
    "faq.md": "",
}
# On this page, the Python code would train into the save directory that the commands have used.
REPLACED = {"incremental.md": ('save_dir="new-model"', 'save_dir="another"')}


def markdown(page: str) -> str:
    directory = ROOT if page == "README.md" else ROOT / "docs"
    return (directory / page).read_text(encoding="utf-8")


def code_blocks(page: str, *languages: str) -> list[str]:
    """Return the code blocks without a title. A title gives the reason why a block cannot be run."""
    pattern = r"^```(\w*)( title=[^\n]*)?\n(.*?)^```$"
    blocks = re.findall(pattern, markdown(page), flags=re.MULTILINE | re.DOTALL)
    return [block for language, title, block in blocks if language in languages and not title]


def commands(page: str) -> list[str]:
    unnamed = [block for block in code_blocks(page, "") if "elmokit " in block and "pip install" not in block]
    return unnamed or code_blocks(page, "sh")


def with_fewer_steps(code: str) -> str:
    return re.sub(r"max_steps=(\d+)", lambda match: f"max_steps={max(1, int(match[1]) // 100)}", code)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with shortened copies of the texts in the repository."""
    root = tmp_path_factory.mktemp("texts")
    for name in TEXTS:
        directory = root / "examples" / "data" / name
        directory.mkdir(parents=True)
        for source in (ROOT / "examples" / "data" / name).glob("*.gz"):
            with gzip.open(source, "rt", encoding="utf-8") as lines:
                text = "".join(line for line, _ in zip(lines, range(NUM_SENTENCES), strict=False))
            with gzip.open(directory / source.name, "wt", encoding="utf-8") as cut:
                cut.write(text)
    return root / "examples"


def run_script(script: str, run_cli: Callable[..., Any]) -> str:
    """Run elmokit commands in this process, to save their startup time, and all others in a shell."""
    output = []
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["elmokit"] and not {"<", ">"} & set(words):
            done = run_cli(*words[1:])
            assert done.exit_code == 0, f"{line}: {done.err}"
            output.append(done.out)
        elif words:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(["bash", "-euc", line], env={**os.environ, "PATH": path}, check=True)
    return "".join(output)


@pytest.mark.slow
@pytest.mark.parametrize("page", SETUP)
def test_page_runs_as_written(
    page: str,
    texts: Path,
    tmp_path: Path,
    run_cli: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    Path("examples").symlink_to(texts)
    script, program = "".join(commands(page)), "\n".join(code_blocks(page, "python"))
    assert script or program
    if page in REPLACED:
        assert REPLACED[page][0] in program
        program = program.replace(*REPLACED[page])
    output = run_script(with_fewer_steps(SETUP[page] + script), run_cli)
    exec(compile(with_fewer_steps(program), page, "exec"), {"__name__": "page"})
    if page == "incremental.md":
        assert "transplanted" in output
        assert "transplanted" in capsys.readouterr().out


def test_every_page_with_code_is_tested() -> None:
    pages = [path.name for path in (ROOT / "docs").glob("*.md") if path.name not in OWN_TEST]
    with_code = {page for page in pages if commands(page) or code_blocks(page, "python")}
    assert with_code | {"README.md"} == set(SETUP)


def test_readme_starts_with_make_demo_and_make_test() -> None:
    first = code_blocks("README.md", "")[0].split("\n")
    assert [line.split("#")[0].strip() for line in first[:2]] == ["make demo", "make test"]
