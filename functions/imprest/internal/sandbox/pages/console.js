// The console's page: swaps in what has changed when the sandbox says so,
// presses buttons without leaving the page, and opens a step beside its
// purchase. Without it the pages work by reloading.
"use strict";

(() => {
  const said = document.getElementById("said");
  const wide = matchMedia("(min-width: 80.01rem)");
  const say = (text) => { said.textContent = text; };

  const read = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

  // swap makes one element like another. Children with an id are the same child
  // before and after, whatever stands between them; what has not changed is left
  // alone, and so is what a person has opened, written or focused.
  const swap = (now, then) => {
    if (now.isEqualNode(then)) return;
    if (now.tagName !== then.tagName || now.id !== then.id || now.matches("select, input, textarea")) {
      if (!now.matches("select, textarea")) now.replaceWith(then);
      return;
    }
    for (const { name } of [...now.attributes]) {
      if (!then.hasAttribute(name) && name !== "open") now.removeAttribute(name);
    }
    for (const { name, value } of [...then.attributes]) {
      if (now.getAttribute(name) !== value) now.setAttribute(name, value);
    }
    if (![...then.children].some((child) => child.id || child.querySelector("[id]"))) {
      now.replaceChildren(...then.childNodes);
      return;
    }
    const old = new Map([...now.children].filter((child) => child.id).map((child) => [child.id, child]));
    const rest = [...now.children].filter((child) => !child.id);
    for (const text of [...now.childNodes]) if (text.nodeType !== Node.ELEMENT_NODE) text.remove();
    let at = now.firstElementChild;
    for (const child of [...then.childNodes]) {
      if (child.nodeType !== Node.ELEMENT_NODE) {
        now.insertBefore(child, at);
        continue;
      }
      const same = child.id ? old.get(child.id) : rest.find((r) => r.tagName === child.tagName);
      if (same) {
        if (!child.id) rest.splice(rest.indexOf(same), 1);
        old.delete(child.id);
        if (same !== at) now.insertBefore(same, at);
        else at = at.nextElementSibling;
        swap(same, child);
      } else {
        if (now.matches("#rows, #list")) child.classList.add("fresh");
        now.insertBefore(child, at);
      }
    }
    for (const gone of [...old.values(), ...rest]) gone.remove();
  };

  const swapIn = (page, what) => {
    const focused = document.activeElement?.id;
    for (const id of what) {
      const now = document.getElementById(id);
      const then = page.getElementById(id);
      if (now && then) swap(now, then);
    }
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
    setClock();
    setWire();
    ready(document);
  };

  // The clock goes on between two events.
  let ahead = 0;
  const clock = () => document.getElementById("clock");
  const setClock = () => { ahead = Number(clock().dataset.now) - Date.now(); };
  const tick = () => { clock().textContent = new Date(Date.now() + ahead).toTimeString().slice(0, 8); };

  let connected = false;
  const setWire = () => {
    const wire = document.getElementById("wire");
    wire.classList.toggle("on", connected);
    const text = connected ? wire.dataset.on : wire.dataset.off;
    wire.setAttribute("aria-label", text);
    wire.title = text;
  };

  // refresh asks for the page's live part, and is done when the page shows what
  // it was asked for; those that come while one is under way are one more.
  let again = false;
  let under = null;
  const refresh = () => {
    again = true;
    under ??= refreshAll().finally(() => { under = null; });
    return under;
  };
  const refreshAll = async () => {
    while (again) {
      again = false;
      try {
        const asked = location.href;
        const address = new URL(asked);
        address.searchParams.set("part", "live");
        const response = await fetch(address, { headers: { Accept: "text/html" } });
        const page = response.ok ? await read(response) : null;
        // What was opened meanwhile is not swapped for what was there before.
        if (location.href !== asked) again = true;
        else if (page) swapIn(page, parts());
      } catch { /* the wire says that nobody answers */ }
      if (again) await new Promise((next) => { setTimeout(next, 60); });
    }
  };
  let timer = 0;
  const soon = () => {
    if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, 60);
  };
  // What a person fills in is not swapped away.
  const parts = () => (document.querySelector("main[data-live]") ? ["bar", "main"] : ["bar"]);

  // Buttons.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-act]")) return;
    event.preventDefault();
    const button = event.submitter;
    button?.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) });
      const page = await read(response);
      if (!response.ok) {
        complain(page.querySelector("[data-notice]")?.textContent ?? String(response.status));
        return;
      }
      complain("");
      const there = new URL(response.url);
      if (there.pathname !== location.pathname) history.pushState(null, "", there);
      else history.replaceState(null, "", there);
      swapIn(page, ["bar", "main"]);
      if (form.querySelector("[name=do][value=advance], [name=do][value=due]")) say(document.body.dataset.clock + ": " + clock().textContent);
    } catch {
      location.reload();
    } finally {
      button?.removeAttribute("aria-busy");
    }
  });
  const complain = (text) => {
    document.getElementById("complaint")?.remove();
    if (!text) return;
    const p = document.createElement("p");
    p.id = "complaint";
    p.className = "verdict reject toast";
    p.setAttribute("role", "alert");
    p.append(Object.assign(document.createElement("strong"), { textContent: text }));
    document.body.append(p);
    setTimeout(() => p.remove(), 8000);
  };

  // A step opened: beside its purchase where there is room, else on its page.
  const panel = () => document.getElementById("panel");
  const show = async (link) => {
    const response = await fetch(link.dataset.open + "&part=panel", { headers: { Accept: "text/html" } });
    if (!response.ok) {
      location.href = link.href;
      return;
    }
    panel().replaceChildren(...(await read(response)).getElementById("panel").childNodes);
    panel().scrollTop = 0;
    history.replaceState(null, "", link.href);
    for (const other of document.querySelectorAll("#rows [aria-current]")) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    ready(panel());
    document.getElementById("hop-title")?.focus({ preventScroll: true });
  };
  let from = "";
  const close = (link) => {
    history.replaceState(null, "", link.getAttribute("href"));
    const row = document.getElementById(from) ?? document.querySelector("#rows [aria-current]");
    refresh().then(() => row && document.getElementById(row.id)?.focus({ preventScroll: true }));
  };
  document.addEventListener("click", (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest("a");
    if (link?.matches("[data-open]")) {
      event.preventDefault();
      if (!wide.matches) {
        location.href = link.dataset.open;
        return;
      }
      from = link.id;
      show(link).catch(() => { location.href = link.href; });
    } else if (link?.matches("[data-close]") && document.getElementById("rows")) {
      event.preventDefault();
      close(link);
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent).then(() => say(document.body.dataset.copied), () => {});
      const text = copy.textContent;
      copy.textContent = document.body.dataset.copied;
      setTimeout(() => { copy.textContent = text; }, 1500);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.getElementById("close")) {
      event.preventDefault();
      document.getElementById("close").click();
      return;
    }
    // Up and down go through the steps.
    const row = document.activeElement?.closest?.("#rows .row");
    if (!row || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    let next = row;
    do next = event.key === "ArrowDown" ? next.nextElementSibling : next.previousElementSibling;
    while (next && !next.matches(".row"));
    next?.querySelector("a").focus();
    event.preventDefault();
  });
  addEventListener("popstate", refresh);

  // ready makes what only scripts can do visible.
  const ready = (root) => {
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  };

  setClock();
  tick();
  setInterval(tick, 500);
  ready(document);
  setWire();
  const events = new EventSource("/_sandbox/events");
  events.addEventListener("open", () => {
    if (!connected) soon(); // what happened in between
    connected = true;
    setWire();
  });
  events.addEventListener("error", () => { connected = false; setWire(); });
  for (const kind of ["message", "purchase", "hop", "clock", "faults", "payout", "codes", "reset"]) events.addEventListener(kind, soon);
  addEventListener("pagehide", () => events.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
