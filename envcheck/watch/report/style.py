"""How the page looks, by day and by night, on a desk and on a phone.

Colours are Okabe and Ito's, told apart by colour-blind people: https://jfly.uni-koeln.de/color/
"""

STYLE = """
:root{--page:#fff;--card:#f6f7f9;--ink:#16181d;--soft:#5c6370;--rule:#d9dce1;
--use:#0072b2;--mem:#009e73;--watts:#b36b00;--heat:#a3527d;--bad:#c04a00;--link:#0063a0}
@media (prefers-color-scheme:dark){:root{--page:#121418;--card:#1b1e24;--ink:#e7e9ed;--soft:#9aa2af;
--rule:#343942;--use:#56b4e9;--mem:#2fc79a;--watts:#e69f00;--heat:#dd93bb;--bad:#ff8a4c;
--link:#7cc4f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1280px;margin:0 auto;padding:20px 16px 60px}
h1{font-size:1.6rem;margin:.2em 0 .6em;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2em 0 .6em}
h3{font-size:1rem;margin:0 0 .5em}
small{font-weight:400;color:var(--soft);overflow-wrap:anywhere}
a{color:var(--link)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--rule);
vertical-align:top}
th{color:var(--soft);font-weight:600;background:var(--card)}
tr:last-child td{border-bottom:0}
code{font:13px/1.4 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;
overflow-wrap:anywhere;display:block;min-width:260px}
td{max-width:36em;overflow:hidden;text-overflow:ellipsis}
section{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:12px 14px;
margin:0 0 14px}
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
@media print{body{font-size:11px}section{break-inside:avoid}}
"""
