"""Where a planted bad agent must be seen: small universes, some of which begin with what an earlier life left.

Some are beginnings of the agent's own (`starts`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from bootproof.simulation import starts
from bootproof.simulation.closure import Explored, explore
from bootproof.simulation.hub import RequestFault
from bootproof.simulation.people import Act
from bootproof.simulation.starts import asked, with_file
from bootproof.simulation.transitions import TOKEN, Simulation
from bootproof.simulation.universe import Forbidden, Guarded, Universe
from further_rules import Signed
from mock_github.frozen import FrozenMap
from mock_github.world import World
from msgspec.structs import replace
from stories import OLD_RECORD, RECORD
from zeta_self_register.simulated import AGENT, SETTINGS, STATE
from zeta_self_register.starts import ANOTHERS, STARTS

REPOSITORY = "acme/cluster"
OLD_BRANCH = "register-node-a-20250101T000000Z"
OTHER_NAME = "maintainers/alice/cluster-nodes/node-1a2b3c/node.yaml"
RENAMED = OLD_RECORD.replace("node-a", "node-1a2b3c") + "  hardware: {network: {mac: '52:54:00:aa:bb:cc'}}\n"
TOKEN_FILE = "/etc/zeta-self-register/github-token"
INTENT_IN_STATE_FOLDER = {
    SETTINGS: f'repository = "acme/cluster"\nintent_file = "{STATE}/intent.json"\n'.encode(),
    f"{STATE}/intent.json": b'{"schema": 1, "operator": "alice", "repository": "acme/cluster", "node": "node-a"}',
}
"""The simulated disk keeps only what changes beside the marker, so the intent lies there."""
NO_REQUESTS = {"may_be_held": True, "forbidden": Forbidden.REQUESTS}
HOLDS = b'repository = "acme/cluster"\noperator = "alice"\non_closed = "hold"\n'
OTHERS_MARKER = {
    path: content.replace(b'"node-a"', b'"node-b"') for path, content in STARTS["drift"]["files"].items()
}
DAY = 86_400_000
"""In milliseconds, as the world's clock counts."""


def explored(stage: Universe) -> Explored:
    """The closure of a stage, up to the first finding."""
    return explore(Simulation(AGENT, stage, judges=Signed), stop_at=1)


# --- what was there before ----------------------------------------------------------------------------------


def with_pull(branch: str, path: str = RECORD, text: str = OLD_RECORD) -> Callable[[World], World]:
    """An open pull request of the node's own login, two days old, that adds a file."""

    def begun(world: World) -> World:
        now = world.now
        world = world.at(now - 2 * DAY).with_branch(REPOSITORY, branch)
        world = with_file(world, REPOSITORY, path, text, branch)
        body = {"title": "by an earlier agent", "head": branch, "base": "main", "body": ""}
        return asked(world, REPOSITORY, "POST", "pulls", body, TOKEN)[0].at(now)

    return begun


def behind_a_hundred(world: World) -> World:
    """The node's pull request is the oldest of more than a hundred."""
    world = with_pull(OLD_BRANCH)(world).with_branch(REPOSITORY, "feature")
    world = with_file(world, REPOSITORY, "feature.md", "a feature\n", "feature")
    repository = world.repositories[REPOSITORY]
    (first,) = repository.pulls.values()
    others = {
        number: replace(
            first,
            id=first.id + number,
            number=number,
            head_ref=f"feature-{number}",
            head_sha=repository.refs["refs/heads/feature"],
            created_at=first.created_at + number * 1000,
        )
        for number in range(2, 104)
    }
    pulls = FrozenMap({first.number: first, **others})
    return world.with_stored(replace(repository, pulls=pulls, next_number=104))


def without_merge_commits(world: World) -> World:
    """So that GitHub does not see by itself that a branch has nothing new."""
    repository = world.repositories[REPOSITORY]
    return world.with_stored(replace(repository, merge_commit_allowed=False))


def and_more(world: World) -> World:
    """The node's own pull request, whose branch has another file too."""
    begun = with_pull("register-node-node-a")(world)
    return with_file(begun, REPOSITORY, "more.md", "more\n", "register-node-node-a")


def with_record(text: str) -> Callable[[World], World]:
    """The record is on the base branch."""
    return lambda world: with_file(world, REPOSITORY, RECORD, text, "main")


def with_foreign_branch(world: World) -> World:
    """The node's branch, without a pull request."""
    begun = world.with_branch(REPOSITORY, "register-node-node-a")
    return with_file(begun, REPOSITORY, "more.md", "more\n", "register-node-node-a")


# --- the stages ---------------------------------------------------------------------------------------------


def small(
    name: str,
    says: str,
    *faults: RequestFault,
    people: tuple[Act, ...] = (),
    **further: object,
) -> Universe:
    """A universe in which only these things go wrong."""
    options: dict[str, object] = {"crashes": False, **further}
    acts = {act: people.count(act) for act in people}
    return Universe(name, says, request_faults=frozenset(faults), people=acts, **options)


