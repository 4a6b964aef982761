from __future__ import annotations

import io
import json
import random
import sys
from pathlib import Path

import pytest

RNG = random.Random(5)
FAST = ("--device", "cpu", "learning_rate=0.02", "max_epochs=6", "hidden_dim=8")


def lines(num_texts: int) -> list[str]:
    found = []
    for _ in range(num_texts):
        label = RNG.choice(["neg", "pos"])
        words = [f"w{RNG.randrange(500)}" for _ in range(RNG.randint(1, 6))]
        found.append(f"{' '.join([*words, 'good' if label == 'pos' else 'bad'])}\t{label}")
    return found


@pytest.fixture(scope="module")
def data() -> dict[str, str]:
    return {name: "\n".join(["text\tlabel", *lines(size)]) + "\n" for name, size in
            (("train", 120), ("dev", 40), ("test", 50))}  # fmt: skip


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch, data) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    for name, content in data.items():
        (tmp_path / f"{name}.tsv").write_text(content)
    return tmp_path


@pytest.fixture
def trained(run_cli):
    result = run_cli("classify", "train", "--train", "train.tsv", "--dev", "dev.tsv", "--embedding", "random",
                     "-o", "classifier", *FAST)  # fmt: skip
    assert (result.exit_code, result.err) == (0, "")
    return result


def test_train(trained):
    out = trained.out.splitlines()
    assert out[0] == "train.tsv: texts: column 'text', labels: column 'label'"
    assert out[2].startswith("epoch 1: loss 0.")
    assert out[-3] == "120 training texts, 40 dev texts"
    assert out[-2].startswith("calibration error on dev 0.")
    assert out[-1].startswith("classifier: 2 labels, accuracy on dev ")
    assert {path.name for path in Path("classifier").iterdir()} == {
        "README.md", "checksums.txt", "config.json", "model.safetensors"
    }  # fmt: skip


def test_a_dev_part_is_split_off_and_test_texts_are_evaluated(run_cli):
    arguments = ("classify", "train", "--train", "train.tsv", "--test", "test.tsv", "--embedding", "random",
                 "-o", "classifier", "--seed", "7", *FAST)  # fmt: skip
    out = run_cli(*arguments).out
    assert "\n108 training texts, 12 dev texts, split off with seed 7\n" in out
    assert "\n\ntest.tsv\n50 texts: accuracy " in out
    result = run_cli(*arguments, "--json")
    training, report = map(json.loads, result.out.splitlines())
    assert (training["labels"], training["num_dev"]) == (["neg", "pos"], 12)
    assert (report["file"], report["num_texts"]) == ("test.tsv", 50)


def test_static_vectors_are_part_of_the_classifier(run_cli, data):
    Path("text.txt").write_text("\n".join(line.split("\t")[0] for line in data["train"].splitlines()))
    result = run_cli("classify", "train", "--train", "train.tsv", "--dev", "dev.tsv", "-o", "classifier",
                     "--embedding", "word2vec+random", "--embedding-text", "text.txt", "--encoder", "bilstm",
                     *FAST, "vectors.dim=6", "vectors.epochs=1")  # fmt: skip
    assert (result.exit_code, result.err) == (0, "")
    Path("text.txt").unlink()
    assert run_cli("classify", "evaluate", "classifier", "test.tsv").exit_code == 0


def test_elmo_says_its_weights(run_cli):
    Path("short.tsv").write_text("text\tlabel\n" + "".join(f"a{k}\tx\nb{k}\ty\n" for k in range(5)))
    result = run_cli("classify", "train", "--train", "short.tsv", "--embedding", "elmo:tiny-en", "-o", "c",
                     "max_epochs=1", "--device", "cpu", "dev_share=0.5")  # fmt: skip
    assert "weights of the layers of elmo:tiny-en: 0.3" in result.out


def test_evaluate(run_cli, trained):
    result = run_cli("classify", "evaluate", "classifier", "test.tsv", "--mistakes", "2", "--plot", "c.png")
    assert (result.exit_code, result.err) == (0, "")
    out = result.out.splitlines()
    assert out[1].startswith("50 texts: accuracy ")
    assert "label  precision  recall      F1  texts  predicted" in out
    assert "true \\ predicted  neg  pos" in out
    assert out[-1] == "c.png: confusion matrix of 2 labels"
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")
    (line,) = run_cli("classify", "evaluate", "classifier", "test.tsv", "--json").out.splitlines()
    report = json.loads(line)
    assert report["accuracy"] == pytest.approx(float(out[1].split("accuracy ")[1][:6]), abs=1e-4)
    assert sum(map(sum, report["confusion"])) == 50
    for own in report["mistakes"]:
        assert own["place"].startswith("test.tsv:")
        assert own["labels"] != own["predicted"]


def test_training_texts_are_noticed(run_cli, trained):
    result = run_cli("classify", "evaluate", "classifier", "dev.tsv")
    assert result.exit_code == 0
    assert "warning: 40 of 40 evaluated texts are among the training and dev texts" in result.err


