"""`python -m otx` is the command `otx`."""

from otx.cli.main import main

if __name__ == "__main__":
    main()
