"""`python -m plusx`."""

from plusx.cli.main import main

main()
