"""`python -m colorbench`: the command line, for those whose PATH does not have it."""

from colorbench.cli import main

main()
