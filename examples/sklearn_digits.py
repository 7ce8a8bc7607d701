"""A convolutional network among scikit-learn's estimators, on handwritten digits of 8 x 8 pixels.

    python examples/sklearn_digits.py

A support vector machine, a network, and a support vector machine on what a layer of the network computes: each is
searched over by cross-validation in two processes, and judged on digits that the search has not seen.
"""

import time

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tinyconv.data.transforms import RandomAffine
from tinyconv.sklearn import CNNClassifier, CNNFeatures


def main():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)

    network = CNNClassifier(
        image_shape=(8, 8),
        model_options={"dropout": 0.3},
        epochs=20,
        augmentation=[RandomAffine(degrees=8, scale=0.1)],
        random_state=0,
    )
    candidates = {
        "SVM on pixels": (make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 10], "svc__gamma": ["scale", 0.005]}),
        "network": (network, {"lr": [0.003, 0.01]}),
        "SVM on the network's second block": (
            make_pipeline(CNNFeatures(network, "pool2"), StandardScaler(), SVC()),
            {"svc__C": [1, 10]},
        ),
    }
    for name, (estimator, grid) in candidates.items():
        started = time.perf_counter()
        search = GridSearchCV(estimator, grid, cv=3, n_jobs=2).fit(X_train, y_train)
        accuracy = search.score(X_test, y_test)
        print(f"{name}: accuracy {accuracy:.4f} with {search.best_params_}, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
