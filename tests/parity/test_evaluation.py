"""Perplexity: the original's figure, and ours, in which every token counts exactly once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elmokit.data.evaluation_streams import every_token_once
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.word_types import EOS_TYPE
from elmokit.training.bilm_perplexity import bilm_perplexity
from elmokit.training.evaluation import evaluate

ALL = ("char", "word", "sampled", "dropout", "unidirectional")


@pytest.fixture
def heldout_of(trace_of, prepare):
    return lambda name: prepare(trace_of(name).directory / "heldout.txt")


@pytest.mark.parametrize(
    ("name", "batch_size"), [*((name, 4) for name in ALL), ("char", 1), ("word", 1), ("unidirectional", 1)]
)
def test_the_figure_of_the_original(name, batch_size, trace_of, heldout_of):
    trace = trace_of(name)
    expected = trace.record["heldout"][f"batch_size_{batch_size}"]
    predictions: list[int] = []
    perplexity = bilm_perplexity(
        trace.model("final_weights"),
        heldout_of(name),
        trace.vocabulary,
        batch_size=batch_size,
        on_tokens=predictions.append,
    )
    assert perplexity == pytest.approx(expected["perplexity"], rel=1e-4)
    assert predictions == [batch_size] * expected["n_batches"]


@pytest.mark.parametrize("name", ["char", "word", "unidirectional"])
def test_a_short_text_has_the_figure_of_one_lane(name, trace_of, heldout_of):
    trace, heldout = trace_of(name), heldout_of(name)
    assert heldout.num_blank_lines == 0
    result = evaluate(trace.model("final_weights"), heldout, trace.vocabulary)
    expected = trace.record["heldout"]["batch_size_1"]["perplexity"]
    assert result.perplexity == pytest.approx(expected, rel=1e-4)
    assert result.num_tokens == heldout.num_tokens
    assert result.num_predictions == heldout.num_tokens + heldout.num_sentences
    if result.backward is None:
        assert not trace.config.model.bidirectional
        assert result.forward == result.perplexity
    else:
        assert result.perplexity == pytest.approx(math.sqrt(result.forward * result.backward))


@pytest.mark.parametrize("num_lanes", [1, 3, 7, 25])
def test_every_token_is_a_target_once(num_lanes, trace_of, prepare, tmp_path):
    trace = trace_of("char")
    lines = (trace.directory / "heldout.txt").read_text(encoding="utf-8").splitlines()
    text = tmp_path / "with-blank-lines.txt"
    text.write_text("\n" + "\n\n".join(lines) + "\n\n\n", encoding="utf-8")
    corpus = prepare(text)
    assert corpus.num_blank_lines > 20
    indexed = IndexedCorpus(corpus, trace.vocabulary, max_characters=50)
    lanes = [[[] for _ in range(num_lanes)] for _ in range(2)]  # the tokens, per direction and lane
    for batch in every_token_once(
        indexed, num_rows=num_lanes, num_steps=6, num_warm_up=0, bidirectional=True
    ):
        for direction in range(2):
            types = batch.types[batch.inputs[direction].numpy().reshape(batch.is_counted.shape)]
            for lane in range(num_lanes):
                lanes[direction][lane] += types[batch.is_counted[:, lane], lane].tolist()
    sentences = [corpus.sentence(k).tolist() for k in range(len(corpus.offsets) - 1)]
    sentences = [sentence for sentence in sentences if len(sentence) > 2]
    forward = [token for lane in lanes[0] for token in lane]
    assert forward == [token for sentence in sentences for token in sentence[:-1]]
    backward = [token for lane in lanes[1] for token in lane]
    assert backward == [token for sentence in sentences for token in sentence[:0:-1]]
    assert all(lane[0] == EOS_TYPE for lane in lanes[1] if lane)
    # The lanes share the text: none has more than its part and the last sentence of it.
    longest = max(map(len, sentences))
    assert max(map(len, lanes[0])) <= len(forward) / num_lanes + 2 * longest


@pytest.mark.parametrize("name", ["char", "unidirectional"])
def test_rows_are_evaluated_as_if_each_were_alone(name, trace_of, prepare, tmp_path):
    trace = trace_of(name)
    model = trace.model("final_weights")
    lines = (trace.directory / "heldout.txt").read_text(encoding="utf-8").splitlines()
    # Two lanes of as many tokens: the first half of the text, and the same once more.
    half = lines[:9]
    (tmp_path / "half.txt").write_text("\n".join(half) + "\n", encoding="utf-8")
    (tmp_path / "twice.txt").write_text("\n".join(half + half) + "\n", encoding="utf-8")
    once, twice = prepare(tmp_path / "half.txt"), prepare(tmp_path / "twice.txt")
    alone = evaluate(model, once, trace.vocabulary)

    together = evaluate(model, twice, trace.vocabulary, tokens_per_row=once.num_tokens, num_warm_up=0)

    assert together.num_predictions == 2 * alone.num_predictions
    assert together.perplexity == pytest.approx(alone.perplexity, rel=1e-6)
    assert together.forward == pytest.approx(alone.forward, rel=1e-6)
    assert together.in_vocabulary_perplexity == pytest.approx(alone.in_vocabulary_perplexity, rel=1e-6)
    assert together.unk_share == alone.unk_share
    in_one_lane = evaluate(model, twice, trace.vocabulary)
    assert in_one_lane.perplexity != pytest.approx(alone.perplexity, rel=1e-6)


def test_unknown_words(trace_of, heldout_of):
    """`<UNK>` is counted, and its easy predictions are left out of the second figure."""
    trace, heldout = trace_of("char"), heldout_of("char")
    words = (trace.directory / "heldout.txt").read_text(encoding="utf-8").split()
    num_unknown = sum(word not in trace.vocabulary for word in words)
    assert num_unknown > 0
    result = evaluate(trace.model("final_weights"), heldout, trace.vocabulary)
    assert result.unk_share == pytest.approx(num_unknown / len(words))
    # Their mean loss follows from the two figures; it must be that of a word, neither 0 nor infinite.
    num_known = result.num_predictions - num_unknown
    unknown_loss = (
        result.num_predictions * math.log(result.perplexity)
        - num_known * math.log(result.in_vocabulary_perplexity)
    ) / num_unknown
    assert 0.5 < unknown_loss < np.log(len(trace.vocabulary)) + 1
