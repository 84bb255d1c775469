"""Recipes, their merging, and the plan: who wins, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from otx.core.errors import UserError
from otx.recipes.files import parse_yaml, read_recipe, recipe_names
from otx.recipes.plan import Plan, parse_assignments
from otx.recipes.settings import DEFAULTS


def test_user_wins_over_recipe_and_recipe_over_auto(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("training: {max_epochs: 7}\nseed: 3\n")
    plan = Plan()
    plan.add_user({"seed": 5}, "given")
    plan.add_recipe(str(recipe))
    plan.choose("training.max_epochs", 100, "auto never overrules")
    plan.choose("data.batch_size", 4, "few images")
    assert (plan["seed"], plan["training.max_epochs"], plan["data.batch_size"]) == (5, 7, 4)
    assert plan.choices["seed"].origin == "user"
    assert plan.choices["training.max_epochs"].origin == "recipe"
    assert plan.choices["data.batch_size"].origin == "auto"


def test_user_may_hand_a_choice_back(tmp_path: Path) -> None:
    plan = Plan()
    plan.add_user({"training.max_epochs": "auto"}, "given")
    plan.choose("training.max_epochs", 12, "reason")
    assert plan["training.max_epochs"] == 12


def test_a_number_may_stand_for_a_word(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("training: {precision: 32}\n")
    plan = Plan()
    plan.add_recipe(str(recipe))
    assert plan["training.precision"] == "32"
    plan.add_user(parse_assignments(["training.precision=32", "training.max_epochs=32"]), "given")
    assert (plan["training.precision"], plan["training.max_epochs"]) == ("32", 32)
    plan.add_user({"training.precision": 16}, "given")
    with pytest.raises(UserError, match="precision"):
        plan.settings()


def test_paths_mean_the_same_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = Plan()
    plan.add_user({"data_root": "data", "model.pretrained": Path("x.safetensors"), "model.name": "net.py:Net"}, "given")
    monkeypatch.chdir("/")
    assert plan["data_root"] == str(tmp_path / "data")
    assert plan["model.pretrained"] == str(tmp_path / "x.safetensors")
    assert plan["model.name"] == str(tmp_path / "net.py:Net")
    said = {"data_root": "", "unlabeled_data_root": "", "model.pretrained": "auto", "model.name": "timm/resnet18"}
    plan.add_user(said, "given")
    assert {key: plan[key] for key in said} == said


@pytest.mark.parametrize("word", ["data.batch_size=0", "training.max_epochs=-1", "training.time=-0.5", "devices=0"])
def test_a_number_too_small_is_refused(word: str) -> None:
    with pytest.raises(UserError, match=r"setting '.*': expected at least [01], got .* \(--set\)"):
        Plan().add_user(parse_assignments([word]), "--set")


def test_what_0_means_stands() -> None:
    plan = Plan()
    plan.add_user(parse_assignments(["training.patience=0", "training.time=0", "data.workers=0"]), "--set")
    assert (plan["training.patience"], plan["training.time"], plan["data.workers"]) == (0, 0, 0)


def test_overlay_inherits_from_its_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("seed: 1\ntraining: {optimizer: {lr: 0.1, name: sgd}}\n")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"base: {tmp_path / 'base.yaml'}\ntraining: {{optimizer: {{lr: 0.2}}}}\n")
    values = read_recipe(overlay)
    assert values["training.optimizer.lr"] == 0.2
    assert values["training.optimizer.name"] == "sgd"
    assert values["seed"] == 1


def test_a_base_lies_beside_its_overlay(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("seed: 1\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "overlay.yaml").write_text("base: ../base.yaml\n")
    assert read_recipe(tmp_path / "deeper" / "overlay.yaml") == {"seed": 1}


def test_a_recipe_cannot_be_its_own_base(tmp_path: Path) -> None:
    recipe = tmp_path / "loop.yaml"
    recipe.write_text(f"base: {recipe}\n")
    with pytest.raises(UserError, match="its own base"):
        read_recipe(recipe)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("seed: 0\ntraining:\n  max_epoch: 3\n", 3, "training.max_epochs"),
        ("trainnig: {max_epochs: 3}\n", 1, "'training'"),
        ("max_epochs: 3\n", 1, "training.max_epochs"),
    ],
)
def test_wrong_key_names_line_and_nearest(text: str, line: int, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "my.yaml")
    assert f"my.yaml:{line}" in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "just words"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"my\.yaml"):
        parse_yaml(text, "my.yaml")


def test_yaml_cannot_make_objects() -> None:
    with pytest.raises(UserError):
        parse_yaml("seed: !!python/object/apply:os.system ['true']\n", "evil.yaml")


def test_wrong_value_names_what_is_expected() -> None:
    plan = Plan()
    plan.add_user({"training.max_epochs": "many"}, "given")
    with pytest.raises(UserError, match=r"training\.max_epochs.*expected.*int.*'many'"):
        plan.settings()


def test_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'detection'"):
        read_recipe("detecton")


def test_assignments() -> None:
    values = parse_assignments(["training.optimizer.lr=3e-4", "model.input_size=[64, 96]", "seed=7"])
    plan = Plan()
    plan.add_user(values, "--set")
    settings = plan.settings()
    assert (settings.training.optimizer.lr, settings.model.input_size, settings.seed) == (3e-4, [64, 96], 7)
    with pytest.raises(UserError, match="KEY=VALUE"):
        parse_assignments(["seed"])
    with pytest.raises(UserError, match=r"--set.*Did you mean 'seed'"):
        parse_assignments(["sed=1"])


def test_plan_file_round_trip(tmp_path: Path) -> None:
    plan = Plan()
    plan.add_user({"seed": 9}, "given")
    plan.choose("data.batch_size", 8, "because")
    plan.write(tmp_path / "plan.yaml")
    again = Plan.read(tmp_path / "plan.yaml")
    assert again.choices == plan.choices
    with pytest.raises(UserError, match="expected the plan"):
        Plan.read(tmp_path / "none.yaml")
    (tmp_path / "plan.yaml").write_text("seed: 1\ntask: a: b")
    with pytest.raises(UserError, match=r"(?s)plan\.yaml: not valid YAML: .*line 2"):
        Plan.read(tmp_path / "plan.yaml")


def test_printed_config_is_a_config(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    plan = Plan()
    plan.add_user({"seed": 4, "transforms.train": [{"name": "RandomHorizontalFlip", "p": 0.3}]}, "given")
    config.write_text(plan.to_config())
    again = Plan()
    again.add_config(config)
    assert again.settings() == plan.settings()


def test_every_recipe_of_otx_is_valid() -> None:
    names = recipe_names()
    assert {"detection", "multi_class_classification"} <= set(names)
    for name in names:
        plan = Plan()
        plan.add_recipe(name)
        plan.settings()
        first = (Path(__file__).parents[2] / "src/otx/recipes" / f"{name}.yaml").read_text().splitlines()[0]
        assert first.startswith("# otx "), f"{name}: a recipe begins with the command that runs it"


def test_defaults_are_complete() -> None:
    assert {"task", "seed", "device", "model.name", "data.batch_size", "training.max_epochs"} <= set(DEFAULTS)
