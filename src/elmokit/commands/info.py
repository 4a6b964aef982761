"""elmokit info: describe a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from elmokit.console import terminal
from elmokit.console.models import GivenModel, takes_model
from elmokit.console.modes import json_option, wants_json
from elmokit.console.verb import verb

if TYPE_CHECKING:
    from elmokit.config import CharCnnConfig, ModelConfig
    from elmokit.pretrained import PretrainedModel


@verb("info")
@takes_model()
@json_option
def command(model: GivenModel) -> None:
    """Print the architecture, parameters, vocabulary and training of a model.

    Every command accepts any of these as MODEL; the format is detected automatically:

    \b
      the save directory of a training run, or a model directory
      HDF5 weights with their options.json: the directory or the file
      a bilm-tf training directory with TensorFlow checkpoints
      an ELMoForManyLangs model
      a ZIP archive of one of these
      a URL, the name of a published model (`elmokit models`), or a
      Hugging Face id (me/my-elmo)

    \b
    Example:
      elmokit info model
    """
    pretrained = model.load()
    if wants_json():
        terminal.say(json.dumps(_figures(pretrained)))
        return
    for name, value in _description(pretrained):
        terminal.say(f"{name:<14} {value}", indent=15)


def _figures(pretrained: PretrainedModel) -> dict[str, Any]:
    """Return what the command prints with --json."""
    config, facts = pretrained.config.model, pretrained.facts
    return {
        "weights": str(pretrained.source),
        "model": config.model_dump(mode="json"),
        "num_layers": 1 + config.lstm.num_layers,
        "dim": config.num_directions * config.lstm.projection_dim,
        "num_parameters": _num_parameters(pretrained),
        "num_softmax_parameters": _num_softmax_parameters(pretrained),
        "num_words": None if pretrained.vocabulary is None else len(pretrained.vocabulary),
        **{name: facts.get(name) for name in ("step", "seconds", "best_perplexity", "best_step")},
    }


def _num_parameters(pretrained: PretrainedModel) -> int:
    return sum(parameter.numel() for parameter in pretrained.model.parameters())


def _num_softmax_parameters(pretrained: PretrainedModel) -> int:
    softmax = pretrained.model.softmax
    return 0 if softmax is None else sum(parameter.numel() for parameter in softmax.parameters())


def _description(pretrained: PretrainedModel) -> list[tuple[str, str]]:
    """Return what the command prints, as names and values."""
    config, facts = pretrained.config.model, pretrained.facts
    lstm = config.lstm
    num_parameters, num_softmax = _num_parameters(pretrained), _num_softmax_parameters(pretrained)
    lines = [
        ("weights", str(pretrained.source)),
        ("input", _input(config)),
        (
            "lstm",
            f"{terminal.counted(config.num_directions, 'direction')} x "
            f"{terminal.counted(lstm.num_layers, 'layer')}, "
            f"cell {lstm.cell_dim}, projection {lstm.projection_dim}, cell clip {lstm.cell_clip}, "
            f"projection clip {lstm.projection_clip}, "
            f"{'with' if lstm.skip_connections else 'without'} skip connections",
        ),
        (
            "vectors",
            f"{1 + lstm.num_layers} layers of width {config.num_directions * lstm.projection_dim}",
        ),
        ("parameters", f"{num_parameters:,}, {num_softmax:,} of them in the softmax"),
        ("vocabulary", _vocabulary(pretrained)),
        ("processor", _processor()),
    ]
    if "step" in facts:
        training = pretrained.config.training
        num_tokens = facts["step"] * training.batch_size * training.unroll_steps
        time = f", {terminal.duration(facts['seconds'])}" if facts.get("seconds") is not None else ""
        lines.append(
            (
                "training",
                f"{terminal.counted(facts['step'], 'step')}, {terminal.counted(num_tokens, 'token')}{time}",
            )
        )
    if facts.get("best_perplexity") is not None:
        lines.append(
            ("heldout", f"perplexity {facts['best_perplexity']:.2f} after step {facts['best_step']:,}")
        )
    return lines


def _processor() -> str:
    """Return how models are computed on this machine."""
    from elmokit.kernels.library import instruction_set, is_available
    from elmokit.kernels.precisions import PRECISIONS
    from elmokit.model.parallel import num_workers

    kernels = "no compiled kernels"
    if is_available():
        others = [precision for precision in PRECISIONS[1:] if is_available(precision)]
        kernels = f"compiled kernels ({', '.join([str(instruction_set()), *others])})"
    return f"{terminal.counted(num_workers(), 'thread')}, {kernels}"


def _vocabulary(pretrained: PretrainedModel) -> str:
    if pretrained.vocabulary is not None:
        return f"{len(pretrained.vocabulary):,} words"
    if pretrained.vocabulary_problem is not None:
        return f"not used: {pretrained.vocabulary_problem}"
    return "none next to the weights"


def _input(config: ModelConfig) -> str:
    lexicon = config.lexicon
    if lexicon is None:
        return "word embeddings" if config.char_cnn is None else f"characters, {_char_cnn(config.char_cnn)}"
    parts = []
    if lexicon.num_words is not None:
        parts.append(f"{lexicon.num_words:,} words, embedding {lexicon.word_dim}")
    if config.char_cnn is not None:
        parts.append(f"{lexicon.num_symbols:,} characters, {_char_cnn(config.char_cnn)}")
    return "; ".join(parts)


def _char_cnn(config: CharCnnConfig) -> str:
    filters = " ".join(f"{width}x{number}" for width, number in config.filters)
    return (
        f"embedding {config.embedding_dim}, filters {filters} ({config.num_filters}, "
        f"{config.activation}), {terminal.counted(config.num_highway, 'highway layer')}"
    )
