"""Processes: a trace of the simulation, gone through by the real program and the real server.

How it goes, told once for all files here. Four take part: the *simulation*, which follows the same trace and says
what should happen; the *program*, a process held by the tracer of `torture`; the *server*, mock-github over HTTPS;
and the *folder* of each machine.

 1. A run begins, and the program goes on until it asks something. Its request waits at a gate of the server.
 2. An answer: the server is told what becomes of the request, and the program goes on to its next one or to its end.
    Each call on its files is matched with the effect that the simulation has there; the one that is to fail gets its
    error, and after the one that the trace names the program is killed.
 3. A power cut is a kill, and then the folder is put into what the disk may hold: the simulation says which files are
    gone, empty, torn or older, and just that is done to the real ones. The machine then has another boot id.
 4. Clocks go forward in a time namespace; people ask by a token of their own; late requests are kept by the server.
 5. After each step both layers have to be in the same place: the same request or exit status, the same files, the same
    pull requests. Where they are not, the step is named, and that is the end (exit status 2).
 6. When the trace is over nothing goes wrong any more: the program is run to rest, and the oracle judges the whole.
"""
