"""`python -m neural_style` is the command `neural-style`."""

from neural_style.cli.console import console

if __name__ == "__main__":
    console()
