// The shop's page: buys, and follows each purchase until nothing more can
// happen to it.
"use strict";

(() => {
  const shop = JSON.parse(document.getElementById("shop").textContent);
  const list = document.getElementById("list");
  const deviceList = document.getElementById("deviceList");
  const live = document.getElementById("live");
  const notice = document.getElementById("notice");

  const say = (text) => {
    notice.textContent = text;
    notice.hidden = !text;
  };

  const postJSON = (path, body) => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

  // Inside the IM the page asks the app, by the platform's script; the promise
  // fails with the result of a call that failed.
  const call = (method, options) => new Promise((resolve, reject) => {
    if (!window.vvchat) {
      reject({ err_msg: shop.words.noIM });
      return;
    }
    const slow = setTimeout(() => reject({ err_msg: shop.words.noIM }), 5000);
    vvchat.ready(() => {
      clearTimeout(slow);
      // The guides write err_code 0 for consent, which the script takes for an error.
      vvchat.call(method, options, resolve, (result) => (Number(result.err_code) === 0 ? resolve(result) : reject(result)));
    });
  });

  const logIn = async () => {
    const asked = await (await fetch("/login/state")).json();
    let result;
    try {
      result = await call("auth", asked);
    } catch (failed) {
      result = { ...failed, state: asked.state };
    }
    const response = await postJSON("/login/code", result);
    if (response.ok) location.reload();
    else say(response.status === 403 ? shop.words.declined : shop.words.failed);
  };

  // tell sends a message into a chat: the chat, the user's consent to it, and
  // then the server.
  const tell = async (method) => {
    try {
      const session = await call(method, {});
      const scope = "sessionapi_sendmsg:" + session.session_id + ":" + session.session_type;
      const { code } = await call("auth", { app_id: shop.appID, scope });
      const response = await postJSON("/messages", { code, session: { session_id: String(session.session_id), session_type: Number(session.session_type) }, text: shop.words.hello });
      say(response.ok ? shop.words.said : shop.words.notSaid);
    } catch (failed) {
      say(shop.words.notSaid + " " + (failed.err_msg || ""));
    }
  };

  const share = async (options, link) => {
    if (!shop.insideIM) {
      location.href = link;
      return;
    }
    try {
      const result = await call("share", options);
      say(Number(result.code) === 200 ? shop.words.shared : shop.words.notShared);
    } catch (failed) {
      say(shop.words.notShared + " " + (failed.err_msg || ""));
    }
  };

  const actions = {
    "share": () => share(shop.shares.basic, shop.shares.basicLink),
    "share-more": () => share(shop.shares.advanced, shop.shares.advancedLink),
    "say-here": () => tell("getSession"),
    "say-there": () => tell("selectSession"),
  };
  if (shop.insideIM) actions.login = () => logIn().catch(() => say(shop.words.failed));
  for (const node of document.querySelectorAll("[data-action]")) {
    const act = actions[node.dataset.action];
    if (!act) continue;
    node.addEventListener("click", (event) => {
      event.preventDefault();
      say("");
      act();
    });
  }

  const here = new URLSearchParams(location.search);
  if (here.get("shared")) say(here.get("code") === "200" ? shop.words.shared : shop.words.notShared);
  if (!shop.signedIn || !list) return;

  const open = new Set(["ordering", "unpaid", "paid", "delivering", "undeliverable", "refunding"]);
  const purchases = new Map(); // by id, the newest first
  let fresh = "";

  // element makes a node; text only ever becomes text.
  const element = (name, className, ...children) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };

  // yuan writes an amount of fen without ever making a fraction of it.
  const yuan = (fen) => {
    const digits = String(fen).padStart(3, "0");
    return "¥" + digits.slice(0, -2) + "." + digits.slice(-2);
  };

  const steps = (state) => {
    const reached = { ordering: 0, unpaid: 1, paid: 2, delivering: 2, delivered: 3, undeliverable: 2, refunding: 2, refunded: 3 }[state];
    if (reached === undefined) return "";
    const last = ["undeliverable", "refunding", "refunded"].includes(state) ? "refunded" : "delivered";
    const nodes = ["ordered", "paid", last].map((name, i) =>
      element("li", i < reached ? "done" : i === reached ? "now" : "", shop.words[name]));
    return element("ol", "steps", ...nodes);
  };

  const card = (p) => {
    const number = element("span", "number", p.id);
    const about = element("div", "about", element("h3", "", shop.names[p.offer] || p.title),
      element("small", "", shop.words.orderNo + " ", number), element("small", "", new Date(p.created_at).toLocaleString(document.documentElement.lang)));
    const badge = element("span", "badge", shop.states[p.state] || p.state);
    badge.dataset.state = p.state;
    const state = element("div", "state", steps(p.state));
    if (p.imprest_code && (p.state === "unpaid" || p.state === "expired")) {
      const pay = element("a", "button", shop.words.pay);
      pay.href = payLink(p);
      if (shop.insideIM) {
        pay.addEventListener("click", (event) => {
          event.preventDefault();
          payInside(p);
        });
        state.append(pay);
      } else {
        const scan = element("a", "button quiet", shop.words.scan);
        scan.href = scanLink(p);
        state.append(element("div", "ways", pay, scan));
      }
    }
    const item = element("li", p.id === fresh ? "fresh" : "", about, element("div", "sum", yuan(p.amount), badge), state);
    item.dataset.id = p.id;
    return item;
  };

  const qyx = (action, parameters) => "qyx://" + action + "?" + Object.entries(parameters).map(([name, value]) => name + "=" + encodeURIComponent(value)).join("&");
  const payURI = (p) => qyx("qpay", { imprest_code: p.imprest_code, app_id: p.app_id, redirect_uri: shop.base + "/?purchase=" + p.id });
  const payLink = (p) => shop.link + "?uri=" + encodeURIComponent(payURI(p));
  const scanLink = (p) => shop.scan + "?uri=" + encodeURIComponent(payURI(p));

  // payInside asks the app to pay. What it answers proves nothing: the server
  // says when the payment is there.
  const payInside = async (p) => {
    fresh = p.id;
    say("");
    try {
      await call("pay", { imprest_code: p.imprest_code, app_id: p.app_id });
    } catch (failed) {
      say(shop.words.notPaid + ": " + (failed.err_msg || ""));
    }
    await load();
    lookAt();
  };

  const draw = () => {
    const cards = [...purchases.values()].map(card);
    list.replaceChildren(...(cards.length ? cards : [element("li", "none", shop.words.none)]));
  };

  // update takes a newer view of a purchase, and touches the page only if it
  // says something new, so that focus and selection stay.
  const update = (p) => {
    const before = purchases.get(p.id);
    if (before && before.state === p.state && before.imprest_code === p.imprest_code) return;
    purchases.set(p.id, p);
    const old = list.querySelector(`[data-id="${CSS.escape(p.id)}"]`);
    if (old) old.replaceWith(card(p));
    if (before && p.state === "delivered") loadDevices();
    if (before) live.textContent = (shop.names[p.offer] || p.title) + ": " + (shop.states[p.state] || p.state);
  };

  const ask = async (path, options) => {
    const response = await fetch(path, options);
    if (response.status === 401) {
      location.reload(); // the session has ended
      throw new Error("no session");
    }
    return response;
  };

  // follow asks for every purchase that can still change, as long as there is
  // one and somebody looks.
  let timer = 0;
  const follow = async () => {
    clearTimeout(timer);
    const waiting = [...purchases.values()].filter((p) => open.has(p.state));
    if (document.hidden || waiting.length === 0) return;
    let pause = waiting.every((p) => p.state === "unpaid") && !fresh ? 2000 : 600;
    try {
      for (const p of waiting) {
        const response = await ask("/purchases/" + encodeURIComponent(p.id));
        if (response.ok) update(await response.json());
      }
      if (notice.dataset.kind === "offline") { say(""); notice.dataset.kind = ""; }
    } catch {
      say(shop.words.offline);
      notice.dataset.kind = "offline";
      pause = 2000;
    }
    timer = setTimeout(follow, pause);
  };
  document.addEventListener("visibilitychange", follow);

  // A button that is busy keeps the focus, which one that is disabled would lose.
  const busy = (button, yes) => {
    if (yes) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  };
  const isBusy = (button) => button.hasAttribute("aria-disabled");

  const buy = async (button) => {
    if (isBusy(button)) return;
    busy(button, true);
    say("");
    try {
      const response = await ask("/purchases", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ offer: button.dataset.offer, price: Number(button.dataset.price) }),
      });
      if (response.status === 201) {
        const p = await response.json();
        if (!shop.insideIM) {
          location.href = payLink(p);
          return;
        }
        await payInside(p);
        busy(button, false);
        return;
      }
      if (response.status === 409) say(shop.words.priceChanged);
      else if (response.status !== 202) say(shop.words.failed);
      await load();
    } catch {
      say(shop.words.failed);
    }
    busy(button, false);
  };
  for (const button of document.querySelectorAll("[data-offer]")) {
    button.addEventListener("click", () => buy(button));
  }

  const show = (views) => {
    purchases.clear();
    for (const p of views) purchases.set(p.id, p);
    draw();
    follow();
  };

  const load = async () => {
    const response = await ask("/purchases");
    if (!response.ok) throw new Error("status " + response.status);
    show(await response.json());
    loadDevices();
  };

  // Devices: what each has, and whether it may call its user.
  const post = (path, body) => ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

  const deviceCard = (d) => {
    const services = d.services.map((s) => element("li", "", element("span", "", s.name),
      element("small", "", s.ends ? shop.words.until + " " + new Date(s.ends).toLocaleDateString(document.documentElement.lang) : "")));
    const item = element("li", "", element("h3", "", d.name), element("ul", "", ...(services.length ? services : [element("li", "", shop.words.noServices)])));
    item.dataset.device = d.id;
    if (!d.calls) return item;
    const word = { allowed: "callsAllowed", refused: "callsRefused" }[d.calls] || "callsUnknown";
    const calls = element("p", "calls", element("span", "", shop.words[word]));
    calls.dataset.calls = d.calls;
    if (d.calls !== "allowed") {
      const button = element("button", "button small", shop.words.allowCalls);
      button.type = "button";
      button.addEventListener("click", () => askForCalls(d, button));
      calls.append(button);
    }
    item.append(calls);
    return item;
  };

  // askForCalls leaves for the mini program, with a fresh ticket.
  const askForCalls = async (d, button) => {
    if (isBusy(button)) return;
    busy(button, true);
    try {
      const response = await post("/devices/" + encodeURIComponent(d.id) + "/voip", {});
      if (!response.ok) throw new Error("status " + response.status);
      const asked = await response.json();
      location.href = shop.miniProgram + "?" + new URLSearchParams({
        sn: asked.sn, snTicket: asked.snTicket, modelId: asked.modelId, deviceName: asked.deviceName,
        redirect_uri: shop.base + "/?device=" + encodeURIComponent(d.id),
      });
    } catch {
      say(shop.words.noTicket);
      busy(button, false);
    }
  };

  const loadDevices = async () => {
    try {
      const response = await ask("/devices");
      if (response.ok) deviceList.replaceChildren(...(await response.json()).map(deviceCard));
    } catch { /* the purchases say that the shop does not answer */ }
  };

  // answered hands in what the user said in the mini program.
  const answered = async (device, calls) => {
    if (!device || !calls) return;
    const response = await post("/devices/" + encodeURIComponent(device) + "/voip/authorization", { granted: calls === "allowed" });
    if (!response.ok) throw new Error("status " + response.status);
  };

  // lookAt shows the purchase that the phone came back from.
  const lookAt = () => list.querySelector(".fresh")?.scrollIntoView({ block: "center" });

  // The phone came back: what it says in the address proves nothing, it only
  // says where to look.
  fresh = here.get("purchase") || "";
  if (fresh && here.get("err_code")) say(shop.words.cancelled);
  if (location.search) history.replaceState(null, "", "/");
  // A page from the browser's cache shows what was; ask again.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll("[data-offer]")) busy(button, false);
    load().catch(() => say(shop.words.failed));
  });
  show(shop.purchases);
  lookAt();
  answered(here.get("device"), here.get("calls")).catch(() => say(shop.words.noTicket)).finally(loadDevices);
})();
