"""The same settings are tried for every system."""

from __future__ import annotations

from elmokit.downstream.comparison.tuning import trial_settings

SEARCH = {"rate": [1, 2, 3], "dropout": [0.1, 0.5]}


def test_the_given_settings_come_first_and_the_others_are_distinct():
    found = trial_settings({"rate": 1, "dropout": 0.1, "encoder": "pooled"}, SEARCH, 4)
    assert found[0] == {"rate": 1, "dropout": 0.1, "encoder": "pooled"}
    assert len({tuple(sorted(own.items(), key=str)) for own in found}) == 4
    assert all(own["encoder"] == "pooled" for own in found)
    assert found == trial_settings({"rate": 1, "dropout": 0.1, "encoder": "pooled"}, SEARCH, 4)


def test_no_more_than_there_are():
    assert len(trial_settings({}, SEARCH, 100)) == 7
    assert trial_settings({"rate": 5}, {}, 1) == [{"rate": 5}]
