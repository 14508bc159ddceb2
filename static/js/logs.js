// The live tail asks every few seconds. It rests while nobody can see the page, and what goes wrong with it is
// said where it stands, once, and not by a notice every time.
(() => {
  "use strict";
  const isPoll = (event) => event.detail.elt?.matches?.("[data-poll]") || event.detail.requestConfig?.elt?.matches?.("[data-poll]");
  const mark = (lost) => document.querySelector("#tail")?.toggleAttribute("data-lost", lost);
  const on = (name, act) => document.addEventListener(`htmx:${name}`, (event) => {
    if (!isPoll(event)) return;
    act(event);
  }, true);  // before the page's own listeners
  on("beforeRequest", (event) => {
    event.stopImmediatePropagation();
    if (document.hidden) event.preventDefault();
  });
  on("afterRequest", (event) => event.stopImmediatePropagation());
  on("beforeSwap", (event) => {
    const failed = event.detail.xhr.status >= 400;
    mark(failed);
    if (!failed) return;
    event.detail.shouldSwap = false;
    event.stopImmediatePropagation();
  });
  for (const name of ["sendError", "timeout"]) {
    on(name, (event) => {
      mark(true);
      event.stopImmediatePropagation();
    });
  }
})();
