from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from elmokit.data.find import find_texts
from elmokit.data.vocabulary import UNK
from elmokit.data.word_counts import count_words
from elmokit.errors import TextError


def test_counts_and_sizes(tmp_path):
    (tmp_path / "a.txt").write_text("the cat the\n\n<UNK> .\n \n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"the"))
    reported: list[int] = []
    paths = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt.gz")]
    found = count_words(paths, reported.append)
    assert found.counts == {"the": 3, "cat": 1, UNK: 1, ".": 1}
    assert (found.num_tokens, found.num_sentences, found.num_blank_lines) == (6, 3, 2)
    assert sum(reported) == sum(Path(path).stat().st_size for path in paths)


def test_files_found_earlier(tmp_path):
    (tmp_path / "a.txt").write_text("the cat the\n")
    assert count_words(find_texts(tmp_path)).counts == {"the": 2, "cat": 1}


def test_text_without_tokens_names_the_files(tmp_path):
    paths = []
    for index in range(5):
        paths.append(str(tmp_path / f"{index}.txt"))
        Path(paths[-1]).write_text(" \n\n" if index else "")
    names = f"{paths[0]}, {paths[1]}, {paths[2]} and 2 more"
    with pytest.raises(TextError, match=re.escape(f"the text contains no tokens ({names})")):
        count_words(paths)
