"""Reading ahead changes neither batches nor positions."""

from __future__ import annotations

import json
from itertools import islice

from elmokit.data.read_ahead import ReadAhead


def test_batches_and_positions_are_those_of_the_stream(numbered, seen_by_model):
    settings = {"batch_size": 3, "unroll_steps": 5, "shuffle": True, "seed": 4}
    stream, ahead = numbered.stream(**settings), ReadAhead(numbered.stream(**settings))
    assert ahead.state_dict() == stream.state_dict()
    for one, other in zip(islice(stream, 12), ahead, strict=False):
        assert seen_by_model(one) == seen_by_model(other)
        assert json.dumps(ahead.state_dict()) == json.dumps(stream.state_dict())


def test_it_goes_back_to_a_position_while_it_is_read(numbered, seen_by_model):
    ahead = ReadAhead(numbered.stream(batch_size=2, unroll_steps=4))
    batches = iter(ahead)
    next(batches)
    position = ahead.state_dict()
    expected = [seen_by_model(batch) for batch in islice(batches, 3)]
    ahead.load_state_dict(position)
    assert ahead.state_dict() == position
    assert [seen_by_model(batch) for batch in islice(batches, 3)] == expected
