"""Training: batches, wiring, the loop, checkpoints."""

from lutloom.train.checkpoint import EpochRecord
from lutloom.train.trainer import CHECKPOINT_NAME, Trainer, TrainingResult, train

__all__ = ["CHECKPOINT_NAME", "EpochRecord", "Trainer", "TrainingResult", "train"]
