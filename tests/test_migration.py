"""The new code in docs/migration.md runs and returns what the page says."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

from elmokit import BiLM, Config, Vocabulary
from elmokit.formats.bilm_hdf5 import fill_softmax, write_weights

PAGE = (Path(__file__).parent.parent / "docs" / "migration.md").read_text(encoding="utf-8")
WORDS = ("<S>", "</S>", "<UNK>", "First", "sentence", ".", "Another", "Some", "context", "the", "cat", "mat")
TEXT = "First sentence .\nAnother .\nthe cat\n"


def blocks(section: str) -> list[str]:
    """Return the new lines of each block of a section."""
    body = PAGE.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return [
        "".join(line[1:] or "\n" for line in block.splitlines(keepends=True) if not line.startswith("-"))
        for block in re.findall(r"^```diff\n(.*?)^```", body, flags=re.MULTILINE | re.DOTALL)
    ]


def commands() -> list[str]:
    """Return the new commands in all tables."""
    return re.findall(r"^\|.*\| `(elmokit [^`]*)` \|$", PAGE, flags=re.MULTILINE)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a directory with all files that the page mentions."""
    config = Config.load(
        "tiny", ["embedding_dim=4", "filters=[[1, 8], [2, 8]]", "cell_dim=16", "projection_dim=8"]
    )
    model = BiLM(config.model, len(WORDS))
    model.reset_parameters(torch.Generator().manual_seed(0))
    monkeypatch.chdir(tmp_path)
    options = json.dumps(config.to_bilm_options(num_words=len(WORDS)))
    # A path takes precedence over a published name, so "original" is the model in this directory.
    for folder in (tmp_path, tmp_path / "original", tmp_path / "model"):
        folder.mkdir(exist_ok=True)
        write_weights(folder / "weights.hdf5", config.model, dict(model.named_parameters()))
        (folder / "options.json").write_text(options, encoding="utf-8")
        Vocabulary(WORDS).save(folder / "vocab.txt")
    assert model.softmax is not None
    fill_softmax(tmp_path / "model" / "softmax.hdf5", model.softmax.weight, model.softmax.bias)
    (tmp_path / "sentences.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def run(program: str, **names: Any) -> dict[str, Any]:
    exec(compile(textwrap.dedent(program), "docs/migration.md", "exec"), names)
    return names


def test_allennlp(directory):
    layer, state_dict, vectors = blocks("AllenNLP")
    names = run(layer)
    assert names["first"].shape == names["second"].shape == (2, 3, 16)
    assert names["mask"].tolist() == [[True] * 3, [True, True, False]]
    old = {"scalar_mix_0.gamma": torch.tensor([3.0]), "_elmo_lstm._token_embedder.weight": torch.zeros(2)}
    elmo = run(state_dict, elmo=names["elmo"], state_dict=old)["elmo"]
    assert elmo.scalar_mix_0.gamma.item() == 3.0
    names = run(vectors)
    assert [own.shape for own in names["several"]] == [(3, 3, 16), (3, 2, 16)]
    with h5py.File(directory / "vectors.hdf5") as file:
        assert file["0"].shape == (3, 16)
        assert "sentence_to_index" in file


def test_bilm(directory):
    layers, tokens = blocks("bilm-tf")
    names = run(layers)
    assert names["context"].shape == names["question"].shape == (1, 3, 16)
    assert [tuple(parameter.shape) for parameter in names["parameters"]] == [(3,), (1,)]
    names = run(tokens)
    assert names["context_embeddings"]["lm_embeddings"].shape == (1, 3, 3, 16)
    with h5py.File(directory / "tokens.hdf5") as file:
        assert file["embedding"].shape == (12, 8)
    with h5py.File(directory / "bilm.hdf5") as file:
        assert file["2"].shape == (3, 2, 16)


def test_tfhub():
    graph, eager = blocks("TF-Hub")
    assert run(graph)["values"].shape == (2, 6, 16)
    assert run(eager)["sentences"].shape == (1, 16)


def test_simple_elmo():
    (program,) = blocks("simple_elmo")
    names = run(program)
    assert names["vectors"].shape == (2, 3, 16)
    assert names["averages"].shape == (2, 16)
    assert len(names["substitutes"][0][1]["forward"]["candidate_words"]) == 3


def test_commands(directory, run_cli):
    for folder in ("shards", "heldout"):
        (directory / folder).mkdir()
        (directory / folder / "text.txt").write_text(TEXT * 100, encoding="utf-8")
    assert len(commands()) == 6
    for command in commands():
        arguments = shlex.split(
            command.replace("--config original", "--config tiny max_steps=2 batch_size=2")
        )
        done = run_cli(*arguments[1:])
        assert done.exit_code == 0, done.err
        if "--layers" in arguments:
            with h5py.File(directory / "out.hdf5") as file:
                assert file["0"].shape == (3, 16)
    assert (directory / "run" / "checkpoints").is_dir()
    assert (directory / "elmo" / "weights.hdf5").is_file()


def test_every_block_and_command_is_tested():
    headings = re.findall(r"^## (.*)$", PAGE, flags=re.MULTILINE)
    assert headings == ["AllenNLP", "bilm-tf", "TF-Hub", "simple_elmo"]
    assert sum(len(blocks(heading)) for heading in headings) == PAGE.count("```") // 2
    assert PAGE.count("| `elmokit ") == len(commands())


def test_new_code_does_not_import_old_packages():
    for heading in ("AllenNLP", "bilm-tf", "TF-Hub", "simple_elmo"):
        for block in blocks(heading):
            assert not re.search(
                r"tensorflow|\btf\.|^from (allennlp|bilm|simple_elmo)", block, flags=re.MULTILINE
            )
