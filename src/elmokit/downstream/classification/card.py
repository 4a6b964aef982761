"""The model card of a saved classifier: what it is, what it was trained on, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_LABELS = 50


def model_card(
    labels: Sequence[str], embeddings: Sequence[str], settings: Mapping[str, Any], training: Mapping[str, Any]
) -> str:
    """Return a model card in Markdown.

    Args:
        labels: those that the classifier knows.
        embeddings: the names of what it reads its text through.
        settings: those of the classifier.
        training: what is known of its training; see ``config.json``.
    """
    shown = ", ".join(f"`{label}`" for label in labels[:_MOST_LABELS])
    more = f" and {len(labels) - _MOST_LABELS} more" if len(labels) > _MOST_LABELS else ""
    several = "any number of labels" if training["is_multi_label"] else "one label"
    vectors = " + ".join(f"`{name}`" for name in embeddings) + (", fine-tuned" * settings["fine_tune"])
    source = "split off from the training texts" if training["dev_is_split_off"] else "given apart"
    return f"""---
library_name: elmokit
pipeline_tag: text-classification
---

# Text classifier

Gives each text {several} of {shown}{more}. Trained with
[elmokit](https://pypi.org/project/elmokit/).

```python
import elmokit

classifier = elmokit.TextClassifier.load("this directory")
classifier.predict(["a tokenized sentence ."])
```

| | |
| --- | --- |
| word vectors | {vectors} |
| encoder | {settings["encoder"]} |
| tokens | {settings["tokenize"]}, pieces of {settings["max_tokens"]} |
| training texts | {training["num_train"]:,} |
| dev texts | {training["num_dev"]:,}, {source} |
| epochs | {training["num_epochs"]}, the best one was {training["best_epoch"]} |
| accuracy on dev texts | {training["dev_accuracy"]:.4f} |
| macro F1 on dev texts | {training["dev_macro_f1"]:.4f} |
| seed | {settings["fit"]["seed"]} |

The dev texts decided when training stopped, so these scores are too good. Probabilities are scaled by the
temperature {training["temperature"]:.3f}, which was chosen on the dev texts: the expected calibration error
there is {training["calibration_error"]:.4f}, and {training["calibration_error_before"]:.4f} without scaling.

Word vectors that were read from a model or a file are not part of this directory; `config.json` has their
names and fingerprints.
"""
