"""Networks with quantisers in: they predict nearly the same, learn, and are exported as INT8 graphs."""

from __future__ import annotations

import pytest
import torch
from tests.deploy.conftest import COLOURS, SPEC, ColourClassifier, cls_batch
from tests.deploy.test_quantize import head_inputs, kinds, one_by_one

from otx.core.errors import UserError
from otx.deploy.export import export
from otx.deploy.fake_quantizers import FakeQuantizer, insert_fake_quantizers
from otx.deploy.gate import quantize_proven
from otx.deploy.quantize import Quantizer
from otx.runtime.compiled import read_graph
from otx.runtime.exported import load_exported


@pytest.fixture
def images():
    return one_by_one(cls_batch(12))


def quantizers(model):
    return [module for module in model.modules() if isinstance(module, FakeQuantizer)]


def test_a_copy_has_quantisers_and_learns_through_them(classifier, images):
    batch = cls_batch(6)
    exact = classifier.eval()(batch).scores
    twin = insert_fake_quantizers(classifier, images, "colours")
    assert not quantizers(classifier)
    assert {module.axis for module in quantizers(twin)} == {None, 0}
    assert 0 < (twin(batch).scores - exact).abs().max() < 0.1
    twin.train()(batch).total.backward()
    assert twin.model.conv.weight.grad.abs().sum() > 0


def test_its_export_is_int8_and_goes_through_the_gate(tmp_path, classifier, images):
    base = export(classifier, tmp_path / "fp32.xml")
    twin = insert_fake_quantizers(classifier.eval(), images, "colours")
    with torch.no_grad():
        twin.model.head.weight *= 1.02  # as if trained
    trained = export(twin, tmp_path / "qat" / "model.xml")
    path = tmp_path / "model.xml"
    rungs = {"trained": lambda quantizer: Quantizer.trained(quantizer, path=trained, detail="by hand")}
    parity = quantize_proven(base, images, images, path, rungs=rungs)
    assert (parity.name, parity.detail, parity.exported) == ("INT8 model (trained)", "by hand", 1.0)
    assert "FakeQuantize" in kinds(path)
    assert {str(node.get_element_type()) for node in read_graph(path).get_ops()} >= {"<Type: 'int8_t'>"}
    exported, batch = load_exported(path), cls_batch(5)
    assert exported.info.batch == "1"
    assert torch.allclose(exported(batch).scores, twin(batch).scores, atol=0.02)


def test_parts_that_the_model_names_get_none(tmp_path, images):
    class HeadInFloat(ColourClassifier):
        float_parts = ("model.head",)

    twin = insert_fake_quantizers(HeadInFloat(COLOURS, SPEC).eval(), images, "colours")
    assert "FakeQuantize" not in head_inputs(read_graph(export(twin, tmp_path / "model.xml")))


def test_what_cannot_be_followed_is_said(classifier, images, monkeypatch):
    monkeypatch.setattr(type(classifier.model), "forward", lambda self, x: self.no_such_layer(x))
    with pytest.raises(UserError, match=r"colours cannot be trained with quantisers: .*no_such_layer.*--method ptq"):
        insert_fake_quantizers(classifier.eval(), images, "colours")


def test_nothing_to_quantise_is_said(classifier, images, monkeypatch):
    monkeypatch.setattr(type(classifier.model), "forward", lambda self, x: x.amax((2, 3)))
    with pytest.raises(UserError, match="finds nothing to quantise"):
        insert_fake_quantizers(classifier.eval(), images, "colours")
