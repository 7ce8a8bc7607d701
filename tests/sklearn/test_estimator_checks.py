"""scikit-learn's own checks of estimators, each a test; none is skipped or expected to fail."""

import os
import pickle
import subprocess
import sys

from sklearn.utils.estimator_checks import parametrize_with_checks

from tinyconv.sklearn import CNNClassifier, CNNFeatures

CLASSIFIER = CNNClassifier(epochs=6, lr=0.02, random_state=0)
CHECK = "import pickle, sys; check, estimator = pickle.load(sys.stdin.buffer); check(estimator)"


@parametrize_with_checks([CLASSIFIER, CNNFeatures(CNNClassifier(epochs=1, random_state=0), pooling="max")])
def test_scikit_learn_finds_nothing_wrong_with(estimator, check):
    if check.func.__name__ != "check_array_api_input":
        check(estimator)
        return
    # SciPy reads this variable when it is imported, so that check has a process of its own.
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        input=pickle.dumps((check, estimator)),
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
