"""elmokit classify: train and use a text classifier."""

from elmokit.console.verb_group import verb_group

VERBS = {
    "train": ("elmokit.commands.classify.train", "Train a classifier."),
    "predict": ("elmokit.commands.classify.predict", "Classify texts."),
    "evaluate": ("elmokit.commands.classify.evaluate", "Compare predictions with labelled texts."),
}


@verb_group("classify", VERBS)
def command() -> None:
    """Train and use a text classifier: sentiment, topics, any labels.

    It reads texts through ELMo, word2vec, fastText or several of them.

    \b
    Example:
      elmokit classify train --train train.tsv --dev dev.tsv --embedding elmo:small -o classifier
      elmokit classify evaluate classifier test.tsv
      elmokit classify predict classifier < texts.txt
    """
