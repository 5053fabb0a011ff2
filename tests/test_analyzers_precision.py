"""iNNvestigate's own heatmaps in bfloat16 beside those in float32."""

import numpy as np
import pytest
from test_analyzers_innvestigate import Case, needs_innvestigate

from keras_xai.analyzers.innvestigate import Failure
from keras_xai.analyzers.methods import select_methods
from keras_xai.training import precision


@needs_innvestigate
def test_heatmaps_in_bfloat16_are_close_and_the_classifier_is_checked(
    tmp_path, float32
):
    plain, rounded = Case(tmp_path / "float32"), Case(tmp_path / "bfloat16")
    methods = select_methods(["gradient", "lrp.z"])
    plain.analyze(methods)
    results = rounded.analyze(methods, precision="bfloat16")
    for name in methods:
        x, y = plain.heatmap(name), rounded.heatmap(name)
        cosine = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
        assert 0.99 < cosine <= 1 + 1e-6
        assert results[name] == tmp_path / "bfloat16" / f"{name}.npz"
        if precision.only_cpu_multiplies_bfloat16():
            assert not np.allclose(x, y, rtol=1e-5)

    wrong = rounded.probs + np.float32(0.002)
    results = rounded.analyze(methods, probs=wrong, precision="bfloat16")
    for name in methods:
        assert isinstance(results[name], Failure)
        assert "differ by 0.002" in results[name].reason


@pytest.mark.parametrize("flags", ["avx512_bf16", "amx_bf16", "avx2"])
def test_processors_are_known_by_their_flags(flags, tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    path.write_text(f"flags : fpu {flags} sse\n")
    monkeypatch.setattr(precision, "Path", lambda _: path)
    gpus = []
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: gpus)
    assert precision.only_cpu_multiplies_bfloat16() == (flags != "avx2")
    gpus.append("a GPU")
    assert not precision.only_cpu_multiplies_bfloat16()
    gpus.clear()
    path.unlink()
    assert not precision.only_cpu_multiplies_bfloat16()
