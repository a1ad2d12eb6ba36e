"""Training: batches, wiring, the loop, checkpoints."""

from lutloom.train.checkpoint import EpochRecord
from lutloom.train.trainer import Trainer, TrainingResult, train

__all__ = ["EpochRecord", "Trainer", "TrainingResult", "train"]
