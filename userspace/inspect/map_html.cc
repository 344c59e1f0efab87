// SPDX-License-Identifier: GPL-2.0-only
// The map as one page: the cells of each slot in JSON, and a script that draws them. What comes from outside gets into it as
// JSON in which no "<" is left, and from there into the page as text alone.
#include "inspect/map.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vmx {

namespace {

constexpr uint64_t cells_most = 3072;

constexpr const char head[] = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vmx: guest-physical memory</title>
<style>
:root { --ink:#1c2430; --soft:#5b6675; --line:#dde2e8; --paper:#f6f7f9; --card:#fff; }
* { box-sizing:border-box }
body { margin:0; background:var(--paper); color:var(--ink); font:14px/1.45 system-ui,"DejaVu Sans",sans-serif }
main { max-width:1120px; margin:0 auto; padding:24px }
h1 { font-size:22px; margin:0 0 2px } h2 { font-size:15px; margin:0 0 8px }
.sub { color:var(--soft); margin:0 0 18px }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(150px,1fr)); gap:12px; margin-bottom:16px }
.card,section { background:var(--card); border:1px solid var(--line); border-radius:8px; padding:12px 14px }
.card b { display:block; font-size:19px; font-weight:600 } .card span { color:var(--soft); font-size:12px }
section { margin-bottom:16px }
.bar { display:flex; height:22px; border-radius:4px; overflow:hidden; background:#e4e8ed } .bar i { display:block; height:100% }
.row { display:flex; flex-wrap:wrap; gap:6px 18px; align-items:center }
.key { display:inline-flex; align-items:center; gap:6px; font-size:12.5px }
.key i { width:13px; height:13px; border-radius:3px; border:1px solid rgba(0,0,0,.12) }
.tabs { display:flex; gap:6px; margin-bottom:10px }
.tabs button { font:inherit; padding:4px 12px; border:1px solid var(--line); border-radius:16px; background:#fff; cursor:pointer; color:var(--ink) }
.tabs button[aria-pressed=true] { background:var(--ink); color:#fff; border-color:var(--ink) }
.slot { margin-top:14px } .slot h3 { font-size:13px; margin:0 0 4px; font-weight:600 } .slot h3 small { font-weight:400; color:var(--soft) }
svg { display:block; width:100%; height:auto } svg text { font:10.5px ui-monospace,"DejaVu Sans Mono",monospace; fill:var(--soft) }
rect.c:hover { stroke:#000; stroke-width:1.5 }
table { border-collapse:collapse; width:100%; font-size:13px } td,th { text-align:left; padding:4px 10px 4px 0; border-bottom:1px solid var(--line) }
td.m,th.m { font-family:ui-monospace,"DejaVu Sans Mono",monospace; font-size:12px } th { color:var(--soft); font-weight:500 }
#tip { position:fixed; pointer-events:none; background:#1c2430; color:#fff; padding:7px 10px; border-radius:6px; font-size:12px; white-space:pre; display:none; z-index:9 }
</style></head><body><main>
<h1 id="title"></h1><p class="sub" id="sub"></p>
<div class="cards" id="cards"></div>
<section><h2>Page sizes</h2><div class="bar" id="sizes"></div><div class="row" id="sizekey" style="margin-top:8px"></div></section>
<section><h2>Guest-physical memory</h2><div class="tabs" id="tabs"></div><div class="row" id="legend"></div><div id="map"></div></section>
<section><h2>Slots</h2><table id="slots"></table></section>
<noscript>The picture is drawn by the script in this page.</noscript>
</main><div id="tip"></div>
<script type="application/json" id="data">)";

constexpr const char tail[] = R"(</script>
<script>
'use strict';
const D = JSON.parse(document.getElementById('data').textContent), $ = id => document.getElementById(id);
const K = {p4:'#3b7dd8', p2:'#16a37b', p1:'#8a5bd6', none:'#e4e8ed', write:'#0f9aa8', ro:'#b9c3cf', dirty:'#d9442f', logged:'#7a4fc9', shadow:'#e8940c', dev:'#c9b458'};
const el = (n, t, a) => { const e = document.createElement(n); if (t !== undefined) e.textContent = t; for (const k in a || {}) e.setAttribute(k, a[k]); return e; };
const svgel = (n, a) => { const e = document.createElementNS('http://www.w3.org/2000/svg', n); for (const k in a) e.setAttribute(k, a[k]); return e; };
function bytes(pages) { let v = pages * 4096, u = 0; const U = ['B','KiB','MiB','GiB','TiB','PiB']; while (v >= 1024 && u < 5) { v /= 1024; u++; } return v.toFixed(1).replace('.0', '') + ' ' + U[u]; }
const hex = n => '0x' + n.toString(16);
function mix(a, b, f) { const p = s => [1, 3, 5].map(i => parseInt(s.substr(i, 2), 16)), x = p(a), y = p(b); return 'rgb(' + x.map((v, i) => Math.round(v + (y[i] - v) * f)).join(',') + ')'; }
/* Anything at all is to be seen: a share begins at a third of the colour. */
const share = (c, n, colour) => n ? mix(K.none, colour, 0.33 + 0.67 * n / c[0]) : K.none;
/* A cell: pages, by 4K, by 2M, by 1G, writable, dirty, logged, shadowed tables, marked. */
const views = [
 ['Page size', c => { const m = Math.max(c[1], c[2], c[3]); return !m ? (c[8] ? K.dev : K.none) : share(c, c[1] + c[2] + c[3], m == c[3] ? K.p1 : m == c[2] ? K.p2 : K.p4); },
  [['4 KiB', K.p4], ['2 MiB', K.p2], ['1 GiB', K.p1], ['not mapped', K.none]]],
 ['Dirty', c => c[5] ? share(c, c[5], K.dirty) : c[1] + c[2] + c[3] ? K.ro : K.none, [['dirty (the darker, the more of it)', K.dirty], ['mapped, clean', K.ro], ['not mapped', K.none]]],
 ['Writable', c => c[4] ? share(c, c[4], K.write) : c[1] + c[2] + c[3] ? K.ro : K.none, [['writable', K.write], ['mapped, not writable', K.ro], ['not mapped', K.none]]],
];
if (D.shadow) {
 views.push(['Shadowed tables', c => c[7] ? share(c, Math.min(c[0], c[7] * 4), K.shadow) : c[1] + c[2] + c[3] ? K.ro : K.none, [['holds tables of the guest that are shadowed', K.shadow], ['mapped', K.ro], ['not mapped', K.none]]]);
 views.push(['Logged', c => c[6] ? share(c, c[6], K.logged) : c[1] + c[2] + c[3] ? K.ro : K.none, [['next write is logged', K.logged], ['mapped', K.ro], ['not mapped', K.none]]]);
}
$('title').textContent = D.title;
$('sub').textContent = 'VM ' + D.vm + ', ' + (D.shadow ? 'shadow' : 'nested') + ' paging; one cell of the picture is ' + bytes(D.cell);
const sum = [0, 0, 0, 0, 0, 0, 0, 0, 0];
D.slots.forEach(s => s.cells.forEach(c => c.forEach((v, i) => sum[i] += v)));
const mapped = sum[1] + sum[2] + sum[3], pct = n => sum[0] ? (100 * n / sum[0]).toFixed(1) + ' %' : '';
const cards = [['memory in slots', bytes(sum[0]), D.slots.length + (D.slots.length == 1 ? ' slot' : ' slots')], ['mapped', bytes(mapped), pct(mapped)], ['writable', bytes(sum[4]), pct(sum[4])], ['dirty', bytes(sum[5]), pct(sum[5])]];
if (D.shadow) cards.push(['shadowed tables', sum[7], 'frames of the guest\u2019s']);
for (const [n, v, x] of cards) { const c = el('div', undefined, {class: 'card'}); c.append(el('span', n), el('b', v), el('span', x)); $('cards').append(c); }
for (const [n, v, k] of [['4 KiB', sum[1], K.p4], ['2 MiB', sum[2], K.p2], ['1 GiB', sum[3], K.p1], ['not mapped', Math.max(0, sum[0] - mapped), K.none]]) {
 $('sizes').append(el('i', undefined, {style: 'width:' + (sum[0] ? 100 * v / sum[0] : 0) + '%;background:' + k}));
 key($('sizekey'), n + ': ' + bytes(v), k);
}
function key(to, text, colour) { const s = el('span', undefined, {class: 'key'}); s.append(el('i', undefined, {style: 'background:' + colour}), el('span', text)); to.append(s); }
const tip = $('tip');
function hint(s, i) {
 const c = s.cells[i], from = s.gpa + i * D.cell * 4096;
 const l = [hex(from) + ' \u2013 ' + hex(from + c[0] * 4096 - 1)];
 for (const [j, n] of [[1, 'by 4 KiB'], [2, 'by 2 MiB'], [3, 'by 1 GiB'], [4, 'writable'], [5, 'dirty'], [6, 'next write logged']]) if (c[j]) l.push(bytes(c[j]) + ' ' + n);
 if (c[7]) l.push(c[7] + ' shadowed table' + (c[7] > 1 ? 's' : ''));
 if (c[8]) l.push(bytes(c[8]) + ' marked as no memory');
 if (l.length == 1) l.push('not mapped');
 return l.join('\n');
}
function draw(v) {
 [...$('tabs').children].forEach((b, i) => b.setAttribute('aria-pressed', i == v));
 $('legend').replaceChildren(); $('map').replaceChildren();
 views[v][2].forEach(k => key($('legend'), ...k));
 for (const s of D.slots) {
  const cols = 64, size = 15, left = 104, rows = Math.ceil(s.cells.length / cols), box = el('div', undefined, {class: 'slot'}), h = el('h3', 'slot ' + s.slot + '  ' + hex(s.gpa));
  h.append(el('small', '  ' + bytes(s.pages) + (s.words ? ', ' + s.words : ''))); box.append(h);
  const g = svgel('svg', {viewBox: '0 0 ' + (left + cols * size) + ' ' + (rows * size + 1), role: 'img'});
  for (let r = 0; r < rows; r++) if (r % 4 == 0) { const t = svgel('text', {x: 0, y: r * size + 11}); t.textContent = hex(s.gpa + r * cols * D.cell * 4096); g.append(t); }
  s.cells.forEach((c, i) => { const q = svgel('rect', {class: 'c', x: left + i % cols * size, y: Math.floor(i / cols) * size, width: size - 1.5, height: size - 1.5, rx: 2, fill: views[v][1](c)}); q.onmousemove = e => { tip.textContent = hint(s, i); tip.style.display = 'block'; tip.style.left = Math.min(e.clientX + 14, innerWidth - 260) + 'px'; tip.style.top = (e.clientY + 14) + 'px'; }; q.onmouseleave = () => { tip.style.display = 'none'; }; g.append(q); });
  box.append(g); $('map').append(box);
 }
}
views.forEach((v, i) => { const b = el('button', v[0], {type: 'button'}); b.onclick = () => draw(i); $('tabs').append(b); });
const start = views.findIndex(v => '#' + v[0].toLowerCase().replace(' ', '-') == location.hash);
draw(start < 0 ? 0 : start);
const head = el('tr'); for (const n of ['slot', 'guest-physical', 'size', 'in the VMM', '']) head.append(el('th', n)); $('slots').append(head);
for (const s of D.slots) { const r = el('tr'); r.append(el('td', s.slot), el('td', hex(s.gpa) + ' \u2013 ' + hex(s.gpa + s.pages * 4096 - 1), {class: 'm'}), el('td', bytes(s.pages)), el('td', s.hva, {class: 'm'}), el('td', s.words)); $('slots').append(r); }
document.body.dataset.drawn = document.querySelectorAll('rect.c').length;
</script></body></html>
)";

// JSON that can stand in a script element: HTML ends one at "</", and "<!--" changes how it is read.
std::string for_script(const nlohmann::ordered_json &json)
{
	std::string out;
	for (char c : json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)) {
		if (c == '<' || c == '>' || c == '&')
			out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
		else
			out += c;
	}
	return out;
}

} // namespace

