"""What is done is logged below the logger ``elmokit``, and nowhere else."""

from __future__ import annotations

import logging

from elmokit import Config, Trainer, Vocabulary, load, prepare_corpus


def test_steps_are_logged(tmp_path, caplog, capsys):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat\n" * 8, encoding="utf-8")
    with caplog.at_level(logging.INFO, logger="elmokit"):
        load("tiny-en")
        corpus = prepare_corpus(text, cache_dir=tmp_path / "cache")
        config = Config.load("tiny", ["batch_size=2", "max_steps=1", "unroll_steps=3"])
        vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "the"])
        assert list(Trainer(config, corpus, vocabulary, save_dir=tmp_path / "run").run())
    own = [(r.name, r.getMessage()) for r in caplog.records if r.name.startswith("elmokit")]
    assert [name for name, _ in own] == [
        "elmokit.loading",
        "elmokit.data.prepare",
        "elmokit.training.run_checkpoints",
    ]
    assert own[0][1].startswith("loaded PretrainedModel(")
    assert own[1][1].startswith(f"preparing 1 files of text in {tmp_path}")
    assert own[2][1] == f"step 1: wrote {tmp_path / 'run' / 'checkpoints' / 'step-00000001'}"


def test_nothing_is_shown_by_default(capsys):
    load("tiny-en")
    assert capsys.readouterr() == ("", "")


def test_the_logger_is_that_of_a_library():
    logger = logging.getLogger("elmokit")
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
    assert (logger.level, logger.propagate, logger.disabled) == (logging.NOTSET, True, False)
