"""`intent` and `stamp`: the two words of the installer."""

from __future__ import annotations

from zeta_self_register import installing
from zeta_self_register.commands.common import Environment, Options, Subparsers, add_command, load
from zeta_self_register.effects import Effects
from zeta_self_register.exits import Exit
from zeta_self_register.production import Production
from zeta_self_register.settings import Settings


def add(commands: Subparsers) -> None:
    """Adds the group."""
    text = "in the installer: writes what this machine is to become; never talks to GitHub"
    intent = add_command(commands, "intent", text, _intent)
    intent.add_argument("--operator", required=True, metavar="LOGIN", help="whose node it is")
    intent.add_argument("--repository", required=True, metavar="OWNER/NAME", help="the GitOps repository")
    intent.add_argument(
        "--node", metavar="NAME", help="default: derived from the hardware, the same at a reinstall"
    )
    text = "in the installer, last of all: syncs the file systems and says that the installation is complete"
    stamp = add_command(commands, "stamp", text, _stamp)
    for command in (intent, stamp):
        command.add_argument(
            "--root", default="/", metavar="DIR", help="where the installed system is mounted"
        )


def _intent(options: Options, environment: Environment) -> Exit:
    effects, configured = _configured(options, environment)
    intent, path = installing.write_intent(
        effects, configured, options.root, options.operator, options.repository, options.node
    )
    print(f"{path}: {intent.node} is to be registered by {intent.operator} in {intent.repository}")
    return Exit.DONE


def _stamp(options: Options, environment: Environment) -> Exit:
    effects, configured = _configured(options, environment)
    print(f"{installing.write_stamp(effects, configured, options.root)}: the installation is complete")
    return Exit.DONE


def _configured(options: Options, environment: Environment) -> tuple[Effects, Settings]:
    """The settings of the system that is being installed."""
    effects = Production()
    return effects, load(effects, options, environment, options.root.rstrip("/"))
