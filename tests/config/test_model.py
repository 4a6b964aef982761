from __future__ import annotations

import pytest

from elmokit.config import CharCnnConfig, LexiconConfig, ModelConfig
from elmokit.errors import ConfigError


def test_widths_and_directions():
    assert CharCnnConfig().num_filters == 2048
    assert ModelConfig().num_directions == 2
    assert ModelConfig(bidirectional=False).num_directions == 1


@pytest.mark.parametrize(
    ("lexicon", "char_cnn", "message"),
    [
        ({"num_words": 5, "word_dim": 2}, CharCnnConfig(), "char_cnn and lexicon.num_symbols require each"),
        ({"num_symbols": 5}, None, "char_cnn and lexicon.num_symbols require each other"),
        ({"num_symbols": 5, "num_words": 3}, CharCnnConfig(), "num_words and lexicon.word_dim require each"),
        ({}, None, "a lexicon needs an alphabet or words"),
    ],
)
def test_an_incomplete_lexicon(lexicon, char_cnn, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(lexicon=LexiconConfig(**lexicon), char_cnn=char_cnn)


@pytest.mark.parametrize("filters", [[(1, (1 << 20) + 1)], [(1, 1)] * 101])
def test_absurdly_large_filters(filters):
    with pytest.raises(ConfigError, match="at most 100 pairs with at most 1048576 filters each"):
        CharCnnConfig(filters=filters)
