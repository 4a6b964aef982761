"""elmokit tag: train and use a sequence tagger."""

from elmokit.console.verb_group import verb_group

VERBS = {
    "train": ("elmokit.commands.tag.train", "Train a tagger."),
    "predict": ("elmokit.commands.tag.predict", "Tag text."),
    "evaluate": ("elmokit.commands.tag.evaluate", "Compare predictions with tagged text."),
}


@verb_group("tag", VERBS)
def command() -> None:
    """Train and use a sequence tagger: parts of speech, named entities, chunks.

    A biLSTM-CRF reads text through ELMo, word2vec, fastText or several of them.

    \b
    Example:
      elmokit tag train --train train.conll --dev dev.conll --embedding elmo:small -o tagger
      elmokit tag evaluate tagger test.conll
      elmokit tag predict tagger < sentences.txt
    """
