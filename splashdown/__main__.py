"""The program ``splashdown``, also as ``python -m splashdown``."""

from crawler.command_line import main

if __name__ == "__main__":
    main()
