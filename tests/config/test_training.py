from __future__ import annotations

from elmokit.config import TrainingConfig
from elmokit.config.recipes import BILM_RECIPE
from elmokit.config.training import CHANGEABLE_IN_A_RUN


def test_every_setting_is_described():
    for name, field in TrainingConfig.model_fields.items():
        assert field.description, name
        assert field.description[0].islower() or field.description[0].isdigit(), name
        assert not field.description.endswith("."), name


def test_the_names_of_settings_exist():
    assert set(TrainingConfig.model_fields) >= CHANGEABLE_IN_A_RUN | BILM_RECIPE.keys()


def test_the_recipe_of_2018():
    training = TrainingConfig(recipe="bilm", dropout=0.3)
    for name, value in BILM_RECIPE.items():
        assert getattr(training, name) == (0.3 if name == "dropout" else value)
