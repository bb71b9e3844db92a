(() => {
  const rows = document.getElementById("rows"), filter = document.getElementById("filter"), compare = document.getElementById("compare");
  if (!rows) return;
  let most = 200, shown = "", chosen = new Set();
  const marks = () => { if (compare) compare.disabled = chosen.size < 2 || chosen.size > 8; };
  const ask = async () => {
    const address = new URL(rows.dataset.poll, location.href);
    if (filter) { address.searchParams.set("words", filter.value); address.searchParams.set("most", most); }
    try {
      const response = await fetch(address, shown ? { headers: { "if-none-match": shown } } : {});
      if (response.status !== 200 || response.headers.get("etag") === shown) return;
      const open = document.activeElement?.value;
      shown = response.headers.get("etag");
      rows.innerHTML = await response.text(); // made by this server, which escapes every word that it did not write
      rows.querySelectorAll("[name=run]").forEach((box) => { box.checked = chosen.has(box.value); if (box.value === open) box.focus(); });
      if (document.documentElement.lang === "zh") rows.querySelectorAll("[data-zh]").forEach((e) => { e.dataset.en ??= e.textContent; e.textContent = e.dataset.zh; });
    } catch { /* the server has ended; the page keeps what it has */ }
  };
  rows.addEventListener("change", (event) => { if (event.target.name === "run") { chosen[event.target.checked ? "add" : "delete"](event.target.value); marks(); } });
  rows.addEventListener("click", (event) => { if (event.target.closest("#more")) { most = 100000; ask(); } });
  let timer;
  filter?.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => { shown = ""; ask(); }, 150); });
  filter?.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  setInterval(() => { if (!document.hidden) ask(); }, 3000);
})();
