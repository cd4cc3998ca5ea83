"""The product of chapter 15: our blocks say what its own runtime says. Needs the extra `ocr`."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from helpers import scripts

from minitorch_attn import no_grad

WANTED = 'pip install "minitorch_attn[ocr]" && pip install --no-deps rapidocr==3.10.0'
for package in ("onnx", "onnxruntime", "rapidocr", "PIL", "matplotlib"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"no {package}: {WANTED}", allow_module_level=True)

pytestmark = pytest.mark.slow  # it needs what no environment of the book has


@pytest.fixture(scope="module")
def product() -> Any:
    """The command of the chapter, as a module: its file's name begins with a digit."""
    return scripts.stored("15_reader")


def test_our_blocks_are_the_products(product: Any) -> None:
    reader = product.Reader()
    picture = product.line("attention is not explanation")
    seen = reader.look(picture)
    h = seen[reader.starts]
    with no_grad():
        for i, block in enumerate(reader.blocks):
            h, weights = block(h)
            np.testing.assert_allclose(weights.numpy(), seen[reader.softmaxes[i]], atol=1e-5)
            np.testing.assert_allclose(h.numpy(), seen[block.ends], atol=1e-4)
    own = seen[reader.answer][0]
    np.testing.assert_allclose(reader.finish(seen), own, atol=1e-4)
    assert reader.text(own)[0].strip() == "attention is not explanation"
    nothing = reader.finish(seen, np.zeros_like)
    assert np.abs(nothing - own).max() > 1e-3, "weights from outside are used"


def test_edits(product: Any) -> None:
    assert product.edits("kitten", "sitting") == 3
    assert product.edits("", "ab") == 2
