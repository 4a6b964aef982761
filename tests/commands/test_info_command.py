from __future__ import annotations

import pytest
import torch

from elmokit.kernels.library import is_available
from elmokit.loading import load

pytestmark = pytest.mark.usefixtures("work")


def facts(run_cli, model: str) -> dict[str, str]:
    result = run_cli("info", model)
    assert (result.exit_code, result.err) == (0, "")
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in result.out.splitlines()}


def test_facts_of_a_run(run_cli, work):
    model = load("model")
    found = facts(run_cli, "model")
    num_words = len(model.vocabulary)
    assert found["weights"] == str(model.source)
    assert found["input"].startswith("characters, embedding 4, filters 1x4 2x4 (8, relu), 1 highway")
    assert "2 layers, cell 8, projection 4, cell clip 3.0, projection clip 3.0, with skip" in found["lstm"]
    assert found["vectors"] == "3 layers of width 8"
    num_parameters = sum(parameter.numel() for parameter in model.model.parameters())
    assert found["parameters"] == f"{num_parameters:,}, {5 * num_words:,} of them in the softmax"
    assert found["vocabulary"] == f"{num_words} words"
    assert found["training"].startswith("6 steps, 120 tokens, ")
    threads = torch.get_num_threads()
    assert found["processor"].startswith(f"{threads} thread{'s' if threads > 1 else ''}, ")
    assert "compiled kernels" in found["processor"]
    for precision in ("bf16", "int8"):
        assert (precision in found["processor"]) == is_available(precision)
    best = model.facts
    assert found["heldout"] == f"perplexity {best['best_perplexity']:.2f} after step {best['best_step']}"


def test_facts_of_dumped_weights(run_cli, work):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "out/weights.hdf5")
    found = facts(run_cli, "out")
    assert found["weights"] == "out/weights.hdf5"
    assert found["parameters"].endswith(", 0 of them in the softmax")
    assert found["vocabulary"] == facts(run_cli, "model")["vocabulary"]
    (work / "out/vocab.txt").unlink()
    assert facts(run_cli, "out")["vocabulary"] == "none next to the weights"
    (work / "out/vocab.txt").write_text("no\nspecials\n")
    assert facts(run_cli, "out")["vocabulary"].startswith("not used: out/vocab.txt: no line is <S>")
    assert not {"training", "heldout"} & set(found)
    assert found["lstm"] == facts(run_cli, "model")["lstm"]


@pytest.mark.parametrize("model", ["none", "."])
def test_no_model(run_cli, work, model):
    result = run_cli("info", model)
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"elmokit: {model}: ")
