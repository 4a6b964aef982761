"""elmokit senses: word sense disambiguation."""

from elmokit.console.verb_group import verb_group

VERBS = {
    "train": ("elmokit.commands.senses.train", "Learn senses from examples."),
    "predict": ("elmokit.commands.senses.predict", "Choose the sense of words in sentences."),
    "evaluate": ("elmokit.commands.senses.evaluate", "Compare chosen senses with known ones."),
}


@verb_group("senses", VERBS)
def command() -> None:
    """Word sense disambiguation: choose the sense of a word in a sentence by its contextual vector.

    \b
    Example:
      elmokit senses train train.tsv --embedding elmo:small -o senses
      elmokit senses evaluate senses test.tsv
      elmokit senses predict senses words.tsv
    """
