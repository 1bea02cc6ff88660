"""`python -m zeta_self_register` is the same command."""

from zeta_self_register.cli import main

main()
