"""The offline check behind `hub check`: what can be known about a configuration before it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.config import HubConfig
from hub.loader import Loader
from hub.plugin import CheckContext
from hub.supervisor import describe


@dataclass(slots=True)
class Outcome:
    """What the plugins' own checks found."""

    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check_plugins(config: HubConfig, loader: Loader, *, virtual: bool = False) -> Outcome:
    """Run every plugin's offline check; with `virtual` of those only that virtual time has."""
    outcome = Outcome()
    configs = {name: spec.config for name, spec in config.plugins.items()}
    for name, spec in config.plugins.items():
        cls = loader.resolve(spec.use)
        if cls is None or (virtual and cls.wall_clock_only):
            continue
        context = CheckContext(
            config.houses, config.path.parent.absolute(), name, configs, virtual=virtual
        )
        try:
            found = cls.check(spec.config, context)
        except (Exception, SystemExit) as error:  # a plugin's check is a stranger's code
            found = [f"its check failed: {describe(error)}"]
        outcome.problems += [str(config.problem(loc, text)) for loc, text in context.located]
        outcome.problems += [f"{config.path.name}: plugins.{name}: {text}" for text in found]
        outcome.unchecked += [f"plugins.{name}: {text}" for text in context.unchecked]
    # Two plugins may find the same mistake: a feeder and its twin, a house that does not fit.
    outcome.problems = list(dict.fromkeys(outcome.problems))
    return outcome
