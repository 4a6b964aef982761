"""What the commands and options of other ELMo tools are answered."""

from __future__ import annotations

import re

import pytest

from elmokit.cli import VERBS
from elmokit.console.other_tools import COMMANDS


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("train_elmo --save_dir x", ["use elmokit train"]),
        ("bin/train_elmo.py --save_dir x", ["use elmokit train"]),
        ("bin/restart.py --n_gpus 1", ["use elmokit train --restart-ckpt-file MODEL --save-dir NEW"]),
        ("biLM train --lr 0.001", ["use elmokit train"]),
        ("allennlp elmo in.txt out.hdf5 --all", ["use elmokit embed"]),
        ("wsd_eval.py -i senseval3.tsv", ["use elmokit senses"]),
        (
            "train --batch_size 4 --n_train_tokens 1000 --n_epochs 1 --save_dir x",
            ["write batch_size=", "'--n-train-tokens': elmokit counts it, leave it out", "write num_epochs="],
        ),
        (
            "train --lr 0.1 --max_epoch 3 --train_path a.txt --save_dir x",
            ["write learning_rate=", "write num_epochs=", "give the text as --train-prefix"],
        ),
        ("train --options_file o.json --save_dir x", ["give an options.json as --config"]),
        ("embed original in.txt out.hdf5 --all", ["'--all': use --layers all"]),
        ("embed original in.txt out.hdf5 --cuda-device -1", ["--device cpu for -1"]),
        ("embed -i in.txt -e original", ["the second argument, INPUT.txt", "the first argument, MODEL"]),
        ("embed in.txt o.hdf5 --weight-file w.hdf5 --options-file o.json", ["the first argument, MODEL"]),
        ("dump_weights --save_dir x --out_file y", ["it is called --outfile"]),
        ("vocabulary --train_prefix a --max_vocab_size 3 -o v", ["called --input", "called --max-size"]),
    ],
)
def test_answers(line, answers, run_cli):
    result = run_cli(*line.split())
    assert result.exit_code == 2
    for answer in answers:
        assert answer in result.err, result.err
    assert "Did you mean" not in result.err
    assert "No such option '-1'" not in result.err


def test_the_answers_name_commands_that_are_there():
    for answer in COMMANDS.values():
        for name in re.findall(r"elmokit ([a-z][a-z-]*)", answer):
            assert name in VERBS, answer


def test_n_gpus_is_num_processes(run_cli):
    result = run_cli("train", "--n_gpus", "0", "--save_dir", "x")
    assert "Invalid value for '--n-gpus': 0 is not in the range x>=1" in result.err


def test_equals_signs_with_spaces(run_cli):
    result = run_cli("train", "--save_dir", "x", "batch_size", "=", "4")
    assert "Got unexpected arguments 'batch_size', '=', '4': expected key=value" in result.err
    assert "no space around =" in result.err


def test_settings_by_the_names_of_bilm_tf(run_cli):
    assert "num_epochs=" in run_cli("settings", "n_epochs").out