def calmly(start: str, name: str, **further: object) -> Universe:
    """A beginning of the agent's own in which nothing goes wrong by itself."""
    begun = starts.universes(AGENT)[f"start-{start}"]
    quiet: dict[str, object] = {"crashes": False, "request_faults": frozenset()}
    return dataclasses.replace(begun, name=name, **{**quiet, **further})


ALL = (
    small("calm", "nothing goes wrong"),
    small("crashes", "kills and power cuts anywhere", crashes=True),
    small(
        "late", "a request arrives late, and a person merges", RequestFault.LATE, late=1, people=(Act.MERGE,)
    ),
    small("lost", "an answer is lost after the request took effect", RequestFault.LOST_AFTER),
    small(
        "cut-and-late",
        "a power cut, and a request that arrives late",
        RequestFault.LATE,
        crashes=True,
        late=1,
    ),
    small("5xx-after", "502 after a request took effect", RequestFault.ERROR_AFTER),
    small("closed", "a person closes it", people=(Act.CLOSE,)),
    small("closed-twice", "a person closes it, and again", people=(Act.CLOSE, Act.CLOSE)),
    small("removed", "a person removes the record", people=(Act.REMOVE_RECORD,)),
    small(
        "checks",
        "a required check turns green, or never does",
        people=(Act.CHECK,),
        world=Guarded(("ci",)),
        merged_at_last=False,
    ),
    small(
        "strict",
        "branches have to be up to date, and the base moves",
        people=(Act.CHECK, Act.CHECK, Act.MERGE_OTHER),
        world=Guarded(("ci",), strict=True),
        merged_at_last=False,
    ),
    small(
        "switched-off",
        "somebody switches auto-merge off, and the check turns green",
        people=(Act.DISARM, Act.CHECK),
        world=Guarded(("ci",)),
    ),
    small(
        "late-long",
        "one request arrives later than it should live, in a repository without merge commits",
        RequestFault.LATE,
        late=1,
        late_beyond_q=True,
        faults=1,
        merged_at_last=False,
        world=without_merge_commits,
        expects=frozenset({"one-per-epoch", "not-too-soon", "one-comment-per-kind"}),
    ),
    small("intent", "crashes; the intent lies on the disk", crashes=True, files=INTENT_IN_STATE_FOLDER),
    small(
        "in-flight",
        "its branch has a pull request of an earlier life; answers are lost",
        RequestFault.LOST_AFTER,
        world=with_pull("register-node-node-a"),
    ),
    small(
        "twin",
        "an old branch with a time in its name has a pull request; requests fail",
        RequestFault.NOT_SENT,
        world=with_pull(OLD_BRANCH),
    ),
    small("crowded", "the same behind a hundred other ones", world=behind_a_hundred),
    small(
        "cloned",
        "the marker of another machine, long since registered",
        files=OTHERS_MARKER,
        may_be_held=True,
        forbidden=Forbidden.CHANGES,
    ),
    small(
        "more-in-flight",
        "the pull request of an earlier life changes something else as well",
        world=and_more,
    ),
    small("retargeted", "a person lets it go to another base", people=(Act.RETARGET,)),
    small("merged-elsewhere", "the same, and somebody merges it there", people=(Act.RETARGET, Act.MERGE)),
    small("retired", "a person retires the node", people=(Act.RETIRE,)),
    small(
        "edited",
        "the record is on the base, and a person edits it",
        people=(Act.EDIT_RECORD,),
        world=with_record(OLD_RECORD),
    ),
    small(
        "unarmed",
        "a required review is given at some time, without auto-merge",
        people=(Act.APPROVE,),
        world=Guarded(approvals=1, auto_merge=False),
        merged_at_last=False,
    ),
    small("base-modified", "merging meets a base that moves", RequestFault.BASE_MODIFIED),
    small(
        "closed-for-good",
        "a person closes it, and the settings say to hold",
        people=(Act.CLOSE,),
        files={SETTINGS: HOLDS},
        never=frozenset({"pull-request-reopened"}),
    ),
    small(
        "pushed-before",
        "its branch is there, with a person's commit",
        world=with_foreign_branch,
        may_be_held=True,
        forbidden=Forbidden.CHANGES,
    ),
    calmly("deregister", "deregister-closed", people={Act.CLOSE: 1}),
    calmly("deregister-reset", "deregister-taken-back"),
    calmly(
        "deregister",
        "deregister-of-another",
        world=with_record(ANOTHERS),
        may_be_held=True,
        never=frozenset({"pull-request-opened"}),
    ),
    small("signed-out", "the credentials are not restored", files={TOKEN_FILE: None}, **NO_REQUESTS),
    small(
        "no-name",
        "the hostname is a default that many machines share",
        files={"/proc/sys/kernel/hostname": b"localhost\n"},
        **NO_REQUESTS,
    ),
    small(
        "renamed-in-flight",
        "this machine has a pull request under another name",
        world=with_pull("register-node-node-1a2b3c", OTHER_NAME, RENAMED),
        may_be_held=True,
        forbidden=Forbidden.CHANGES,
    ),
)
STAGES: Mapping[str, Universe] = {**{stage.name: stage for stage in ALL}, **starts.universes(AGENT)}
