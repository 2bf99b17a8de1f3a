"""One self-contained HTML page: its frame, its ground style by day and night, escaped text. Pure.

Nothing from elsewhere, no script but the page's own, and a policy that keeps the browser from both.
"""

import base64
import hashlib
import html

from envcheck.render.style import plain

# Colours are Okabe and Ito's, darkened or lightened until text in them is easily read:
# https://jfly.uni-koeln.de/color/
_GROUND = """
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
section{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:12px 14px;
margin:0 0 14px}
@media print{body{font-size:11px}section{break-inside:avoid}}
"""


def text(value: object) -> str:
    """Foreign text for HTML: markup, control and reordering characters made harmless."""
    return html.escape(plain(str(value)))


def page(title: str, body: str, style: str, script: str = "") -> str:
    """The whole page; `title` and `body` are HTML already, `style` is CSS beside the ground's.

    A page has a `script` only where nothing else serves, and must be of use without it.
    """
    css = _GROUND + style
    policy = f"default-src 'none'; style-src {_hash(css)}; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src {_hash(script)}"
        body += f"<script>{script}</script>"
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{css}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def _hash(code: str) -> str:
    """What allows just this style or script: https://www.w3.org/TR/CSP3/"""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
