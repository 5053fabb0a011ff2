"""Lets `python -m keras_xai.cli` stand for the command `keras-xai`."""

import sys

from keras_xai.cli import main

sys.exit(main())
