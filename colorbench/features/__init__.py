"""Frozen pretrained networks and where their weights come from."""

from colorbench.features.inception import INCEPTION_SIZE, FidInception
from colorbench.features.load import FEATURES, bf16_features, load_classifier, load_features
from colorbench.features.networks import FeatureMaps
from colorbench.features.weights import WeightsMissing, find_weights

__all__ = [
    "FEATURES",
    "INCEPTION_SIZE",
    "FeatureMaps",
    "FidInception",
    "WeightsMissing",
    "bf16_features",
    "find_weights",
    "load_classifier",
    "load_features",
]
