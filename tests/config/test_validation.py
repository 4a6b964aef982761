from __future__ import annotations

import pytest


def test_all_errors_in_one_message(write, error_of):
    text = """
    [training]
    batchsize = 3
    dropout = 1.0
    [model.lstm]
    cell_dim = 0
    """
    message = error_of(write("c.toml", text))
    assert ": 3 errors: " in message
    assert "training.batchsize: unknown setting, did you mean 'batch_size'?" in message
    assert "training.dropout: input should be less than 1, got 1.0" in message
    assert "model.lstm.cell_dim: input should be greater than or equal to 1, got 0" in message


def test_an_unknown_section(write, error_of):
    message = error_of(write("c.toml", "[trainig]\nbatch_size = 3\n"))
    assert "trainig: unknown setting, did you mean 'training'?" in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("filters=[]", "needs at least one"),
        ("filters=[[0, 4]]", "must be at least [1, 1]"),
        ("filters=[[51, 4]]", "a filter of width 51 is wider than a word: max_characters=50"),
        ("filters=[[1]]", "filters"),
        ("tie_softmax=true", "tie_softmax needs word embeddings"),
        ("activation=gelu", "'relu' or 'tanh', got 'gelu'"),
        ("blank_lines=drop", "'skip' or 'keep', got 'drop'"),
        ("precision=int8", "training.precision: input should be 'float32' or 'bf16', got 'int8'"),
        ("batch_size=2.5", "batch_size"),
        ("batch_size=many", "got 'many'"),
        ("batch_size=", "batch_size"),
        ("batch_size=null", "batch_size"),
        ("learning_rate=nan", "learning_rate"),
        ("learning_rate=-1", "learning_rate"),
        ("max_characters=2", "max_characters"),
        ("shuffle=perhaps", "shuffle"),
        ("training=null", "training"),
    ],
)
def test_invalid_values(override, expected, error_of):
    assert expected in error_of("tiny", [override])


@pytest.mark.parametrize("override", ["learning_rate=inf", "clip_norm=inf", "cell_clip=inf"])
def test_infinite_values_are_refused(override, error_of):
    assert override.split("=")[0] in error_of("tiny", [override])
