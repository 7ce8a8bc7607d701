"""Networks as scikit-learn's estimators: for ``Pipeline``, ``cross_val_score``, ``GridSearchCV``.

from tinyconv.sklearn import CNNClassifier, CNNFeatures
"""

from __future__ import annotations

from tinyconv.sklearn.classifier import CNNClassifier
from tinyconv.sklearn.features import CNNFeatures

__all__ = ["CNNClassifier", "CNNFeatures"]
