from __future__ import annotations

import json

import pytest

import elmokit
from elmokit.repository.published import PUBLISHED


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path))
    return tmp_path


def test_a_line_for_each_model(run_cli):
    result = run_cli("models")
    assert (result.exit_code, result.err) == (0, "")
    header, *lines = result.out.splitlines()
    assert header.split() == ["name", "language", "width", "params", "MB", "here", "licence"]
    assert [line.split()[0] for line in lines] == ["tiny-en", *PUBLISHED]
    assert max(map(len, result.out.splitlines())) <= 80
    assert lines[1].split() == ["original", "English", "1024", "93.6M", "374", "Apache-2.0", "(code)"]


def test_details(run_cli):
    out = run_cli("models", "-v").out
    assert all(f"    {model.description}\n    {model.source}" in out for model in PUBLISHED.values())


def test_json(run_cli):
    found = [json.loads(line) for line in run_cli("models", "--json").out.splitlines()]
    assert [model["name"] for model in found] == ["tiny-en", *PUBLISHED]
    assert found[0]["is_on_disk"] is True
    assert {model["is_on_disk"] for model in found[1:]} == {False}


def test_the_bundled_model_is_described_as_it_is():
    bundled, *_ = elmokit.published()
    pretrained = elmokit.load(bundled.name)
    parts = pretrained.model.named_parameters()
    assert bundled.num_parameters == sum(p.numel() for name, p in parts if not name.startswith("softmax"))
    assert bundled.dim == elmokit.ElmoEmbedder(pretrained).dim
