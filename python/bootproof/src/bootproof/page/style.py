"""The page's looks: calm, in light and dark and on paper. Colours (Okabe and Ito's, for all kinds of eyes) only
repeat what shapes, patterns and words say."""

CSS = """
:root { color-scheme: light dark; --paper: #ffffff; --card: #f7f7f5; --ink: #1d2126; --soft: #5b6470; --rule: #d9dcdf;
  --off: #ececea; --blue: #0072b2; --blue-pale: #cfe5f2; --green: #00795a; --green-pale: #cdeadf; --amber: #8a5a00;
  --amber-pale: #fbe6bd; --red: #b8480a; --red-pale: #f9d9c6; --claim: #7a4a8c; --claim-pale: #ead9f0; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --card: #1b1f23; --ink: #e6e8ea; --soft: #9aa3ad;
  --rule: #333a41; --off: #22272c; --blue: #6cbdf0; --blue-pale: #173a50; --green: #4fd0a5; --green-pale: #123c30;
  --amber: #f0b545; --amber-pale: #47350f; --red: #ff8f57; --red-pale: #53260f; --claim: #d3a4e6;
  --claim-pale: #3d2849; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 40px 28px 80px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 19px; margin: 0; font-weight: 650; }
h3 { font-size: 14px; margin: 20px 0 6px; font-weight: 650; }
p { margin: 4px 0; max-width: 110ch; }
a { color: var(--blue); text-underline-offset: 2px; }
.soft, .note { color: var(--soft); }
.note { font-size: 13px; }
code, .id, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12.5px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 18px 7px 0; vertical-align: top; border-bottom: 1px solid var(--rule); }
th { font-size: 12.5px; color: var(--soft); font-weight: 500; }
.number { text-align: right; }
table.verdicts { width: 100%; margin: 28px 0 8px; }
table.verdicts td.why { padding-top: 0; color: var(--soft); }
table.verdicts tr.explained td { border-bottom: 0; padding-bottom: 2px; }
table.events { font-size: 13px; width: 100%; }
table.events td { padding: 3px 14px 3px 0; overflow-wrap: anywhere; }
table.events td.number, table.events td.lane, table.events td.id { white-space: nowrap; overflow-wrap: normal; }
:target { background: var(--amber-pale); }
.verdict { font-weight: 600; white-space: nowrap; }
.verdict.holds { color: var(--green); }
.verdict.violated { color: var(--red); }
.verdict.harness-error { color: var(--claim); }
.verdict.skipped { color: var(--amber); }
section { margin-top: 36px; border: 1px solid var(--rule); border-radius: 10px; background: var(--card);
  padding: 20px 24px; }
section > header { display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; }
ul { margin: 6px 0; padding-left: 20px; }
ul.files { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 20px; }
ul.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; font-size: 13px;
  color: var(--soft); }
ul.legend li { display: flex; gap: 6px; align-items: center; }
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--soft); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--paper); border: 1px solid var(--rule);
  border-radius: 6px; padding: 10px 12px; margin: 6px 0; }
figure { margin: 14px 0 0; }
svg.chart { display: block; max-width: none; }
svg.patterns { position: absolute; width: 0; height: 0; }
svg text { fill: var(--ink); font: 11.5px system-ui, "Noto Sans", "DejaVu Sans", sans-serif; }
svg text.lane { font-weight: 650; font-size: 13.5px; }
svg text.track { fill: var(--soft); text-anchor: end; }
svg text.axis { fill: var(--soft); text-anchor: middle; }
svg text.label { text-anchor: middle; }
svg text.label.point { fill: var(--soft); font-style: italic; }
svg .rule, svg .tick { stroke: var(--rule); fill: none; }
svg .thread { stroke: var(--rule); stroke-width: 1; fill: none; }
svg .off { fill: var(--off); }
svg .guide path { fill: none; stroke: var(--soft); stroke-dasharray: 1 4; stroke-linecap: round; }
svg .guide.cut path { stroke: var(--red); stroke-dasharray: 6 3; stroke-linecap: butt; }
svg .mark { fill: var(--ink); stroke: var(--card); stroke-width: 1.5; paint-order: stroke; }
svg .mark .hollow { fill: var(--card); stroke: currentColor; color: var(--ink); stroke-width: 1.8;
  paint-order: normal; }
svg .mark .line { fill: none; stroke: var(--ink); stroke-width: 2.6; }
svg .mark .line.halo { stroke: var(--card); stroke-width: 5.5; }
svg .mark.tick { stroke-width: .5; fill: var(--blue); }
svg .mark.square { fill: var(--blue); }
svg .mark.star { fill: var(--green); }
svg .mark.diamond { fill: var(--claim); }
svg .mark.bolt { fill: var(--red); }
svg .mark.cross .line:not(.halo) { stroke: var(--red); }
svg .mark.half { fill: var(--red); }
svg .mark.half .hollow { color: var(--red); }
svg .span rect { stroke-width: 1; }
svg .span.on rect { fill: var(--blue-pale); stroke: var(--blue); }
svg .span.starting rect { fill: url(#hatched-blue); stroke: var(--blue); stroke-opacity: .6; }
svg .span.installer rect { fill: var(--paper); stroke: var(--soft); stroke-dasharray: 4 2; }
svg .span.good rect { fill: var(--green-pale); stroke: var(--green); }
svg .span.again rect { fill: var(--amber-pale); stroke: var(--amber); stroke-dasharray: 4 2; }
svg .span.bad rect { fill: var(--red-pale); stroke: var(--red); stroke-width: 2; }
svg .span.pending rect { fill: var(--blue); fill-opacity: .35; stroke: none; }
svg .span.claim rect { fill: var(--claim-pale); stroke: var(--claim); }
svg .span.none rect { fill: var(--paper); stroke: var(--rule); }
svg .span.unknown rect { fill: url(#hatched-grey); stroke: var(--soft); stroke-dasharray: 2 3; }
svg text.in { paint-order: stroke; stroke-width: 3; stroke-linejoin: round; stroke: transparent; }
svg text.in.unknown, svg text.in.none, svg text.in.starting { fill: var(--soft); stroke: var(--card); }
#hatched-blue path { stroke: var(--blue); stroke-opacity: .45; }
#hatched-blue rect, #hatched-grey rect { fill: var(--card); }
#hatched-grey path { stroke: var(--soft); stroke-opacity: .45; }
.symbol { flex: none; overflow: visible; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; }
  section { break-inside: avoid; border-color: #999; }
  .scroll { overflow: visible; } svg.chart { width: 100%; height: auto; } a { color: inherit; text-decoration: none; }
  * { print-color-adjust: exact; } }
"""

PATTERNS = "".join(
    f'<pattern id="hatched-{name}" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6"/><path d="M0 0V6" stroke-width="2.4"/></pattern>'
    for name in ("blue", "grey")
)
"""The hatchings that all charts share."""