std::string map_html(const MapView &view, const std::string &title)
{
	nlohmann::ordered_json data{{"title", title}, {"vm", view.vm_id}, {"shadow", view.shadow}};
	data["cell"] = 1;
	data["slots"] = nlohmann::ordered_json::array();
	for (const MapSlotCells &s : map_cells(view, cells_most)) {
		data["cell"] = s.cell_pages;
		std::string words = s.slot.flags & VMX_X_RANGE_READONLY ? "read-only" : "";
		if (s.slot.flags & VMX_X_RANGE_LOGGED)
			words += words.empty() ? "dirty log" : ", dirty log";
		if (s.slot.space)
			words += words.empty() ? "system management mode" : ", system management mode";
		nlohmann::ordered_json cells = nlohmann::ordered_json::array();
		for (const MapCounts &c : s.cells)
			cells.push_back({c.pages, c.level[1], c.level[2], c.level[3], c.write, c.dirty, c.logged,
					 c.shadowed, c.device});
		data["slots"].push_back({{"slot", s.slot.id & 0xffff},
					 {"gpa", s.slot.gpa},
					 {"pages", s.slot.pages},
					 {"hva", fmt::format("{:#x}", s.slot.target)},
					 {"words", words},
					 {"cells", std::move(cells)}});
	}
	return head + for_script(data) + tail;
}

} // namespace vmx
