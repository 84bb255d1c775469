"""`otx tune` from a data root to a recipe, with the trainings themselves replaced: they are tested elsewhere."""

from __future__ import annotations

import json
import math

import pytest
import yaml
from tests.docs.blocks import DOCS, write_files
from tests.generated import write_image_folders

from otx.cli.lines import parse_duration
from otx.core.errors import OTXError, UserError
from otx.engine import Engine
from otx.engine import tune as tune_module
from otx.recipes.files import read_recipe
from otx.tuning import search as search_module

SEARCH = {"training.optimizer.lr": {"factor": 30}}


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setattr(tune_module, "measure_epoch", lambda *_: 0.01)
    write_image_folders(tmp_path / "data")
    return Engine(tmp_path / "data", pretrained=False, work_dir=tmp_path / "search", settings={"tuning.search": SEARCH})


@pytest.fixture
def trainings(monkeypatch):
    """Trainings whose metric depends on the learning rate alone, and tests whose metric depends on `held_out`."""
    asked = {"held_out": lambda value: value, "seeds": [], "epochs": set()}

    def run_verb(arguments, folder, name, *, go_on=lambda: True):
        recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
        value = math.exp(-abs(math.log(recipe["training"]["optimizer"]["lr"] / 0.01)))
        if arguments[0] == "test":
            assert arguments[1:3] == ["--model", "timm/net"]  # or a class in a file would not be run
            return {"metrics": {"accuracy": asked["held_out"](value)}}
        asked["seeds"].append(recipe.get("seed", 0))
        asked["epochs"].add(recipe["training"]["max_epochs"])
        return {"model": "timm/net", "metrics": {"accuracy": value}}

    monkeypatch.setattr(search_module, "run_verb", run_verb)
    monkeypatch.setattr(tune_module, "run_verb", run_verb)
    return asked


def test_a_winner_is_confirmed_with_another_seed_and_written_as_a_recipe(engine, trainings, tmp_path):
    result = engine.tune(60, max_trials=12)
    assert len(result.trials) == 12
    assert result.best["value"] > result.default["value"]
    assert result.wins
    assert trainings["seeds"][-2:] == [1, 1]
    assert read_recipe(result.recipe) == {"model.pretrained": False, **result.best["values"]}
    assert (tmp_path / "search" / "plots" / "history.png").is_file()
    document = result.to_json()
    assert document["default"]["value"] < document["best"]["value"] == max(one["value"] for one in document["trials"])


def test_the_confirmation_has_the_split_of_the_trials(engine, trainings, tmp_path):
    write_image_folders(tmp_path / "whole", subsets=False)
    engine.given.settings["data_root"] = str(tmp_path / "whole")
    engine.tune(60, max_trials=12)
    assert trainings["seeds"][-2:] == [1, 1]
    assert (
        json.loads((tmp_path / "search" / "confirm" / "000" / "run" / "data" / "split.json").read_text())["seed"] == 0
    )


def test_a_winner_that_is_none_on_held_out_data_loses_to_the_recipe(engine, trainings):
    trainings["held_out"] = lambda value: -value
    result = engine.tune(60, max_trials=12)
    assert not result.wins
    assert read_recipe(result.recipe) == {"model.pretrained": False, **result.default["values"]}


def test_the_recipe_has_what_the_user_said(engine, trainings):
    engine.given.settings |= {"seed": 3, "on_bad_data": "skip", "model.name": "timm/resnet10t", "training.mixup": 0.2}
    recipe = read_recipe(engine.tune(60, max_epochs=7, max_trials=1).recipe)
    assert recipe.pop("training.optimizer.lr") > 0
    assert recipe == {
        "on_bad_data": "skip",
        "model.name": "timm/resnet10t",
        "model.pretrained": False,
        "training.max_epochs": 7,
        "training.mixup": 0.2,
    }


