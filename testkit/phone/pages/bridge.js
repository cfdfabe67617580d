// What the app puts into every page that it opens: the bridge under the JSSDK.
// The phone serves it as (this)(settings), the first script of the page.
(settings) => {
  "use strict";

  // The page may put its own in the place of these later.
  const ask = window.fetch.bind(window);
  const later = window.setTimeout.bind(window);
  const own = window.location.origin + "/.vvchat/"; // whatever <base> the page has

  // A page tells a web view by its user agent, here as in the header.
  for (const [name, value] of Object.entries(settings.navigator)) {
    Object.defineProperty(Navigator.prototype, name, { configurable: true, enumerable: true, get: () => value });
  }
  delete Navigator.prototype.userAgentData;

  const failed = (text) => JSON.stringify({ err_code: 400, err_msg: text });

  const tell = async (path, body) => {
    const response = await ask(own + path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error("status " + response.status);
    return response.json();
  };

  const style = new CSSStyleSheet();
  style.replaceSync(`
    dialog {
      box-sizing: border-box; width: 100%; max-width: 26rem; max-height: 92dvh; margin: auto auto 0; padding: 0; border: 0;
      visibility: visible; pointer-events: auto; border-radius: 1.25rem 1.25rem 0 0; overflow: hidden; color-scheme: light dark; background: Canvas; box-shadow: 0 1rem 4rem rgb(0 0 0 / .3);
    }
    dialog::backdrop { background: rgb(0 0 0 / .5); }
    iframe { display: block; width: 100%; height: 24rem; max-height: 92dvh; border: 0; color-scheme: light dark; }
    @media (min-width: 34rem) { dialog { margin: auto; border-radius: 1.5rem; } }
  `);

  // show lays a sheet over the page until the user has answered it. The sheet
  // is on the phone's own origin, where the page cannot press its buttons; what
  // came of it the page's side is told when the sheet loads its next screen.
  const show = (sheet) => new Promise((resolve) => {
    const before = document.activeElement;
    const host = document.createElement("vvchat-sheet");
    host.style.setProperty("display", "block", "important");
    const root = host.attachShadow({ mode: "closed" });
    root.adoptedStyleSheets = [style];
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", sheet.title);
    const frame = document.createElement("iframe");
    frame.title = sheet.title;
    frame.src = sheet.sheet;
    dialog.append(frame);
    root.append(dialog);
    document.documentElement.append(host);

    const fit = (event) => {
      if (event.source !== frame.contentWindow || event.origin !== settings.phone) return;
      if (Number.isFinite(event.data?.height)) frame.style.height = Math.ceil(event.data.height) + "px";
    };
    const end = (answer) => {
      window.removeEventListener("message", fit);
      dialog.close();
      host.remove();
      before?.focus?.({ preventScroll: true });
      resolve(answer);
    };
    const look = async (path) => {
      try {
        const { answer } = await tell(path, { id: sheet.id });
        if (answer) end(answer);
      } catch {
        end(failed("the phone does not answer"));
      }
    };
    window.addEventListener("message", fit);
    frame.addEventListener("load", () => { frame.focus(); look("answer"); });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); look("cancel"); });
    dialog.showModal();
  });

  // One sheet at a time: the next one waits.
  let turn = Promise.resolve();
  const call = async (method, options) => {
    try {
      const told = await tell("call", { method, options: options ?? {} });
      if (!told.sheet) return told.answer;
      return await (turn = turn.then(() => show(told)));
    } catch {
      return failed("the phone does not answer");
    }
  };

  const android = settings.platform === "android";

  const makeBridge = () => {
    // The Android app keeps its answers back until the page has called init.
    const waiting = [];
    let begun = !android;
    const bridge = {
      registerHandler() {},
      async callHandler(method, options, callback) {
        if (typeof options === "function") [options, callback] = [undefined, options];
        // A script that never calls init still gets its answers, a little later.
        if (!begun) later(bridge.init, 500);
        const answer = await call(method, options);
        // From a timer, so that what the callback throws is the page's own error.
        const hand = () => { if (typeof callback === "function") later(() => callback(answer)); };
        if (begun) hand(); else waiting.push(hand);
      },
    };
    // Documented for Android alone; on iOS it is there, does nothing, and
    // breaks no script that calls it whenever there is a bridge.
    bridge.init = () => {
      begun = true;
      for (const hand of waiting.splice(0)) hand();
    };
    return bridge;
  };

  // deliver hands the bridge to whoever waits for it, in the platform's way.
  const deliver = () => {
    const bridge = window.WebViewJavascriptBridge ??= makeBridge();
    if (android) {
      const event = new Event("WebViewJavascriptBridgeReady");
      event.bridge = bridge;
      document.dispatchEvent(event);
      return;
    }
    const waiting = window.WVJBCallbacks ?? [];
    delete window.WVJBCallbacks;
    for (const callback of waiting) later(() => callback(bridge));
  };

  // On iOS a page that waits knocks with an iframe. The app sees the address
  // and stops it; nothing by that name may be looked up here either.
  const knocks = /^(https?|wvjbscheme):\/\/__bridge_loaded__\/?$/i;
  const knocked = (address) => {
    if (!knocks.test(String(address))) return false;
    if (!android) later(deliver);
    return true;
  };
  const source = Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, "src");
  Object.defineProperty(HTMLIFrameElement.prototype, "src", {
    ...source,
    set(address) { if (!knocked(address)) source.set.call(this, address); },
  });
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (this instanceof HTMLIFrameElement && String(name).toLowerCase() === "src" && knocked(value)) return;
    setAttribute.call(this, name, value);
  };

  if (settings.early) {
    window.WebViewJavascriptBridge = makeBridge();
  } else if (android) {
    window.addEventListener("load", () => later(deliver)); // as onPageFinished does
  }

  // A link into the app leads to the phone's screens, and one to the page's own
  // site, by its real address, stays in the view.
  const elsewhere = (address) => {
    const text = String(address);
    if (/^qyx:/i.test(text)) return settings.phone + "/phone/link?" + new URLSearchParams({ uri: text });
    return text.startsWith(settings.site + "/") || text === settings.site ? window.location.origin + text.slice(settings.site.length) : "";
  };
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[href]");
    const to = link && !event.defaultPrevented && elsewhere(link.getAttribute("href"));
    if (!to) return;
    event.preventDefault();
    window.location.href = to;
  });
  window.navigation?.addEventListener("navigate", (event) => {
    const to = event.cancelable && !event.formData && elsewhere(event.destination.url);
    if (!to) return;
    event.preventDefault();
    later(() => { window.location.href = to; });
  });
  window.fetch = (resource, options) => ask(typeof resource === "string" || resource instanceof URL ? elsewhere(resource) || resource : resource, options);
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, address, ...rest) { return open.call(this, method, elsewhere(address) || address, ...rest); };
}
