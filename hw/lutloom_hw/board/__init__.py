"""Whole designs for boards: a serial link, a frame buffer, a classifier, lights."""
