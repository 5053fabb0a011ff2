import json

import pytest

from keras_xai.sweeps import Cell, read_results, run_missing

CELLS = [Cell(f"cell{i}", {"value": i}) for i in range(3)]


def test_only_missing_cells_are_run(tmp_path):
    done = []

    def measure(cell):
        done.append(cell.name)
        if len(done) == 2:
            raise RuntimeError("killed")
        return {"double": 2 * cell.spec["value"]}

    with pytest.raises(RuntimeError):
        run_missing(CELLS, tmp_path, measure, command="sweep")
    results = read_results(CELLS, tmp_path)
    assert [results[cell.name] is None for cell in CELLS] == [False, True, True]
    run_missing(CELLS, tmp_path, measure, command="sweep")
    assert done == ["cell0", "cell1", "cell1", "cell2"]
    results = read_results(CELLS, tmp_path)
    assert [results[c.name]["result"]["double"] for c in CELLS] == [0, 2, 4]


def test_result_says_how_it_was_made(tmp_path):
    run_missing(CELLS[:1], tmp_path, lambda cell: {}, command="keras-xai x")
    values = json.loads((tmp_path / CELLS[0].filename).read_text())
    assert values["command"] == "keras-xai x"
    assert values["spec"] == {"value": 0}
    assert {"packages", "machine", "commit"} <= set(values["environment"])


def test_a_changed_spec_is_another_cell():
    assert CELLS[0].filename != Cell("cell0", {"value": 9}).filename
