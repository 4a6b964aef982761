"""The models that others have published, by name, with the URLs of their files.

The names are those used by AllenNLP and Flair. The URLs are those of the authors; checksums are included
if they have been published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Role = Literal["options", "weights", "softmax", "vocabulary"]


_TFHUB_ADDRESS = re.compile(
    r"(https?://)?(([a-z]+\.)?tfhub\.dev/|storage\.googleapis\.com/tfhub-modules/"
    r"|(www\.)?kaggle\.com/models/)?google/elmo((/|\.tar).*|\?.*)?"
)


def tfhub_name(address: str) -> str | None:
    """Return the name of the model at an address of TF-Hub; None for anything else.

    TF-Hub's ``google/elmo``, in all versions and also where it has moved to, has the weights of ``original``.
    """
    return "original" if _TFHUB_ADDRESS.fullmatch(address) else None


@dataclass(frozen=True)
class PublishedFile:
    """One file of a published model."""

    url: str
    checksum: str | None = None
    """``sha256:HEX``, ``sha1:HEX`` or ``md5:HEX``; None if unknown."""


@dataclass(frozen=True)
class PublishedModel:
    """A published model."""

    description: str
    files: Mapping[Role, PublishedFile]
    """Options and weights, and for some models the softmax with its vocabulary."""
    language: str = "?"
    source: str = ""
    """Page that describes the model, or where it is mentioned first."""
    dim: int | None = None
    """Width of its vectors, both directions together; None if its authors do not say."""
    num_parameters: int | None = None
    """Without the softmax; None if its authors do not say."""
    licence: str = "not stated"
    """As stated with the model; ``(code)`` where only the code that trained it states one."""


_ALLENNLP = "https://s3-us-west-2.amazonaws.com/allennlp/models/elmo"
_SEQVEC = "http://data.bioembeddings.com/public/embeddings/embedding_models/seqvec"
_GERMAN = "https://github.com/t-systems-on-site-services-gmbh/german-elmo-model/releases/download/files_1"


def _pair(options: PublishedFile | str, weights: PublishedFile | str) -> dict[Role, PublishedFile]:
    return {
        "options": PublishedFile(options) if isinstance(options, str) else options,
        "weights": PublishedFile(weights) if isinstance(weights, str) else weights,
    }


def _allennlp(architecture: str) -> dict[Role, PublishedFile]:
    prefix = f"{_ALLENNLP}/{architecture}/elmo_{architecture}"
    return _pair(f"{prefix}_options.json", f"{prefix}_weights.hdf5")


_PAGE = "https://allennlp.org/elmo"
_CODE_LICENCE = "Apache-2.0 (code)"
_LARGE, _MEDIUM, _SMALL = 93_600_848, 28_027_728, 13_593_296  # parameters without a softmax
_ORIGINAL = "2x4096_512_2048cnn_2xhighway"

PUBLISHED: Mapping[str, PublishedModel] = MappingProxyType(
    {
        "original": PublishedModel(
            "English, 93.6M parameters, 1 Billion Word Benchmark: the model of Peters et al. 2018",
            {
                **_allennlp(_ORIGINAL),
                "softmax": PublishedFile(f"{_ALLENNLP}/{_ORIGINAL}/elmo_{_ORIGINAL}_softmax_weights.hdf5"),
                "vocabulary": PublishedFile(f"{_ALLENNLP}/{_ORIGINAL}/vocab-2016-09-10.txt"),
            },
            "English",
            _PAGE,
            1024,
            _LARGE,
            _CODE_LICENCE,
        ),
        "original-5.5B": PublishedModel(
            "English, 93.6M parameters, 5.5B tokens of Wikipedia and news",
            _allennlp(f"{_ORIGINAL}_5.5B"),
            "English",
            _PAGE,
            1024,
            _LARGE,
            _CODE_LICENCE,
        ),
        "medium": PublishedModel(
            "English, 28.0M parameters, 1 Billion Word Benchmark",
            _allennlp("2x2048_256_2048cnn_1xhighway"),
            "English",
            _PAGE,
            512,
            _MEDIUM,
            _CODE_LICENCE,
        ),
        "small": PublishedModel(
            "English, 13.6M parameters, 1 Billion Word Benchmark",
            _allennlp("2x1024_128_2048cnn_1xhighway"),
            "English",
            _PAGE,
            256,
            _SMALL,
            _CODE_LICENCE,
        ),
        "pubmed": PublishedModel(
            "English, biomedical abstracts of PubMed (Matthew Peters)",
            _pair(
                f"{_ALLENNLP}/contributed/pubmed/elmo_{_ORIGINAL}_options.json",
                f"{_ALLENNLP}/contributed/pubmed/elmo_{_ORIGINAL}_weights_PubMed_only.hdf5",
            ),
            "English",
            _PAGE,
            1024,
            _LARGE,
            _CODE_LICENCE,
        ),
        "portuguese": PublishedModel(
            "Portuguese, as named by Flair (Federal University of Goiás)",
            _pair(
                f"{_ALLENNLP}/contributed/pt/elmo_pt_options.json",
                f"{_ALLENNLP}/contributed/pt/elmo_pt_weights.hdf5",
            ),
            "Portuguese",
            _PAGE,
        ),
        "portuguese-wikipedia": PublishedModel(
            "Portuguese, Wikipedia (Federal University of Goiás)",
            _pair(
                f"{_ALLENNLP}/contributed/pt/wikipedia/options.json",
                f"{_ALLENNLP}/contributed/pt/wikipedia/elmo_pt_weights.hdf5",
            ),
            "Portuguese",
            _PAGE,
        ),
        "portuguese-brwac": PublishedModel(
            "Portuguese, brWaC corpus of web pages (Federal University of Goiás)",
            _pair(
                f"{_ALLENNLP}/contributed/pt/brwac/options.json",
                f"{_ALLENNLP}/contributed/pt/brwac/elmo_pt_weights_dgx1.hdf5",
            ),
            "Portuguese",
            _PAGE,
        ),
        "japanese": PublishedModel(
            "Japanese (ExaWizards; Bataa and Wu 2019)",
            _pair(
                "https://exawizardsallenlp.blob.core.windows.net/data/options.json",
                "https://exawizardsallenlp.blob.core.windows.net/data/weights.hdf5",
            ),
            "Japanese",
            _PAGE,
        ),
        "german": PublishedModel(
            "German, Wikipedia with its discussions (Philip May, T-Systems on site)",
            _pair(f"{_GERMAN}/options.json", f"{_GERMAN}/weights.hdf5"),
            "German",
            "https://github.com/t-systems-on-site-services-gmbh/german-elmo-model",
            licence="BSD-2-Clause",
        ),
        "basque": PublishedModel(
            "Basque (Stefan Schweter)",
            _pair(
                "https://schweter.eu/cloud/eu-elmo/options.json",
                "https://schweter.eu/cloud/eu-elmo/weights.hdf5",
            ),
            "Basque",
            "https://github.com/stefan-it/plur",
        ),
        "seqvec": PublishedModel(
            "Proteins, one amino acid per token, UniRef50: SeqVec (Heinzinger et al. 2019)",
            _pair(
                PublishedFile(f"{_SEQVEC}/options.json", "md5:cede355187778de3ac302a83c761f5f9"),
                PublishedFile(f"{_SEQVEC}/weights.hdf5", "md5:0249d59249a50b43b79f641ff2ba7e88"),
            ),
            "proteins",
            "https://github.com/mheinzinger/SeqVec",
            1024,
            _LARGE,
            "MIT",
        ),
    }
)
