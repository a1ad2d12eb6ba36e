"""Layers and the classifier in torch: evaluated 64 images a word, learning without derivatives."""

from lutloom.models.activation_first_layer import ActivationFirstLayer
from lutloom.models.classifier import VotingClassifier, classify_torch, devices
from lutloom.models.layer import Layer, LearningLayer
from lutloom.models.table_layer import TableLayer

__all__ = [
    "ActivationFirstLayer",
    "Layer",
    "LearningLayer",
    "TableLayer",
    "VotingClassifier",
    "classify_torch",
    "devices",
]
