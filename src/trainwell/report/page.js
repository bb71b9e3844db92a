(() => {
  const root = document.documentElement, tip = document.getElementById("tip");
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a file opened without storage */ } };

  const theme = (name) => { root.dataset.theme = name; };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  theme(kept("trainwell-theme") || (dark.matches ? "dark" : "light"));
  document.getElementById("theme").onclick = () => {
    theme(root.dataset.theme === "dark" ? "light" : "dark");
    keep("trainwell-theme", root.dataset.theme);
  };

  const speak = (language) => {
    root.lang = language;
    document.querySelectorAll("[data-zh]").forEach((e) => {
      e.dataset.en ??= e.textContent;
      e.textContent = language === "zh" ? e.dataset.zh : e.dataset.en;
    });
    document.getElementById("language").textContent = language === "zh" ? "English" : "中文";
  };
  speak(kept("trainwell-language") || root.lang);
  document.getElementById("language").onclick = () => {
    speak(root.lang === "zh" ? "en" : "zh");
    keep("trainwell-language", root.lang);
  };
  document.getElementById("print").onclick = () => print();

  const show = (text, x, y) => {
    tip.textContent = text;
    const box = tip.getBoundingClientRect();
    tip.style.transform = `translate(${Math.max(6, Math.min(innerWidth - box.width - 6, x + 14))}px, ${y > innerHeight - box.height - 30 ? y - box.height - 12 : y + 16}px)`;
    tip.classList.add("on");
  };
  const hide = () => tip.classList.remove("on");
  addEventListener("pointermove", (event) => {
    const marked = event.target.closest?.("[data-tip]");
    if (marked) show(marked.dataset.tip, event.clientX, event.clientY);
    else if (!event.target.closest?.("[data-lines]")) hide();
  });
  addEventListener("scroll", hide, { passive: true });

  const NS = "http://www.w3.org/2000/svg";
  const draw = (parent, name, attributes) => {
    const made = document.createElementNS(NS, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    parent.append(made);
  };
  const nearest = (points, x) => points.reduce((best, p) => (Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best));

  document.querySelectorAll("svg[data-lines]").forEach((svg) => {
    const { frame, x: axis, lines } = JSON.parse(svg.dataset.lines);
    const [left, right, top, bottom] = frame, cursor = svg.querySelector(".cursor");
    svg.addEventListener("pointermove", (event) => {
      if (event.target.closest("[data-tip]")) return;
      const at = svg.createSVGPoint();
      at.x = event.clientX; at.y = event.clientY;
      const x = at.matrixTransform(svg.getScreenCTM().inverse()).x;
      cursor.replaceChildren();
      if (x < left - 4 || x > right + 4) return hide();
      const seen = lines.map((line, i) => ({ line, i })).filter(({ i }) => !svg.querySelector(`[data-series="${i}"]`)?.classList.contains("off"));
      if (!seen.length) return hide();
      const found = seen.map(({ line }) => [line, nearest(line.points, x)]);
      const close = found.reduce((a, b) => (Math.abs(b[1][0] - x) < Math.abs(a[1][0] - x) ? b : a))[1];
      draw(cursor, "line", { x1: close[0], x2: close[0], y1: top, y2: bottom });
      found.forEach(([line, p]) => draw(cursor, "circle", { cx: p[0], cy: p[1], r: 4, class: line.style }));
      show([`${axis} ${close[2]}`, ...found.map(([line, p]) => `${line.name}: ${p[3]}`)].join("\n"), event.clientX, event.clientY);
    });
    svg.addEventListener("pointerleave", () => { cursor.replaceChildren(); hide(); });
  });

  document.querySelectorAll(".legend button").forEach((button) => {
    button.onclick = () => {
      const line = button.closest("figure").querySelector(`[data-series="${button.dataset.key}"]`);
      button.classList.toggle("off", line?.classList.toggle("off"));
    };
  });
  document.querySelectorAll(".copy").forEach((button) => {
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
      button.style.color = "var(--good)";
      setTimeout(() => { button.style.color = ""; }, 1200);
    };
  });
  addEventListener("beforeprint", () => { theme("light"); document.querySelectorAll("details").forEach((d) => { d.open = true; }); });
})();