def test_the_same_work_dir_goes_on(engine, trainings):
    engine.tune(60, max_trials=3)
    assert len(engine.tune(60, max_trials=7).trials) == 7
    engine.given.settings["device"] = "cpu"
    assert len(engine.tune(60, max_trials=7).trials) == 7


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data_root": "other"}, r"data_root: was '.*data', is '.*other'"),
        ({"training.max_epochs": 9}, r"training\.max_epochs: was None, is 9"),
        ({"tuning.search": {"training.optimizer.lr": {"factor": 3}}}, r"tuning\.search\.training\.optimizer\.lr: was "),
    ],
)
def test_another_search_is_not_gone_on_with(engine, trainings, tmp_path, change, told):
    engine.tune(60, max_trials=1)
    (tmp_path / "other").symlink_to(tmp_path / "data")
    engine.given.settings |= {key: str(tmp_path / v) if key == "data_root" else v for key, v in change.items()}
    with pytest.raises(UserError, match=told):
        engine.tune(60, max_trials=2)


def test_trainings_are_as_long_as_the_budget_can_hold_several_of(engine, trainings, monkeypatch, caplog):
    caplog.set_level("INFO", "otx")
    monkeypatch.setattr(tune_module, "measure_epoch", lambda *_: 0.5)
    engine.tune(80, max_trials=3)
    assert trainings["epochs"] == {20}
    assert "20 epochs a training instead of " in caplog.text
    monkeypatch.setattr(tune_module, "measure_epoch", lambda *_: 5.0)
    engine.tune(80, max_trials=5)
    assert trainings["epochs"] == {20}, "what was begun goes on alike"
    assert " 2 epochs a training" not in caplog.text


def test_epochs_that_the_user_names_stand(engine, trainings, monkeypatch):
    monkeypatch.setattr(tune_module, "measure_epoch", lambda *_: pytest.fail("not asked for"))
    engine.given.settings["training.max_epochs"] = 70
    engine.tune(80, max_trials=2)
    assert trainings["epochs"] == {70}


def test_a_budget_too_short_for_the_recipe_itself(engine, monkeypatch):
    def too_slow(*_, **__):
        raise search_module.TrialEndedError

    monkeypatch.setattr(search_module, "run_verb", too_slow)
    with pytest.raises(OTXError, match="could not be trained within 1 s"):
        engine.tune(1, max_trials=2)


def test_no_trial_at_all_is_refused(engine):
    with pytest.raises(UserError, match="max_trials: expected at least 1, which is the recipe itself, got 0"):
        engine.tune(60, max_trials=0)


def test_an_unknown_setting_cannot_be_searched(engine):
    engine.given.settings["tuning.search"] = {"training.optimizer.rate": {"factor": 3}}
    with pytest.raises(UserError, match=r"tuning\.search: unknown setting 'training\.optimizer\.rate'"):
        engine.tune(60)


def test_one_worker_at_a_time_in_a_work_dir(engine, tmp_path, trainings):
    from filelock import FileLock

    (tmp_path / "search").mkdir()
    with FileLock(tmp_path / "search" / "study.lock"), pytest.raises(UserError, match="another process is tuning"):
        engine.tune(60)


def test_the_file_on_the_page_is_a_search(engine, trainings, tmp_path):
    write_files(DOCS / "tune.md", tmp_path)
    engine.given.settings["tuning.search"] = read_recipe(tmp_path / "search.yaml")["tuning.search"]
    result = engine.tune(60, max_trials=2)
    assert list(result.best["values"]) == [
        "training.optimizer.lr", "data.batch_size", "training.optimizer.weight_decay",
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("1.5h", 5400)])
def test_budgets(text, seconds):
    assert parse_duration("--budget", text) == seconds


@pytest.mark.parametrize("text", ["", "1", "1d", "m", "1h x", "0s", "0h0m"])
def test_budgets_that_are_none(text):
    with pytest.raises(UserError, match="expected a time"):
        parse_duration("--budget", text)
