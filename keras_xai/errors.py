"""The exception and the warning that mean: it is the input, not the program."""


class InputError(ValueError):
    """Bad input, told in one sentence; the command line ends with exit code 2."""


class InputWarning(UserWarning):
    """Input of which a part is left out, told in one sentence."""
