"""``python -m vitnas`` is the command ``vitnas``."""

from vitnas.cli.main import main

if __name__ == "__main__":
    main()
