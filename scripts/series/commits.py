# SPDX-License-Identifier: GPL-2.0
"""Commits of a kernel tree, and the files of patches that git makes of them."""

import os
import subprocess
from pathlib import Path

from .plan import Patch, Plan


def message(plan: Plan, patch: Patch) -> str:
    """What a commit says."""
    return f"{patch.subject}\n\n{patch.body}\n\nSigned-off-by: {plan.author} <{plan.email}>\n"


class Tree:
    """A git tree, in which the same commits are made from the same files."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        who = {"NAME": plan.author, "EMAIL": plan.email, "DATE": plan.date}
        self.environment = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        for role in ("AUTHOR", "COMMITTER"):
            self.environment |= {f"GIT_{role}_{key}": value for key, value in who.items()}

    def git(self, *arguments: str, text: str = "") -> str:
        """Runs git there."""
        return subprocess.run(["git", *arguments], cwd=self.folder, env=self.environment, input=text,
                              check=True, stdout=subprocess.PIPE, text=True).stdout

    def commit(self, patch: Patch, files: dict[str, str]) -> None:
        """Commits `files`."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # A new file, as the old one may be a link to that of the source.
            path.unlink(missing_ok=True)
            path.write_text(content, encoding="utf-8")
        self.git("add", "--force", "--", *files)
        self.git("commit", "--quiet", "--file=-", text=message(self.plan, patch))

    def patches(self, base: str, out: Path) -> list[Path]:
        """Writes the commits since `base` as files, without what differs between versions of git."""
        names = self.git("format-patch", "--zero-commit", "--no-signature", "--no-renames",
                         "--full-index", "--subject-prefix=PATCH net-next",
                         f"--output-directory={out}", base)
        return [Path(name) for name in names.split()]

    def cover(self, base: str, text: str, count: int) -> str:
        """The cover letter: who, what, and the figures of git."""
        stat = self.git("diff", "--stat=72", "--no-renames", "--summary", base)
        subjects = self.git("log", "--reverse", "--format=  %s", f"{base}..")
        return (f"From: {self.plan.author} <{self.plan.email}>\nDate: {self.plan.date}\n"
                f"Subject: [PATCH net-next 00/{count:02}] {self.plan.title}\n\n{text.strip()}\n\n"
                f"{self.plan.author} ({count}):\n{subjects}\n{stat}")
