"""Which checkpoint of a training directory is the latest."""

from __future__ import annotations

import pytest

from elmokit.errors import MissingModelError, ModelFileError
from elmokit.formats.tensorflow.latest import find_checkpoint


@pytest.fixture
def run_directory(tmp_path):
    """Empty indices; nothing reads them to find a checkpoint."""
    for name in ("init.ckpt", "model.ckpt-9", "model.ckpt-100", "model.ckpt-99"):
        (tmp_path / f"{name}.index").touch()
    return tmp_path


def test_the_highest_number_is_the_latest(run_directory):
    assert find_checkpoint(run_directory) == run_directory / "model.ckpt-100"


@pytest.mark.parametrize(
    "line",
    [
        'model_checkpoint_path: "model.ckpt-99"',
        'model_checkpoint_path: "/home/somebody/run 7/model.ckpt-99"',
        r'model_checkpoint_path: "C:\\runs\\7\\model.ckpt-99"',
        r'model_checkpoint_path: "/home/J\303\274rgen/\"7\"/model.ckpt-99"',
        "  model_checkpoint_path:'a/model.ckpt-99'  ",
        r'model_checkpoint_path: "model\056ckpt-99"',
        '# model_checkpoint_path: "model.ckpt-9"\nmodel_checkpoint_path: "model.ckpt-99"',
    ],
)
def test_the_one_that_is_named_wherever_it_was(line, run_directory):
    others = "".join(f'all_model_checkpoint_paths: "model.ckpt-{step}"\n' for step in (100, 99))
    text = f"\n{line}\n{others}"
    (run_directory / "checkpoint").write_text(text)
    assert find_checkpoint(run_directory) == run_directory / "model.ckpt-99"


def test_another_checkpoint_is_never_taken_for_the_one_that_is_named(run_directory):
    (run_directory / "checkpoint").write_text('model_checkpoint_path: "/there/model.ckpt-120"\n')
    with pytest.raises(MissingModelError) as caught:
        find_checkpoint(run_directory)
    assert str(caught.value) == (
        f"{run_directory}/checkpoint: names 'model.ckpt-120', but there is no model.ckpt-120.index beside it"
        ": give the path of one of init.ckpt, model.ckpt-100, model.ckpt-9, model.ckpt-99"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing",
        b'model_checkpoint_path: ""',
        b'model_checkpoint_path: "open',
        b'model_checkpoint_path: "a/"',
        b'all_model_checkpoint_paths: "model.ckpt-9"',
        b'model_checkpoint_path: "a\\nb"',
        bytes(range(256)) * 10,
        b"\n" * 1_000_000,
    ],
)
def test_a_checkpoint_file_that_names_none(content, run_directory):
    (run_directory / "checkpoint").write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        find_checkpoint(run_directory)
    assert (
        str(caught.value)
        == f'{run_directory}/checkpoint: expected a line like model_checkpoint_path: "model.ckpt-90"'
    )


def test_no_checkpoint(tmp_path):
    for directory in (tmp_path, tmp_path / "missing"):
        with pytest.raises(MissingModelError) as caught:
            find_checkpoint(directory)
        assert str(caught.value).startswith(
            f"{directory}: no TensorFlow checkpoint there: expected a file like "
        )
