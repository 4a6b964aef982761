"""The model that a new run starts from."""

from __future__ import annotations

import torch

from elmokit.config import Config
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.errors import ConfigError
from elmokit.model.bilm import BiLM
from elmokit.model.device import find_device
from elmokit.model.precision import set_precision
from elmokit.model.products import choose_precision
from elmokit.training.parameter_names import matching_names
from elmokit.training.unigrams import unigram_bias


def new_model(config: Config, text: IndexedCorpus, device: torch.device | None = None) -> BiLM:
    """Return a randomly initialized model on the run's device, with the parameters of ``freeze`` frozen.

    Args:
        config: geometry and recipe.
        text: the training text, whose word frequencies the softmax's bias may start from.
        device: of this process; None for the one that the configuration names.

    Raises:
        ConfigError: when the model has a lexicon, a pattern of ``freeze`` matches no parameter or all of
            them, or there is no such device or it does not have the precision.
    """
    if config.model.lexicon is not None:
        raise ConfigError(
            "model.lexicon: models with their own alphabet or word list (ELMoForManyLangs) can be read but "
            "not trained: set lexicon=null"
        )
    training = config.training
    model = BiLM(config.model, len(text.vocabulary), sparse_gradients=True)
    assert model.softmax is not None
    model.reset_parameters(torch.Generator().manual_seed(training.seed))
    if training.unigram_bias:
        with torch.no_grad():
            model.softmax.bias.copy_(unigram_bias(text, bidirectional=config.model.bidirectional))
    model.to(find_device(training.device) if device is None else device)
    set_precision(model, choose_precision(training.precision, model.device))
    parameters = dict(model.named_parameters())
    for name in matching_names(training.freeze, parameters, setting="freeze"):
        parameters[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise ConfigError(f"freeze={list(training.freeze)}: leaves no parameter to train")
    return model
