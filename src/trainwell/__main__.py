"""`python -m trainwell`, where the command is not on the path."""

from trainwell.cli.main import run

if __name__ == "__main__":
    run()
