"""Loggers whose messages are safe to print on a terminal."""

from __future__ import annotations

import logging

from ocikit.printable import printable


def printable_logger(name: str) -> logging.Logger:
    """The logger `name`. Each message is one line and cannot control a terminal, whatever it quotes."""
    logger = logging.getLogger(name)
    logger.addFilter(_make_printable)
    return logger


def _make_printable(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage()), None
    return True
