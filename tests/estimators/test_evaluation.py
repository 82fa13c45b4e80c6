"""The confusion matrix and the calibration of an evaluation, against scikit-learn's. No cluster is needed."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from raydp._estimators.outcomes import Outcomes
from raydp.errors import InvalidArgumentError
from raydp.estimator import Evaluation

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(5)
LABELS = RANDOM.integers(0, 3, 500)
SCORES = RANDOM.dirichlet([1, 1, 1], 500) * 0.5 + 0.5 * np.eye(3)[LABELS]
WEIGHTS = RANDOM.random(500)
COLORS = ["blue", "green", "red"]


def evaluation(*, weighted: bool = False, parts: int = 3) -> Evaluation:
    pieces = [slice(start, None, parts) for start in range(parts)]
    counted = [Outcomes.of(SCORES[one], LABELS[one], WEIGHTS[one] if weighted else None, 3) for one in pieces]
    return Evaluation({"accuracy": 0.75}, Outcomes.join(counted), COLORS)


@pytest.mark.parametrize("weighted", [False, True])
def test_three_classes(weighted: bool) -> None:
    found = evaluation(weighted=weighted)
    chosen = SCORES.argmax(axis=1)
    expected = confusion_matrix(LABELS, chosen, sample_weight=WEIGHTS if weighted else None)
    np.testing.assert_allclose(found.confusion_matrix, expected)
    assert found.confusion_matrix.dtypes.iloc[0] == (np.float64 if weighted else np.int64)
    assert found.confusion_matrix.loc["red", "blue"] == pytest.approx(expected[2, 0])
    assert (found.confusion_matrix.index.name, found.confusion_matrix.columns.name) == ("label", "prediction")
    if not weighted:  # scikit-learn's curve has no weights
        observed, predicted = calibration_curve(chosen == LABELS, SCORES.max(axis=1), n_bins=10)
        np.testing.assert_allclose(found.calibration["fraction_of_positives"], observed)
        np.testing.assert_allclose(found.calibration["mean_predicted"], predicted)
        assert found.calibration["rows"].sum() == 500


@pytest.mark.parametrize("shape", ["one column", "two columns"])
def test_two_classes_on_the_edges_of_bins(shape: str) -> None:
    scores = np.tile(np.linspace(0, 1, 11), 20)  # as those of a forest of ten trees
    labels = (RANDOM.random(len(scores)) < scores).astype(np.float64)
    given = scores if shape == "one column" else np.column_stack([1 - scores, scores])
    found = Evaluation({}, Outcomes.of(given, labels, None, 2), [False, True])
    observed, predicted = calibration_curve(labels, scores, n_bins=10)
    np.testing.assert_allclose(found.calibration["fraction_of_positives"], observed)
    np.testing.assert_allclose(found.calibration["mean_predicted"], predicted)
    assert found.confusion_matrix.to_numpy().sum() == len(scores)


def test_an_evaluation_is_a_dictionary_that_can_be_drawn_and_sent(tmp_path: Path) -> None:
    found = evaluation()
    assert found == {"accuracy": 0.75}
    assert repr(found) == "{'accuracy': 0.75}"
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.confusion_matrix.equals(found.confusion_matrix)
    html = found._repr_html_()
    assert html.index("accuracy</th>") < html.index("prediction") < html.index("data:image/png;base64,")
    matrix, curve = found.plot().axes
    assert (matrix.get_xlabel(), matrix.get_ylabel()) == ("predicted label", "true label")
    assert matrix.get_title() == "75.0% of the predictions are right"
    assert {text.get_text() for text in matrix.texts} == {str(one) for one in found.confusion_matrix.to_numpy().ravel()}
    assert curve.get_xlabel() == "mean predicted probability of the predicted class"
    assert curve.get_title().startswith("expected calibration error 0.")
    assert "<svg" in found.plot(tmp_path / "new" / "evaluation.svg").read_text()


@pytest.mark.promised("Evaluation.confusion_matrix", "AttributeError")
@pytest.mark.promised("Evaluation.calibration", "AttributeError")
@pytest.mark.promised("Evaluation.plot", "InvalidArgumentError")
def test_a_regression_has_neither() -> None:
    found = Evaluation({"rmse": 1.0})
    assert "rmse</th>" in found._repr_html_()
    with pytest.raises(AttributeError, match="Only the evaluation of a classifier has a confusion_matrix"):
        _ = found.confusion_matrix
    with pytest.raises(AttributeError, match="Only the evaluation of a classifier has a calibration"):
        _ = found.calibration
    with pytest.raises(InvalidArgumentError, match="Only the evaluation of a classifier can be drawn"):
        found.plot()


def test_many_classes_need_no_square_of_memory() -> None:
    labels = np.arange(5000)
    scores = np.tile(np.linspace(0, 0.1, 5000, dtype=np.float32), (5000, 1))
    found = Outcomes.of(scores, labels, None, 5000)
    assert len(pickle.dumps(found)) < 200_000
