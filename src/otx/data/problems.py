"""What is wrong with a data set: every oddity is counted by kind and kept with the file it was found in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BROKEN_IMAGE = "broken image"
BROKEN_VIDEO = "broken video"
MISSING_IMAGE = "missing image"
MISSING_VIDEO = "missing video"
OUTSIDE = "path outside the data root"
BAD_ANNOTATION = "unreadable annotation"
_NAMED = 5


@dataclass(frozen=True)
class Problem:
    """One oddity of a data set.

    Attributes:
        kind: Short phrase that problems are counted by, for example `box clipped to the image`.
        where: File (relative to the data root), with line or annotation id where there is one.
        message: What was found, in words.
        bad: An image or annotation cannot be used as it is: `on_bad_data` decides. Otherwise it was mended, and it is
            only reported.
    """

    kind: str
    where: str
    message: str = ""
    bad: bool = False


class Problems(list[Problem]):
    """All problems of a data set, in the order in which they were met."""

    def add(self, kind: str, where: str, message: str = "", *, bad: bool = False) -> None:
        """Note a problem; the arguments are those of `Problem`."""
        self.append(Problem(kind, where, message, bad))

    def bad(self) -> list[Problem]:
        """Those for which `on_bad_data` decides."""
        return [problem for problem in self if problem.bad]

    def refusal(self, root: Path) -> str:
        """Message for the user about the bad ones below a data root."""
        bad = self.bad()
        lines = [f"{len(bad)} images or annotations in {root} cannot be used:"]
        lines += [f"  {one.where}: {one.kind}{f' ({one.message})' if one.message else ''}" for one in bad[:_NAMED]]
        lines += [f"  ... and {len(bad) - _NAMED} more"] if len(bad) > _NAMED else []
        lines += ["Mend or remove them, or leave them out with --on_bad_data skip. `otx check` lists them by kind."]
        return "\n".join(lines)

    def counts(self) -> dict[str, int]:
        """Number of problems by kind, the most frequent first."""
        return dict(Counter(problem.kind for problem in self).most_common())

    def to_list(self, examples: int = 20) -> list[dict[str, Any]]:
        """JSON form, one entry per kind.

        Args:
            examples: At most so many places are listed per kind.

        Returns:
            Dicts with `kind`, `bad`, `count` and `examples`, a list of `where` and `message`; bad kinds first.
        """
        kinds: dict[tuple[bool, str], list[Problem]] = {}
        for problem in self:
            kinds.setdefault((not problem.bad, problem.kind), []).append(problem)
        return [
            {
                "kind": kind,
                "bad": not mended,
                "count": len(found),
                "examples": [{"where": one.where, "message": one.message} for one in found[:examples]],
            }
            for (mended, kind), found in sorted(kinds.items(), key=lambda entry: (entry[0][0], -len(entry[1])))
        ]