def test_predict_lines(run_cli, trained, monkeypatch):
    Path("in.txt").write_text("a good one\n\nsome\tbad\n")
    out = run_cli("classify", "predict", "classifier", "in.txt").out.splitlines()
    assert out[0] == "label\tprobability\ttext"
    assert [line.split("\t")[0] for line in out[1::2]] == ["pos", "neg"]
    assert out[3].endswith("\tsome bad")
    assert len(out) == 4
    found = run_cli("classify", "predict", "classifier", "in.txt", "--probabilities").out.splitlines()
    assert found[0] == "label\tprobability\tneg\tpos\ttext"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a good one\n")))
    (line,) = run_cli("classify", "predict", "classifier", "--json").out.splitlines()
    answer = json.loads(line)
    assert (answer["label"], answer["text"]) == ("pos", "a good one")
    assert answer["probability"] == max(answer["probabilities"].values())
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_predict_tables_to_a_file(run_cli, trained):
    Path("in.csv").write_text('id,text\n1,"w1, good one"\n2,bad\n')
    result = run_cli("classify", "predict", "classifier", "in.csv", "-o", "out.tsv")
    assert result.out == "in.csv: texts: column 'text'\nout.tsv: 2 texts\n"
    rows = [line.split("\t") for line in Path("out.tsv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["label", "pos", "neg"]
    assert rows[1][-1] == "w1, good one"
    refused = run_cli("classify", "predict", "classifier", "in.csv", "-o", "in.csv")
    assert "this is an input" in refused.err


def test_several_labels(run_cli):
    rows = [f"{'good ' * (k % 2)}{'long ' * (k % 3)}w{k}\t{','.join(['g'] * (k % 2) + ['l'] * (k % 3 > 0))}"
            for k in range(60)]  # fmt: skip
    Path("m.tsv").write_text("\n".join(["text\tlabels", *rows]) + "\n")
    arguments = ("--embedding", "random", "-o", "c", *FAST)
    assert (
        run_cli("classify", "train", "--train", "m.tsv", "--label-delimiter", ",", *arguments).exit_code == 0
    )
    Path("in.txt").write_text("good\n")
    (line,) = run_cli("classify", "predict", "c", "in.txt", "--json").out.splitlines()
    assert isinstance(json.loads(line)["labels"], list)
    Path("n.tsv").write_text("text\tlabels\nx y\tg,l\n")
    result = run_cli("classify", "evaluate", "c", "n.tsv", "--label-delimiter", ",")
    assert "1 text: accuracy" in result.out
    result = run_cli("classify", "evaluate", "c", "n.tsv", "--label-delimiter", ",", "--plot", "c.png")
    assert result.err == "elmokit: --plot c.png: texts with several labels have no confusion matrix\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --train train.tsv --dev ./train.tsv -o c", "--train and --dev are the same data"),
        ("train --train train.tsv --dev dev.tsv --test dev.tsv -o c", "--dev and --test are the same data"),
        ("train --train train.tsv --dev dev.tsv --test copy.tsv -o c", "--test: has the same texts as --dev"),
        ("train --train none.tsv -o c", "none.tsv"),
        ("train --train train.tsv -o c --embedding glow", "embedding: expected elmo, word2vec"),
        ("train --train train.tsv -o c --embedding tiny-en", "for an ELMo model, write elmo:tiny-en"),
        ("train --train train.tsv -o c --embedding fastext", "did you mean 'fasttext'?"),
        (
            "train --train train.tsv -o c --embedding word2vec",
            "word2vec is trained on a text, and none is given",
        ),
        ("train --train train.tsv -o c --embedding random bogus=3", "no setting is named 'bogus'"),
        ("train --train train.tsv -o c --embedding random dropout=3", "dropout: input should be less than 1"),
        ("train --train train.tsv -o c stray", "Got unexpected argument 'stray': expected key=value"),
        ("train --train train.tsv -o c --embedding random --fine-tune", "there is no biLM to train"),
        ("train --train train.tsv -o test.tsv --embedding random", "is not only an earlier classifier"),
        ("train --train one.tsv -o c --embedding random", "all have the label 'x'"),
        ("train --train broken.tsv -o c --embedding random", "broken.tsv:3: expected 2 columns"),
        ("evaluate nothing test.tsv", "nothing: no classifier there"),
        ("evaluate nothing test.tsv --plot c.gif", "--plot c.gif: expected a name that ends in .png"),
        ("predict nothing test.tsv", "nothing: no classifier there"),
    ],
)
def test_mistakes_are_one_line(run_cli, arguments, message):
    Path("one.tsv").write_text("text\tlabel\na\tx\nb\tx\n")
    Path("broken.tsv").write_text("text\tlabel\na\tx\nb\n")
    Path("copy.tsv").write_bytes(Path("dev.tsv").read_bytes())
    result = run_cli("classify", *arguments.split())
    assert result.exit_code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not Path("c").exists()


def test_a_missing_file_is_found_before_anything_is_printed(run_cli, trained):
    result = run_cli("classify", "predict", trained, "missing.txt")
    assert (result.exit_code, result.out) == (2, "")
    assert "missing.txt" in result.err


def test_an_answer_comes_before_the_next_text(monkeypatch):
    """Lines that are there are classified without waiting for a full batch."""
    from elmokit.console.inputs import stdin_chunks

    class Pipe:
        def __init__(self):
            self.blocks = [b"\xef\xbb\xbfone\ntw", b"o\nthree\r\n", b"fo", b"ur", b""]
            self.buffer = self

        def read1(self, _):
            return self.blocks.pop(0)

    monkeypatch.setattr(sys, "stdin", Pipe())
    assert list(stdin_chunks(1)) == [["one"], ["two"], ["three"], ["four"]]
    monkeypatch.setattr(sys, "stdin", Pipe())
    assert list(stdin_chunks(9)) == [["one"], ["two", "three"], ["four"]]
