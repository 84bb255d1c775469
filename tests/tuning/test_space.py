"""What a recipe declares becomes what Optuna is asked for, around the recipe's own value."""

from __future__ import annotations

import random

import optuna
import pytest

from otx.core.errors import UserError
from otx.tuning.space import read_space

VALUES = {"lr": 0.01, "size": 16, "name": "adamw", "sides": [64, 64]}


def axis(entry, key="lr"):
    (found,) = read_space({key: entry}, VALUES)
    return found


def test_a_factor_reaches_as_far_down_as_up():
    found = axis({"factor": 5})
    assert (found.low, found.high, found.log) == (pytest.approx(0.002), pytest.approx(0.05), True)


def test_ends_are_taken_as_they_are():
    found = axis({"low": 0.0, "high": 1.0})
    assert (found.low, found.high, found.log) == (0.0, 1.0, False)
    assert axis({"low": 0.001, "high": 1.0, "log": True}).log


def test_the_recipes_value_is_among_the_choices():
    found = axis({"choices": ["sgd"]}, "name")
    assert found.choices == ('"adamw"', '"sgd"')
    assert axis({"choices": [[96, 96]]}, "sides").choices == ("[64, 64]", "[96, 96]")


@pytest.mark.parametrize(
    ("key", "entry"), [("lr", {"factor": 5}), ("size", {"low": 4, "high": 64}), ("sides", {"choices": [[96, 96]]})]
)
def test_a_trial_gets_values_of_the_settings_own_type(key, entry):
    found = axis(entry, key)
    value = found.ask(optuna.trial.FixedTrial({key: found.start}))
    assert value == VALUES[key]
    assert type(value) is type(VALUES[key])


def test_near_values_stay_near_and_inside():
    found, generator = axis({"factor": 16}), random.Random(0)
    assert all(0.005 <= found.near(generator) <= 0.02 for _ in range(50))
    whole = axis({"low": 8, "high": 24}, "size")
    assert {whole.near(generator) for _ in range(50)} <= {14, 15, 16, 17, 18}


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("lr", {}),
        ("lr", {"factor": 1}),
        ("lr", {"low": 1, "high": 2}),
        ("lr", {"low": 0.0, "high": 1.0, "log": True}),
        ("lr", {"low": 0.001}),
        ("name", {"factor": 2}),
        ("name", {"choices": []}),
        ("name", {"values": ["sgd"]}),
    ],
)
def test_any_other_form_is_an_error_that_names_the_setting(key, entry):
    with pytest.raises(UserError, match=rf"tuning\.search\.{key}: expected"):
        axis(entry, key)


def test_nothing_to_tune():
    with pytest.raises(UserError, match="nothing to tune"):
        read_space({}, VALUES)
