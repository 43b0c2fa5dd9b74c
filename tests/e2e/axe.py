"""Accessibility of a part of a page, by axe-core, which `dev.py` fetches from npm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator

RUN = """async (part) => {
  const found = await axe.run(part, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    // A part of a page is no page: these are about the whole of it.
    rules: { region: { enabled: false }, 'page-has-heading-one': { enabled: false } },
  })
  return found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.help} (${rule.id}, ${rule.impact}): ${node.html.slice(0, 200)} ` +
    node.failureSummary.replace(/\\s+/g, ' ')))
}"""


def violations(part: Locator) -> list[str]:
    """A sentence for each thing in a part of a page that keeps some people out."""
    script = os.environ.get("SATCHEL_AXE")
    if not script:
        pytest.skip("SATCHEL_AXE not set: it names axe-core's axe.min.js")
    page = part.page
    if page.evaluate("() => typeof window.axe === 'undefined'"):
        page.evaluate(Path(script).read_text(encoding="utf-8"))
    # A dialog that is still moving has colours of its own.
    part.evaluate("(part) => Promise.all(part.getAnimations({ subtree: true })"
                  ".filter((each) => each.effect?.getTiming().iterations !== Infinity)"
                  ".map((each) => each.finished))")  # fmt: skip
    found: list[str] = part.evaluate(RUN)
    return found
