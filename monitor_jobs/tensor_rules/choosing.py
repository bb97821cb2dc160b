"""Which tensors a rule looks at: by what was said, else by the classes of a network's modules.

What lives here: names and classes to a choice. What does not: names (tensors.debugger_names), parameters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from monitor_jobs.contract.debug_hook import Collection, TensorKind
from monitor_jobs.contract.tensor_files import LoadFacts
from monitor_jobs.tensor_rules.parameters import Rule, SaturatedActivation
from monitor_jobs.tensors.debugger_names import call_of

RELU: Final = frozenset({"ReLU", "ReLU6"})
SIGMOID, TANH = "Sigmoid", "Tanh"
SATURATING: Final = frozenset({SIGMOID, TANH})
SCORES: Final = "scores"  # what the network answered, which every kind has, under a name that no tensor bears
BEFORE_MODULES, AFTER_MODULES = -1, 1_000_000


@dataclass(frozen=True)
class Network:
    """What is known of a network: which version it is, its modules' classes by path, and the hook's collections.

    Without classes, which Debugger's own files and early ones of ours do not have, a module is taken to be what its
    name says: `relu`, `sigmoid`, `tanh`.
    """

    version: str = ""
    kind: TensorKind | None = None
    modules: Mapping[str, str] = field(default_factory=dict)
    collections: Mapping[str, Collection] = field(default_factory=dict)

    def class_of(self, path: str) -> str:
        """The class of a module, "" where it is not known."""
        if self.modules:
            return self.modules.get(path, "")
        own_name = path.rpartition(".")[2].lower()
        return next((one for one in ("ReLU", SIGMOID, TANH) if one.lower() in own_name), "")

    def has(self, classes: frozenset[str]) -> bool:
        """Whether the network has a module of one of these classes; True where nobody knows."""
        return not self.modules or not classes.isdisjoint(self.modules.values())

    def place_of(self, name: str) -> int:
        """Where a tensor stands among others: modules as they are declared, and behind them all that is no call's.

        What a module returns stands where the last module inside it does, which comes first by its name.
        """
        call = call_of(name)
        if call is None:
            return AFTER_MODULES
        if call.side == "input":
            return self._begin.get(call.path, BEFORE_MODULES)
        return self._end.get(call.path, len(self.modules))

    @cached_property
    def _begin(self) -> dict[str, int]:
        return {path: place for place, path in enumerate(self.modules)}

    @cached_property
    def _end(self) -> dict[str, int]:
        parts = ((place, path.split(".")) for place, path in enumerate(self.modules))
        return {".".join(path[:depth]): place for place, path in parts for depth in range(1, len(path) + 1)}


def network_of(facts: LoadFacts) -> Network:
    """What a load says of its network."""
    collections = {collection.name: collection for collection in facts.collections}
    return Network(facts.model_sha256, facts.kind, facts.modules, collections)


def is_looked_at(name: str, rule: Rule, network: Network) -> bool:
    """Whether a rule that may look at any tensor looks at this one: at all, unless some are named."""
    return not rule.names_tensors or is_named(name, rule, network)


def is_named(name: str, rule: Rule, network: Network) -> bool:
    """Whether a pattern or a collection of the rule has the name, as Debugger joins them."""
    if any(re.search(pattern, name) for pattern in rule.tensor_regex):
        return True
    held = (network.collections.get(collection) for collection in rule.collection_names)
    return any(collection.has(name) for collection in held if collection is not None)


def is_activation(name: str) -> bool:
    """Whether a tensor is what a module is given, or returns."""
    return call_of(name) is not None


def is_relu_output(name: str, network: Network) -> bool:
    """Whether a tensor is what a ReLU returns."""
    call = call_of(name)
    return call is not None and call.side == "output" and network.class_of(call.path) in RELU


def flat_limits(name: str, rule: SaturatedActivation, network: Network) -> tuple[float, float] | None:
    """Beyond which values what a sigmoid or tanh is given is flat; None of what none is given."""
    call = call_of(name)
    if call is None or call.side != "input":
        return None
    limits = {SIGMOID: rule.threshold_sigmoid, TANH: rule.threshold_tanh}
    return limits.get(network.class_of(call.path))
