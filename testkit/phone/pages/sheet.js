// A sheet tells the page below how high it is, and takes the Escape key.
(() => {
  "use strict";
  const below = document.documentElement.dataset.view;
  new ResizeObserver(() => {
    parent.postMessage({ height: document.body.getBoundingClientRect().height }, below);
  }).observe(document.body);
  // Whoever comes to the sheet by keyboard or hears it starts at its heading.
  const begin = () => { if (document.activeElement === document.body) document.querySelector("h1")?.focus(); };
  begin();
  addEventListener("focus", begin);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelector("[data-leave]")?.click();
  });
})();
