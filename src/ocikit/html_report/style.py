"""Style sheet, script and content security policy of the page; browsers may load nothing for it.

Text has a contrast of at least 4.5 to its background, and no information depends on colour alone.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root {
  --page: #f6f5f2; --card: #fff; --ink: #1c1b19; --soft: #5d5b55; --line: #e3e1db; --edge: #8b8982; --sent: #2f5bd0;
  --mounted: #0d7d74; --mounted-ground: #bfe5e0; --present: #d8d6cf; --gone: #b3361f; --gone-ground: #f8e4df;
  --new: #b35309; --new-ground: #fdf0e0; --bad: #a8281a; --bad-ground: #fdefec; --good: #20703f;
  --good-ground: #e6f3ea; --calm-ground: #edebe6; --sent-ground: #e8eefc;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131315; --card: #1c1c1f; --ink: #ecebe8; --soft: #a9a7a1; --line: #323237; --edge: #7e7d86;
    --sent: #8fb0ff; --mounted: #52cabf; --mounted-ground: #1d4b48; --present: #45454d; --gone: #ff9a86;
    --gone-ground: #3d2420; --new: #f2ad55; --new-ground: #3a2b17; --bad: #ff9a8c; --bad-ground: #3a1f1c;
    --good: #83d3a0; --good-ground: #1b3324; --calm-ground: #2a2a2f; --sent-ground: #202b47;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1rem 4rem; }
h1, h2, h3, p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.02em; font-weight: 650; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 .75rem; font-weight: 650; }
h3 { font-size: 1rem; font-weight: 620; }
a { color: inherit; }
a:focus-visible, summary:focus-visible, button:focus-visible { outline: 2px solid var(--sent); outline-offset: 2px; }
.kind { color: var(--soft); margin-bottom: .35rem; }
.notice {
  display: inline-block; margin-top: .8rem; padding: .3rem .7rem; border-radius: .4rem;
  background: var(--new-ground); color: var(--new); font-weight: 550;
}
.counts { display: flex; flex-wrap: wrap; gap: .35rem 1.4rem; margin: 1.1rem 0 1.4rem; }
.counts a { text-decoration: none; border-bottom: 1px solid var(--line); color: var(--soft); }
.counts a:hover { border-color: currentColor; }
.counts b { color: var(--ink); font-weight: 650; }
.counts .to-failed, .counts .to-failed b { color: var(--bad); }
.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .9rem 1rem; margin: 1rem 0;
}
.facts dt { color: var(--soft); font-size: .84rem; }
.facts dd { font-size: 1.25rem; font-weight: 600; letter-spacing: -.01em; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .84rem; color: var(--soft); }
.how { white-space: nowrap; }
.amount { margin-left: .5rem; color: var(--soft); font-weight: 400; }
.image {
  background: var(--card); border: 1px solid var(--line); border-radius: .7rem; margin: 0 0 .75rem;
  padding: 0 1.15rem;
}
.image[open] { padding-bottom: 1.15rem; }
.image.failed { border-left: 4px solid var(--bad); }
summary { cursor: pointer; }
.image > summary {
  display: grid; grid-template-columns: 1fr auto; gap: .05rem 1rem; align-items: baseline; padding: .8rem 0;
  list-style: none;
}
.image > summary::-webkit-details-marker { display: none; }
.image h3::before {
  content: ""; display: inline-block; width: .42em; height: .42em; margin-right: .6em; border: solid var(--soft);
  border-width: 0 .13em .13em 0; transform: translateY(-.12em) rotate(-45deg);
}
.image[open] h3::before { transform: translateY(-.2em) rotate(45deg); }
.place, .brief { color: var(--soft); font-size: .88rem; }
.place { padding-left: 1.02rem; }
.brief { text-align: right; white-space: nowrap; }
.badge { justify-self: end; }
.badge { font-size: .8rem; font-weight: 600; padding: .1rem .6rem; border-radius: 1rem; white-space: nowrap; }
.is-pushed { color: var(--sent); background: var(--sent-ground); }
.is-tagged { color: var(--good); background: var(--good-ground); }
.is-failed { color: var(--bad); background: var(--bad-ground); }
.is-unchanged, .is-skipped { color: var(--soft); background: var(--calm-ground); }
.error {
  margin: .2rem 0 .9rem; padding: .7rem .9rem; border-radius: .45rem; background: var(--bad-ground);
  color: var(--bad); white-space: pre-wrap;
}
.tags { display: flex; flex-wrap: wrap; gap: .35rem; margin: .1rem 0 .7rem; }
.tags li {
  font-size: .84rem; padding: .08rem .5rem; border: 1px solid var(--line); border-radius: .35rem;
  color: var(--soft);
}
.tags b { color: var(--ink); font-weight: 600; }
.why { margin-bottom: .9rem; }
.sizes { margin-bottom: 1rem; }
.size { display: grid; grid-template-columns: 8.5rem 1fr; gap: 0 .9rem; align-items: center; margin-bottom: .45rem; }
.size p { display: flex; justify-content: space-between; gap: .6rem; white-space: nowrap; }
.size span { color: var(--soft); }
.size b { font-weight: 600; }
.delta { color: var(--soft); padding-left: 9.4rem; font-size: .9rem; }
.bar { display: block; width: 100%; height: 1.4rem; overflow: visible; }
header > .bar { height: .8rem; }
.swatch { width: 1.1rem; height: .8rem; margin-right: .5rem; vertical-align: -.06em; overflow: visible; }
.patterns { position: absolute; width: 0; height: 0; }
.part { stroke: var(--edge); stroke-width: 2; paint-order: stroke; }
.sent { fill: var(--sent); }
.present, .kept { fill: var(--present); }
.mounted { fill: url(#hatched); }
.removed { fill: url(#crossed); }
.unsent { fill: var(--card); }
.mark { fill: var(--new); }
.hatch-ground { fill: var(--mounted-ground); }
.hatch-line { fill: var(--mounted); }
.cross-ground { fill: var(--gone-ground); }
.cross-line { fill: var(--gone); }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--soft); font-size: .84rem; padding-bottom: .2rem; }
th, td {
  text-align: left; vertical-align: top; font-weight: 400; padding: .45rem .9rem .45rem 0;
  border-top: 1px solid var(--line);
}
thead th { color: var(--soft); font-size: .84rem; border: 0; padding-bottom: .2rem; }
th:last-child, td:last-child { padding-right: 0; }
thead th:last-child, .number { text-align: right; white-space: nowrap; }
.origin { margin-right: .5rem; }
.new {
  font-size: .76rem; font-weight: 600; padding: 0 .45rem; margin-right: .5rem; border-radius: 1rem;
  color: var(--new); background: var(--new-ground);
}
.platforms { color: var(--soft); font-size: .84rem; }
.digest { font: .8rem/1.45 var(--mono); color: var(--soft); user-select: all; -webkit-user-select: all; }
tbody th { width: 100%; max-width: 0; }
th .digest { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.about {
  display: grid; gap: .25rem; margin-top: 1rem; padding-top: .8rem; border-top: 1px solid var(--line);
  font-size: .88rem;
}
.about div { display: grid; grid-template-columns: 8.5rem 1fr; gap: 0 .9rem; }
.about dt { color: var(--soft); }
button {
  font: inherit; font-size: .78rem; margin-left: .5rem; padding: 0 .5rem; border: 1px solid var(--line);
  border-radius: .35rem; background: var(--card); color: var(--soft); cursor: pointer;
}
button:hover { color: var(--ink); border-color: var(--edge); }
section > details:not(.image) > summary { color: var(--soft); padding: .2rem 0 .6rem; }
.images small { display: block; color: var(--soft); font-size: .84rem; }
@media (max-width: 40rem) {
  main { padding-top: 1.5rem; }
  h1 { font-size: 1.5rem; }
  .image { padding: 0 .85rem; }
  .place, .brief { grid-column: 1/-1; }
  .brief { text-align: left; padding-left: 1.02rem; }
  .size, .about div { grid-template-columns: 1fr; }
  .size p { justify-content: flex-start; }
  .delta { padding-left: 0; }
  th, td { padding-right: .6rem; }
  .layers thead { position: absolute; clip-path: inset(50%); }
  .layers tr { display: grid; grid-template-columns: 1fr auto; padding: .45rem 0; border-top: 1px solid var(--line); }
  .layers tbody th { grid-column: 1/-1; max-width: none; }
  .layers th, .layers td { border: 0; padding: 0; }
  button { margin-left: 0; }
}
@media print {
  :root { color-scheme: light; }
  body { background: #fff; font-size: 11px; }
  main { max-width: none; padding: 0; }
  button, .image h3::before { display: none; }
  .place { padding-left: 0; }
  .image, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@media (prefers-reduced-motion: no-preference) {
  html { scroll-behavior: smooth; }
}
"""

# Adds buttons that copy digests. Without the script, a click selects a digest.
SCRIPT = """
for (const code of document.querySelectorAll("dd .digest")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + code.textContent);
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  code.after(button);
}
"""


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Content Security Policy Level 3: only the two texts above, even if other content gets into the page.
POLICY = (
    f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
