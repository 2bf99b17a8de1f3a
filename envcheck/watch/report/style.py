"""How charts and tables look, on the ground of every page."""

STYLE = """
.wide{overflow-x:auto;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--rule);
vertical-align:top}
th{color:var(--soft);font-weight:600;background:var(--card)}
tr:last-child td{border-bottom:0}
code{font:13px/1.4 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;
overflow-wrap:anywhere;display:block;min-width:260px}
td{max-width:36em;overflow:hidden;text-overflow:ellipsis}
.bad{color:var(--bad);margin:.2em 0;font-weight:600}.bad a{color:inherit}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:12px 18px}
@media (max-width:720px){.charts{grid-template-columns:minmax(0,1fr)}}
figure{margin:0}
figcaption{display:flex;justify-content:space-between;font-size:13px}
figcaption span,.axis{color:var(--soft);font-size:12px}
.axis{display:flex;justify-content:space-between}
svg{display:block}
figure svg{width:100%;height:90px;border-top:1px dashed var(--rule)}
line.ground{stroke:var(--rule);vector-effect:non-scaling-stroke}
.use{color:var(--use)}.mem{color:var(--mem)}.watts{color:var(--watts)}.heat{color:var(--heat)}
path.mean{fill:currentColor}path.peak{fill:currentColor;opacity:.3}
rect.gap{fill:url(#hatch)}.hatch{stroke:var(--soft);stroke-width:1.5;opacity:.55}
rect.throttled{fill:var(--bad)}
line.xid{stroke:var(--bad);stroke-width:2;vector-effect:non-scaling-stroke;stroke-dasharray:5 3}
.legend{color:var(--soft);font-size:13px}
.key{display:inline-block;width:22px;height:11px;margin:0 6px 0 0;vertical-align:-1px;
background:var(--use)}
.key.peak{opacity:.3}
.key.throttled{background:var(--bad);height:4px;vertical-align:3px}
.key.xid{background:none;border-left:2px dashed var(--bad);width:4px;height:14px}
.key.gap{background:repeating-linear-gradient(45deg,var(--soft) 0 1px,transparent 1px 5px)}
"""
