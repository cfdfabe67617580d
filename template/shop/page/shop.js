// The shop's page: shows what is sold, logs in, buys, and follows the purchase
// until its licence is there. Inside the IM it asks the app by the platform's
// script, in any other browser by links.
"use strict";

(() => {
  const find = (id) => document.getElementById(id);
  const appID = document.body.dataset.appId;

  const say = (text) => {
    find("notice").textContent = text;
    find("notice").hidden = !text;
  };

  // element makes a node; text only ever becomes text.
  const element = (name, text, ...children) => {
    const node = document.createElement(name);
    node.append(...(text ? [text] : []), ...children);
    return node;
  };

  // yuan writes an amount of fen without ever making a fraction of it.
  const yuan = (fen) => {
    const digits = String(fen).padStart(3, "0");
    return "¥" + digits.slice(0, -2) + "." + digits.slice(-2);
  };

  const post = (path, body) => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

  // The app puts its bridge into a page that it shows, sooner or later; no other
  // browser ever does.
  let inside = false;
  if (window.vvchat) {
    const whenReady = vvchat.ready || vvchat.onReady;
    whenReady.call(vvchat, () => {
      inside = true;
      document.body.dataset.inside = "";
    });
  }

  // call asks the app for something that its user has to agree to.
  const call = (method, options) => new Promise((resolve, reject) => {
    // The guides write err_code 0 for consent, which the script takes for an error.
    vvchat.call(method, options, resolve, (result) => (Number(result.err_code) === 0 ? resolve(result) : reject(result)));
  });

  const logIn = async () => {
    if (!inside) {
      location.href = "/login?return=/";
      return false;
    }
    const asked = await (await fetch("/login/state")).json();
    let result;
    try {
      result = await call("auth", asked);
    } catch (refused) {
      result = { ...refused, state: asked.state };
    }
    const response = await post("/login/code", result);
    if (!response.ok) say(response.status === 403 ? "You can look around without logging in." : "The login did not work. Please try again.");
    return response.ok;
  };

  // pay takes the buyer to the payment. What comes back from there proves
  // nothing: the server says when the money is there.
  const pay = async (p) => {
    if (!inside) {
      location.href = "/purchases/" + encodeURIComponent(p.id) + "/pay";
      return;
    }
    try {
      await call("pay", { imprest_code: p.imprest_code, app_id: appID });
    } catch {
      say("Not paid.");
      return;
    }
    await follow(p.id);
  };

  const buy = async (offer) => {
    say("");
    let response = await post("/purchases", { offer: offer.id, price: offer.price });
    if (response.status === 401) {
      if (!(await logIn())) return;
      await load();
      response = await post("/purchases", { offer: offer.id, price: offer.price });
    }
    if (response.status === 201) await pay(await response.json());
    else if (response.status === 202) await follow((await response.json()).id);
    else if (response.status === 409) {
      await load();
      say("The price has changed. Please look again.");
    } else say("That did not work. Please try again.");
  };

  // follow asks for a purchase until nothing more happens to it by itself.
  const words = {
    ordering: "The order is on its way.",
    unpaid: "Waiting for the payment.",
    paid: "Paid. Your licence is on its way.",
    delivering: "Paid. Your licence is on its way.",
    delivered: "Thank you! Your licence is below.",
    expired: "This order was not paid in time.",
    undeliverable: "Paid, but it cannot be delivered. We are on it.",
    refunding: "Your money is on its way back.",
    refunded: "Your money is back.",
    attention: "Something needs a look from us. We are on it.",
  };
  const moving = ["ordering", "unpaid", "paid", "delivering"];

  const follow = async (id) => {
    for (let round = 0; round < 150; round++) {
      const response = await fetch("/purchases/" + encodeURIComponent(id));
      if (response.status === 401 || response.status === 404) return;
      if (response.ok) {
        const p = await response.json();
        say(words[p.state] || p.state);
        if (!moving.includes(p.state)) {
          await load();
          return;
        }
      }
      await new Promise((done) => setTimeout(done, round < 20 ? 500 : 2000));
    }
  };

  // busy keeps a button from being pressed twice, and says so if all fails.
  const busy = (button, work) => button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await work();
    } catch {
      say("The shop does not answer. Please try again.");
    }
    button.disabled = false;
  });

  const offerCard = (offer) => {
    const button = element("button", "Buy for " + yuan(offer.price));
    button.type = "button";
    button.dataset.offer = offer.id;
    busy(button, () => buy(offer));
    return element("li", "", element("div", "", element("h3", offer.title), element("p", offer.about)), button);
  };

  const licenceCard = (licence) => element("li", "", element("h3", licence.title), element("code", licence.key),
    element("small", new Date(licence.issued_at).toLocaleString(document.documentElement.lang)));

  const load = async () => {
    const shop = await (await fetch("/shop")).json();
    find("offers").replaceChildren(...shop.offers.map(offerCard));
    find("licences").replaceChildren(...shop.licences.map(licenceCard));
    find("bought").hidden = shop.licences.length === 0;
    find("who").hidden = !shop.signed_in;
    find("login").hidden = shop.signed_in;
    find("nickname").textContent = shop.nickname || "";
  };

  busy(find("login"), async () => {
    say("");
    if (await logIn()) await load();
  });

  // The phone came back with a purchase: what else the address says is not
  // believed.
  const purchase = new URLSearchParams(location.search).get("purchase");
  if (location.search) history.replaceState(null, "", "/");
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // a page from the browser's cache shows what was
  });
  load().then(() => purchase && follow(purchase)).catch(() => say("The shop does not answer. Please try again."));
})();
