"""The estimators among others: pipelines, cross-validation, searches in processes of their own, threads."""

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tinyconv import nn
from tinyconv.sklearn import CNNClassifier, CNNFeatures

CLASSIFIER = CNNClassifier(
    image_shape=(6, 6), epochs=10, batch_size=12, lr=0.02, random_state=0, model_options={"widths": (8, 8)}
)


def test_in_a_pipeline_and_cross_validated(bars):
    images, labels = bars
    pipeline = make_pipeline(StandardScaler(), CLASSIFIER)
    assert cross_val_score(pipeline, images.reshape(48, 36), labels, cv=2).min() >= 0.7
    assert cross_val_score(CLASSIFIER, images[:, None], labels, cv=2, scoring="roc_auc").min() >= 0.8


def test_features_before_another_classifier(bars):
    images, labels = bars
    pipeline = make_pipeline(CNNFeatures(CLASSIFIER, "relu2", pooling="max"), StandardScaler(), LogisticRegression())
    assert pipeline.fit(images[:32], labels[:32]).score(images[32:], labels[32:]) >= 0.8


def test_a_search_in_two_processes_finds_what_one_finds(bars):
    images, labels = bars
    filters = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    pipeline = make_pipeline(CNNFeatures(filters, "relu1"), clone(CLASSIFIER).set_params(image_shape=(3, 4, 4)))
    grid = {"cnnclassifier__lr": [1e-5, 0.02]}
    one, two = (GridSearchCV(pipeline, grid, cv=2, n_jobs=jobs).fit(images, labels) for jobs in (1, 2))
    assert np.array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert one.best_params_ == two.best_params_ == {"cnnclassifier__lr": 0.02}
    assert np.array_equal(one.predict_proba(images), two.predict_proba(images))


def test_in_threads_it_gives_what_it_gives_alone(bars):
    images, labels = bars
    table = images.reshape(48, 36)
    bagging = BaggingClassifier(CLASSIFIER, n_estimators=4, random_state=0)
    alone = [fitted.predict_proba(table) for fitted in bagging.fit(table, labels).estimators_]
    with parallel_config("threading", n_jobs=2):
        bagging.fit(table, labels)
        together = Parallel()(delayed(fitted.predict_proba)(table) for fitted in bagging.estimators_)
    assert np.array_equal(alone, together)
