import numpy as np
import pytest

from tinyconv import TinyconvError
from tinyconv.train.metrics import Confusion, accuracy, confusion_matrix, recall_per_class, worst_confusions

LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2])
PREDICTIONS = np.array([0, 1, 1, 1, 0, 2, 2, 1])


def test_rows_are_true_classes_and_columns_predicted_ones() -> None:
    assert confusion_matrix(LABELS, PREDICTIONS, 3).tolist() == [[1, 2, 0], [1, 1, 0], [0, 1, 2]]


def test_accuracy_and_recall_follow_from_the_confusion_matrix() -> None:
    confusion = confusion_matrix(LABELS, PREDICTIONS, 3)
    assert accuracy(confusion) == np.mean(LABELS == PREDICTIONS) == 0.5
    np.testing.assert_allclose(recall_per_class(confusion), [1 / 3, 1 / 2, 2 / 3])


def test_a_class_without_samples_has_no_recall() -> None:
    recall = recall_per_class(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 3))
    assert recall[0] == 0.5
    assert np.isnan(recall[1:]).all()


def test_the_worst_confusions_come_first_and_exclude_the_diagonal() -> None:
    confusion = confusion_matrix(LABELS, PREDICTIONS, 3)
    assert worst_confusions(confusion, 2) == [Confusion(0, 1, 2), Confusion(1, 0, 1)]
    assert len(worst_confusions(confusion, 10)) == 3


@pytest.mark.parametrize(
    ("labels", "predictions"), [([0, 1], [0]), ([0, 3], [0, 1]), ([0, 1], [-1, 0]), ([[0]], [[0]])]
)
def test_labels_outside_the_classes_or_of_other_lengths_are_refused(labels: list[int], predictions: list[int]) -> None:
    with pytest.raises(TinyconvError, match="confusion_matrix"):
        confusion_matrix(np.array(labels), np.array(predictions), 3)
