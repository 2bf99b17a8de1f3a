"""How the report's page looks, on the ground of every page."""

STYLE = """
:root{--error:#c0262d;--warning:#8a5a00;--note:#0063a0;--ok:#11704f;--under:#f4f5f7;--over:#fff}
@media (prefers-color-scheme:dark){:root{--error:#ff8078;--warning:#e9b44c;--note:#7cc4f2;
--ok:#4fcf9b;--under:#121418;--over:#1b1e24}}
body{background:var(--under)}
main{max-width:60rem;padding:2rem 1.25rem 4rem;overflow-wrap:anywhere}
h1,h2,h3,p,ul,ol{margin:0}
h1{font-size:1.75rem;line-height:1.2;letter-spacing:-.015em;font-weight:680}
h2{font-size:1.05rem;margin:2.5rem 0 .75rem;letter-spacing:-.005em}
h3{font-size:1.05rem;line-height:1.35;margin:.6rem 0 .35rem;font-weight:640}
code,pre,.code{font:.845rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
svg{display:block;flex:none;width:1em;height:1em;fill:none;stroke:currentColor;stroke-width:2;
stroke-linecap:round;stroke-linejoin:round}
.pill{--tone:var(--soft)}
.error{--tone:var(--error)}.warning{--tone:var(--warning)}.note{--tone:var(--note)}
.ok{--tone:var(--ok)}
.unfit{--tone:var(--error)}.unknown{--tone:var(--warning)}.fit{--tone:var(--ok)}

header{display:flex;gap:1rem;align-items:flex-start}
header>svg{width:2.75rem;height:2.75rem;color:var(--tone);stroke-width:1.6;margin-top:.05rem}
header>div,.pill{min-width:0}
header p{color:var(--soft);margin-top:.3rem}
.tally{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;padding:0;margin-top:.85rem}
.pill{display:inline-flex;max-width:100%;align-items:center;gap:.38em;border-radius:1em;
padding:.14em .7em;
font-size:.8rem;font-weight:600;color:var(--tone);
background:color-mix(in srgb,var(--tone) 11%,transparent)}

dl{grid-template-columns:minmax(5rem,max-content) 1fr;gap:.34rem 1.25rem}
dl.wide{grid-template-columns:minmax(8rem,16rem) 1fr}
section,article,details{background:var(--over);border:1px solid var(--rule);border-radius:10px;
padding:1rem 1.15rem;margin:0 0 .9rem}

article{border-left:4px solid var(--tone);padding-bottom:1.1rem}
.what{display:flex;flex-wrap:wrap;align-items:center;gap:.35rem .65rem;color:var(--soft)}
.what b{color:var(--ink);font-weight:650}
.about{margin-left:auto}
.what+p{margin-top:.6rem}
article p{max-width:50rem}
.label{font-size:.72rem;font-weight:680;letter-spacing:.07em;text-transform:uppercase;
color:var(--soft);margin:1.05rem 0 .35rem}
.label small{letter-spacing:0;text-transform:none;font-size:.8rem;margin-left:.5em}
pre{margin:.55rem 0 0;padding:.6rem .85rem;border-radius:7px;background:var(--under);
border:1px solid var(--rule);white-space:pre-wrap}
pre code{display:block;padding-left:1.4em;text-indent:-1.4em;
-webkit-user-select:all;user-select:all}
pre code+code{margin-top:.3em}
pre code::before{content:"$";display:inline-block;width:1.4em;text-indent:0;color:var(--soft)}

table{border-collapse:collapse;width:100%;table-layout:fixed}
th:first-child{width:23%}th:nth-child(2){width:28%}
th{font-size:.78rem;font-weight:600;color:var(--soft);text-align:left;padding:0 1.25rem .25rem 0}
td{padding:.32rem 1.25rem .32rem 0;border-top:1px solid var(--rule);vertical-align:top}
td:last-child,th:last-child{padding-right:0}
td.from{color:var(--soft)}
.links{list-style:none;padding:0;margin-top:1rem;font-size:.85rem;display:flex;flex-wrap:wrap;
gap:.2rem 1.1rem}

details{padding:0}
summary{padding:.75rem 1.15rem;cursor:pointer;font-weight:600;border-radius:10px;
display:flex;align-items:center;gap:.6rem;list-style:none;overflow-wrap:normal}
summary::-webkit-details-marker{display:none}
summary::before{content:"";width:.42em;height:.42em;border:solid var(--soft);
border-width:0 2px 2px 0;transform:rotate(-45deg);flex:none;margin-right:.1rem}
details[open]>summary::before{transform:rotate(45deg) translate(-.1em,-.1em)}
summary span{color:var(--soft);font-weight:400;margin-left:auto;font-size:.85rem;text-align:right}
.inside{padding:.1rem 1.15rem 1rem}
.checks{list-style:none;padding:0;columns:17rem;column-gap:1.5rem}
.checks li{break-inside:avoid;padding:.1rem 0}
.checks b,.held b{font-weight:400;color:var(--soft)}
.held{list-style:none;padding:0}
.held li{padding:.45rem 0;border-top:1px solid var(--rule)}
.held li:first-child{border-top:0;padding-top:0}
.held p{color:var(--soft)}
footer{color:var(--soft);font-size:.85rem;margin-top:2rem}
a:focus-visible,summary:focus-visible{outline:2px solid var(--link);outline-offset:2px}

@media (max-width:38rem){
main{padding:1.25rem .85rem 3rem}
h1{font-size:1.4rem}
header{gap:.75rem}header>svg{width:2rem;height:2rem}
section,article{padding-left:.9rem;padding-right:.9rem}
dl,dl.wide{display:block}dd{margin-bottom:.55rem}dt{font-size:.8rem}
.about{margin-left:0}
thead{display:none}tr{display:block;border-top:1px solid var(--rule);padding:.35rem 0}
td{display:block;border:0;padding:0}td.from{font-size:.8rem}td:first-child{color:var(--soft)}
}
@media print{pre{cursor:auto}article,section,details{break-inside:avoid}}
"""
