"""A durable write is four effects in one order; leaving one out loses the file in a power cut."""

from __future__ import annotations

from zeta_self_register.durable import make_folder_durably, write_durably


class Recorder:
    """Notes what was asked for; only `/` and `/var` are there."""

    def __init__(self):
        self.done = []

    def listdir(self, path):
        if path not in ("/", "/var"):
            raise FileNotFoundError(path)
        return []

    def __getattr__(self, name):
        return lambda *arguments: self.done.append((name, *arguments))


def test_the_file_is_synced_before_it_is_renamed_and_the_folder_after():
    effects = Recorder()
    write_durably(effects, "/var/lib/x", b"content")
    assert effects.done == [
        ("write", "/var/lib/.x.new", b"content", 0o644),
        ("sync", "/var/lib/.x.new"),
        ("rename", "/var/lib/.x.new", "/var/lib/x"),
        ("sync", "/var/lib"),
    ]


def test_each_new_folder_is_synced_into_its_parent():
    effects = Recorder()
    make_folder_durably(effects, "/var/lib/x")
    assert effects.done == [
        ("make_folder", "/var/lib"),
        ("sync", "/var"),
        ("make_folder", "/var/lib/x"),
        ("sync", "/var/lib"),
    ]
