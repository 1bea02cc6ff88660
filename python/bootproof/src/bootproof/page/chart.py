"""From a run's evidence to its chart."""

from __future__ import annotations

from bootproof.page.boots import boots_lane, guides, off
from bootproof.page.evidence import Evidence
from bootproof.page.marker import marker_lane
from bootproof.page.model import Chart
from bootproof.page.periods import periods
from bootproof.page.requests import effects_lane, requests_lane
from bootproof.page.units import units_lane


def chart_of(evidence: Evidence) -> Chart | None:
    """None if nothing was recorded."""
    if not evidence.order:
        return None
    found = periods(evidence)
    seconds = max(evidence.end, 1.0)
    lanes = [boots_lane(evidence, found)] if found else []
    if units := units_lane(evidence, found):
        lanes.append(units)
    lanes += [requests_lane(evidence), effects_lane(evidence)] if evidence.events else []
    if marker := marker_lane(evidence):
        lanes.append(marker)
    return Chart(seconds, tuple(lanes), guides(evidence, found), off(found, seconds))
