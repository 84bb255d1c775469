"""A search finds better settings, prunes the hopeless, survives failures and kills, and is shared by workers."""

from __future__ import annotations

import csv
import math
import time
from functools import partial

import optuna
import pytest
import yaml

from otx.core.errors import UserError
from otx.engine.tune import as_recipe
from otx.tuning import search as search_module
from otx.tuning.search import Search
from otx.tuning.space import read_space
from otx.tuning.study import open_study
from otx.tuning.trial import TrialEndedError, TrialFailedError

EPOCHS = 9
AXES = read_space({"training.optimizer.lr": {"factor": 100}}, {"training.optimizer.lr": 1.0})
BEST_LR = 5.0


def train_at_once(arguments, folder, name, *, go_on=lambda: True):
    """In place of a training: the nearer the learning rate is to the best one, the better each epoch."""
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    lr = recipe["training"]["optimizer"]["lr"]
    if lr > 60:
        raise TrialFailedError("diverged")
    goodness = math.exp(-abs(math.log(lr / BEST_LR)))
    (folder / "run").mkdir(exist_ok=True)
    rows = []
    for epoch in range(1, EPOCHS + 1):
        rows.append({"epoch": epoch, "accuracy": goodness * (0.5 + epoch / 2 / EPOCHS)})
        with (folder / "run" / "metrics.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["epoch", "accuracy"])
            writer.writeheader()
            writer.writerows(rows)
        if not go_on():
            raise TrialEndedError
    return {"metrics": {"accuracy": rows[-1]["accuracy"]}}


@pytest.fixture
def search(tmp_path, monkeypatch):
    monkeypatch.setattr(search_module, "run_verb", train_at_once)
    return Search(AXES, partial(as_recipe, {"task": "DETECTION"}), tmp_path, "accuracy")


def study_in(root, storage=None, name="s"):
    return open_study(name, storage, root, AXES, mode="max", seed=0, epochs=EPOCHS, asked={})


def steps(search, study, count):
    for _ in range(count):
        search.step(study, time.monotonic() + 60)


def test_it_beats_the_recipe_which_comes_first(search, tmp_path):
    study = study_in(tmp_path)
    steps(search, study, 25)
    first = study.trials[0]
    assert first.user_attrs["values"] == {"training.optimizer.lr": 1.0}
    assert first.state.name == "COMPLETE"
    assert study.best_value > first.value + 0.3
    states = [trial.state.name for trial in study.trials]
    assert states.count("PRUNED") > 3
    recipe = yaml.safe_load((tmp_path / "trials" / "000" / "recipe.yaml").read_text())
    assert recipe == {"task": "DETECTION", "training": {"optimizer": {"lr": 1.0}}}


def test_the_trials_after_it_are_near_to_it(search, tmp_path):
    study = study_in(tmp_path)
    steps(search, study, 5)
    rates = [trial.user_attrs["values"]["training.optimizer.lr"] for trial in study.trials[1:]]
    assert all(1 / 100**0.25 <= rate <= 100**0.25 for rate in rates)


def test_a_failed_trial_is_noted_and_the_search_goes_on(search, tmp_path):
    study = study_in(tmp_path)
    study.enqueue_trial({"training.optimizer.lr": 90.0})
    steps(search, study, 7)
    assert [trial.state.name for trial in study.trials].count("FAIL") == 1


def test_the_same_study_goes_on_in_another_process(search, tmp_path):
    steps(search, study_in(tmp_path), 3)
    again = study_in(tmp_path)
    steps(search, again, 2)
    assert [trial.number for trial in again.trials if trial.state.is_finished()] == [0, 1, 2, 3, 4]


def repeated(study):
    return [trial for trial in study.trials if trial.user_attrs.get("folder") == "trials/000"]


def test_what_ctrl_c_has_cut_off_is_done_again_in_the_same_folder(search, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search_module, "run_verb", stopped)
        with pytest.raises(KeyboardInterrupt):
            steps(search, study_in(tmp_path), 1)
    again = study_in(tmp_path)
    steps(search, again, 1)
    assert [trial.state.name for trial in repeated(again) if trial.params] == ["FAIL", "COMPLETE"], "before all others"
    assert repeated(again)[-1].user_attrs["values"] == {"training.optimizer.lr": 1.0}


def test_what_a_kill_has_cut_off_is_done_again_in_the_same_folder(search, tmp_path):
    trial = study_in(tmp_path).ask()
    AXES[0].ask(trial)
    trial.set_user_attr("folder", "trials/000")  # and then SIGKILL
    again = study_in(tmp_path)
    steps(search, again, 1)
    assert [trial.state.name for trial in repeated(again)] == ["FAIL", "COMPLETE"], "before all others"
    assert repeated(again)[1].user_attrs["values"] == {"training.optimizer.lr": 1.0}
    steps(search, again, 4)
    done = [trial for trial in again.trials if trial.state.name in ("COMPLETE", "PRUNED")]
    assert len({trial.user_attrs["values"]["training.optimizer.lr"] for trial in done}) == 5, "each once"


def test_a_trial_that_runs_at_the_deadline_is_ended(search, tmp_path):
    study = study_in(tmp_path)
    search.step(study, time.monotonic())
    assert study.trials[0].state.name == "PRUNED"


def test_workers_share_a_database(search, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    one, other = study_in(tmp_path, url), study_in(tmp_path, url)
    for _ in range(3):
        steps(search, one, 1)
        steps(search, other, 1)
    assert len(one.trials) == len(other.trials) >= 6
    assert len({trial.user_attrs["folder"] for trial in one.trials if trial.state.is_finished()}) == 6


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path):
    with pytest.raises(UserError, match="--storage: cannot open the database"):
        study_in(tmp_path, "nonsense://somewhere")


def test_optuna_says_nothing_of_its_own(search, tmp_path, capfd):
    steps(search, study_in(tmp_path), 1)
    assert "A new study" not in capfd.readouterr().err
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING
