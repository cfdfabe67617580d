// The calls of VVChat's JSSDK, written from its documentation: config, ready
// and call, over the bridge that the app injects.
(() => {
  "use strict";

  const waiting = [];
  let debug = false;
  const log = (...said) => { if (debug) console.log("vvchat", ...said); };

  // arrived takes the bridge, once, whichever way it came.
  const arrived = (bridge, android) => {
    if (window.QJSBridge) return;
    if (android) bridge.init((message, answer) => { if (answer) answer({}); });
    window.QJSBridge = bridge;
    log("bridge");
    for (const run of waiting.splice(0)) run();
  };

  const android = /Android/i.test(navigator.userAgent);
  if (android) {
    if (window.WebViewJavascriptBridge) arrived(window.WebViewJavascriptBridge, true);
    else document.addEventListener("WebViewJavascriptBridgeReady", () => arrived(window.WebViewJavascriptBridge, true));
  } else if (window.WebViewJavascriptBridge) {
    arrived(window.WebViewJavascriptBridge, false);
  } else if (window.WVJBCallbacks) {
    window.WVJBCallbacks.push((bridge) => arrived(bridge, false));
  } else {
    // On iOS the app delivers the bridge when a page asks for this address. A
    // browser outside the app would look it up, so nobody else asks.
    window.WVJBCallbacks = [(bridge) => arrived(bridge, false)];
    if (/iPhone|iPad|iPod/i.test(navigator.userAgent)) {
      const knock = document.createElement("iframe");
      knock.hidden = true;
      knock.src = "https://__bridge_loaded__";
      document.documentElement.append(knock);
      setTimeout(() => knock.remove());
    }
  }

  const ready = (run) => { if (window.QJSBridge) run(); else waiting.push(run); };

  // call asks the app. A result without err_code, or with 200, is a success.
  const call = (method, options, success, error, complete) => {
    if (!window.QJSBridge) return; // outside the app there is nobody to ask
    window.QJSBridge.callHandler(method, options || {}, (text) => {
      log(method, text);
      let result;
      try {
        result = JSON.parse(text);
      } catch {
        result = { err_code: 400, err_msg: "the answer is no JSON" };
      }
      const good = result.err_code === undefined || result.err_code === 200;
      try {
        if (good) success?.(result); else error?.(result);
      } finally {
        complete?.(result);
      }
    });
  };

  window.vvchat = { config: (options) => { debug = Boolean(options?.debug); }, ready, onReady: ready, call };
})();
