"""The table of published models is well-formed and names what people know."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from elmokit.repository.published import PUBLISHED

ALLENNLP = "https://s3-us-west-2.amazonaws.com/allennlp/models/elmo"


@pytest.mark.parametrize(
    "name", ["original", "original-5.5B", "medium", "small", "portuguese", "pubmed", "japanese", "seqvec"]
)
def test_the_known_names_are_there(name):
    assert PUBLISHED[name].description


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_model_has_what_it_needs(name):
    files = PUBLISHED[name].files
    assert {"options", "weights"} <= files.keys()
    assert ("softmax" in files) == ("vocabulary" in files)
    suffixes = {"options": ".json", "weights": ".hdf5", "softmax": ".hdf5", "vocabulary": ".txt"}
    for role, file in files.items():
        parts = urlsplit(file.url)
        assert parts.scheme in ("http", "https")
        assert parts.path.endswith(suffixes[role])
        assert "//" not in parts.path
        # Over a line that anybody can write to, nothing comes without a checksum.
        assert parts.scheme == "https" or file.checksum
        assert file.checksum is None or re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.checksum)


def test_no_two_files_share_an_address():
    urls = [file.url for model in PUBLISHED.values() for file in model.files.values()]
    assert len(urls) == len(set(urls))


def test_names_differ_whatever_their_case():
    assert len({name.lower() for name in PUBLISHED}) == len(PUBLISHED)


@pytest.mark.parametrize(
    ("name", "role", "address"),
    [
        ("small", "weights", "2x1024_128_2048cnn_1xhighway/elmo_2x1024_128_2048cnn_1xhighway_weights.hdf5"),
        ("medium", "options", "2x2048_256_2048cnn_1xhighway/elmo_2x2048_256_2048cnn_1xhighway_options.json"),
        (
            "original-5.5B",
            "weights",
            "2x4096_512_2048cnn_2xhighway_5.5B/elmo_2x4096_512_2048cnn_2xhighway_5.5B_weights.hdf5",
        ),
        (
            "original",
            "softmax",
            "2x4096_512_2048cnn_2xhighway/elmo_2x4096_512_2048cnn_2xhighway_softmax_weights.hdf5",
        ),
    ],
)
def test_addresses_that_are_put_together(name, role, address):
    assert PUBLISHED[name].files[role].url == f"{ALLENNLP}/{address}"
