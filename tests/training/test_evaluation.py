from __future__ import annotations

import math
from itertools import islice, pairwise

import pytest
import torch

from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, CorpusError
from elmokit.training.bilm_perplexity import bilm_perplexity
from elmokit.training.evaluation import evaluate


def plain_losses(trainer, sentences: list[list[str]], backward: bool) -> list[tuple[float, str]]:
    """Cross-entropy and target of every prediction, one token after the other, in one lane."""
    model, vocabulary, corpus = trainer.model, trainer.vocabulary, trainer.corpus
    state = model.zero_state(1)[int(backward)]
    found = []
    type_of = {corpus.types.spelling(k).decode(): k for k in range(2, len(corpus.types))} | {
        "<S>": 0,
        "</S>": 1,
    }
    width = trainer.config.model.char_cnn.max_characters
    for sentence in sentences:
        if not sentence:
            continue
        tokens = ["<S>", *sentence, "</S>"][:: -1 if backward else 1]
        for word, target in pairwise(tokens):
            rows = corpus.types.char_rows(torch.tensor([type_of[word]]).numpy(), width)
            vectors = model.encode(torch.from_numpy(rows), None)
            outputs, state = model.stacks[int(backward)](vectors, [1], state)
            logits = outputs[-1] @ model.softmax.weight.t() + model.softmax.bias
            target_id = {"<S>": 0, "</S>": 1}.get(target, vocabulary.id_of(target))
            found.append((-float(logits.log_softmax(dim=1)[0, target_id].detach()), target))
    return found


@pytest.fixture
def trainer(make_trainer):
    trainer = make_trainer(max_steps=6)
    list(trainer.run())
    return trainer


def test_perplexity_is_that_of_a_plain_loop(trainer, texts):
    # The training text is small enough for one lane, and all its words are known to the loop.
    found = evaluate(trainer.model, texts.train, texts.vocabulary)
    means, known = [], []
    for backward in (False, True):
        losses = plain_losses(trainer, texts.train_sentences, backward)
        assert len(losses) == found.num_predictions
        means.append(sum(loss for loss, _ in losses) / len(losses))
        kept = [loss for loss, word in losses if word in ("<S>", "</S>") or word in texts.vocabulary]
        assert len(kept) < len(losses)
        known.append(sum(kept) / len(kept))
    assert found.forward == pytest.approx(math.exp(means[0]), rel=1e-5)
    assert found.backward == pytest.approx(math.exp(means[1]), rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(sum(means) / 2), rel=1e-5)
    assert found.in_vocabulary_perplexity == pytest.approx(math.exp(sum(known) / 2), rel=1e-5)


def test_shares_are_of_the_tokens(trainer, texts):
    found = evaluate(trainer.model, texts.heldout, texts.vocabulary)
    words = [word for sentence in texts.heldout_sentences for word in sentence]
    assert found.num_tokens == len(words)
    assert found.num_predictions == len(words) + sum(bool(sentence) for sentence in texts.heldout_sentences)
    assert found.unk_share == sum(word not in texts.vocabulary for word in words) / len(words)


def test_the_progress_adds_up(trainer, texts):
    told: list[int] = []
    found = evaluate(trainer.model, texts.heldout, texts.vocabulary, on_tokens=told.append)
    assert sum(told) == found.num_predictions


def test_evaluation_changes_nothing(trainer, texts):
    first = evaluate(trainer.model, texts.heldout, texts.vocabulary)
    assert evaluate(trainer.model, texts.heldout, texts.vocabulary) == first


def test_one_direction(make_trainer, texts):
    trainer = make_trainer(bidirectional=False)
    found = evaluate(trainer.model, texts.heldout, texts.vocabulary)
    assert found.backward is None
    assert found.perplexity == found.forward


def test_a_text_of_unknown_words_alone(trainer, texts):
    (texts.directory / "x.txt").write_text("xxx yyy\nzzz\n")
    found = evaluate(trainer.model, prepare_corpus(["x.txt"]), texts.vocabulary)
    assert found.unk_share == 1
    assert math.isfinite(found.in_vocabulary_perplexity)  # of the ends of sentences


def test_an_untrained_model_knows_nothing(texts, make_trainer):
    trainer = make_trainer()
    with torch.no_grad():
        trainer.model.softmax.weight.zero_()
    found = evaluate(trainer.model, texts.heldout, texts.vocabulary)
    assert found.perplexity == pytest.approx(len(texts.vocabulary), rel=1e-5)
    assert bilm_perplexity(trainer.model, texts.heldout, texts.vocabulary, batch_size=2) == pytest.approx(
        len(texts.vocabulary), rel=1e-5
    )


def test_text_too_short_for_the_originals_batch(trainer, texts):
    with pytest.raises(CorpusError, match=r"heldout\.txt: 12 lines are too few for a batch of 13 rows"):
        bilm_perplexity(trainer.model, texts.heldout, texts.vocabulary, batch_size=13)


def test_the_vocabulary_of_another_order_gives_another_perplexity(trainer, texts):
    words = list(texts.vocabulary.words)
    swapped = Vocabulary([*words[:3], *reversed(words[3:])])
    ours = evaluate(trainer.model, texts.heldout, texts.vocabulary).perplexity
    assert evaluate(trainer.model, texts.heldout, swapped).perplexity > ours


def test_many_rows_give_the_figure_of_one(make_trainer, texts):
    """Warmed up on all the text before it, a row continues as if there were only one."""
    trainer = make_trainer()
    for batch in islice(trainer.stream, 5):
        trainer.train_step(batch)

    def measured(**options: int):
        return evaluate(trainer.model, texts.heldout, texts.vocabulary, **options)

    alone = measured(tokens_per_row=10_000)
    many = measured(tokens_per_row=10, num_warm_up=10_000)
    assert many.forward == pytest.approx(alone.forward, rel=1e-5)
    assert many.backward == pytest.approx(alone.backward, rel=1e-5)
    cold = measured(tokens_per_row=10, num_warm_up=0)
    assert cold.forward != pytest.approx(alone.forward, rel=1e-5)


def test_an_indexed_corpus_needs_no_vocabulary(trainer, texts):
    text = IndexedCorpus(texts.heldout, texts.vocabulary, max_characters=10)
    assert evaluate(trainer.model, text) == evaluate(trainer.model, texts.heldout, texts.vocabulary)
    with pytest.raises(ConfigError, match="evaluating a Corpus needs the vocabulary"):
        evaluate(trainer.model, texts.heldout)
