"""Runs a shipped program against a simulated disk and GitHub, and goes through every crash and every fault.

The program is the one that ships: it gets another port, nothing else of it is replaced.  `automaton` turns it
into a tree of effects and answers, `storage` and `hub` are what it acts upon, `transitions` says what can happen
next, and `closure` and `histories` go through all of it.
"""
