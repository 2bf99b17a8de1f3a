"""Facts about what a text complains of: error messages by cause, and what torch said of CUDA.

Must not know how they are found, nor what follows from them.
"""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Symptom(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="symptom"):
    """One known error message that stands in a text."""

    name: str  # the cause it is known to have, "libcudart_not_found"
    issue: str  # the row of the knowledge base that knows it, "cudart-12-absent"
    line: str  # the message as it stands there, shortened


class Symptoms(Fact, frozen=True, kw_only=True, tag="symptoms"):
    """What a pasted text says besides the facts of the machine."""

    symptoms: tuple[Symptom, ...] = ()
    cuda_available: bool | Missing = NOT_ASKED  # torch.cuda.is_available(), as the report has it

    def named(self, name: str) -> tuple[Symptom, ...]:
        """The messages known to have this cause."""
        return tuple(symptom for symptom in self.symptoms if symptom.name == name)
