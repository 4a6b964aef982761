"""elmokit pairs: judge pairs of words in context, or of sentences."""

from elmokit.console.verb_group import verb_group

VERBS = {
    "train": ("elmokit.commands.pairs.train", "Learn to judge pairs."),
    "predict": ("elmokit.commands.pairs.predict", "Judge pairs."),
    "evaluate": ("elmokit.commands.pairs.evaluate", "Compare judgements with known ones."),
}


@verb_group("pairs", VERBS)
def command() -> None:
    """Judge pairs: is a word meant in the same sense (WiC), do two sentences mean the same.

    \b
    Example:
      elmokit pairs train --train train.tsv --dev dev.tsv --embedding elmo:small -o pairs
      elmokit pairs evaluate pairs test.tsv
      elmokit pairs predict pairs pairs.tsv
    """
