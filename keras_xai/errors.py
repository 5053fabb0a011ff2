"""The one exception that means: the user's input is wrong, not the program."""


class InputError(ValueError):
    """Bad input, told in one sentence; the command line ends with exit code 2."""
