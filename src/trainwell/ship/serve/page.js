(() => {
  "use strict";
  const all = JSON.parse(document.getElementById("words").textContent);
  const root = document.documentElement, $ = (id) => document.getElementById(id);
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a browser without storage */ } };
  const make = (name, properties = {}, ...children) => { const e = Object.assign(document.createElement(name), properties); e.append(...children); return e; };

  // ---- words
  let language = kept("trainwell-language") || root.lang, schema = null, answered = null, everyClass = false, table = null;
  const say = (key, values = {}) => (all[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const told = (text) => {
    if (language !== "zh") return text;
    for (const [pattern, chinese] of all.said) {
      const found = text.match(new RegExp(pattern));
      if (found) return chinese.replace(/\{(\d)\}/g, (_, n) => all.kinds[found[n]] ?? found[n]);
    }
    return text;
  };
  const speak = () => {
    root.lang = language === "zh" ? "zh-Hans" : "en";
    document.querySelectorAll("[data-say]").forEach((e) => { e.textContent = say(e.dataset.say); });
    $("language").textContent = say("language");
    if (schema) { head(); relabel(); answered ? showAnswer() : waiting(); if (table) showTable(); }
  };
  $("language").onclick = () => { language = language === "zh" ? "en" : "zh"; keep("trainwell-language", language); speak(); };
  root.dataset.theme = kept("trainwell-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  $("theme").onclick = () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; keep("trainwell-theme", root.dataset.theme); };

  // ---- the server
  const token = () => { try { return sessionStorage.getItem("trainwell-token") || ""; } catch { return ""; } };
  const ask = async (path, options = {}) => {
    const headers = { ...(token() ? { authorization: `Bearer ${token()}` } : {}), ...options.headers };
    const response = await fetch(path, { ...options, headers });
    if (response.status === 401) { gate(); throw new Error("token"); }
    return response;
  };
  const gate = () => { $("gate").hidden = false; $("desk").hidden = true; $("gate-note").textContent = token() ? say("token_wrong") : ""; $("token").focus(); };
  $("gate").onsubmit = (event) => { event.preventDefault(); sessionStorage.setItem("trainwell-token", $("token").value); begin(); };

  // ---- the head of the page
  const names = () => schema.target.names.join(", ");
  const number = (x) => {
    if (x === null || x === undefined || !isFinite(x)) return "–";
    const size = Math.abs(x);
    return size !== 0 && (size >= 1e7 || size < 1e-3) ? x.toExponential(3) : x.toLocaleString(language === "zh" ? "zh-CN" : "en", { maximumSignificantDigits: 6 });
  };
  const percent = (p) => (p > 0.9995 && p < 1 ? ">99.9%" : p < 0.0005 && p > 0 ? "<0.1%" : `${(100 * p).toFixed(1)}%`);
  const head = () => {
    const forecast = schema.forecast, targets = forecast ? schema.columns.filter((c) => c.role === "forecast").map((c) => c.name).join(", ") : names();
    $("title").textContent = say(forecast ? "title_forecast" : "title", { target: targets });
    document.title = `${$("title").textContent} · trainwell`;
    const parts = [schema.name];
    if (schema.target.classes) parts.push(say("classes", { n: schema.target.classes.length }));
    parts.push(forecast ? say("horizon", { n: forecast.horizon, m: forecast.lookback }) : say(schema.columns.length === 1 ? "field" : "fields", { n: schema.columns.length }));
    $("about").textContent = parts.join(" · ");
    const only = schema.columns.length === 1 ? schema.columns[0].kind : "";
    $("tab-row").textContent = say(only === "picture" ? "tab_picture" : only === "text" ? "tab_text" : "tab_row");
    const columns = schema.columns.map((c) => c.name), few = columns.slice(0, 12).join(", "), shown = columns.length > 12 ? say("and_more", { columns: few, n: columns.length - 12 }) : few;
    $("file-head").textContent = say(forecast ? "file_head_forecast" : "file_head");
    $("file-note").textContent = say(forecast ? "file_note_forecast" : "file_note", { columns: shown });
  };
  const waiting = () => {
    const only = schema.columns.length === 1 ? schema.columns[0].kind : "";
    const key = { picture: "waiting_picture", text: "waiting_text" }[only] || "waiting";
    $("answer").replaceChildren(make("p", { className: "soft", textContent: say(key) }));
    $("bars").replaceChildren(); $("problems").replaceChildren(); $("cost").textContent = ""; $("near").hidden = true;
  };

  // ---- fields: each is { name, read() -> cell or undefined, set(value), relabel() }
  let fields = [];
  const labelled = (column, control, id, wide) => {
    const hint = make("p", { className: "hint", id: `${id}-hint` });
    control.setAttribute?.("aria-describedby", hint.id);
    const box = make("div", { className: wide ? "field wide" : "field" }, make("label", { htmlFor: id, textContent: column.name }), control, hint);
    $("fields").append(box);
    return { box, hint };
  };
  const asNumber = (text) => { const t = text.trim(); return t === "" ? null : isFinite(t) ? Number(t) : t; };
  const makers = {
    number(column, id) {
      const input = make("input", { type: "text", id, inputMode: "decimal" }), { box, hint } = labelled(column, input, id);
      const ranged = column.low !== undefined && column.high > column.low;
      const slider = ranged && make("input", { type: "range", min: column.low, max: column.high, ariaLabel: column.name, tabIndex: -1 });
      const whole = ranged && [column.low, column.high, column.typical].every(Number.isInteger) && column.high - column.low >= 2;
      if (slider) {
        slider.step = whole ? 1 : "any";
        slider.value = column.typical;
        input.after(slider);
        slider.oninput = () => { input.value = whole ? slider.value : String(Number(Number(slider.value).toPrecision(4))); look(); };
      }
      const bounds = () => ({ low: number(column.low), high: number(column.high) });
      const look = () => {
        const value = asNumber(input.value), odd = value !== null && (typeof value === "string" || (ranged && (value < column.low || value > column.high)));
        box.classList.toggle("odd", odd);
        hint.textContent = ranged ? say(odd && typeof value === "number" ? "outside" : "range", bounds()) : "";
        if (slider && typeof value === "number") slider.value = value;
        slider?.style.setProperty("--p", `${(100 * (slider.value - column.low)) / (column.high - column.low)}%`);
      };
      input.addEventListener("input", look);
      return { read: () => asNumber(input.value), set: (v) => { input.value = v === null || v === undefined ? "" : whole ? v : Number(Number(v).toPrecision(5)); look(); }, relabel: look };
    },
    category(column, id) {
      const labels = column.labels ?? [], long = labels.length > 300;
      const control = long ? make("input", { type: "text", id }) : make("select", { id });
      const none = make("option", { value: "" });
      if (long) { control.setAttribute("list", `${id}-list`); control.after(make("datalist", { id: `${id}-list` }, ...labels.map((l) => make("option", { value: l })))); }
      else control.append(none, ...labels.map((l) => make("option", { value: l, textContent: l })));
      const { hint, box } = labelled(column, control, id);
      if (long) box.append(make("datalist", { id: `${id}-list` }, ...labels.map((l) => make("option", { value: l }))));
      return { read: () => control.value || null, set: (v) => { control.value = v ?? ""; }, relabel: () => { none.textContent = say("empty"); hint.textContent = long ? say("known", { n: column.distinct }) : ""; } };
    },
    boolean(column, id) {
      const [yes, no] = column.labels, words = { [yes]: yes, [no]: no };
      const radios = [yes, no, ""].map((value) => make("input", { type: "radio", name: id, value, checked: value === "" }));
      const labels = radios.map((radio) => make("label", {}, radio, make("span", { textContent: words[radio.value] ?? "" })));
      const set = make("fieldset", { className: "field" }, make("legend", { textContent: column.name }), make("div", { className: "choice" }, ...labels));
      $("fields").append(set);
      return {
        read: () => radios.find((r) => r.checked)?.value || null, set: (v) => { (radios.find((r) => r.value === String(v ?? "").toLowerCase()) ?? radios[2]).checked = true; },
        relabel: () => labels.forEach((l, i) => { l.lastChild.textContent = i === 2 ? say("empty") : { true: say("yes"), false: say("no"), 1: say("yes"), 0: say("no") }[radios[i].value] ?? radios[i].value; }),
      };
    },
    text(column, id) {
      const area = make("textarea", { id, rows: 6 }), { hint } = labelled(column, area, id, true);
      const look = () => { hint.textContent = say("characters", { n: [...area.value].length }); };
      area.addEventListener("input", look);
      return { read: () => area.value || null, set: (v) => { area.value = v ?? ""; look(); }, relabel: look };
    },
    picture(column, id) {
      const input = make("input", { type: "file", id, accept: "image/*" }), big = make("span", { className: "big" }), soft = make("span", { className: "soft" });
      const drop = make("label", { className: "drop" }, input, big, soft), box = make("div", { className: "field wide" });
      if (schema.columns.length > 1) box.append(make("p", { className: "hint", textContent: column.name }));
      input.setAttribute("aria-label", column.name); box.append(drop); $("fields").append(box);
      let content = null, image = null;
      const relabel = () => { big.textContent = say(content ? "change" : "drop_picture"); soft.textContent = content ? "" : say("or_choose"); };
      const take = async (file) => {
        if (image) { URL.revokeObjectURL(image.src); image.remove(); image = null; }
        content = file; drop.classList.toggle("full", Boolean(file));
        if (file) {
          image = make("img", { src: URL.createObjectURL(file), alt: file.name || column.name });
          image.onload = () => image?.classList.toggle("tiny", image.naturalWidth < 100);
          drop.prepend(image);
        }
        relabel(); soon(0);
      };
      input.onchange = () => input.files[0] && take(input.files[0]);
      dropping(drop, take);
      addEventListener("paste", (event) => { const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/")); if (file) take(file); });
      return { picture: true, read: () => content, set: (v) => { if (!v && content) { input.value = ""; take(null); } }, relabel };
    },
    series(column, id) {
      const area = make("textarea", { id, rows: 5 }), { hint, box } = labelled(column, area, id, true);
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      svg.setAttribute("class", "spark"); svg.setAttribute("viewBox", "0 0 600 90"); svg.setAttribute("preserveAspectRatio", "none"); svg.append(path); box.append(svg);
      const lists = () => area.value.split("\n").filter((l) => l.trim()).map((l) => l.split(/[\s,;]+/).filter(Boolean).map(Number));
      area.addEventListener("input", () => {
        const rows = lists().map((r) => r.filter(isFinite)), low = Math.min(...rows.flat()), high = Math.max(...rows.flat());
        path.setAttribute("d", rows.map((r) => r.map((v, i) => `${i ? "L" : "M"}${(600 * i) / Math.max(1, r.length - 1)},${85 - (80 * (v - low)) / (high - low || 1)}`).join("")).join(""));
      });
      return { read: () => { const rows = lists().map((r) => r.map((v) => (isFinite(v) ? v : null))); return rows.length ? (rows.length > 1 ? rows : rows[0]) : null; }, set: (v) => { area.value = v ?? ""; }, relabel: () => { hint.textContent = say("series_hint", { n: column.shape[0] }); } };
    },
    other(column, id) {
      const input = make("input", { type: "text", id }), { hint } = labelled(column, input, id);
      return { read: () => input.value || null, set: (v) => { input.value = v ?? ""; }, relabel: () => { hint.textContent = column.typical ? say("date_hint", { x: column.typical }) : ""; } };
    },
    tensor(column, id) {
      const area = make("textarea", { id, rows: 5 }), { hint } = labelled(column, area, id, true);
      return { read: () => { try { return area.value ? JSON.parse(area.value) : null; } catch { return area.value; } }, set: (v) => { area.value = v ?? ""; }, relabel: () => { hint.textContent = `JSON ${column.shape.join(" × ")}`; } };
    },
  };
  const relabel = () => fields.forEach((f) => f.relabel());
  const dropping = (target, take) => {
    target.addEventListener("dragover", (event) => { event.preventDefault(); target.classList.add("over"); });
    target.addEventListener("dragleave", () => target.classList.remove("over"));
    target.addEventListener("drop", (event) => { event.preventDefault(); target.classList.remove("over"); if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]); });
  };
  const typical = () => { fields.forEach((f, i) => f.set(schema.columns[i].typical)); soon(0); };
  $("typical").onclick = typical;
  $("clear").onclick = () => { fields.forEach((f) => f.set(null)); answered = null; waiting(); program(); };
  $("fields").onsubmit = (event) => { event.preventDefault(); soon(0); };
  $("fields").addEventListener("input", () => soon(120));

  // ---- one row
  let timer = 0, round = 0;
  const soon = (ms) => { clearTimeout(timer); timer = setTimeout(predict, ms); };
  const base64 = (file) => new Promise((done) => { const reader = new FileReader(); reader.onload = () => done(reader.result); reader.readAsDataURL(file); });
  const row = async () => {
    const found = {};
    for (const [i, field] of fields.entries()) {
      const value = field.read();
      found[schema.columns[i].name] = field.picture && value ? await base64(value) : value;
    }
    return found;
  };
  const predict = async () => {
    const mine = ++round, alone = fields.length === 1 && fields[0].picture ? fields[0].read() : null;
    if (fields.every((f) => f.read() === null)) { answered = null; waiting(); return; }
    const options = alone ? { body: alone, headers: { "content-type": alone.type || "application/octet-stream" } }
      : { body: JSON.stringify({ rows: [await row()] }), headers: { "content-type": "application/json" } };
    $("answer").classList.add("stale");
    const start = performance.now();
    try {
      const response = await ask("predict", { method: "POST", ...options }), content = await response.json();
      if (mine !== round) return; // a later question is on its way
      answered = { ...content, ms: performance.now() - start, answer: content.answers?.[0] ?? { error: content.error } };
      showAnswer();
      if (schema.examples && !answered.answer.error) {
        const near = await ask("nearest", { method: "POST", ...options });
        if (mine === round && near.ok) { answered.near = (await near.json()).nearest[0]; showNear(); }
      }
    } catch (error) {
      if (mine === round && error.message !== "token") { waiting(); $("problems").append(make("li", { className: "bad", textContent: say("offline") })); }
    } finally {
      if (mine === round) $("answer").classList.remove("stale");
    }
    program();
  };
  const showAnswer = () => {
    const { answer, ms, model } = answered;
    $("problems").replaceChildren(...(answer.problems ?? []).map((p) => problem(p)));
    if (answered.near) showNear();
    if (answer.error) {
      $("near").hidden = true;
      $("answer").replaceChildren(); $("bars").replaceChildren(); $("cost").textContent = "";
      $("problems").append(problem(answer.error, true));
      return;
    }
    const values = answer.prediction;
    if (answer.probabilities) {
      $("answer").replaceChildren(make("p", { className: "said", textContent: Array.isArray(values) ? values.join(", ") || "–" : values }), ...(answer.confidence === undefined ? [] : [make("p", { className: "sure", textContent: say("confidence", { p: percent(answer.confidence) }) })]));
      showBars(answer.probabilities);
    } else {
      const pairs = typeof values === "object" ? Object.entries(values) : [["", values]];
      $("answer").replaceChildren(...pairs.flatMap(([name, value]) => [...(name ? [make("p", { className: "sure", textContent: name })] : []), make("p", { className: "said", textContent: number(value) })]));
      showStrip(pairs.length === 1 ? values : null);
    }
    $("cost").textContent = say("cost", { ms: ms < 10 ? ms.toFixed(1) : Math.round(ms), v: model.version });
  };
  const problem = ({ field = "", says, remedy = "" }, bad = false) => {
    const name = field.replace(/^rows\[(\d+)\]\.?/, "").replace(/^\["(.*)"\]$/, "$1");
    const text = told(says) + (bad && remedy && language !== "zh" ? `. ${remedy}` : "");
    return make("li", { className: bad ? "bad" : "" }, ...(name ? [make("b", { textContent: `${name}: ` })] : []), text);
  };
  const showNear = () => {
    const cell = (name, value) => {
      if (typeof value === "string" && value.startsWith("data:image/")) return make("img", { src: value, alt: name });
      const shown = value === null ? "–" : typeof value === "number" ? number(value) : String(value), same = String(given[name] ?? "") === String(value ?? "");
      return schema.columns.length === 1 ? make("q", { textContent: shown }) : make("span", { className: same ? "same" : "" }, make("b", { textContent: name }), ` ${shown}`);
    };
    const given = Object.fromEntries(schema.columns.map((c, i) => [c.name, fields[i].picture ? null : fields[i].read()]));
    const said = (answer) => (answer === null ? "–" : typeof answer === "number" ? number(answer) : typeof answer === "object" ? Object.entries(answer).map(([k, v]) => `${k} ${number(v)}`).join(", ") : answer);
    $("nearest").replaceChildren(...answered.near.map((e) => make("li", {}, make("div", { className: "head" }, make("strong", { textContent: said(e.answer) }), make("span", { className: "soft", textContent: say("distance", { d: e.distance.toFixed(2) }) })), make("div", { className: "cells" }, ...Object.entries(e.row).map(([name, value]) => cell(name, value))))));
    $("nearest").className = schema.columns.length === 1 && schema.columns[0].kind === "picture" ? "pictures" : "";
    $("near").hidden = !answered.near.length;
  };
  const showBars = (probabilities) => {
    const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]), few = matchMedia("(max-width: 820px)").matches ? 3 : 8;
    const shown = everyClass ? sorted : sorted.slice(0, few);
    $("bars").replaceChildren(...shown.map(([name, p], i) => {
      const bar = make("i");
      bar.style.setProperty("--p", `${100 * p}%`);
      return make("div", { className: i ? "bar" : "bar first" }, make("span", { textContent: name, title: name }), make("b", { textContent: percent(p) }), bar);
    }));
    if (sorted.length > few) $("bars").append(make("button", { type: "button", textContent: everyClass ? say("less") : say("more", { n: sorted.length }), onclick: () => { everyClass = !everyClass; showBars(probabilities); } }));
  };
  const showStrip = (value) => {
    const range = schema.target.range;
    if (value === null || !range) { $("bars").replaceChildren(); return; }
    const mark = make("i");
    mark.style.setProperty("--p", `${100 * Math.min(1, Math.max(0, (value - range.low) / (range.high - range.low)))}%`);
    $("bars").replaceChildren(make("div", { className: "strip", ariaHidden: "true" }, mark), make("p", { className: "hint", textContent: say("target_range", { low: number(range.low), high: number(range.high) }) }));
  };

  // ---- a table
  const csvLine = (line) => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].slice(0, -1).map((m) => m[1].replace(/^"|"$/g, "").replaceAll('""', '"'));
  const parseCsv = (text) => { const lines = text.trim().split(/\r?\n/); const columns = csvLine(lines[0]); return lines.slice(1).map((l) => Object.fromEntries(csvLine(l).map((v, i) => [columns[i], v]))); };
  const takeTable = async (file) => {
    $("file-problems").replaceChildren(); $("answers").hidden = true;
    const kind = file.name.endsWith(".tsv") ? "text/tab-separated-values" : "text/csv";
    try {
      const response = await ask("predict", { method: "POST", body: file, headers: { "content-type": kind, accept: "text/csv" } }), text = await response.text();
      if (!response.ok) { $("file-problems").append(problem(JSON.parse(text).error, true)); return; }
      table = { text, name: file.name, given: schema.forecast ? parseCsv(await file.text()) : [] };
      showTable();
    } catch (error) { if (error.message !== "token") $("file-problems").append(make("li", { className: "bad", textContent: say("offline") })); }
  };
  $("table").onchange = () => { if ($("table").files[0]) takeTable($("table").files[0]); $("table").value = ""; };
  dropping($("table-drop"), takeTable);
  const showTable = () => {
    const rows = parseCsv(table.text), columns = csvLine(table.text.split(/\r?\n/)[0]).filter((c) => c !== "problem" || rows.some((r) => r.problem)), most = 200;
    const numeric = new Set(columns.filter((c) => c !== "prediction" && rows.every((r) => r[c] === "" || isFinite(r[c]))));
    const shown = (c) => (c.startsWith("p_") && (schema.target.classes ?? []).includes(c.slice(2)) ? c.slice(2) : c);
    const moment = (text) => (/^\d{4}-\d\d-\d\dT/.test(text ?? "") ? text.replace("T", " ").replace(/(:00)?(\.0+)?$/, "") : text);
    const cell = (r, c) => make("td", { className: c === "problem" ? "words" : numeric.has(c) ? "num" : "", textContent: c === "problem" ? told(r[c] ?? "") : c.startsWith("p_") || c === "confidence" ? (r[c] === "" ? "" : percent(Number(r[c]))) : r[c] !== "" && isFinite(r[c]) && (numeric.has(c) || !schema.target.classes) ? number(Number(r[c])) : moment(r[c]) });
    $("answers-table").replaceChildren(make("thead", {}, make("tr", {}, ...columns.map((c) => make("th", { textContent: shown(c), className: numeric.has(c) ? "num" : "" })))), make("tbody", {}, ...rows.slice(0, most).map((r) => make("tr", {}, ...columns.map((c) => cell(r, c))))));
    $("answers-head").textContent = say("answers_head", { n: rows.length.toLocaleString() });
    $("answers-note").textContent = rows.length > most ? say("answers_note", { n: most, m: rows.length.toLocaleString() }) : "";
    $("answers").hidden = false;
    if (schema.forecast) showForecast(rows);
  };
  const showForecast = (rows) => {
    const id = schema.columns.find((c) => c.role === "series")?.name, channel = schema.columns.find((c) => c.role === "forecast").name;
    const first = id ? rows[0][id] : null, mine = (r) => !id || r[id] === first;
    const past = table.given.filter(mine).slice(-2 * schema.forecast.lookback).map((r) => parseFloat(r[channel])), ahead = rows.filter(mine);
    const line = ahead.map((r) => Number(r[channel])), low = ahead.map((r) => Number(r[`${channel}_low`])), high = ahead.map((r) => Number(r[`${channel}_high`])), banded = low.every((v) => !isNaN(v)) && `${channel}_low` in rows[0];
    const values = [...past, ...line, ...(banded ? [...low, ...high] : [])].filter(isFinite), least = Math.min(...values), most = Math.max(...values), n = past.length + line.length;
    $("answers").hidden = false;
    const width = Math.max(300, $("chart").clientWidth), x = (i) => 60 + ((width - 70) * i) / Math.max(1, n - 1), y = (v) => 245 - (230 * (v - least)) / (most - least || 1);
    const path = (list, from) => list.map((v, i) => (isFinite(v) ? `${i && isFinite(list[i - 1]) ? "L" : "M"}${x(from + i).toFixed(1)},${y(v).toFixed(1)}` : "")).join("");
    const back = banded ? `${path(high, past.length)}L${low.map((v, i) => [x(past.length + i).toFixed(1), y(v).toFixed(1)]).reverse().join("L")}Z` : "";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${width} 260`); svg.setAttribute("role", "img"); svg.setAttribute("aria-label", `${channel} ${first ?? ""}`);
    const draw = (name, attributes, text = "") => { const e = document.createElementNS(svg.namespaceURI, name); for (const key in attributes) e.setAttribute(key, attributes[key]); e.textContent = text; svg.append(e); };
    for (const part of [0, 0.5, 1]) { const v = least + part * (most - least); draw("line", { class: "axis", x1: 60, x2: width - 10, y1: y(v), y2: y(v) }); draw("text", { x: 52, y: y(v) + 4, "text-anchor": "end" }, number(Number(v.toPrecision(4)))); }
    draw("path", { class: "band", d: back }); draw("path", { class: "past", d: path(past, 0) }); draw("path", { class: "ahead", d: path([past.at(-1), ...line], past.length - 1) });
    const key = (name, text) => make("span", {}, make("i", { className: name }), text);
    $("chart").replaceChildren(make("div", { className: "legend" }, make("b", { textContent: [channel, first].filter(Boolean).join(" · ") }), key("p", say("history")), key("", say("forecast")), ...(banded ? [key("b", say("interval"))] : [])), svg);
  };
  let drawn = innerWidth;
  addEventListener("resize", () => { if (table && schema.forecast && innerWidth !== drawn) { drawn = innerWidth; showTable(); } });
  const save = (text, name) => { const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name }); link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000); };
  const quoted = (v) => (/[",\n]/.test(v ?? "") ? `"${String(v).replaceAll('"', '""')}"` : v ?? "");
  $("save").onclick = () => save(table.text, table.name.replace(/\.\w+$/, "") + "-answers.csv");
  $("sample").onclick = () => save([schema.columns.map((c) => quoted(c.name)), schema.columns.map((c) => quoted(c.typical ?? ""))].map((l) => l.join(",")).join("\n") + "\n", "rows.csv");

  // ---- for programs
  const program = async () => {
    const url = new URL("predict", location.href).href, auth = token(), alone = schema.columns.length === 1 && schema.columns[0].kind === "picture";
    const given = alone || schema.table_only ? {} : await row(), body = JSON.stringify({ rows: [given] });
    const header = auth ? ` \\\n  -H "Authorization: Bearer $TOKEN"` : "", pyHeader = auth ? ', "Authorization": f"Bearer {token}"' : "";
    const send = alone ? ["image/jpeg", "@picture.jpg", 'open("picture.jpg", "rb").read()'] : schema.table_only ? ["text/csv", "@history.csv", 'open("history.csv", "rb").read()'] : ["application/json", null, null];
    const shell = send[1] ?? `'${body.replaceAll("'", "'\\''")}'`;
    $("curl").textContent = `curl ${url}${header} \\\n  -H "Content-Type: ${send[0]}" \\\n  --data-binary ${shell}`;
    const literal = JSON.stringify(given, null, 4).replace(/: null/g, ": None").replace(/: true/g, ": True").replace(/: false/g, ": False");
    const data = send[2] ?? 'json.dumps({"rows": [row]}).encode()';
    $("python").textContent = `import json\nimport urllib.request\n\n${send[2] ? "" : `row = ${literal}\n`}request = urllib.request.Request(\n    "${url}",\n    data=${data},\n    headers={"Content-Type": "${send[0]}"${pyHeader}},\n)\nwith urllib.request.urlopen(request) as response:\n    print(json.load(response)["answers"]${send[2] && !alone ? "" : "[0]"})`;
  };
  document.querySelectorAll(".copy").forEach((button) => { button.onclick = async () => { await navigator.clipboard.writeText($(button.dataset.of).textContent); button.textContent = say("copied"); setTimeout(() => { button.textContent = say("copy"); }, 1500); }; });

  // ---- tabs, by mouse and by arrow keys
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const open = (tab, focus) => {
    tabs.forEach((t) => { const on = t === tab; t.setAttribute("aria-selected", on); t.tabIndex = on ? 0 : -1; $(t.getAttribute("aria-controls")).hidden = !on; });
    if (focus) tab.focus();
  };
  tabs.forEach((tab) => {
    tab.onclick = () => open(tab);
    tab.onkeydown = (event) => {
      const usable = tabs.filter((t) => !t.hidden), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) open(usable[(usable.indexOf(tab) + step + usable.length) % usable.length], true);
    };
  });

  const begin = async () => {
    try { schema = await (await ask("schema")).json(); } catch (error) { if (error.message !== "token") $("title").textContent = say("offline"); return; }
    $("gate").hidden = true; $("desk").hidden = false; $("fields").replaceChildren(); fields = [];
    $("version").textContent = ` · ${schema.name} · ${schema.version}`;
    if (!schema.table_only) fields = schema.columns.map((column, i) => (makers[column.kind] ?? makers.other)(column, `f${i}`));
    const only = schema.columns.every((c) => ["picture", "text", "series", "tensor"].includes(c.kind));
    $("tab-row").hidden = schema.table_only; $("tab-file").hidden = schema.columns.some((c) => ["picture", "series", "tensor"].includes(c.kind)); $("typical").hidden = only;
    if (schema.table_only) open($("tab-file"));
    speak();
    if (schema.table_only) program(); else if (only) { waiting(); program(); } else typical();
  };
  speak();
  begin();
})();
